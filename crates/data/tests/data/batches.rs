//! Batches: what is in them, and that they depend on nothing but seed and number.

use ligo_data::{
    Batch, BatchPlan, Batches, BpeOptions, CausalBatches, Corpus, IGNORED, MaskedBatches, Masking, SpecialTokens,
    TextSource, Tokenizer, write_text_parquet,
};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

const LENGTH: usize = 32;

fn prepared(directory: &Path, special: SpecialTokens) -> (Arc<Corpus>, Tokenizer) {
    let rows: Vec<String> = (0..2000u64)
        .map(|row| format!("Row {row} is a text of some words, {:x} and {:o} among them.", row * 7919, row * row))
        .collect();
    let path = directory.join("text.parquet");
    write_text_parquet(&path, "text", &rows).unwrap();
    let source = TextSource::new([path], "text");
    let tokenizer = Tokenizer::train(&source, &BpeOptions::new(400, special)).unwrap();
    (Arc::new(Corpus::prepare(&source, &tokenizer, directory).unwrap()), tokenizer)
}

fn causal(seed: u64) -> (CausalBatches, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (corpus, _) = prepared(directory.path(), SpecialTokens::Causal);
    let plan = BatchPlan { seed, batch_size: 4, micro_batches: 2 };
    (CausalBatches::new(corpus, LENGTH, plan).unwrap(), directory)
}

fn masked(seed: u64, masking: Masking) -> (MaskedBatches, Tokenizer, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (corpus, tokenizer) = prepared(directory.path(), SpecialTokens::Masked);
    let plan = BatchPlan { seed, batch_size: 4, micro_batches: 2 };
    (MaskedBatches::new(corpus, &tokenizer, LENGTH, plan, masking).unwrap(), tokenizer, directory)
}

fn check_shape(batch: &Batch, batch_size: usize) {
    assert_eq!((batch.batch_size, batch.sequence_length), (batch_size, LENGTH));
    assert_eq!((batch.input_ids.len(), batch.targets.len()), (batch_size * LENGTH, batch_size * LENGTH));
    assert_eq!(batch.real_tokens, None);
}

#[test]
fn a_causal_target_is_the_token_that_follows() {
    let (loader, _directory) = causal(1);
    let batch = loader.batch(3, 1);
    check_shape(&batch, 4);
    let blocks: Vec<Vec<u32>> = (0..loader.blocks().len()).map(|index| loader.blocks().get(index)).collect();
    for row in 0..4 {
        let part = row * LENGTH..(row + 1) * LENGTH;
        let block = blocks.iter().find(|block| block[..LENGTH] == batch.input_ids[part.clone()]).unwrap();
        let targets: Vec<u32> = batch.targets[part].iter().map(|&target| target as u32).collect();
        assert_eq!(targets, block[1..]);
    }
}

#[test]
fn a_batch_is_a_function_of_seed_and_number() {
    let masking = Masking::default();
    let [(a, _d), (b, _e), (c, _f)] = [1, 1, 2].map(causal);
    let [(x, _, _u), (y, _, _v), (z, _, _w)] = [1, 1, 2].map(|seed| masked(seed, masking));
    let causal: [Box<dyn Batches>; 3] = [Box::new(a), Box::new(b), Box::new(c)];
    let masked: [Box<dyn Batches>; 3] = [Box::new(x), Box::new(y), Box::new(z)];
    for [one, same, other] in [causal, masked] {
        // Asked in any order, also far into later epochs.
        for (step, micro) in [(10_000, 1), (0, 0), (7, 1), (0, 1)] {
            assert_eq!(one.batch(step, micro), same.batch(step, micro));
            assert_ne!(one.batch(step, micro), other.batch(step, micro));
        }
        assert_ne!(one.batch(0, 0), one.batch(0, 1));
        assert_eq!(one.validation_batches(8, 5), other.validation_batches(8, 5), "validation knows no seed");
    }
}

#[test]
fn an_epoch_of_batches_holds_every_block_once() {
    let (loader, _directory) = causal(5);
    let blocks = loader.blocks().len();
    let mut met: Vec<Vec<u32>> = Vec::new();
    for step in 0..blocks.div_ceil(8) {
        for micro in 0..2 {
            met.extend(loader.batch(step, micro).input_ids.chunks(LENGTH).map(<[u32]>::to_vec));
        }
    }
    let mut expected: Vec<Vec<u32>> = (0..blocks).map(|index| loader.blocks().get(index)[..LENGTH].to_vec()).collect();
    met.truncate(blocks as usize);
    assert_ne!(met, expected, "the order is shuffled");
    met.sort();
    expected.sort();
    assert_eq!(met, expected);
    assert_eq!((loader.epoch(0), loader.epoch(blocks.div_ceil(8))), (0, 1));
}

#[test]
fn validation_batches_are_whole_distinct_and_as_many_as_asked_for() {
    let (loader, _directory) = causal(1);
    let batches = loader.validation_batches(8, 5);
    assert_eq!(batches.len(), 5);
    let mut rows = HashSet::new();
    for batch in &batches {
        check_shape(batch, 8);
        rows.extend(batch.input_ids.chunks(LENGTH).map(<[u32]>::to_vec));
    }
    assert_eq!(rows.len(), 40);
    let blocks = loader.blocks().len();
    assert_eq!(loader.validation_batches(1, usize::MAX).len() as u64, blocks);
    let all = loader.validation_batches(blocks as usize + 1, 3);
    assert_eq!((all.len(), all[0].batch_size as u64), (1, blocks));
}

#[test]
fn masking_keeps_its_shares_and_leaves_special_tokens_alone() {
    let (loader, tokenizer, _directory) = masked(1, Masking::default());
    let (cls, sep, mask) = (tokenizer.cls_id().unwrap(), tokenizer.sep_id().unwrap(), tokenizer.mask_id().unwrap());
    let is_special = |id: u32| tokenizer.special_ids().contains(&id);
    let (mut ordinary, mut hidden, mut masked, mut kept, mut replaced) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut replacements = HashSet::new();
    for step in 0..1000 {
        let batch = loader.batch(step, 0);
        check_shape(&batch, 4);
        for (ids, targets) in batch.input_ids.chunks(LENGTH).zip(batch.targets.chunks(LENGTH)) {
            assert_eq!((ids[0], ids[LENGTH - 1]), (cls, sep));
            assert!(targets.iter().any(|&target| target != IGNORED), "a sequence without a target");
            for (&id, &target) in ids.iter().zip(targets) {
                if target == IGNORED {
                    assert_ne!(id, mask);
                    ordinary += f64::from(u8::from(!is_special(id)));
                    continue;
                }
                ordinary += 1.0;
                hidden += 1.0;
                assert!(!is_special(target as u32), "a special token was hidden");
                if id == mask {
                    masked += 1.0;
                } else if id == target as u32 {
                    kept += 1.0;
                } else {
                    assert!(!is_special(id), "a special token was put in a token's place");
                    replacements.insert(id);
                    replaced += 1.0;
                }
            }
        }
    }
    // Some 110,000 tokens, 16,500 of them hidden: five standard deviations.
    let near = |found: f64, expected: f64, of: f64| {
        let deviation = (expected * (1.0 - expected) / of).sqrt();
        assert!((found / of - expected).abs() < 5.0 * deviation, "{} instead of {expected}", found / of);
    };
    assert!(ordinary > 80_000.0);
    near(hidden, 0.15, ordinary);
    near(masked, 0.8, hidden);
    // A random token is sometimes the one that was there.
    let same = 0.1 / (tokenizer.vocab_size() - 5) as f64;
    near(replaced, 0.1 - same, hidden);
    near(kept, 0.1 + same, hidden);
    assert!(replacements.len() > tokenizer.vocab_size() * 9 / 10, "{} different ones", replacements.len());
}

#[test]
fn a_block_is_masked_anew_in_each_epoch_and_always_alike_in_validation() {
    let (loader, _, _directory) = masked(1, Masking::default());
    let masks = |batches: &[Batch]| -> HashSet<Vec<bool>> {
        let rows = batches.iter().flat_map(|batch| batch.targets.chunks(LENGTH));
        rows.map(|row| row.iter().map(|&target| target != IGNORED).collect()).collect()
    };
    let steps = loader.blocks().len().div_ceil(8);
    let epoch = |number: u64| -> Vec<Batch> {
        (number * steps..(number + 1) * steps).flat_map(|step| [loader.batch(step, 0), loader.batch(step, 1)]).collect()
    };
    let (first, second) = (masks(&epoch(0)), masks(&epoch(1)));
    assert!(first.intersection(&second).count() * 10 < first.len());
    assert_eq!(loader.validation_batches(4, 10), loader.validation_batches(4, 10));
    assert_eq!(loader.validation_batches(4, 10).concat_ids(), loader.validation_batches(8, 5).concat_ids());
}

trait ConcatIds {
    fn concat_ids(&self) -> Vec<u32>;
}

impl ConcatIds for Vec<Batch> {
    fn concat_ids(&self) -> Vec<u32> {
        self.iter().flat_map(|batch| batch.input_ids.clone()).collect()
    }
}

#[test]
fn a_small_share_still_hides_one_token_and_a_share_of_one_hides_all() {
    let (loader, tokenizer, _directory) = masked(1, Masking { share: 1e-9, mask: 1.0, random: 0.0 });
    let batch = loader.batch(0, 0);
    for targets in batch.targets.chunks(LENGTH) {
        assert_eq!(targets.iter().filter(|&&target| target != IGNORED).count(), 1);
    }
    let (loader, ..) = masked(1, Masking { share: 1.0, mask: 1.0, random: 0.0 });
    assert!(loader.batch(0, 0).input_ids.iter().all(|id| tokenizer.special_ids().contains(id)));
}

#[test]
fn bad_options_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (corpus, masked) = prepared(directory.path(), SpecialTokens::Masked);
    let (_, causal) = prepared(directory.path(), SpecialTokens::Causal);
    let plan = BatchPlan { seed: 0, batch_size: 4, micro_batches: 1 };
    let usual = Masking::default();
    let cases = [
        (&causal, LENGTH, plan, usual, "found no token [CLS] or <s>, expected one for masked language modelling"),
        (&masked, 2, plan, usual, "sequence_length = 2, expected 3 or more"),
        (&masked, 1 << 40, plan, usual, "the text is shorter than one block"),
        (&masked, LENGTH, BatchPlan { batch_size: 0, ..plan }, usual, "batch_size = 0, expected 1 or more"),
        (
            &masked,
            LENGTH,
            plan,
            Masking { share: 0.0, ..usual },
            "masked share = 0, expected a share above 0, at most 1",
        ),
        (&masked, LENGTH, plan, Masking { share: f64::NAN, ..usual }, "masked share = NaN"),
        (&masked, LENGTH, plan, Masking { mask: 1.5, ..usual }, "mask share = 1.5, expected a share from 0 to 1"),
        (&masked, LENGTH, plan, Masking { random: 0.3, ..usual }, "random share = 0.3"),
    ];
    for (tokenizer, length, plan, masking, expected) in cases {
        let error = MaskedBatches::new(corpus.clone(), tokenizer, length, plan, masking).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
