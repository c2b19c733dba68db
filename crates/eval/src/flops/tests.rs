//! Held against the paper's figures and against counts made by hand.

use super::*;
use ligo_models::{Family, Head};

fn config(family: Family, hidden: usize, layers: usize, heads: usize, vocabulary: usize) -> ModelConfig {
    let config = ModelConfig::new(family, hidden, layers, heads);
    ModelConfig { vocab_size: vocabulary, max_position_embeddings: 512, ..config }
}

/// The paper's pre-training step.
const PAPER_STEP: StepShape = StepShape { sequences: 256, sequence_length: 128, labelled_share: paper::LABELLED_SHARE };

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
        ("norms", 360.0),                   // 3 norms × 24 elements × 5
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

/// Holds the forward pass, line by line, against figures made by hand.
fn assert_forward(config: &ModelConfig, shape: StepShape, expected: &[(&str, f64)]) {
    let found: Vec<_> =
        breakdown(config, shape, Convention::Ours).iter().map(|line| (line.name, line.flops.forward)).collect();
    assert_eq!(found, expected, "{}", config.family);
}

/// 1 layer of 4 with 2 heads on 1 key/value head, each of 2, MLP of 6, vocabulary 10; 2 sequences of 3: N = 6.
#[test]
fn a_small_llama_step_is_what_pencil_and_paper_give() {
    let llama = |family| ModelConfig {
        num_key_value_heads: Some(1),
        intermediate_size: Some(6),
        ..config(family, 4, 1, 2, 10)
    };
    let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 };
    let mut expected = vec![
        ("norms", 216.0),                         // 3 × 24 elements × 3
        ("query, key, value", 384.0),             // 6 × (4 + 2 + 2) × 2·4, no bias
        ("rotary positions", 108.0),              // 6 × (4 + 2) × 3
        ("attention", 504.0),                     // 36 scores: 4·2 products each, and 6 more
        ("attention output", 192.0),              // 6 × 4 × 2·4
        ("MLP, first half", 2.0 * 288.0 + 180.0), // gate and up 6 × 6 × 2·4 each, SiLU and product 36 × 5
        ("MLP, second half", 288.0),              // 6 × 4 × 2·6
        ("residual stream", 48.0),
        ("output", 480.0 + 300.0),
    ];
    for family in [Family::Llama, Family::Mistral] {
        assert_forward(&llama(family), shape, &expected);
    }
    assert_forward(&ModelConfig { sliding_window: Some(1), ..llama(Family::Mistral) }, shape, &expected);
    expected[1].1 += 48.0; // biases of 6 × 8
    assert_forward(&llama(Family::Qwen2), shape, &expected);
    expected[1].1 -= 48.0;
    expected.insert(2, ("query and key norms", 108.0)); // 6 × (4 + 2) × 3
    assert_forward(&llama(Family::Qwen3), shape, &expected);
}

/// 1 layer of 4 with 2 heads, MLP of 16; images of 4 × 4 in one colour, patches of 2 × 2: P = 4, with the class token S = 5.
/// Two images: N = 10; 3 labels.
#[test]
fn a_small_step_on_images_is_what_pencil_and_paper_give() {
    let images = |family| {
        let mut config = ModelConfig::new(family, 4, 1, 2);
        (config.image_size, config.patch_size, config.num_channels) = (Some(4), Some(2), Some(1));
        ModelConfig { num_labels: Some(3), ..config }
    };
    // Neither length nor share says anything about an image.
    let shape = StepShape { sequences: 2, sequence_length: 999, labelled_share: 0.1 };
    let vit = [
        ("patch projection", 288.0),          // 8 patches × 4 × (2·4 + 1)
        ("embeddings", 40.0),                 // positions of 10 × 4
        ("norms", 600.0),                     // 3 × 40 × 5
        ("query, key, value", 1080.0),        // 10 × 12 × 9
        ("attention", 1400.0),                // 10 × 5 × (4·4 + 2 × 6)
        ("attention output", 360.0),          // 10 × 4 × 9
        ("MLP, first half", 1440.0 + 1280.0), // 10 × 16 × 9, GELU 160 × 8
        ("MLP, second half", 1320.0),         // 10 × 4 × 33
        ("residual stream", 80.0),
        ("output", 54.0 + 30.0), // 2 × 3 × 9, softmax of 6 × 5
    ];
    assert_forward(&images(Family::Vit), shape, &vit);

    // A second token before the patches: S = 6, N = 12; two classifiers and their mean.
    let deit = ModelConfig { head: Some(Head::DistilledImageClassification), ..images(Family::Deit) };
    let found = breakdown(&deit, shape, Convention::Ours);
    let line = |name: &str| found.iter().find(|line| line.name == name).map(|line| line.flops.forward);
    assert_eq!(line("attention"), Some(12.0 * 6.0 * 28.0));
    assert_eq!(line("output"), Some(2.0 * 54.0 + 12.0 + 30.0));

    // No token before the patches: S = 4, N = 8. Then one class layer: 2 class tokens, 10 rows with the patches.
    let cait = ModelConfig { num_class_layers: Some(1), class_intermediate_size: Some(8), ..images(Family::Cait) };
    let class_layer = [
        200.0 + 40.0,          // norms of 10 and of 2 rows × 4 × 5
        72.0 + 720.0,          // query 2 × 4 × 9, key and value 10 × 8 × 9
        280.0,                 // 2 × (4 + 1) scores of 4·4 + 2 × 6
        72.0,                  // attention's output
        144.0 + 128.0 + 136.0, // MLP: 2 × 8 × 9, GELU 16 × 8, 2 × 4 × 17
        16.0 + 16.0,           // layer scale, residual stream
    ];
    let cait_expected = [
        ("patch projection", 288.0),
        ("embeddings", 32.0),
        ("norms", 320.0 + 40.0), // 2 × 32 × 5, and of the 2 class tokens 8 × 5
        ("query, key, value", 864.0),
        ("attention", 896.0),     // 8 × 4 × 28
        ("talking heads", 640.0), // 2 × 32 pairs × 2 × (2·2 + 1)
        ("attention output", 288.0),
        ("MLP, first half", 1152.0 + 1024.0),
        ("MLP, second half", 1056.0),
        ("layer scale", 64.0),
        ("residual stream", 64.0),
        ("class-attention layers", class_layer.iter().sum()),
        ("output", 84.0),
    ];
    assert_forward(&cait, shape, &cait_expected);
}

#[test]
fn heads_cost_what_pencil_and_paper_give() {
    // 2 sequences of 3, hidden size 4, vocabulary 10.
    let shape = StepShape { sequences: 2, sequence_length: 3, labelled_share: 1.0 / 3.0 };
    let pooler = 72.0 + 8.0; // 2 × 4 × 9, tanh of 8
    let transform = ("head transform", 72.0 + 64.0 + 40.0); // M = 2: 2 × 4 × 9, GELU of 8 × 8, norm of 8 × 5
    type Case<'a> = (Family, Option<Head>, &'a [(&'static str, f64)]);
    let cases: [Case<'_>; 7] = [
        (Family::Roberta, None, &[transform, ("output", 180.0 + 100.0)]),
        (Family::Bert, Some(Head::SequenceClassification), &[("pooler", pooler), ("output", 54.0 + 30.0)]),
        (Family::Roberta, Some(Head::SequenceRegression), &[("pooler", pooler), ("output", 54.0 + 18.0)]),
        (Family::Bert, Some(Head::QuestionAnswering), &[("output", 108.0 + 60.0)]), // 6 × 2 × 9, softmax of 12 × 5
        (Family::Bert, Some(Head::None), &[("pooler", pooler)]),
        (Family::Gpt2, Some(Head::None), &[]),
        (Family::Llama, None, &[("output", 160.0 + 100.0)]),
    ];
    for (family, head, expected) in cases {
        let labels = head.is_some_and(Head::has_labels).then_some(3);
        let model = ModelConfig { head, num_labels: labels, ..config(family, 4, 1, 2, 10) };
        let lines = breakdown(&model, shape, Convention::Ours);
        let after = lines.iter().position(|line| line.name == "residual stream").unwrap() + 1;
        assert_eq!(lines.len() - after, expected.len(), "{family} {head:?}");
        for (line, (name, forward)) in lines[after..].iter().zip(expected) {
            assert_eq!(line.name, *name);
            assert!((line.flops.forward - forward).abs() < 1e-9, "{family} {name}: {}", line.flops.forward);
        }
    }
}

#[test]
fn using_a_model_costs_a_forward_pass_without_dropout() {
    let llama = config(Family::Llama, 4, 1, 2, 10);
    let shape = StepShape { sequences: 1, sequence_length: 7, labelled_share: 1.0 };
    assert_eq!(inference_flops(&llama, 1, 7), forward_flops(&llama, shape, Convention::Ours));
    let bert = config(Family::Bert, 4, 1, 2, 10);
    let dropped = ModelConfig { hidden_dropout: 0.1, attention_dropout: 0.1, ..bert.clone() };
    assert_eq!(inference_flops(&dropped, 1, 7), inference_flops(&bert, 1, 7));
    assert_eq!(
        inference_flops(&config(Family::Vit, 192, 1, 3, 0), 1, 1),
        inference_flops(&config(Family::Vit, 192, 1, 3, 0), 1, 197)
    );
}

/// Touvron et al. 2021 (DeiT, table 5 and CaiT, table 3) print 1.3, 4.6 and 17.5 GFLOPs with a multiply-add as one for DeiT's
/// sizes, 9.4 for CaiT-S24 and 5.4 for CaiT-XS24 at 224 pixels; the elementwise work that they leave out is a little more.
#[test]
fn known_models_of_images_cost_what_their_papers_print() {
    let of = |family, hidden, layers, heads| ModelConfig::new(family, hidden, layers, heads);
    let cases = [
        (of(Family::Vit, 192, 12, 3), 1.3),
        (of(Family::Deit, 384, 12, 6), 4.6),
        (of(Family::Vit, 768, 12, 12), 17.5),
        (of(Family::Cait, 288, 24, 6), 5.4),
        (of(Family::Cait, 384, 24, 8), 9.4),
    ];
    for (config, printed) in cases {
        let ratio = inference_flops(&config, 1, 0) / (2e9 * printed);
        assert!((0.97..1.08).contains(&ratio), "{} of {}: {ratio}", config.family, config.hidden_size);
    }
}

#[test]
fn the_papers_convention_counts_nothing_of_what_its_script_does_not_know() {
    for family in Family::ALL {
        let known = Convention::Paper.knows(family);
        let found = step_flops(&config(family, 48, 2, 3, 100), PAPER_STEP, Convention::Paper).total();
        assert_eq!(found > 0.0, known, "{family}: {found}");
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
