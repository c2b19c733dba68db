//! Keys, presets and bounds.

use super::*;

fn parse(text: &str) -> Result<LigoOptions> {
    LigoOptions::parse(Preset::Ligo, &text.parse().unwrap())
}

#[test]
fn every_key_can_be_set() {
    let options = parse(
        "preset = 'ligo'
         steps = 7
         learning_rate = 2e-3
         depth_learning_rate = 4e-3
         residual_learning_rate = 1e-3
         small_learning_rate = 0
         warmup_steps = 2
         schedule = 'cosine'
         weight_decay = 0.1
         batch_size = 3
         dropout = false
         width_form = 'free'
         width_start = 'selection'
         tying = 'scaled'
         factors = 'per-small-layer'
         rotary = 'dense'
         head_factor = true
         depth_start = 'interlace'
         depth_noise = 0.03
         depth_weights = 'shared'
         bias_depth = 'own'
         residual = true
         fresh = true
         tune_small = true",
    )
    .unwrap();
    let task = Task { small: toml_model(), large: toml_model(), steps: 600 };
    let training = OperatorTraining {
        steps: 7,
        learning_rate: 2e-3,
        warmup_steps: 2,
        decay: RateDecay::Cosine,
        weight_decay: 0.1,
        batch_size: Some(3),
        dropout: false,
    };
    assert_eq!(options.training(&task), training);
    let expected = FactorOptions {
        width_form: WidthForm::Free,
        width_start: WidthStart::Selection,
        tying: Tying::Scaled,
        sharing: Sharing::PerSmallLayer,
        rotary: Rotary::Dense,
        head_factor: true,
        depth_start: DepthStart::Interlace,
        depth_noise: 0.03,
        depth_weights: DepthWeights::Shared,
        bias_depth: BiasDepth::Own,
        residual: true,
        fresh: true,
        tune_small: true,
        rates: Rates { depth: 2.0, residual: 0.5, small: 0.0 },
    };
    assert_eq!(options.factors(), expected);
}

fn toml_model() -> ligo_models::ModelConfig {
    ligo_growth::testing::config(ligo_models::Family::Gpt2, 1, 8, 2)
}

#[test]
fn a_preset_sets_defaults_that_other_keys_override() {
    let published = parse("preset = 'ligo-published'\nwarmup_steps = 3").unwrap();
    assert_eq!((published.steps, published.warmup_steps, published.learning_rate), (Some(100), 3, 2e-4));
    assert_eq!((published.factors, published.bias_depth), (Sharing::PerLargeLayer, BiasDepth::Own));
    assert!(published.head_factor && published.weight_decay == 0.1 && published.depth_noise == 0.03);
    assert_eq!(published, LigoOptions::parse(Preset::LigoPublished, &toml::toml! { warmup_steps = 3 }).unwrap());

    let paper = LigoOptions::parse(Preset::LigoPaper, &toml::Table::new()).unwrap();
    assert_eq!((paper.preset, paper.steps), (Preset::LigoPaper, Some(100)));
    assert_eq!((paper.width_form, paper.factors), (WidthForm::Free, Sharing::PerSmallLayer));
    // Neither source has anything beside the map.
    assert_eq!((paper.fresh, published.fresh), (Some(false), Some(false)));

    assert_eq!(parse("").unwrap(), LigoOptions::default());
}

#[test]
fn a_start_that_divides_unties_by_itself() {
    for (text, expected) in [
        ("", Tying::Tied),
        ("width_start = 'selection'", Tying::Tied),
        ("width_start = 'selection-normalised'", Tying::Untied),
        ("width_start = 'function-preserving'", Tying::Untied),
        ("width_start = 'function-preserving'\ntying = 'scaled'", Tying::Scaled),
    ] {
        assert_eq!(parse(text).unwrap().factors().tying, expected, "{text}");
    }
}

#[test]
fn fresh_values_stand_beside_the_map_unless_it_divides_copies_or_a_key_says_otherwise() {
    for (text, expected) in [
        ("", true),
        ("width_start = 'zero'", true),
        ("fresh = false", false),
        ("width_start = 'function-preserving'", false),
        ("width_start = 'selection-normalised'", false),
        ("width_start = 'function-preserving'\nfresh = true", true),
        ("preset = 'ligo-paper'", false),
        ("preset = 'ligo-published'\nfresh = true", true),
    ] {
        assert_eq!(parse(text).unwrap().factors().fresh, expected, "{text}");
    }
}

#[test]
fn a_value_out_of_bounds_is_named() {
    for (text, key) in [
        ("learning_rate = 0", "learning_rate"),
        ("learning_rate = nan", "learning_rate"),
        ("depth_learning_rate = -1", "depth_learning_rate"),
        ("depth_learning_rate = 10\nlearning_rate = 2e-38", "depth_learning_rate"),
        ("residual_learning_rate = 1e-3", "residual_learning_rate"),
        ("small_learning_rate = 1e-3", "small_learning_rate"),
        ("small_learning_rate = inf\ntune_small = true", "small_learning_rate"),
        ("weight_decay = -1", "weight_decay"),
        ("batch_size = 0", "batch_size"),
        ("depth_noise = inf", "depth_noise"),
        ("depth_noise = 1.5", "depth_noise"),
        ("width_form = 'fixed'", "width_form"),
        ("preset = 'liga'", "preset"),
        ("preset = 'ligo-published'\nwidth_start = 1", "width_start"),
        ("width_start = 'function-preserving'\ntying = 'tied'", "tying"),
        ("width_start = 'selection-normalised'\ntying = 'tied'", "tying"),
        ("depth_start = 'identity'\ndepth_weights = 'shared'", "depth_weights"),
        ("stpes = 1", "stpes"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.starts_with(&format!("method ligo: option {key}: ")), "{message}");
    }
}

#[test]
fn a_method_with_a_preset_of_its_own_takes_no_other() {
    let error = LigoOptions::parse(Preset::LigoPaper, &toml::toml! { preset = "ligo-published" }).unwrap_err();
    assert!(error.to_string().starts_with("method ligo-paper: option preset: found \"ligo-published\""), "{error}");
}
