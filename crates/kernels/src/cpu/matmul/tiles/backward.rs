//! The products of [`Backward`] by tiles. The gradient goes by once: for its product with the weights, for its product with the inputs,
//! and for its sum over tokens.

use super::super::super::gradient::Mode;
use super::super::super::linear::add_to;
use super::super::backward::{Backward, Map, Sum, as_in_out};
use super::super::{Output, Target, View};
use super::gradient_pass::GradientPass;
use super::pack::{Packed, STRIP, Side};
use super::side_by_side::{Along, SideBySide};
use super::{ROUNDED, SLAB, SPLIT, Slab, Spread, Strips, WHOLE, cuts, fits, inner_slab, planes, steps_at_once};
use crate::Layout;
use std::ops::Range;

/// Whether tiles fit all products of a backward pass, and its maps can share what is packed.
pub(in super::super) fn fits_backward(backward: &Backward<'_>) -> bool {
    let Backward { dy, x, tokens, inputs, maps, precision, .. } = backward;
    let (dy, width) = (dy.given(), backward.width());
    let x = View::new(x, *tokens, *inputs);
    let (Some((_, others)), Some(first)) = (maps.split_last(), maps.first()) else { return false };
    let alike = maps.iter().all(|map| map.layout == first.layout);
    // Maps end where strips do, so that the strips of each are its own.
    let cut_well = others.iter().all(|map| map.outputs.is_multiple_of(STRIP));
    // All maps as one: dW by columns, and dx. The targets are what these products would be written to; none is written here.
    let dy = View::new(dy, *tokens, width);
    let w = View { rows: width, ..as_in_out(first.weight, first.layout, *inputs, first.outputs).t() };
    let (d_weight, dx) = (size_of_target(*inputs, width), size_of_target(*tokens, *inputs));
    let fit_products =
        fits(&d_weight, &x.t(), &dy, *precision, Spread::Threads) && fits(&dx, &dy, &w, *precision, Spread::Threads);
    alike && cut_well && fit_products
}

fn size_of_target<'a>(rows: usize, columns: usize) -> Target<'a> {
    Target { data: &mut [], rows, columns, row_stride: columns, column_stride: 1 }
}

/// For a backward pass that [`fits_backward`] has accepted.
pub(in super::super) fn backward(backward: Backward<'_>) {
    match planes(backward.precision) {
        ROUNDED => by_slabs::<ROUNDED>(backward),
        WHOLE => by_slabs::<WHOLE>(backward),
        _ => by_slabs::<SPLIT>(backward),
    }
}

fn by_slabs<const P: usize>(backward: Backward<'_>) {
    let width = backward.width();
    let Backward { dy, x, tokens, inputs, maps, dx: (dx, dx_mode), .. } = backward;
    let layout = maps[0].layout;
    let whole = |data| View::new(data, tokens, width);
    let (gradient, activated) = (whole(dy.given()), dy.activation().map(|(kind, z)| (kind, whole(z))));
    let weights = SideBySide::new(
        maps.iter().map(|map| as_in_out(map.weight, map.layout, inputs, map.outputs)).collect(),
        Along::Inner,
    );
    let is_summed = maps.iter().any(|map| map.d_bias.is_some());
    let mut maps: Vec<_> = maps.into_iter().map(|map| MapGradients::new(map, inputs)).collect();
    let dx = Output::new(Target::new(dx, tokens, inputs), dx_mode, 1.0);
    let (gradient_side, input_side) = match layout {
        Layout::OutIn => (Side::Left, Side::Right),
        Layout::InOut => (Side::Right, Side::Left),
    };

    for token in cuts(tokens, SLAB) {
        let x = View::new(x, tokens, inputs).row_range(token.start, token.len()).t();
        let pack_inputs = |input: Range<usize>| {
            let x = x.row_range(input.start, input.len());
            (input, Packed::of::<P>(&x.into(), input_side, steps_at_once(P), Spread::Threads))
        };
        let packed_inputs: Vec<_> = cuts(inputs, SLAB).map(pack_inputs).collect();
        for output in cuts(width, inner_slab(P)) {
            let pass = GradientPass {
                gradient: cut(gradient, &token, &output),
                activated: activated.map(|(kind, z)| (kind, cut(z, &token, &output))),
                side: gradient_side,
                is_summed,
            };
            let (by_tokens, by_outputs, sums) = pass.pack::<P>(steps_at_once(P));
            let mut first = 0;
            for map in &mut maps {
                let of_map = output.start.max(first)..output.end.min(first + map.outputs);
                if !of_map.is_empty() {
                    map.add_bias(
                        &sums,
                        (of_map.start - first, of_map.start - output.start, of_map.len()),
                        token.start == 0,
                    );
                    let mode = if token.start == 0 { map.mode } else { Mode::Add };
                    for (input, packed) in &packed_inputs {
                        let (outputs, inputs) = ((of_map.start - first, of_map.len()), (input.start, input.len()));
                        let of_outputs = Strips::from_strip(&by_outputs, (of_map.start - output.start) / STRIP);
                        let strips = (of_outputs, Strips::of(packed));
                        let (at, left, right) = match layout {
                            Layout::OutIn => ((outputs, inputs), strips.0, strips.1),
                            Layout::InOut => ((inputs, outputs), strips.1, strips.0),
                        };
                        slab(&map.d_weight, at, mode, token.end == tokens).compute::<P>(left, right);
                    }
                }
                first += map.outputs;
            }
            drop(by_outputs);
            for input in cuts(inputs, SLAB) {
                let w = weights.range((input.start, input.len()), (output.start, output.len()));
                let w = Packed::of::<P>(&w, Side::Right, steps_at_once(P), Spread::Threads);
                let at = ((token.start, token.len()), (input.start, input.len()));
                let mode = if output.start == 0 { dx.mode } else { Mode::Add };
                slab(&dx, at, mode, output.end == width).compute::<P>(Strips::of(&by_tokens), Strips::of(&w));
            }
        }
    }
}

fn cut<'a>(view: View<'a>, rows: &Range<usize>, columns: &Range<usize>) -> View<'a> {
    view.row_range(rows.start, rows.len()).column_range(columns.start, columns.len())
}

/// Where a map's gradients go.
struct MapGradients<'a> {
    outputs: usize,
    d_weight: Output<'a>,
    mode: Mode,
    d_bias: Option<Sum<'a>>,
}

impl<'a> MapGradients<'a> {
    fn new(map: Map<'a>, inputs: usize) -> Self {
        let Map { layout, outputs, d_weight: (d_weight, mode), d_bias, .. } = map;
        let target = match layout {
            Layout::OutIn => Target::new(d_weight, outputs, inputs),
            Layout::InOut => Target::new(d_weight, inputs, outputs),
        };
        Self { outputs, d_weight: Output::new(target, mode, 1.0), mode, d_bias }
    }

    /// The sums from `from` on, `count` of them, to those of the bias from `at` on.
    fn add_bias(&mut self, sums: &[f32], (at, from, count): (usize, usize, usize), is_first: bool) {
        let Some((d_bias, mode)) = &mut self.d_bias else { return };
        let (d_bias, sums) = (&mut d_bias[at..at + count], &sums[from..from + count]);
        if is_first && *mode == Mode::Set {
            d_bias.copy_from_slice(sums);
        } else {
            add_to(d_bias, sums);
        }
    }
}

/// Rows and columns of a target: first and count.
fn slab<'a>(
    output: &'a Output<'a>,
    ((row, rows), (column, columns)): ((usize, usize), (usize, usize)),
    mode: Mode,
    is_last: bool,
) -> Slab<'a> {
    let (at, size) = ((row, column), (rows, columns));
    Slab { output, bias: None, activated: None, at, size, mode, spread: Spread::Threads, is_last }
}
