//! The part of the model that a micro-batch goes through: what the strategies of a stage say, put together.

use super::{fade_in::Masks, layer_dropping, sub_models, token_dropping, trained};
use crate::{InvalidTraining, StepContext};
use ligo_growth::Training;
use ligo_models::{Model, ModelConfig, Route};
use std::ops::Range;

/// Draws the route of every micro-batch of a stage: a pure function of the place in the stage.
#[derive(Debug, Clone)]
pub(super) struct Router {
    training: Training,
    config: ModelConfig,
    masks: Option<Masks>,
    /// Steps of the whole schedule.
    steps: u64,
}

impl Router {
    /// Of a stage of a schedule of `steps` steps.
    ///
    /// # Errors
    /// The first option that does not go with the model or with another.
    pub(super) fn new(training: &Training, model: &Model, steps: u64) -> Result<Self, InvalidTraining> {
        super::check::check(training, model.config())?;
        let masks = training.masks.as_ref().map(|fade| Masks::new(fade, model));
        Ok(Self { training: training.clone(), config: model.config().clone(), masks, steps })
    }

    pub(super) fn training(&self) -> &Training {
        &self.training
    }

    pub(super) fn masks(&self) -> Option<&Masks> {
        self.masks.as_ref()
    }

    /// Whether a step goes through all of the model.
    pub(super) fn is_whole(&self, step: u64) -> bool {
        let Training { trained, distillation: _, masks: _, layer_dropping, token_dropping, sub_models } =
            &self.training;
        let layers = self.config.num_hidden_layers;
        trained::layers(trained, layers) == (0..layers)
            && layer_dropping.is_none()
            && token_dropping.is_none()
            && sub_models.is_none()
            && self.masks.as_ref().is_none_or(|masks| masks.at(step).is_none())
    }

    /// The layers of a step that are recorded: those below only run forward, those above are not there.
    pub(super) fn layers(&self, context: &StepContext) -> Range<usize> {
        let layers = self.config.num_hidden_layers;
        match &self.training.sub_models {
            Some(drawn) => sub_models::trained(drawn, layers, context),
            None => trained::layers(&self.training.trained, layers),
        }
    }

    /// The route of a micro-batch of so many sequences of so many tokens.
    pub(super) fn of_micro_batch(&self, context: &StepContext, shape: (usize, usize)) -> Route {
        let (layers, there) = (self.config.num_hidden_layers, self.layers(context));
        let masks = self.masks.as_ref();
        let mut route = Route {
            recorded_from: there.start,
            until: (there.end < layers).then_some(there.end),
            norm_weights: masks.and_then(|masks| Some(masks.norm_weights(masks.at(context.step)?))),
            ..Route::default()
        };
        if let Some(dropping) = &self.training.layer_dropping {
            route.kept_layers = layer_dropping::kept(dropping, layers, context, self.steps);
        }
        if let Some(dropping) = &self.training.token_dropping {
            // In a model that ends earlier, tokens come back at its last layer.
            let skipped = token_dropping::skipped(dropping, layers);
            let end = route.until.map_or(skipped.end, |until| skipped.end.min(until.saturating_sub(1)));
            let skipped = skipped.start.min(end)..end;
            route.kept_tokens = token_dropping::kept(dropping, skipped, &self.config, shape, context);
        }
        route
    }
}
