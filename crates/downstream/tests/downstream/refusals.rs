//! What does not go together is refused in one message, by the task's name or the key's, before anything is trained.

use crate::texts::{SIGNS, reviews};
use crate::{pretrained, tokenizer, tune};
use ligo_data::images::{ImageSource, Preprocessing, digits};
use ligo_data::tasks::squad::SquadSource;
use ligo_data::tasks::{LabelKind, Labels, TaskSource, write_task_parquet};
use ligo_downstream::{ImageTask, SquadTask, Task, TextTask, Tuning};
use ligo_eval::metrics::GlueTask;
use ligo_eval::metrics::squad::Squad;
use ligo_models::{Family, Model, ModelConfig};

#[test]
fn models_tokenisers_and_lengths_that_do_not_fit_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let source = TaskSource::new([reviews(&file("x"), SIGNS, 8, 1)], "sentence", LabelKind::Classes(2));
    let (task, tokenizer) = (TextTask::labelled("reviews", &source, source.clone()).unwrap(), tokenizer(&SIGNS));
    let texts = Task::Texts(&task, &tokenizer);
    let tuning = Tuning { max_sequence_length: Some(24), ..Tuning::new(1, 4, 1e-3) };
    let refused = |family, tuning: &Tuning| {
        let (model, parameters) = pretrained(family);
        tune((&model, &parameters), texts, tuning, &file("checkpoints"), None).unwrap_err().to_string()
    };
    let message = refused(Family::Gpt2, &tuning);
    assert!(message.starts_with("reviews: found a gpt2 model, expected bert or roberta: causal models"), "{message}");
    assert_eq!(refused(Family::Vit, &tuning), "reviews: found a vit model, expected a model of text");
    let long = Tuning { max_sequence_length: Some(126), ..tuning.clone() };
    let expected = "max_sequence_length is 126, expected at most 66, the model's longest sequence";
    assert_eq!(refused(Family::Bert, &long), expected);

    let (model, _) = pretrained(Family::Bert);
    let narrow = Model::new(ModelConfig { vocab_size: 100, ..model.config().clone() }).unwrap();
    let parameters = narrow.fresh(&ligo_kernels::Cpu::default(), 1).unwrap();
    let error = tune((&narrow, &parameters), texts, &tuning, &file("checkpoints"), None).unwrap_err().to_string();
    assert!(error.contains("expected at most the model's 100 (vocab_size)"), "{error}");
    assert!(!file("checkpoints").exists(), "nothing was begun");

    let report = digits::build(&file("digits")).unwrap();
    let images = ImageSource::new([report.validation]);
    let large = Preprocessing::new(1, 16).unwrap();
    let task = ImageTask::read("digits", &images, &images, digits::CLASSES, large.clone()).unwrap();
    let (model, parameters) = pretrained(Family::Vit);
    let tuning = Tuning::new(1, 4, 1e-3);
    let error = tune((&model, &parameters), Task::Images(&task), &tuning, &file("checkpoints"), None).unwrap_err();
    assert_eq!(error.to_string(), "image_size is 16 of the images, expected the model's 8");
    let error = ImageTask::read("digits", &images, &images, 5, large).unwrap_err().to_string();
    assert!(error.starts_with("digits: ") && error.contains("expected a class from 0 to 4"), "{error}");
}

#[test]
fn files_that_are_no_such_task_are_named_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.parquet");
    let glue = |task| TextTask::glue(task, vec![file.clone()], vec![vec![file.clone()]]).unwrap_err().to_string();
    assert!(glue(GlueTask::Sst2).starts_with("SST-2: "), "{}", glue(GlueTask::Sst2));
    let expected = "MNLI: found 1 validation splits, expected validation_matched, validation_mismatched";
    assert_eq!(glue(GlueTask::Mnli), expected);
    write_task_parquet(&file, &[("sentence", &["x", "y"])], &Labels::Classes(vec![0, 2])).unwrap();
    let message = glue(GlueTask::Sst2);
    assert!(message.starts_with("SST-2: ") && message.contains("expected a class from 0 to 1"), "{message}");
    let message = glue(GlueTask::Mrpc);
    assert!(message.starts_with("MRPC: ") && message.contains("no column `sentence1`"), "{message}");
    write_task_parquet(&file, &[("sentence", &[])], &Labels::Classes(vec![])).unwrap();
    let message = glue(GlueTask::Cola);
    assert!(message.starts_with("CoLA: ") && message.contains("text with its label"), "{message}");
    let squad = SquadSource::new([&file]);
    let message = SquadTask::read(Squad::V2, &squad, &squad).unwrap_err().to_string();
    assert!(message.starts_with("SQuAD 2.0: ") && message.contains("no column `id`"), "{message}");
}

#[test]
fn a_directory_of_another_fine_tuning_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let source =
        TaskSource::new([reviews(&directory.path().join("x"), SIGNS, 8, 1)], "sentence", LabelKind::Classes(2));
    let (task, tokenizer) = (TextTask::labelled("reviews", &source, source.clone()).unwrap(), tokenizer(&SIGNS));
    let (model, parameters) = pretrained(Family::Bert);
    let at = directory.path().join("checkpoints");
    let tuning = Tuning { max_sequence_length: Some(24), ..Tuning::new(1, 4, 1e-3) };
    let tune = |parameters, tuning: &Tuning| {
        tune((&model, parameters), Task::Texts(&task, &tokenizer), tuning, &at, None).map(|_| ())
    };
    tune(&parameters, &tuning).unwrap();
    let longer = Tuning { epochs: 2, ..tuning.clone() };
    let other = model.fresh(&ligo_kernels::Cpu::default(), 9).unwrap();
    for error in [tune(&parameters, &longer).unwrap_err(), tune(&other, &tuning).unwrap_err()] {
        assert!(error.to_string().contains("a checkpoint of another run"), "{error}");
    }
    tune(&parameters, &tuning).unwrap();
}
