//! Masked structural growth's masks (Yao et al. 2023): the weights that a model computes with while its new units fade in.
//!
//! A unit that is new carries c. What produces a new residual coordinate, MLP neuron or head is multiplied by it: rows of the weights
//! that make it (columns where a weight lies as `[inputs, outputs]`), its bias, its place in an embedding; the gain and bias of every
//! norm over the residual stream likewise; of a layer that is new as a whole, both maps that hand its results to the stream. These
//! weights are a differentiable function of the true ones, which are what is trained.

use ligo_growth::FadeIn;
use ligo_kernels::{Factor, Input, KernelError, Kernels, Matrix, Tape};
use ligo_models::{Axis, Model, ModelConfig, ParamSpec, Parameters, Part, Result, Role, Space};

/// Which values of every weight carry the mask.
#[derive(Debug, Clone)]
pub(super) struct Masks {
    weights: Vec<Masked>,
    /// For each coordinate of the residual stream whether it is new.
    stream: Vec<bool>,
    steps: u64,
}

/// The values of a weight that carry the mask.
#[derive(Debug, Clone, PartialEq)]
enum Masked {
    Nothing,
    All,
    /// Those of the new ones among its rows.
    Rows(Vec<bool>),
    /// Those of the new ones among its columns.
    Columns(Vec<bool>),
}

impl Masks {
    pub(super) fn new(fade: &FadeIn, model: &Model) -> Self {
        let configs = (&fade.from, model.config());
        let masked = |(i, spec)| masked(spec, model.part(i), configs);
        Self {
            weights: model.specs().iter().enumerate().map(masked).collect(),
            stream: new_units(Space::Embed, configs),
            steps: fade.steps,
        }
    }

    /// c before step number `step` of the stage, counting from 0; none where it is 1 and the model is the plain one.
    pub(super) fn at(&self, step: u64) -> Option<f32> {
        (step < self.steps).then(|| (step as f64 / self.steps as f64) as f32)
    }

    /// The weight of each residual coordinate in the norms.
    pub(super) fn norm_weights(&self, c: f32) -> Vec<f32> {
        self.stream.iter().map(|&new| if new { c } else { 1.0 }).collect()
    }

    /// The weights that the model computes with.
    pub(super) fn apply<D: Kernels, T: Tape<f32, D>>(
        &self,
        tape: &mut T,
        parameters: &Parameters<D>,
        c: f32,
    ) -> Result<Parameters<D>> {
        let tensors = parameters.tensors().iter().zip(&self.weights);
        let tensors = tensors.map(|(tensor, masked)| masked.apply(tape, tensor, c));
        Parameters::new(parameters.specs().clone(), tensors.collect::<Result<_>>()?)
    }
}

impl Masked {
    fn apply<D: Kernels, T: Tape<f32, D>>(&self, tape: &mut T, x: &Matrix<D>, c: f32) -> Result<Matrix<D>> {
        let constant = |values: Vec<f32>| {
            let shape = (1, values.len());
            let failed = |error: D::Err| KernelError::Device { op: "mask", reason: error.to_string() };
            x.device().try_tensor_from_vec(values, shape).map_err(failed)
        };
        let gain = |new: bool| if new { c } else { 1.0 };
        let (_, columns) = *dfdx::shapes::HasShape::shape(x);
        Ok(match self {
            Self::Nothing => x.clone(),
            Self::All => D::scale(tape, x, &constant(vec![c; columns])?)?,
            Self::Columns(new) => D::scale(tape, x, &constant(new.iter().map(|&new| gain(new)).collect())?)?,
            Self::Rows(new) => {
                // A new row is its own expansion by the factor [c]: no product is larger than the row.
                let c = constant(vec![c])?;
                let factors: Vec<Factor<'_, D>> = new
                    .chunk_by(|a, b| !a && !b)
                    .map(|rows| if rows[0] { Factor::Free(&c) } else { Factor::Keep(rows.len()) })
                    .collect();
                D::expand_rows(tape, x, Input::Differentiable, &factors)?
            }
        })
    }
}

fn masked(spec: &ParamSpec, part: Part, configs: (&ModelConfig, &ModelConfig)) -> Masked {
    let branch_output = matches!(part, Part::AttentionOutput | Part::MlpOutput);
    if branch_output && spec.layer.is_some_and(|layer| layer >= configs.0.num_hidden_layers) {
        return Masked::All;
    }
    // It stands behind a map that carries the mask already.
    if part == Part::BranchScale {
        return Masked::Nothing;
    }
    let new = |axis: &Axis| -> Vec<bool> { axis.spaces.iter().flat_map(|&space| new_units(space, configs)).collect() };
    // A vector over the residual stream belongs to a norm, a bias or a token, whichever way it is said to grow.
    let produces = |axis: &Axis| axis.role == Role::Produces || spec.axes.len() == 1;
    let some = |new: Vec<bool>| new.contains(&true).then_some(new);
    match &spec.axes[..] {
        [rows, _] if produces(rows) && some(new(rows)).is_some() => Masked::Rows(new(rows)),
        [.., columns] if produces(columns) => some(new(columns)).map_or(Masked::Nothing, Masked::Columns),
        _ => Masked::Nothing,
    }
}

/// For each coordinate of a space of the large model whether it is new and carries a mask of its own.
fn new_units(space: Space, (small, large): (&ModelConfig, &ModelConfig)) -> Vec<bool> {
    let there = large.space(space);
    let masked = match space {
        Space::Embed => true,
        // In a layer that is new the whole layer carries the mask.
        Space::Ffn(layer) | Space::Value(layer) => layer < small.num_hidden_layers || layer >= large.num_hidden_layers,
        _ => false,
    };
    if !masked {
        return vec![false; there.width()];
    }
    // CaiT's class-attention layers are counted on from the layers before them.
    let layer = |layer| {
        if layer < large.num_hidden_layers { layer } else { layer - large.num_hidden_layers + small.num_hidden_layers }
    };
    let old = small.space(space.layer().map_or(space, |number| space.in_layer(layer(number))));
    let is_new = |i: usize| i / there.unit >= old.units || i % there.unit >= old.unit;
    (0..there.width()).map(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_kernels::{Cpu, GradTape, NoneTape, gradients_for};
    use ligo_models::Family;

    fn masks(family: Family) -> (Model, Masks) {
        let model = Model::new(config(family, 3, 12, 3)).unwrap();
        let masks = Masks::new(&FadeIn { from: config(family, 2, 8, 2), steps: 4 }, &model);
        (model, masks)
    }

    /// What `name` is multiplied by, value by value, at c = 0.25.
    fn factors(family: Family, name: &str) -> Vec<f32> {
        let (model, masks) = masks(family);
        let i = model.specs().iter().position(|spec| spec.name == name).unwrap();
        let mut ones = model.fresh(&Cpu::default(), 1).unwrap();
        for tensor in ones.tensors_mut() {
            tensor.copy_from(&vec![1.0; tensor.as_vec().len()]);
        }
        masks.apply(&mut NoneTape, &ones, 0.25).unwrap().tensors()[i].as_vec()
    }

    /// `[rows, columns]` with c where `new` says so.
    fn where_new(rows: usize, columns: usize, new: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        let values = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c)));
        values.map(|(r, c)| if new(r, c) { 0.25 } else { 1.0 }).collect()
    }

    #[test]
    fn what_produces_a_new_unit_is_masked_and_nothing_else() {
        let bert = |name: &str| factors(Family::Bert, &format!("bert.{name}"));
        assert_eq!(bert("embeddings.word_embeddings.weight"), where_new(13, 12, |_, c| c >= 8));
        assert_eq!(bert("embeddings.LayerNorm.bias"), where_new(1, 12, |_, c| c >= 8));
        let layer = |layer: usize, name: &str| bert(&format!("encoder.layer.{layer}.{name}"));
        assert_eq!(layer(1, "attention.self.query.weight"), vec![1.0; 144]);
        assert_eq!(layer(1, "attention.self.value.weight"), where_new(12, 12, |r, _| r >= 8));
        assert_eq!(layer(1, "attention.self.value.bias"), where_new(1, 12, |_, c| c >= 8));
        assert_eq!(layer(1, "attention.output.dense.weight"), where_new(12, 12, |r, _| r >= 8));
        assert_eq!(layer(1, "intermediate.dense.weight"), where_new(48, 12, |r, _| r >= 32));
        assert_eq!(layer(1, "output.LayerNorm.weight"), where_new(1, 12, |_, c| c >= 8));
        // The last layer is new.
        assert_eq!(layer(2, "attention.self.value.weight"), vec![1.0; 144]);
        assert_eq!(layer(2, "attention.output.dense.weight"), vec![0.25; 144]);
        assert_eq!(layer(2, "output.dense.bias"), vec![0.25; 12]);
        assert_eq!(
            factors(Family::Bert, "cls.predictions.transform.LayerNorm.weight"),
            where_new(1, 12, |_, c| c >= 8)
        );
        assert_eq!(factors(Family::Bert, "cls.predictions.bias"), vec![1.0; 13]);

        let gpt2 = |name: &str| factors(Family::Gpt2, &format!("transformer.{name}"));
        assert_eq!(gpt2("h.0.attn.c_attn.weight"), where_new(12, 36, |_, c| c >= 32));
        assert_eq!(gpt2("h.0.attn.c_proj.weight"), where_new(12, 12, |_, c| c >= 8));
        assert_eq!(gpt2("ln_f.weight"), where_new(1, 12, |_, c| c >= 8));
        assert_eq!(factors(Family::Cait, "blocks.0.gamma_1"), vec![1.0; 12]);
        assert_eq!(factors(Family::Cait, "blocks_token_only.0.mlp.fc1.weight"), where_new(48, 12, |r, _| r >= 32));
    }

    #[test]
    fn the_mask_rises_step_by_step_and_then_is_gone() {
        let (_, masks) = masks(Family::Bert);
        let found: Vec<_> = (0..6).map(|step| masks.at(step)).collect();
        assert_eq!(found, [Some(0.0), Some(0.25), Some(0.5), Some(0.75), None, None]);
        assert_eq!(masks.norm_weights(0.5), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]);
    }

    #[test]
    fn a_masked_weight_gets_the_masked_gradient() {
        let (model, masks) = masks(Family::Bert);
        let parameters = model.fresh(&Cpu::default(), 1).unwrap();
        let index = |name: &str| model.specs().iter().position(|spec| spec.name == name).unwrap();
        for name in ["bert.encoder.layer.0.output.dense.weight", "bert.encoder.layer.2.output.dense.weight"] {
            let i = index(name);
            let gradient = |c: Option<f32>| {
                let mut tape = GradTape::default();
                let effective = match c {
                    Some(c) => masks.apply(&mut tape, &parameters, c).unwrap(),
                    None => parameters.clone(),
                };
                let zeros = vec![0.0; effective.tensors()[i].as_vec().len()];
                let loss = Cpu::mean_squared_error(&mut tape, &effective.tensors()[i], &zeros).unwrap();
                let mut gradients = gradients_for(parameters.tensors());
                tape.backward(&loss, 1.0, &mut gradients).unwrap();
                gradients.get(&parameters.tensors()[i]).as_vec()
            };
            // Of Σ (c w)² it is 2 c² w.
            let (plain, masked) = (gradient(None), gradient(Some(0.25)));
            let factors = factors(Family::Bert, name);
            for ((plain, masked), factor) in plain.iter().zip(&masked).zip(&factors) {
                assert!(
                    (plain * factor * factor - masked).abs() <= 1e-6 * plain.abs(),
                    "{name}: {plain} {masked} {factor}"
                );
            }
        }
    }
}
