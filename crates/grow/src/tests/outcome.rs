//! What is there when a growth is done.

use super::*;
use ligo_growth::Guarantee;

#[test]
fn every_family_grows_into_a_checkpoint_that_opens_with_all_that_came_with_it() {
    let place = tempfile::tempdir().unwrap();
    for family in Family::ALL {
        let source = checkpoint(family);
        std::fs::write(source.path().join("generation_config.json"), "{}").unwrap();
        for method in ["direct-copy", "bert2bert"] {
            let out = place.path().join(format!("{family}-{method}"));
            let report = Asked::new(source.path(), out.clone(), method).finished();
            let (model, parameters) = hub::import(&out, &Cpu::default()).unwrap();
            let config = model.config();
            assert_eq!((config.hidden_size, config.num_hidden_layers, config.num_attention_heads), (16, 4, 4));
            assert_eq!(report.after, parameters.elements() as u64, "{family}");
            let mut expected = names(source.path());
            expected.push("README.md".into());
            expected.sort();
            assert_eq!(names(&out), expected, "{family} {method}");
            let receipt = report.receipt.unwrap();
            assert!(report.guarantee != Guarantee::Function || receipt.is_kept(), "{family} {method}: {receipt}");
        }
    }
    assert!(names(place.path()).iter().all(|name| !name.ends_with(".partial")));
}

#[test]
fn widening_by_copies_keeps_the_function_and_the_receipt_says_so() {
    let place = tempfile::tempdir().unwrap();
    for family in Family::ALL {
        let source = checkpoint(family);
        let mut asked = Asked::new(source.path(), place.path().join(family.name()), "bert2bert");
        asked.target = Target::Sizes(Sizes { hidden_size: Some(16), ..Sizes::default() });
        asked.options = toml::toml! { scheme = "fpi"
        draw = "balanced" };
        asked.data = Some(data(family, source.path()));
        let report = asked.finished();
        if report.guarantee == Guarantee::Function {
            let (small, grown) = (report.small_loss.unwrap(), report.grown_loss.unwrap());
            assert!(report.receipt.unwrap().is_kept() && (small - grown).abs() < 1e-4, "{family}: {small} {grown}");
        }
    }
}

#[test]
fn an_operator_that_stays_at_its_start_promises_what_that_start_does_and_shows_it() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let mut asked = Asked::new(source.path(), place.path().join("grown"), "ligo");
    asked.options = toml::toml! { width_start = "function-preserving"
    depth_start = "identity" };
    asked.learning.steps = Some(0);
    let (forecast, promise) =
        asked.with(|plan| Ok((plan.forecast(&Cpu::default())?, plan.guarantee().clone()))).unwrap();
    assert_eq!((promise, forecast.learning), (Guarantee::Function, None));
    assert!(forecast.memory.factors > 0 && forecast.memory.beside == 0, "{:?}", forecast.memory);
    let report = asked.finished();
    assert!(report.guarantee == Guarantee::Function && report.receipt.unwrap().is_kept());
}

#[test]
fn the_card_names_source_licence_method_and_command_and_copies_nothing_else() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let card = "---\nlicense: apache-2.0\nlanguage: en\n---\n# A secret story\n";
    std::fs::write(source.path().join("README.md"), card).unwrap();
    std::fs::write(source.path().join("LICENSE"), "the licence").unwrap();
    let out = place.path().join("grown");
    Asked::new(source.path(), out.clone(), "direct-copy").finished();
    let card = std::fs::read_to_string(out.join("README.md")).unwrap();
    let name = source.path().file_name().unwrap().to_str().unwrap();
    assert!(card.starts_with("---\nbase_model: ") && card.contains(name), "{card}");
    for part in [
        "\nlicense: apache-2.0\n",
        "\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- grown\n",
        "Puts the small weights into the corner",
        "| before | 2 layers × 8 channels, 2 heads, MLP 32, ",
        "\n```sh\ncargo xtask grow\n```\n",
        "AutoModelForCausalLM",
        "extends = \"bases/continue.toml\"\ndata.sequence_length = 8\n[small]\ncheckpoint = \"checkpoint\"",
    ] {
        assert!(card.contains(part), "{part:?} is missing in:\n{card}");
    }
    assert!(!card.contains("secret"));
    assert_eq!(std::fs::read_to_string(out.join("LICENSE")).unwrap(), "the licence");
}

#[test]
fn numbers_are_of_the_sources_type_unless_another_is_asked_for() {
    let (source, place) = (checkpoint(Family::Llama), tempfile::tempdir().unwrap());
    let half = place.path().join("half");
    let (model, parameters) = hub::import(source.path(), &Cpu::default()).unwrap();
    let options = ExportOptions { dtype: FloatType::BF16, ..ExportOptions::default() };
    hub::export(&half, &model, &parameters, &options).unwrap();
    for (from, expected) in [(source.path(), FloatType::F32), (&half, FloatType::BF16)] {
        let asked = Asked::new(from, place.path().join("out"), "direct-copy");
        assert_eq!(asked.with(|plan| Ok(plan.dtype())).unwrap(), expected);
    }
}

#[test]
fn a_forecast_writes_nothing_and_counts_what_there_will_be() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let mut asked = Asked::new(source.path(), place.path().join("grown"), "ligo");
    asked.data = Some(text(source.path()));
    let (forecast, (before, after)) =
        asked.with(|plan| Ok((plan.forecast(&Cpu::default())?, plan.parameters()))).unwrap();
    assert_eq!((forecast.memory.small, forecast.memory.large, forecast.written), (4 * before, 4 * after, 4 * after));
    let learning = forecast.learning.unwrap();
    assert_eq!((learning.steps, learning.batch_size, learning.sequence_length), (100, 8, 8));
    assert!(learning.step_seconds > 0.0 && forecast.seconds > 99.0 * learning.step_seconds);
    // B of 8 → 16 for the residual stream, queries, keys, values, 32 → 64 for the MLP, w of 2 → 4 for each module.
    assert!(forecast.memory.factors >= 16 * (4 * 64 + 32 * 32), "{:?}", forecast.memory);
    let fixed = Asked::new(source.path(), place.path().join("grown"), "direct-copy");
    let forecast = fixed.with(|plan| plan.forecast(&Cpu::default())).unwrap();
    assert_eq!((forecast.learning, forecast.memory.factors), (None, 0));
    assert!(names(place.path()).is_empty());
}

#[test]
fn a_growth_that_is_stopped_while_its_weights_are_written_leaves_nothing() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let asked = Asked::new(source.path(), place.path().join("grown"), "direct-copy");
    for at in ["growing", "asking the grown model"] {
        let watcher = Watcher { stop_at: Some(at), ..Watcher::default() };
        let outcome = asked.run(&watcher).unwrap();
        assert!(matches!(outcome, Outcome::Stopped { kept: None }), "{at}: {outcome:?}");
        assert!(names(place.path()).is_empty(), "{at}: {:?}", names(place.path()));
    }
}

#[test]
fn a_weight_that_the_wanted_type_cannot_hold_is_named_and_nothing_is_left() {
    let (source, place) = (checkpoint(Family::Gpt2), tempfile::tempdir().unwrap());
    let (model, mut parameters) = hub::import(source.path(), &Cpu::default()).unwrap();
    let name = parameters.specs()[0].name.clone();
    let tensor = &mut parameters.tensors_mut()[0];
    let mut values = tensor.as_vec();
    values[0] = 70_000.0;
    tensor.copy_from(&values);
    let large = source.path().join("large-values");
    hub::export(&large, &model, &parameters, &ExportOptions::default()).unwrap();
    let mut asked = Asked::new(&large, place.path().join("grown"), "direct-copy");
    asked.dtype = Some(FloatType::F16);
    let message = asked.message();
    assert!(message.contains(&name) && message.contains("7e4") && message.contains("F16"), "{message}");
    assert!(names(place.path()).is_empty(), "{:?}", names(place.path()));
}
