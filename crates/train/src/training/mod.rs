//! A stage's training carried out (`ligo_growth::Training`): which weights change, which part of the model a micro-batch goes
//! through, who teaches, what fades in. Each idea is a file; [`ModelTraining`] puts them together as an objective, [`Charge`] says
//! what the steps cost.

mod charge;
mod check;
mod fade_in;
mod layer_dropping;
mod path_dropping;
mod router;
mod sub_models;
mod teacher;
mod token_dropping;
mod trained;

#[cfg(test)]
mod tests;

pub use charge::Charge;
pub use teacher::Teacher;

use crate::{Evaluated, InvalidTraining, Objective, StepContext};
use anyhow::Result;
use ligo_growth::Training;
use ligo_kernels::{GradTape, Kernels, NoneTape, Scalar};
use ligo_models::{Batch, Inputs, Mode, Model, Parameters, Route, Teaching};
use std::borrow::Cow;
use trained::Standings;

/// A model with its weights, trained as a stage of a recipe says.
#[derive(Debug)]
pub struct ModelTraining<D: Kernels> {
    model: Model,
    parameters: Parameters<D>,
    charge: Charge,
    standings: Standings,
    teacher: Option<Teacher<D>>,
    /// What [`Route::dropped_paths`] is in every step.
    dropped_paths: Vec<f32>,
    recompute: bool,
}

impl<D: Kernels> ModelTraining<D> {
    /// Of a model at the beginning of the stage that `charge` counts; `teacher` is asked while the training says so.
    ///
    /// # Errors
    /// A training with a teacher's part and no teacher, or one that speaks of other tokens or classes.
    pub fn new(
        model: Model,
        parameters: Parameters<D>,
        charge: Charge,
        teacher: Option<Teacher<D>>,
    ) -> Result<Self, InvalidTraining> {
        let refused = |found: String, expected: String| InvalidTraining { key: "distillation", found, expected };
        let taught = charge.router().training().distillation.is_some();
        match &teacher {
            None if taught => return Err(refused("asked for".into(), "a teacher".into())),
            Some(teacher) => {
                let classes = |model: &Model| (model.config().vocab_size, model.config().num_labels());
                let (found, expected) = (classes(&teacher.model), classes(&model));
                if found != expected {
                    let words = |(tokens, labels)| format!("{tokens} tokens and {labels} labels");
                    return Err(refused(format!("by a teacher of {}", words(found)), words(expected)));
                }
            }
            None => {}
        }
        let (standings, teacher) = (Standings::of(&model), teacher.filter(|_| taught));
        Ok(Self { model, parameters, charge, standings, teacher, dropped_paths: Vec::new(), recompute: false })
    }

    /// The same numbers out of less memory and more time: blocks are computed again on the way back, but for steps with a teacher.
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        Self { recompute, ..self }
    }

    /// The same with stochastic depth (Huang et al. 2016): the branches of the last layer are left out with probability `rate`, those
    /// of the layers before with less, in CaiT with as much; each by a draw of its own for each sequence or image. It is charged as if
    /// nothing were left out, since all branches are computed.
    ///
    /// # Errors
    /// A rate that is not from 0 to less than 1.
    pub fn dropping_paths(self, rate: f32) -> Result<Self, InvalidTraining> {
        if !(0.0..1.0).contains(&rate) {
            let (found, expected) = (rate.to_string(), "0 or more and less than 1".into());
            return Err(InvalidTraining { key: "drop_path", found, expected });
        }
        let dropped_paths = if rate > 0.0 { path_dropping::rates(rate, self.model.config()) } else { Vec::new() };
        Ok(Self { dropped_paths, ..self })
    }

    /// The model and its weights as they stand.
    pub fn into_parts(self) -> (Model, Parameters<D>) {
        (self.model, self.parameters)
    }

    fn training(&self) -> &Training {
        self.charge.router().training()
    }

    /// What the teacher says of a batch at that step, and its share; none where it is silent.
    fn taught(&self, batch: &Batch, context: &StepContext) -> Result<Option<(ligo_kernels::Matrix<D>, f32, f32)>> {
        let Some((teacher, distillation)) = self.teacher.as_ref().zip(self.training().distillation.as_ref()) else {
            return Ok(None);
        };
        let Some(share) = teacher::share(distillation, context.schedule_step) else { return Ok(None) };
        let logits = teacher.model.labelled_logits(&teacher.parameters, batch)?;
        Ok(Some((logits, share, distillation.temperature)))
    }
}

impl<D: Kernels> Objective<D> for ModelTraining<D> {
    fn trainable(&self) -> &Parameters<D> {
        &self.parameters
    }

    fn trainable_mut(&mut self) -> &mut Parameters<D> {
        &mut self.parameters
    }

    fn loss(&self, tape: &mut GradTape<D>, batch: &Batch, context: &StepContext) -> Result<Scalar<D>> {
        let router = self.charge.router();
        let drawn = router.of_micro_batch(context, shape(&self.model, &batch.inputs));
        let route = Route { dropped_paths: self.dropped_paths.clone(), ..drawn };
        // The masks go onto the tape first, so that backward reaches them last.
        let masked = match router.masks().and_then(|masks| Some((masks, masks.at(context.step)?))) {
            Some((masks, c)) => Some(masks.apply(tape, &self.parameters, c)?),
            None => None,
        };
        let parameters = masked.as_ref().unwrap_or(&self.parameters);
        let mode = Mode::Train { dropout_key: context.key() };
        Ok(match self.taught(batch, context)? {
            Some((logits, share, temperature)) => {
                let teaching = Teaching { logits: &logits, share, temperature };
                self.model.taught_loss(tape, parameters, batch, mode, &route, &teaching)?
            }
            None if self.recompute => self.model.recomputed_loss(tape, parameters, batch, mode, &route)?,
            None => self.model.loss_along(tape, parameters, batch, mode, &route)?,
        })
    }

    fn rate(&self, index: usize, context: &StepContext) -> f32 {
        let router = self.charge.router();
        let changes = self.standings.changes(index, &self.training().trained, &router.layers(context));
        f32::from(u8::from(changes))
    }

    fn flops(&self, context: &StepContext) -> Option<f64> {
        self.charge.micro_batch(context)
    }

    /// All of the model, whatever part of it is trained; new units as far as they have faded in.
    fn evaluated(&self, steps: u64) -> Result<Evaluated<'_, D>> {
        match self.charge.router().masks().and_then(|masks| Some((masks, masks.at(steps)?))) {
            Some((masks, c)) => Ok(Evaluated {
                model: &self.model,
                parameters: Cow::Owned(masks.apply(&mut NoneTape, &self.parameters, c)?),
                route: Route { norm_weights: Some(masks.norm_weights(c)), ..Route::default() },
            }),
            None => Ok(Evaluated::whole(&self.model, Cow::Borrowed(&self.parameters))),
        }
    }
}

/// Sequences and tokens in each.
fn shape(model: &Model, inputs: &Inputs) -> (usize, usize) {
    match inputs {
        Inputs::Tokens(tokens) => (tokens.batch_size, tokens.sequence_length),
        Inputs::Images(images) => (images.batch_size, model.config().longest_sequence().unwrap_or(0)),
    }
}
