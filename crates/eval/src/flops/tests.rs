//! Held against the paper's figures and against counts made by hand.

use super::*;
use ligo_models::Family;

fn config(family: Family, hidden: usize, layers: usize, heads: usize, vocabulary: usize) -> ModelConfig {
    ModelConfig {
        family,
        vocab_size: vocabulary,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: None,
        max_position_embeddings: 512,
        type_vocab_size: None,
        layer_norm_eps: None,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        initializer_range: 0.02,
    }
}

/// The paper's pre-training step.
const PAPER_STEP: StepShape = StepShape { sequences: 256, sequence_length: 128, labelled_share: 0.15625 };

fn bert(hidden: usize, layers: usize) -> ModelConfig {
    config(Family::Bert, hidden, layers, hidden / 64, 30522)
}

/// Whether `found` is `printed` to all digits of its `digits` after the first.
fn reads(found: f64, digits: usize, printed: &str) -> bool {
    let found = format!("{found:.digits$e}");
    assert_eq!(found, printed);
    true
}

#[test]
fn the_papers_convention_gives_the_papers_totals_to_every_printed_digit() {
    let cases = [
        (768, 12, 5, "1.50682e13"),
        (512, 6, 4, "4.9773e12"),
        (768, 3, 4, "6.4525e12"),
        (768, 6, 4, "9.3244e12"),
        (768, 9, 4, "1.2196e13"),
        (512, 12, 4, "7.5696e12"),
        (1024, 24, 4, "4.5308e13"),
    ];
    for (hidden, layers, digits, printed) in cases {
        let total = step_flops(&bert(hidden, layers), PAPER_STEP, Convention::Paper).total();
        assert!(reads(total, digits, printed), "{layers} layers of {hidden}");
    }
}

#[test]
fn the_papers_operator_step_is_the_papers_to_every_printed_digit() {
    let total = paper_operator_step_flops(&bert(512, 6), &bert(768, 12), PAPER_STEP);
    assert!(reads(total, 5, "3.61297e13"));
    assert!(reads(100.0 * total, 4, "3.6130e15"));
}

#[test]
fn the_papers_shares_of_a_bert_base_step_are_the_papers() {
    let lines = breakdown(&bert(768, 12), PAPER_STEP, Convention::Paper);
    let total: Flops = lines.iter().map(|line| line.flops).sum();
    let share = |names: &[&str]| {
        let part: f64 = lines.iter().filter(|line| names.contains(&line.name)).map(|line| line.flops.total()).sum();
        format!("{:.1}", 100.0 * part / total.total())
    };
    assert_eq!(share(&["embeddings, dense"]), "20.5");
    assert_eq!(share(&["head transform", "output"]), "3.3");
}

#[test]
fn a_small_gpt2_step_is_what_pencil_and_paper_give() {
    // 1 layer of 4 with 2 heads, MLP of 16, vocabulary 10; 2 sequences of 3, all of them labelled: N = M = 6.
    let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 };
    let expected = [
        ("embeddings", 24.0),               // one sum of 6 × 4
        ("layer norms", 360.0),             // 3 norms × 24 elements × 5
        ("query, key, value", 648.0),       // 6 × 12 × (2·4 + 1)
        ("attention", 504.0),               // 36 scores of both heads: (2·2 + 2·2) products + 1 + 5 each
        ("attention output", 216.0),        // 6 × 4 × 9
        ("MLP, first half", 864.0 + 768.0), // 6 × 16 × 9, and a GELU of 6 × 16 × 8
        ("MLP, second half", 792.0),        // 6 × 4 × (2·16 + 1)
        ("residual stream", 48.0),          // 2 sums of 24
        ("output", 480.0 + 300.0),          // 2 · 6 × 4 × 10, and a softmax of 60 × 5
    ];
    let found = breakdown(&config(Family::Gpt2, 4, 1, 2, 10), shape, Convention::Ours);
    assert_eq!(found.len(), expected.len());
    for (found, (name, forward)) in found.iter().zip(expected) {
        assert_eq!((found.name, found.flops), (name, Flops { forward, backward: 2.0 * forward }));
    }
}

#[test]
fn a_small_bert_step_is_what_pencil_and_paper_give() {
    // As above with a third of the tokens labelled (M = 2) and dropout everywhere.
    let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 / 3.0 };
    let model = ModelConfig { hidden_dropout: 0.1, attention_dropout: 0.1, ..config(Family::Bert, 4, 1, 2, 10) };
    let expected = [
        ("embeddings", 48.0 + 96.0),            // two sums, dropout on 24
        ("attention", 504.0 + 144.0),           // dropout on 36 scores
        ("residual stream", 48.0 + 192.0),      // dropout on 2 × 24
        ("head transform", 72.0 + 64.0 + 40.0), // 2 × 4 × 9, GELU of 8 × 8, norm of 8 × 5
        ("output", 180.0 + 100.0),              // 2 × 10 × (2·4 + 1), softmax of 20 × 5
    ];
    let found = breakdown(&model, shape, Convention::Ours);
    for (name, forward) in expected {
        let line = found.iter().find(|line| line.name == name).unwrap();
        assert!((line.flops.forward - forward).abs() < 1e-9, "{name}: {}, not {forward}", line.flops.forward);
    }
}

#[test]
fn a_step_of_a_large_model_is_six_times_its_weights_times_its_tokens_and_the_attention() {
    // Kaplan et al. 2020: 6 per weight and token, the embedding tables left out but for the tied output.
    let (h, layers, v, s) = (1024.0, 24.0, 50257.0, 1024.0);
    let shape = StepShape { sequences: 4, sequence_length: 1024, labelled_share: 1.0 };
    let found = step_flops(&config(Family::Gpt2, 1024, 24, 16, 50257), shape, Convention::Ours).total();
    let rule = shape.tokens() * (6.0 * (12.0 * layers * h * h + h * v) + 12.0 * layers * s * h);
    assert!((1.0..1.02).contains(&(found / rule)), "{found} against {rule}");
}

#[test]
fn an_operator_step_is_a_plain_step_and_one_expansion() {
    let shape = StepShape { sequences: 16, sequence_length: 64, labelled_share: 1.0 };
    let large = config(Family::Gpt2, 128, 4, 4, 1024);
    let plain = step_flops(&large, shape, Convention::Ours);
    let found = operator_step_flops(&large, shape, Flops { forward: 10.0, backward: 7.0 });
    assert_eq!(found, Flops { forward: plain.forward + 10.0, backward: plain.backward + 7.0 });
    assert_eq!(forward_flops(&large, shape, Convention::Ours), plain.forward);
}
