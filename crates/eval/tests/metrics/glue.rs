//! What is known of GLUE's tasks.

use ligo_eval::metrics::{GlueTask, Metric, Outcome};

#[test]
fn every_task_has_its_own_name_columns_and_metrics_that_suit_its_labels() {
    for task in GlueTask::ALL {
        let facts = task.facts();
        assert_eq!(serde_json::to_value(task).unwrap(), facts.config);
        assert_eq!(facts.name.to_lowercase().replace('-', ""), facts.config);
        assert_ne!(Some(facts.text), facts.pair);
        assert_eq!(facts.validation.len(), if task == GlueTask::Mnli { 2 } else { 1 });
        assert_eq!(task.num_labels(), if facts.classes.is_empty() { 1 } else { facts.classes.len() });
        assert_eq!(task.heading_metric().is_none(), task == GlueTask::Stsb);
        let measured = match task {
            GlueTask::Stsb => task.measure(Outcome::Numbers { predictions: &[1.0, 2.5], labels: &[0.0, 5.0] }),
            _ => task.measure(Outcome::Classes { predictions: &[1, 0], labels: &[1, 0] }),
        };
        let perfect: Vec<(Metric, f64)> = facts.metrics.iter().map(|&metric| (metric, 1.0)).collect();
        assert_eq!(measured.unwrap(), perfect, "{task:?}");
    }
}

#[test]
fn the_paper_reports_seven_of_the_nine() {
    let left_out: Vec<GlueTask> = GlueTask::ALL.into_iter().filter(|task| !task.facts().in_paper).collect();
    assert_eq!(left_out, [GlueTask::Rte, GlueTask::Wnli]);
}
