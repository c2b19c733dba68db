//! The backward pass of linear maps side by side, `y = x [W₁ W₂ …] + [b₁ b₂ …]`: `dWᵢ = xᵀ dyᵢ`, `dbᵢ = Σ_n dyᵢ` and `dx = Σᵢ dyᵢ Wᵢᵀ`.
//!
//! By [`tiles`](super::tiles) where they fit all of these products: the gradient is then read once. Otherwise product by product.

use super::super::activation;
use super::super::gradient::Mode;
use super::super::linear::sum_rows;
use super::super::parallel;
#[cfg(target_arch = "x86_64")]
use super::tiles;
use super::{Target, View, product};
use crate::{Activation, Layout, Precision};

/// A sum to write, or to add to.
pub(in crate::cpu) type Sum<'a> = (&'a mut [f32], Mode);

/// One of the maps.
pub(in crate::cpu) struct Map<'a> {
    /// W as it lies in memory.
    pub(in crate::cpu) weight: &'a [f32],
    pub(in crate::cpu) layout: Layout,
    pub(in crate::cpu) outputs: usize,
    /// dW, which lies as W does.
    pub(in crate::cpu) d_weight: Sum<'a>,
    pub(in crate::cpu) d_bias: Option<Sum<'a>>,
}

/// W as `[I, O]`, however it lies in memory.
pub(in crate::cpu) fn as_in_out(weight: &[f32], layout: Layout, inputs: usize, outputs: usize) -> View<'_> {
    match layout {
        Layout::InOut => View::new(weight, inputs, outputs),
        Layout::OutIn => View::new(weight, outputs, inputs).t(),
    }
}

/// The gradient of the outputs of all maps, `[N, ΣO]`.
pub(in crate::cpu) enum OfOutputs<'a> {
    Linear(&'a [f32]),
    /// Of an activation that followed: the gradient of its results, which may be changed, and what it was given. The maps' own is the
    /// former times the slope at the latter.
    Activated(&'a mut [f32], Activation, &'a [f32]),
}

impl OfOutputs<'_> {
    /// What came from above.
    pub(super) fn given(&self) -> &[f32] {
        match self {
            Self::Linear(dy) => dy,
            Self::Activated(dy, ..) => dy,
        }
    }

    /// The activation and what it was given.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn activation(&self) -> Option<(Activation, &[f32])> {
        match self {
            Self::Linear(_) => None,
            Self::Activated(_, kind, z) => Some((*kind, z)),
        }
    }
}

/// A backward pass over all threads.
pub(in crate::cpu) struct Backward<'a> {
    pub(in crate::cpu) dy: OfOutputs<'a>,
    /// `[N, I]`.
    pub(in crate::cpu) x: &'a [f32],
    pub(in crate::cpu) tokens: usize,
    pub(in crate::cpu) inputs: usize,
    pub(in crate::cpu) maps: Vec<Map<'a>>,
    /// `[N, I]`.
    pub(in crate::cpu) dx: Sum<'a>,
    pub(in crate::cpu) precision: Precision,
}

impl Backward<'_> {
    /// ΣO.
    pub(super) fn width(&self) -> usize {
        self.maps.iter().map(|map| map.outputs).sum()
    }

    pub(in crate::cpu) fn run(self) {
        let length = self.dy.given().len();
        assert!(length == self.tokens * self.width(), "a gradient is as large as what it is of");
        if let OfOutputs::Activated(_, _, z) = &self.dy {
            assert!(z.len() == length, "a function has as many arguments as results");
        }
        assert!(self.x.len() == self.tokens * self.inputs && self.dx.0.len() == self.x.len(), "as above");
        #[cfg(target_arch = "x86_64")]
        if tiles::fits_backward(&self) {
            return tiles::backward(self);
        }
        self.product_by_product();
    }

    fn product_by_product(mut self) {
        if let OfOutputs::Activated(dy, kind, z) = &mut self.dy {
            parallel::zip(dy, z, |dy, z| activation::backward_in_place(*kind, z, dy));
        }
        let dy = self.dy.given();
        let (stride, precision, tokens, inputs) = (self.width(), self.precision, self.tokens, self.inputs);
        let x = View::new(self.x, tokens, inputs);
        let mut offset = 0;
        for Map { weight, layout, outputs, d_weight: (d_weight, mode), d_bias } in std::mem::take(&mut self.maps) {
            if let Some((d_bias, mode)) = d_bias {
                sum_rows(d_bias, mode, dy, offset, stride);
            }
            let dy = View::block(dy, offset, tokens, outputs, stride);
            match layout {
                Layout::OutIn => product(Target::new(d_weight, outputs, inputs), mode, precision, dy.t(), x),
                Layout::InOut => product(Target::new(d_weight, inputs, outputs), mode, precision, x.t(), dy),
            }
            let w = as_in_out(weight, layout, inputs, outputs);
            product(Target::new(self.dx.0, tokens, inputs), self.dx.1, precision, dy, w.t());
            self.dx.1 = Mode::Add;
            offset += outputs;
        }
    }
}
