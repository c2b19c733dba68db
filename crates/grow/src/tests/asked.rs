//! What cannot be done is told before anything is read or written.

use super::*;
use ligo_models::Head;

#[test]
fn what_cannot_be_is_told_with_the_way_out_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let (gpt2, vit) = (checkpoint(Family::Gpt2), checkpoint(Family::Vit));
    let headless = checkpoint_of(ModelConfig { head: Some(Head::None), ..config(Family::Bert, 2, 8, 2) });
    let classifier =
        checkpoint_of(ModelConfig { head: Some(Head::SequenceClassification), ..config(Family::Bert, 2, 8, 2) });
    let (text, images) = (text(gpt2.path()), images(vit.path()));
    std::fs::create_dir_all(place.path().join("taken/x")).unwrap();
    let out = |name: &str| place.path().join(name);
    let sizes =
        |hidden, layers| Target::Sizes(Sizes { hidden_size: hidden, num_hidden_layers: layers, ..Sizes::default() });
    let asked = |source: &tempfile::TempDir, method| Asked::new(source.path(), out("out"), method);
    let learning = Learning::default;
    let cases: Vec<(Asked, Vec<&str>)> = vec![
        (
            Asked { out: out("taken"), ..asked(&gpt2, "direct-copy") },
            vec!["--out: found ", "not empty", "another --out"],
        ),
        (
            Asked { target: sizes(Some(4), None), ..asked(&gpt2, "direct-copy") },
            vec!["hidden_size: the large model has 4, expected at least 8"],
        ),
        (
            Asked { target: sizes(Some(17), None), ..asked(&gpt2, "direct-copy") },
            vec!["--hidden-size: found 17", "--heads"],
        ),
        (
            Asked {
                target: Target::Sizes(Sizes {
                    hidden_size: Some(16),
                    num_attention_heads: Some(8),
                    ..Sizes::default()
                }),
                ..asked(&gpt2, "bert2bert")
            },
            vec!["method bert2bert: ", "expected a method that can: ligo, direct-copy"],
        ),
        (
            asked(&gpt2, "scratch"),
            vec![
                "method scratch: it begins with a model of random weights",
                "expected a method that can: ligo, direct-copy, bert2bert",
            ],
        ),
        (
            asked(&gpt2, "ligo"),
            vec![
                "method ligo: it learns its operator on the large model's loss and there is no --data",
                "100 steps of 8 × 8 tokens",
                "`cargo xtask grow --data text.parquet --column text`",
                "methods that need no data: direct-copy, bert2bert",
            ],
        ),
        (
            asked(&vit, "ligo"),
            vec!["100 steps of 8 images", "--data images.parquet --column image --label-column label"],
        ),
        (asked(&headless, "ligo"), vec!["method ligo", "a bert with the head none does not give"]),
        (
            Asked { data: Some(text.clone()), ..asked(&headless, "direct-copy") },
            vec!["--data: found a bert without a head", "or no --data"],
        ),
        (
            Asked { data: Some(text.clone()), ..asked(&classifier, "ligo") },
            vec!["a bert with the head sequence-classification", "masked-lm"],
        ),
        (
            Asked { data: Some(images.clone()), ..asked(&gpt2, "ligo") },
            vec!["--data: found images (", "expected text: a gpt2 reads"],
        ),
        (
            Asked { data: Some(text.clone()), ..asked(&vit, "ligo") },
            vec!["--data: found text (", "expected images: a vit reads"],
        ),
        (
            Asked { data: Some(DataFiles { column: Some("txt".into()), ..text.clone() }), ..asked(&gpt2, "ligo") },
            vec!["no column `txt`", "text"],
        ),
        (
            Asked { data: Some(DataFiles { files: vec![out("no.parquet")], ..text.clone() }), ..asked(&gpt2, "ligo") },
            vec!["no.parquet: no such file"],
        ),
        (
            Asked { learning: Learning { steps: Some(5), ..learning() }, ..asked(&gpt2, "direct-copy") },
            vec!["--steps: found 5, expected none: the method direct-copy learns no operator"],
        ),
        (Asked { save_factors: true, ..asked(&gpt2, "direct-copy") }, vec!["--save-factors"]),
        (
            Asked {
                data: Some(text.clone()),
                learning: Learning { sequence_length: Some(9), ..learning() },
                ..asked(&gpt2, "ligo")
            },
            vec!["--sequence-length: found 9, expected 2 to 8"],
        ),
        (
            Asked {
                data: Some(text),
                learning: Learning { learning_rate: Some(-1.0), ..learning() },
                ..asked(&gpt2, "ligo")
            },
            vec!["--learning-rate: found -1, expected a number above 0"],
        ),
        (
            Asked { options: toml::toml! { stpes = 3 }, ..asked(&gpt2, "ligo") },
            vec!["method ligo: option stpes: unknown, did you mean `steps`?"],
        ),
        (Asked { source: out("nowhere"), ..asked(&gpt2, "direct-copy") }, vec!["nowhere: found no such directory"]),
        (
            Asked { target: Target::Config(out("nowhere")), ..asked(&gpt2, "direct-copy") },
            vec!["nowhere: cannot be read"],
        ),
        (
            Asked { target: Target::Config(vit.path().to_owned()), ..asked(&gpt2, "direct-copy") },
            vec!["family: the large model has vit, expected gpt2"],
        ),
    ];
    let mut wrong = String::new();
    for (asked, expected) in cases {
        let message = asked.message();
        for part in expected.into_iter().filter(|part| !message.contains(part)) {
            wrong += &format!("{part:?} is missing in: {message}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(names(place.path()), ["taken"]);
}
