//! What a stage's training cannot be, found before anything is trained.

use super::token_dropping::skipped;
use crate::InvalidTraining;
use ligo_growth::{Trained, Training};
use ligo_models::ModelConfig;

/// Whether a model can be trained so.
///
/// # Errors
/// The first option that does not go with the model or with another, under its key.
pub(super) fn check(training: &Training, config: &ModelConfig) -> Result<(), InvalidTraining> {
    let layers = config.num_hidden_layers;
    let require = |holds: bool, key: &'static str, found: String, expected: String| {
        if holds { Ok(()) } else { Err(InvalidTraining { key, found, expected }) }
    };
    let within = |key, found: usize, least: usize| {
        let expected = format!("{least} to {layers} (the model's layers)");
        require((least..=layers).contains(&found), key, found.to_string(), expected)
    };
    match &training.trained {
        Trained::All => {}
        Trained::From(first) => within("trained.from", *first, 0)?,
        Trained::Bottom(count) => within("staged_training.layers", *count, 1)?,
        Trained::Layers(named) => {
            let fits = !named.is_empty() && named.iter().all(|&layer| layer < layers);
            let expected = format!("one or more of the layers 0 to {}", layers.saturating_sub(1));
            require(fits, "trained.layers", format!("{named:?}"), expected)?;
        }
    }
    if let Some(sub_models) = &training.sub_models {
        within("sub_models.layers", sub_models.layers, 1)?;
        let alone = training.trained == Trained::All;
        require(alone, "sub_models", format!("beside {:?}", training.trained), "all weights to be trained".into())?;
    }
    if let Some(distillation) = &training.distillation {
        let temperature = distillation.temperature;
        let fits = temperature > 0.0 && temperature.is_finite();
        require(fits, "distillation.temperature", temperature.to_string(), "a number above 0".into())?;
    }
    if let Some(dropping) = &training.layer_dropping {
        let fits = (0.0..1.0).contains(&dropping.max_rate);
        require(fits, "layer_dropping.max_rate", dropping.max_rate.to_string(), "0 or more and less than 1".into())?;
    }
    if let Some(dropping) = &training.token_dropping {
        let fits = (0.0..1.0).contains(&dropping.share);
        require(fits, "token_dropping.share", dropping.share.to_string(), "0 or more and less than 1".into())?;
        let skipped = skipped(dropping, layers);
        require(
            skipped.end <= layers,
            "token_dropping.to_layer",
            skipped.end.to_string(),
            format!("at most {layers} (the model's layers)"),
        )?;
        let expected = format!("less than to_layer ({}), in a model of {layers} layers", skipped.end);
        require(skipped.start < skipped.end, "token_dropping.from_layer", skipped.start.to_string(), expected)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_growth::testing::config;
    use ligo_growth::{Distillation, LayerDropping, SubModels, TokenDropping};
    use ligo_models::Family;

    #[test]
    fn an_impossible_training_is_refused_by_its_key() {
        let plain = Training::default;
        let trained = |trained| Training { trained, ..plain() };
        let tokens = |share, from_layer, to_layer| Training {
            token_dropping: Some(TokenDropping { share, from_layer, to_layer }),
            ..plain()
        };
        let layers = |max_rate| Training { layer_dropping: Some(LayerDropping { max_rate }), ..plain() };
        let sub_models = |layers| Training { sub_models: Some(SubModels { layers }), ..plain() };
        let cases = [
            (plain(), None),
            (trained(Trained::From(0)), None),
            (trained(Trained::From(4)), None),
            (trained(Trained::From(5)), Some("trained.from is 5, expected 0 to 4 (the model's layers)")),
            (trained(Trained::Bottom(0)), Some("staged_training.layers is 0, expected 1 to 4 (the model's layers)")),
            (trained(Trained::Layers(vec![3])), None),
            (trained(Trained::Layers(vec![])), Some("trained.layers is [], expected one or more of the layers 0 to 3")),
            (
                trained(Trained::Layers(vec![4])),
                Some("trained.layers is [4], expected one or more of the layers 0 to 3"),
            ),
            (sub_models(4), None),
            (sub_models(0), Some("sub_models.layers is 0, expected 1 to 4 (the model's layers)")),
            (
                Training { trained: Trained::From(1), ..sub_models(2) },
                Some("sub_models is beside From(1), expected all weights to be trained"),
            ),
            (layers(0.0), None),
            (layers(1.0), Some("layer_dropping.max_rate is 1, expected 0 or more and less than 1")),
            (layers(f32::NAN), Some("layer_dropping.max_rate is NaN, expected 0 or more and less than 1")),
            (tokens(0.15, None, None), None),
            (tokens(0.15, Some(0), Some(4)), None),
            (tokens(-0.1, None, None), Some("token_dropping.share is -0.1, expected 0 or more and less than 1")),
            (tokens(0.1, None, Some(5)), Some("token_dropping.to_layer is 5, expected at most 4 (the model's layers)")),
            (
                tokens(0.1, Some(3), None),
                Some("token_dropping.from_layer is 3, expected less than to_layer (3), in a model of 4 layers"),
            ),
            (
                Training { distillation: Some(Distillation { temperature: 0.0, until: 3 }), ..plain() },
                Some("distillation.temperature is 0, expected a number above 0"),
            ),
        ];
        for (training, expected) in cases {
            let found = check(&training, &config(Family::Gpt2, 4, 8, 2)).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected, "{training:?}");
        }
    }
}
