//! Which weights a step changes: those that a gradient reaches, and of them those that a stage names.

use ligo_growth::Trained;
use ligo_models::{Family, Head, Model, Space};
use std::ops::Range;

/// Where a weight stands in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Below the layers, and nowhere else.
    Below,
    /// In a layer.
    Layer(usize),
    /// On top of the layers, an embedding that the output is tied to included.
    Above,
}

/// The standing of every weight of a model.
#[derive(Debug, Clone)]
pub(super) struct Standings(Vec<Standing>);

impl Standings {
    pub(super) fn of(model: &Model) -> Self {
        let config = model.config();
        let decodes = matches!(config.head(), Head::CausalLm | Head::MaskedLm);
        let first = model.specs().iter().position(|spec| spec.layer.is_some()).unwrap_or(model.specs().len());
        let standing = |(i, spec): (usize, &ligo_models::ParamSpec)| {
            let tied = decodes && config.tie_word_embeddings() && spec.axes[0].spaces == [Space::Vocab];
            // CaiT's class token is declared first and joins last.
            let joins_late = config.family == Family::Cait && spec.name == "cls_token";
            match spec.layer {
                Some(layer) => Standing::Layer(layer),
                None if i > first || tied || joins_late => Standing::Above,
                None => Standing::Below,
            }
        };
        Self(model.specs().iter().enumerate().map(standing).collect())
    }

    /// Whether a step that goes through the layers up to the end of `there`, and is recorded from its start on, changes weight number
    /// `index`.
    pub(super) fn changes(&self, index: usize, trained: &Trained, there: &Range<usize>) -> bool {
        let standing = self.0.get(index).copied().unwrap_or(Standing::Above);
        let reached = match standing {
            Standing::Below => there.start == 0,
            Standing::Layer(layer) => there.contains(&layer),
            Standing::Above => true,
        };
        reached
            && match (trained, standing) {
                (Trained::Layers(layers), Standing::Layer(layer)) => layers.contains(&layer),
                (Trained::Layers(_), _) => false,
                _ => true,
            }
    }
}

/// The layers that a stage trains, as far as they are one after the other; what is below only runs forward, what is above is not
/// there.
pub(super) fn layers(trained: &Trained, layers: usize) -> Range<usize> {
    match *trained {
        Trained::All | Trained::Layers(_) => 0..layers,
        Trained::From(first) => first..layers,
        Trained::Bottom(count) => 0..count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_kernels::{Cpu, GradTape, gradients_for};
    use ligo_models::{Batch, Images, Inputs, Mode, Route, Targets, Tokens};

    fn batch(family: Family) -> Batch {
        if family.reads_images() {
            let pixels = (0..2 * 48).map(|i| (i as f32 * 0.7).sin()).collect();
            return Batch {
                inputs: Inputs::Images(Images { pixels, batch_size: 2 }),
                targets: Targets::Classes(vec![1, 2]),
            };
        }
        let tokens =
            Tokens { input_ids: vec![2, 5, 3, 7, 12, 4], batch_size: 2, sequence_length: 3, ..Tokens::default() };
        Batch::tokens(tokens, vec![5, 3, 7, 12, 1, 2])
    }

    #[test]
    fn what_a_step_changes_is_what_a_gradient_reaches_in_every_family() {
        for family in Family::ALL {
            for tied in [None, Some(false)].into_iter().filter(|tied| tied.is_none() || family.is_llama_style()) {
                let config = ligo_models::ModelConfig { tie_word_embeddings: tied, ..config(family, 3, 8, 2) };
                let model = Model::new(config).unwrap();
                let parameters = model.fresh(&Cpu::default(), 1).unwrap();
                let standings = Standings::of(&model);
                for there in [0..3, 1..3, 3..3, 0..2, 1..2] {
                    let route = &Route { recorded_from: there.start, until: Some(there.end), ..Route::default() };
                    let mut tape = GradTape::default();
                    let mode = Mode::Train { dropout_key: 1 };
                    let loss = model.loss_along(&mut tape, &parameters, &batch(family), mode, route).unwrap();
                    let mut gradients = gradients_for(parameters.tensors());
                    tape.backward(&loss, 1.0, &mut gradients).unwrap();
                    for (i, (spec, tensor)) in model.specs().iter().zip(parameters.tensors()).enumerate() {
                        let gradient = gradients.get_or_alloc_mut(tensor).unwrap();
                        let reached = gradient.iter().any(|&g| g != 0.0);
                        let found = standings.changes(i, &Trained::All, &there);
                        // A shift of all scores changes no softmax: its gradient is 0 but for what rounding leaves.
                        let shifts = ["proj_l.bias", "key.bias", "k_proj.bias", "attn.k.bias"];
                        let shifts = found && shifts.iter().any(|bias| spec.name.ends_with(bias));
                        assert!(found == reached || shifts, "{family} {there:?}: {}", spec.name);
                    }
                }
            }
        }
    }

    #[test]
    fn named_layers_change_alone() {
        let model = Model::new(config(Family::Gpt2, 3, 8, 2)).unwrap();
        let standings = Standings::of(&model);
        for (i, spec) in model.specs().iter().enumerate() {
            let found = standings.changes(i, &Trained::Layers(vec![0, 2]), &(0..3));
            assert_eq!(found, matches!(spec.layer, Some(0 | 2)), "{}", spec.name);
        }
        assert_eq!(layers(&Trained::From(2), 3), 2..3);
        assert_eq!(layers(&Trained::Bottom(2), 3), 0..2);
        assert_eq!(layers(&Trained::All, 3), 0..3);
    }
}
