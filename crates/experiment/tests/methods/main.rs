//! Every method of the registry on every family of models: whatever it says of the model that it grows has to be true, and what the
//! project's own methods do and refuse stays as `snapshots/` has it.
//!
//! A new method joins by its line in the registry. What a method is for, its own crate tests; here stands what all have in common.

mod cases;
mod growth;
mod table;
mod truth;

use cases::{OWN, WRONG, options, pairs};
use ligo_experiment::{find, methods};
use ligo_growth::testing::config;
use ligo_growth::{GrowthError, Method, Start, Task};
use ligo_kernels::Cpu;
use ligo_models::{Family, ModelConfig};
use std::fmt::Write;
use std::sync::LazyLock;
use table::Row;
use truth::{Outcome, agreed, outcome};

/// What one method does with one set of options.
struct Rows {
    method: &'static str,
    options: &'static str,
    rows: Vec<Row>,
    /// What it says and does not keep.
    faults: String,
}

/// The whole table: worked out once, read by two tests.
static TABLE: LazyLock<Vec<Rows>> = LazyLock::new(|| {
    let mut table = Vec::new();
    for method in methods::<Cpu>() {
        for options in options(method.name()) {
            table.push(rows(method.as_ref(), options));
        }
    }
    table
});

fn rows(method: &dyn Method<Cpu>, options: &'static str) -> Rows {
    let (mut rows, mut faults) = (Vec::new(), String::new());
    let parsed: toml::Table = options.parse().expect("options are TOML");
    for family in Family::ALL {
        for pair in pairs(family) {
            match outcome(method, &parsed, &pair) {
                Ok(outcome) => rows.push(Row { family, pair: pair.name, outcome }),
                Err(fault) => {
                    let _ = writeln!(faults, "{} {options:?}, {family}, {}: {fault}", method.name(), pair.name);
                }
            }
        }
    }
    Rows { method: method.name(), options, rows, faults }
}

#[test]
fn what_every_method_says_of_every_family_is_true() {
    let wrong: String = TABLE.iter().map(|rows| rows.faults.as_str()).collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A method that refuses more than it did, promises less, or grows no moments any longer changes this text.
#[test]
fn what_the_projects_own_methods_do_is_as_it_was() {
    let is_own = |rows: &&Rows| OWN.iter().any(|(name, _)| *name == rows.method);
    let (own, others): (Vec<&Rows>, Vec<&Rows>) = TABLE.iter().partition(is_own);
    // A method of your own is shown, by `-- --nocapture`, and nothing of it is stored.
    eprintln!("{}", text(&others));
    insta::assert_snapshot!("outcomes", text(&own));
}

/// A paragraph for each method and its options, one for several sets of them where all do the same.
fn text(table: &[&Rows]) -> String {
    let mut paragraphs: Vec<(&str, String, String)> = Vec::new();
    for Rows { method, options, rows, .. } in table {
        let head = format!("{method} {}", options.replace('\n', ", ")).trim_end().to_owned() + "\n";
        let body = table::text(rows);
        match paragraphs.last_mut() {
            Some((last, heads, same)) if last == method && *same == body => heads.push_str(&head),
            _ => paragraphs.push((method, head, body)),
        }
    }
    paragraphs.into_iter().map(|(_, head, body)| head + &body).collect()
}

#[test]
fn every_set_of_options_is_one_that_its_method_takes() {
    for name in OWN.iter().map(|(name, _)| *name).chain(WRONG.iter().map(|(name, ..)| *name)) {
        assert!(find(&methods::<Cpu>(), name).is_some(), "{name} is not in the registry");
    }
    for Rows { method, options, rows, .. } in TABLE.iter() {
        let taken = rows.iter().any(|row| !matches!(row.outcome, Outcome::Refused(_)));
        assert!(taken, "{method} takes {options:?} nowhere");
    }
}

#[test]
fn an_option_that_a_method_cannot_take_is_refused_by_name() {
    let (small, large) = (config(Family::Gpt2, 2, 8, 2), config(Family::Gpt2, 4, 16, 4));
    let task = Task { small, large, steps: 600 };
    let mut wrong = String::new();
    for method in methods::<Cpu>() {
        let own = WRONG.iter().filter(|(name, ..)| *name == method.name());
        for (option, value) in own.map(|(_, option, value)| (*option, *value)).chain([("no_such_option", "1")]) {
            let options = format!("{option} = {value}");
            let parsed = options.parse().expect("options are TOML");
            let fault = match agreed(method.as_ref(), &parsed, &task) {
                Err(fault) => fault,
                Ok(Ok(_)) => "takes it".into(),
                Ok(Err(GrowthError::Option { option: found, .. })) if found == option => continue,
                Ok(Err(error)) => error.to_string(),
            };
            let _ = writeln!(wrong, "{} {options}: {fault}", method.name());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_smaller_target_or_another_vocabulary_is_refused_by_name() {
    let mut wrong = String::new();
    for method in methods::<Cpu>() {
        for family in Family::ALL {
            let small = config(family, 2, 8, 2);
            let asked = |large: &ModelConfig| {
                let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
                agreed(method.as_ref(), &toml::Table::new(), &task)
            };
            let head_dim = family.is_llama_style().then_some(4);
            let one_head = ModelConfig { head_dim, ..config(family, 4, 16, 1) };
            let mut cases = vec![
                ("hidden_size", config(family, 4, 4, 1)),
                ("num_hidden_layers", config(family, 1, 16, 4)),
                ("intermediate_size", ModelConfig { intermediate_size: Some(6), ..config(family, 4, 16, 4) }),
                ("num_attention_heads", one_head),
            ];
            if !family.reads_images() {
                cases.push(("vocab_size", ModelConfig { vocab_size: 14, ..config(family, 4, 16, 4) }));
            }
            let plain = asked(&config(family, 4, 16, 4));
            let from_itself = matches!(plain, Ok(Ok((recipe, _))) if recipe.start != Start::Small);
            for (what, large) in cases {
                let fault = match asked(&large) {
                    Err(fault) => fault,
                    // What starts from itself has nothing to do with the small model's sizes.
                    Ok(_) if from_itself => continue,
                    Ok(Err(GrowthError::Sizes { what: found, .. })) if found == what => continue,
                    Ok(Err(error)) => error.to_string(),
                    Ok(Ok(_)) => "takes it".into(),
                };
                let _ = writeln!(wrong, "{}, {family}, a wrong {what}: {fault}", method.name());
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_method_introduces_itself() {
    let methods = methods::<Cpu>();
    for (i, method) in methods.iter().enumerate() {
        let name = method.name();
        assert!(methods[..i].iter().all(|other| other.name() != name), "two methods are called {name}");
        let axes = method.axes();
        assert!(method.summary().ends_with('.') && !axes.width.is_empty() && !axes.depth.is_empty(), "{name}");
    }
}
