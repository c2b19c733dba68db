//! Generating with the cache is what the model says without it.

use crate::{TEXT, config, model, scrambled};
use ligo_kernels::Cpu;
use ligo_models::generate::{Decoder, Sampler, Sampling};
use ligo_models::{Family, Inputs, Model, ModelConfig, Parameters, RopeScaling, Tokens};

/// The likeliest `count` tokens after `prompt`.
pub(crate) fn greedy(model: &Model, parameters: &Parameters<Cpu>, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut decoder = Decoder::new(model, parameters, &Cpu::default(), 1, prompt.len() + count).unwrap();
    let mut sampler = Sampler::new(Sampling::default()).unwrap();
    let mut logits = decoder.read(prompt).unwrap().as_vec();
    let mut tokens = vec![sampler.pick(&logits)];
    while tokens.len() < count {
        logits = decoder.read(&tokens[tokens.len() - 1..]).unwrap().as_vec();
        tokens.push(sampler.pick(&logits));
    }
    tokens
}

/// The logits after the last token of each sequence, without a cache.
fn whole(model: &Model, parameters: &Parameters<Cpu>, sequences: &[&[u32]]) -> Vec<f32> {
    let inputs = Inputs::Tokens(Tokens {
        input_ids: sequences.concat(),
        batch_size: sequences.len(),
        sequence_length: sequences[0].len(),
        ..Tokens::default()
    });
    let logits = model.logits(parameters, &inputs).unwrap().as_vec();
    let vocabulary = model.config().vocab_size;
    logits.chunks(sequences[0].len() * vocabulary).flat_map(|s| s[s.len() - vocabulary..].to_vec()).collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
}

/// Every causal family, and what makes attention look at fewer keys or share them.
fn causal() -> Vec<ModelConfig> {
    let mut configs: Vec<ModelConfig> = TEXT.into_iter().filter(|f| f.is_causal()).map(config).collect();
    configs.push(ModelConfig { num_key_value_heads: Some(1), ..config(Family::Llama) });
    configs.push(ModelConfig { sliding_window: Some(2), ..config(Family::Mistral) });
    configs.push(ModelConfig { sliding_window: Some(2), max_window_layers: Some(1), ..config(Family::Qwen2) });
    configs.push(ModelConfig { head_dim: Some(4), num_key_value_heads: Some(1), ..config(Family::Qwen3) });
    configs.push(ModelConfig { rope_scaling: Some(RopeScaling::Linear { factor: 2.0 }), ..config(Family::Llama) });
    configs
}

#[test]
fn token_by_token_and_in_pieces_the_logits_are_those_of_the_whole() {
    let (a, b) = ([1, 5, 2, 7, 12, 0, 3], [3, 3, 9, 10, 4, 6, 8]);
    for config in causal() {
        let model = Model::new(config).unwrap();
        let parameters = scrambled(&model);
        for pieces in [&[1, 1, 1, 1, 1, 1, 1][..], &[3, 4], &[4, 2, 1], &[7]] {
            let mut decoder = Decoder::new(&model, &parameters, &Cpu::default(), 2, 7).unwrap();
            for &piece in pieces {
                let seen = decoder.seen();
                let read = seen..seen + piece;
                let logits = decoder.read(&[&a[read.clone()], &b[read.clone()]].concat()).unwrap().as_vec();
                let expected = whole(&model, &parameters, &[&a[..read.end], &b[..read.end]]);
                assert!(close(&logits, &expected), "{:?}: {pieces:?} up to {}", model.config(), read.end);
            }
        }
    }
}

#[test]
fn what_a_decoder_remembers_grows_as_it_reads() {
    let model = model(Family::Llama);
    let parameters = scrambled(&model);
    // Far more than could be kept room for from the start.
    let mut decoder = Decoder::new(&model, &parameters, &Cpu::default(), 2, usize::MAX).unwrap();
    let [a, b] = [7, 5].map(|step| (0..300).map(|i| (i * step % 13) as u32).collect::<Vec<u32>>());
    for read in [0..250, 250..259, 259..260, 260..300] {
        let logits = decoder.read(&[&a[read.clone()], &b[read.clone()]].concat()).unwrap().as_vec();
        let expected = whole(&model, &parameters, &[&a[..read.end], &b[..read.end]]);
        assert!(close(&logits, &expected), "up to {}", read.end);
    }
}

#[test]
fn a_decoder_refuses_what_it_cannot_read() {
    let bert = model(Family::Bert);
    let parameters = scrambled(&bert);
    let refused = Decoder::new(&bert, &parameters, &Cpu::default(), 1, 4).map(|_| ()).unwrap_err().to_string();
    assert!(refused.starts_with("head: found masked-lm of bert, expected causal-lm"), "{refused}");

    let gpt2 = model(Family::Gpt2);
    let parameters = scrambled(&gpt2);
    let refused = Decoder::new(&gpt2, &parameters, &Cpu::default(), 1, 8).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("is 8, expected at most 7 (max_position_embeddings)"), "{refused}");

    let mut decoder = Decoder::new(&gpt2, &parameters, &Cpu::default(), 2, 3).unwrap();
    let cases: [(&[u32], &str); 4] = [
        (&[], "sequence_length is 0"),
        (&[1, 2, 3], "number of input_ids is 3, expected 2"),
        (&[1; 8], "is 4, expected at most 3"),
        (&[1, 13], "id 13 at index 1 is out of range"),
    ];
    for (ids, expected) in cases {
        let message = decoder.read(ids).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    decoder.read(&[1, 2]).unwrap();
}
