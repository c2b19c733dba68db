//! After the first steps a training step takes no large block of memory from the system.
//!
//! A program of its own because it counts what its allocator does.

use dfdx::tensor::ZerosTensor;
use ligo_kernels::{AdamW, AdamWParameter, Cpu, GradTape, Kernels, Precision, Recycling, gradients_for, on_workers};
use ligo_models::{Batch, Family, Mode, Model, ModelConfig, Tokens};

#[global_allocator]
static ALLOCATOR: Recycling = Recycling::holding_at_most(1 << 30);

/// What the system was asked for by each of some steps.
fn blocks_of_steps(family: Family, precision: Precision) -> Vec<usize> {
    let config = ModelConfig { vocab_size: 512, max_position_embeddings: 64, ..ModelConfig::new(family, 128, 2, 4) };
    let model = Model::new(config).unwrap().with_precision(precision);
    let device = Cpu::default();
    let mut parameters = model.fresh(&device, 1).unwrap();
    let tokens = |salt: usize| (0..512_usize).map(move |i| ((i * 31 + salt) % 512) as u32).collect::<Vec<_>>();
    let inputs = Tokens { input_ids: tokens(0), batch_size: 8, sequence_length: 64, ..Tokens::default() };
    let labels = tokens(7).into_iter().map(|id| id as i32).collect();
    let batch = Batch::tokens(inputs, labels);
    let zeros = || -> Vec<_> { model.specs().iter().map(|spec| device.zeros_like(&spec.matrix_shape())).collect() };
    let (mut first, mut second, mut gradients) = (zeros(), zeros(), gradients_for(parameters.tensors()));
    let mut step = |number| {
        let before = ALLOCATOR.blocks_from_system();
        let mut tape = GradTape::default();
        let loss = model.loss(&mut tape, &parameters, &batch, Mode::Train { dropout_key: number }).unwrap();
        tape.backward(&loss, 1.0, &mut gradients).unwrap();
        drop(loss);
        let moments = first.iter_mut().zip(&mut second);
        let weights = parameters.tensors_mut().iter_mut().zip(moments);
        let mut all: Vec<_> = weights
            .map(|(weight, (first, second))| AdamWParameter { weight, first, second, decay: true, rate: 1.0 })
            .collect();
        let config = AdamW {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.98,
            eps: 1e-8,
            weight_decay: 0.01,
            max_grad_norm: Some(1.0),
            step: number,
        };
        Cpu::adamw(&mut all, &mut gradients, &config).unwrap();
        ALLOCATOR.blocks_from_system() - before
    };
    on_workers(|| (1..=8).map(&mut step).collect())
}

#[test]
fn a_step_finds_its_memory_where_the_steps_before_have_left_it() {
    // One thread: with several, how many tasks hold a buffer at once is up to the scheduler.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let first = blocks_of_steps(Family::Gpt2, Precision::F32)[0];
        assert!(first > 0, "the very first step has nowhere else to find memory");
        for family in [Family::Gpt2, Family::Bert] {
            for precision in [Precision::F32, Precision::Bf16] {
                let blocks = blocks_of_steps(family, precision);
                assert_eq!(blocks[2..], [0; 6], "{family}, {precision:?}: {blocks:?}");
            }
        }
    });
}
