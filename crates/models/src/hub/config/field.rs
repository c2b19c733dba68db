//! One key of `config.json` and the field of [`ModelConfig`] that it is, in both directions.
//!
//! Families are tables of these (`families`). Keys that hang together (rotary positions, windows, labels) have files of their own.

use super::source::{Source, shortest, wrong};
use crate::config::Activation;
use crate::{Head, ModelConfig, Result};
use serde_json::Value;

/// What it means that a key is left out.
#[derive(Clone, Copy)]
pub(super) enum LeftOut<T> {
    /// It must not be.
    Wrong,
    /// The value that [`ModelConfig`] takes too.
    Ours,
    /// `transformers`' own default for this family.
    Theirs(T),
}

/// A key, and how a configuration is asked for it and told it.
pub(super) struct Field {
    pub(super) key: &'static str,
    /// What [`ModelConfig`] calls it; a key that is no field of it is its own name.
    pub(super) field: &'static str,
    pub(super) kind: Kind,
}

type Get<T> = fn(&ModelConfig) -> T;
type Set<T> = fn(&mut ModelConfig, T);

pub(super) enum Kind {
    /// A whole number.
    Size(LeftOut<usize>, Get<usize>, Set<usize>),
    /// Height and width in one.
    Side(LeftOut<usize>, Get<usize>, Set<usize>),
    /// Number of key and value heads: as many as heads if null, which for some families differs from being left out.
    Groups(LeftOut<usize>),
    /// A token's id, which may be null here too; with the id that is meant where it is left out.
    Token(usize, Get<Option<usize>>, Set<Option<usize>>),
    /// A number.
    Number(LeftOut<f32>, Get<f32>, Set<f32>),
    /// A number that has to be the same as another key's, which was read before.
    SameNumber(f32, &'static str, Get<f32>),
    /// A number that may be missing here too.
    Maybe(Get<Option<f32>>, Set<Option<f32>>),
    /// True or false.
    Flag(LeftOut<bool>, Get<bool>, Set<bool>),
    /// The MLP's function.
    Act,
    /// A value that is the only one built here, for models with such a head; nothing is written.
    Only(Fixed, Get<bool>),
}

#[derive(Clone, Copy)]
pub(super) enum Fixed {
    Bool(bool),
    Text(&'static str),
}

/// `transformers`' names of the functions; the first of each is what is written.
const ACTIVATIONS: [(&str, Activation); 8] = [
    ("gelu", Activation::Gelu),
    ("gelu_new", Activation::GeluNew),
    ("gelu_pytorch_tanh", Activation::GeluNew),
    ("gelu_fast", Activation::GeluNew),
    ("quick_gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

impl Field {
    /// Reads the key into `config`.
    pub(super) fn read(&self, source: Source<'_>, config: &mut ModelConfig) -> Result<()> {
        let key = self.key;
        match &self.kind {
            Kind::Size(left_out, _, set) => put(key, source.size(key)?, left_out, config, *set),
            Kind::Side(left_out, _, set) => put(key, source.side(key)?, left_out, config, *set),
            Kind::Groups(left_out) if !source.is_null(key) => {
                put(key, source.size(key)?, left_out, config, |c, x| c.num_key_value_heads = Some(x))
            }
            Kind::Groups(_) => Ok(()),
            Kind::Token(left_out, _, set) => {
                let id = source.size(key)?.or((!source.is_null(key)).then_some(*left_out));
                set(config, id);
                Ok(())
            }
            Kind::Number(left_out, _, set) => put(key, source.number(key)?.map(|x| x as f32), left_out, config, *set),
            Kind::SameNumber(left_out, other, get) => {
                let (found, same) = (source.number(key)?.map_or(*left_out, |x| x as f32), get(config));
                if found == same { Ok(()) } else { wrong(key, Some(&shortest(found)), format!("{same}, as {other}")) }
            }
            Kind::Maybe(_, set) => {
                set(config, source.number(key)?.map(|x| x as f32));
                Ok(())
            }
            Kind::Flag(left_out, _, set) => put(key, source.flag(key)?, left_out, config, *set),
            Kind::Act => {
                config.hidden_act = activation(source, key, &ACTIVATIONS)?;
                Ok(())
            }
            Kind::Only(value, applies) => match source.get(key) {
                Some(found) if applies(config) && *found != value.json() => wrong(key, Some(found), value.json()),
                _ => Ok(()),
            },
        }
    }

    /// What the key has to say about `config`; nothing if it is not written.
    pub(super) fn json(&self, config: &ModelConfig) -> Option<Value> {
        Some(match &self.kind {
            Kind::Size(_, get, _) | Kind::Side(_, get, _) => get(config).into(),
            Kind::Groups(_) => config.num_key_value_heads().into(),
            Kind::Number(_, get, _) | Kind::SameNumber(_, _, get) => shortest(get(config)),
            Kind::Token(_, get, _) => get(config).map_or(Value::Null, Value::from),
            Kind::Maybe(get, _) => get(config).map_or(Value::Null, shortest),
            Kind::Flag(_, get, _) => get(config).into(),
            Kind::Act => activation_name(config.hidden_act(), &ACTIVATIONS).into(),
            Kind::Only(..) => return None,
        })
    }
}

impl Fixed {
    fn json(self) -> Value {
        match self {
            Self::Bool(value) => value.into(),
            Self::Text(value) => value.into(),
        }
    }
}

fn put<T: Copy>(
    key: &'static str,
    found: Option<T>,
    left_out: &LeftOut<T>,
    config: &mut ModelConfig,
    set: Set<T>,
) -> Result<()> {
    match (found, left_out) {
        (Some(value), _) | (None, &LeftOut::Theirs(value)) => set(config, value),
        (None, LeftOut::Ours) => {}
        (None, LeftOut::Wrong) => return wrong(key, None, "a whole number"),
    }
    Ok(())
}

/// The function that `key` names, by one of `names`.
pub(super) fn activation(
    source: Source<'_>,
    key: &'static str,
    names: &[(&'static str, Activation)],
) -> Result<Option<Activation>> {
    let Some(found) = source.get(key) else { return Ok(None) };
    match names.iter().find(|(name, _)| found.as_str() == Some(name)) {
        Some(&(_, activation)) => Ok(Some(activation)),
        None => {
            let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            wrong(key, Some(found), format!("one of {}", known.join(", ")))
        }
    }
}

/// The first of `names` for a function.
pub(super) fn activation_name(activation: Activation, names: &[(&'static str, Activation)]) -> Option<&'static str> {
    names.iter().find(|(_, known)| *known == activation).map(|(name, _)| *name)
}

/// For [`Kind::Only`]: keys that matter to every model.
pub(super) fn always(_: &ModelConfig) -> bool {
    true
}

/// For [`Kind::Only`]: keys that matter where tokens come out.
pub(super) fn with_tokens(config: &ModelConfig) -> bool {
    matches!(config.head(), Head::MaskedLm | Head::CausalLm)
}

/// For [`Kind::Only`]: keys that matter where the last hidden state comes out.
pub(super) fn without_head(config: &ModelConfig) -> bool {
    config.head() == Head::None
}
