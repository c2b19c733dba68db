//! Forward and backward of each operation on random data, at two sizes: a quickstart model's and a 512-wide one's.
//!
//! `cargo bench -p ligo-kernels`; `cargo bench -p ligo-kernels -- attention` for one of them.

use dfdx::shapes::HasShape;
use dfdx::tensor::{TensorFromVec, ZerosTensor};
use divan::{Bencher, black_box};
use ligo_kernels::{
    Activation, AdamW, AdamWParameter, Attention, Cpu, Dropout, Factor, GradTape, Gradients, HeadNorms, Input, Kernels,
    Layout, Linear, Matrix, NO_ROW, NoneTape, Norm, NormKind, Precision, Projections, Visibility, gradients_for,
    on_workers,
};

#[global_allocator]
static ALLOCATOR: ligo_kernels::Recycling = ligo_kernels::Recycling::holding_at_most(1 << 30);

fn main() {
    divan::main();
}

/// The sizes of a model and a batch.
#[derive(Debug, Clone, Copy)]
struct Size {
    batch: usize,
    sequence: usize,
    heads: usize,
    width: usize,
    vocabulary: usize,
}

impl Size {
    fn tokens(self) -> usize {
        self.batch * self.sequence
    }
}

const SIZES: [Size; 2] = [
    Size { batch: 16, sequence: 64, heads: 4, width: 128, vocabulary: 2048 },
    Size { batch: 8, sequence: 128, heads: 8, width: 512, vocabulary: 8192 },
];

fn random(rows: usize, columns: usize) -> Matrix<Cpu> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (rows * columns) as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    Cpu::default().tensor_from_vec((0..rows * columns).map(|_| next()).collect(), (rows, columns))
}

/// Times `forward` and its backward pass with a gradient of ones for every output.
fn both(
    bencher: Bencher<'_, '_>,
    leaves: &[Matrix<Cpu>],
    forward: impl Fn(&mut GradTape<Cpu>, &[Matrix<Cpu>]) -> Vec<Matrix<Cpu>> + Sync,
) {
    let ones = |y: &Matrix<Cpu>| {
        let &(rows, columns) = y.shape();
        Cpu::default().tensor_from_vec(vec![1.0; rows * columns], (rows, columns))
    };
    let seeds: Vec<_> = forward(&mut GradTape::default(), leaves).iter().map(ones).collect();
    let step = || {
        let mut gradients = gradients_for(leaves);
        let seeds = seeds.clone();
        let mut tape = GradTape::default();
        let outputs = forward(&mut tape, leaves);
        tape.record(move |gradients: &mut Gradients<f32, Cpu>| {
            outputs.iter().zip(&seeds).try_for_each(|(y, ones)| Cpu::add_gradient(y, ones, gradients))
        });
        tape.backward(&Cpu::default().zeros(), 1.0, &mut gradients).expect("the sizes fit");
        black_box(gradients);
    };
    bencher.bench_local(|| on_workers(step));
}

fn map<'a>(leaves: &'a [Matrix<Cpu>]) -> Linear<'a, Cpu> {
    Linear { weight: &leaves[1], bias: Some(&leaves[2]), layout: Layout::InOut, precision: Precision::F32 }
}

#[divan::bench(args = SIZES)]
fn linear(bencher: Bencher<'_, '_>, size: Size) {
    let h = size.width;
    let leaves = [random(size.tokens(), h), random(h, 3 * h), random(1, 3 * h)];
    both(bencher, &leaves, |tape, x| vec![Cpu::linear(tape, &x[0], map(x)).expect("the sizes fit")]);
}

#[divan::bench(args = SIZES)]
fn linear_activated(bencher: Bencher<'_, '_>, size: Size) {
    let h = size.width;
    let leaves = [random(size.tokens(), h), random(h, 4 * h), random(1, 4 * h)];
    both(bencher, &leaves, |tape, x| {
        vec![Cpu::linear_activated(tape, &x[0], map(x), Activation::GeluTanh).expect("the sizes fit")]
    });
}

/// One input per token: next to nothing but the activation.
#[divan::bench(args = [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu, Activation::Relu, Activation::Silu, Activation::Tanh])]
fn activation(bencher: Bencher<'_, '_>, kind: Activation) {
    let h = 4 * SIZES[1].width;
    let leaves = [random(SIZES[1].tokens(), 1), random(1, h), random(1, h)];
    both(bencher, &leaves, |tape, x| vec![Cpu::linear_activated(tape, &x[0], map(x), kind).expect("the sizes fit")]);
}

#[divan::bench(args = SIZES)]
fn linear_gated(bencher: Bencher<'_, '_>, size: Size) {
    let (h, inner) = (size.width, size.width * 8 / 3);
    let leaves = [random(size.tokens(), h), random(inner, h), random(inner, h)];
    both(bencher, &leaves, |tape, x| {
        let map = |weight| Linear { weight, bias: None, layout: Layout::OutIn, precision: Precision::F32 };
        vec![Cpu::linear_gated(tape, &x[0], map(&x[1]), map(&x[2]), Activation::Silu).expect("the sizes fit")]
    });
}

#[divan::bench(args = SIZES)]
fn scale(bencher: Bencher<'_, '_>, size: Size) {
    both(bencher, &[random(size.tokens(), size.width), random(1, size.width)], |tape, x| {
        vec![Cpu::scale(tape, &x[0], &x[1]).expect("the sizes fit")]
    });
}

fn add_norm(bencher: Bencher<'_, '_>, size: Size, kind: NormKind, bias: Option<usize>) {
    let (n, h) = (size.tokens(), size.width);
    both(bencher, &[random(n, h), random(n, h), random(1, h), random(1, h)], |tape, x| {
        let norm = Norm { kind, gain: &x[2], bias: bias.map(|i| &x[i]), eps: 1e-5 };
        let (sum, y) = Cpu::add_norm(tape, &x[0], &x[1], norm).expect("the sizes fit");
        vec![sum, y]
    });
}

#[divan::bench(args = SIZES)]
fn add_layer_norm(bencher: Bencher<'_, '_>, size: Size) {
    add_norm(bencher, size, NormKind::Layer, Some(3));
}

#[divan::bench(args = SIZES)]
fn add_rms_norm(bencher: Bencher<'_, '_>, size: Size) {
    add_norm(bencher, size, NormKind::Rms, None);
}

/// Half as many key heads as query heads.
#[divan::bench(args = SIZES)]
fn head_norms(bencher: Bencher<'_, '_>, size: Size) {
    let (heads, head_dim) = (size.heads, size.width / size.heads);
    let key_value_heads = heads / 2;
    let leaves = [random(size.tokens(), 2 * size.width), random(1, head_dim), random(1, head_dim)];
    both(bencher, &leaves, |tape, x| {
        let norms = HeadNorms { heads, key_value_heads, query_gain: &x[1], key_gain: &x[2], eps: 1e-6 };
        vec![Cpu::head_norms(tape, &x[0], norms).expect("the sizes fit")]
    });
}

#[divan::bench(args = SIZES, consts = [0, 1])]
fn attention<const DROPOUT: u32>(bencher: Bencher<'_, '_>, size: Size) {
    let spec = Attention {
        batch: size.batch,
        sequence: size.sequence,
        heads: size.heads,
        key_value_heads: size.heads,
        head_dim: size.width / size.heads,
        visibility: Visibility::Causal { window: None },
        real_tokens: None,
        rotary: None,
        dropout: (DROPOUT > 0).then_some(Dropout { p: 0.1, key: 1 }),
        precision: Precision::F32,
    };
    both(bencher, &[random(size.tokens(), 3 * size.width)], |tape, x| {
        vec![Cpu::attention(tape, Projections::Joined(&x[0]), spec).expect("the sizes fit")]
    });
}

#[divan::bench(args = SIZES)]
fn embedding(bencher: Bencher<'_, '_>, size: Size) {
    let ids: Vec<u32> = (0..size.tokens()).map(|i| (i * 7919 % size.vocabulary) as u32).collect();
    let positions: Vec<u32> = (0..size.tokens()).map(|i| (i % size.sequence) as u32).collect();
    both(bencher, &[random(size.vocabulary, size.width), random(size.sequence, size.width)], |tape, x| {
        vec![Cpu::embedding(tape, &[(&x[0], &ids), (&x[1], &positions)]).expect("the sizes fit")]
    });
}

/// A class token before the patches of each image, and positions: most ids of two of the tables name no row.
#[divan::bench(args = SIZES)]
fn embedding_of_patches(bencher: Bencher<'_, '_>, size: Size) {
    let (n, s, h) = (size.tokens(), size.sequence, size.width);
    let class: Vec<u32> = (0..n).map(|i| if i % s == 0 { 0 } else { NO_ROW }).collect();
    let patches: Vec<u32> = (0..n).map(|i| if i % s == 0 { NO_ROW } else { (i - i / s - 1) as u32 }).collect();
    let positions: Vec<u32> = (0..n).map(|i| (i % s) as u32).collect();
    both(bencher, &[random(1, h), random(n - size.batch, h), random(s, h)], |tape, x| {
        let lookups: [(&Matrix<Cpu>, &[u32]); 3] = [(&x[0], &class), (&x[1], &patches), (&x[2], &positions)];
        vec![Cpu::embedding(tape, &lookups).expect("the sizes fit")]
    });
}

#[divan::bench(args = SIZES)]
fn dropout(bencher: Bencher<'_, '_>, size: Size) {
    both(bencher, &[random(size.tokens(), size.width)], |tape, x| {
        vec![Cpu::dropout(tape, &x[0], Dropout { p: 0.1, key: 1 }).expect("the sizes fit")]
    });
}

#[divan::bench(args = SIZES)]
fn cross_entropy(bencher: Bencher<'_, '_>, size: Size) {
    let targets: Vec<i32> = (0..size.tokens()).map(|i| (i * 31 % size.vocabulary) as i32).collect();
    let leaves = [random(size.tokens(), size.width), random(size.vocabulary, size.width)];
    let step = || {
        let (mut tape, mut gradients) = (GradTape::default(), gradients_for(&leaves));
        let head = Linear { weight: &leaves[1], bias: None, layout: Layout::OutIn, precision: Precision::F32 };
        let loss = Cpu::cross_entropy(&mut tape, &leaves[0], head, &targets).expect("the sizes fit");
        tape.backward(&loss, 1.0, &mut gradients).expect("the sizes fit");
        black_box(gradients);
    };
    bencher.bench_local(|| on_workers(step));
}

#[divan::bench(args = SIZES)]
fn expand_both_axes_and_mix(bencher: Bencher<'_, '_>, size: Size) {
    let (small, large) = (size.width / 2, size.width);
    let leaves = [random(4 * small, small), random(4 * small, small), random(large - small, small), random(4, 2)];
    both(bencher, &leaves, |tape, x| {
        let factors: Vec<Factor<'_, Cpu>> = (0..4).map(|_| Factor::IdentityOver(&x[2])).collect();
        let grow = |tape: &mut GradTape<Cpu>, x: &Matrix<Cpu>| {
            let rows = Cpu::expand_rows(tape, x, Input::Frozen, &factors).expect("the sizes fit");
            Cpu::expand_columns(tape, &rows, Input::Differentiable, &factors[..1]).expect("the sizes fit")
        };
        let layers = [grow(tape, &x[0]), grow(tape, &x[1])];
        Cpu::mix_layers(tape, &layers, Input::Differentiable, &x[3]).expect("the sizes fit")
    });
}

#[divan::bench(args = SIZES)]
fn adamw(bencher: Bencher<'_, '_>, size: Size) {
    let shape = (size.width, 12 * size.width);
    let [mut weight, mut first, mut second] = [(); 3].map(|()| random(shape.0, shape.1));
    let config = AdamW {
        learning_rate: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.01,
        max_grad_norm: Some(1.0),
        step: 1,
    };
    bencher.bench_local(|| {
        on_workers(|| {
            let parameter =
                AdamWParameter { weight: &mut weight, first: &mut first, second: &mut second, decay: true, rate: 1.0 };
            Cpu::adamw(&mut [parameter], &mut Gradients::leaky(), &config).expect("the sizes fit")
        })
    });
}

/// One token or a few, as in generating: each weight is read once, so that bytes per second are what counts.
#[divan::bench(consts = [1, 2, 4, 8], args = [Layout::OutIn, Layout::InOut])]
fn linear_of_few_rows<const ROWS: usize>(bencher: Bencher<'_, '_>, layout: Layout) {
    const INPUTS: usize = 768;
    const OUTPUTS: usize = 3072;
    // Together far larger than a cache, as the layers of a model are.
    let weights: Vec<Matrix<Cpu>> = (0..16)
        .map(|_| match layout {
            Layout::OutIn => random(OUTPUTS, INPUTS),
            Layout::InOut => random(INPUTS, OUTPUTS),
        })
        .collect();
    let x = random(ROWS, INPUTS);
    let bytes = weights.len() * INPUTS * OUTPUTS * size_of::<f32>();
    bencher.counter(divan::counter::BytesCount::new(bytes)).bench_local(|| {
        on_workers(|| {
            for weight in &weights {
                let map = Linear { weight, bias: None, layout, precision: Precision::F32 };
                black_box(Cpu::linear(&mut NoneTape, &x, map).expect("the sizes fit"));
            }
        });
    });
}
