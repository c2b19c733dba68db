//! μP up-scaling: every entry repeated in place, as the maximal update parametrisation (μP) asks (arXiv
//! 2602.10545).
//!
//! A space grows from d to D = n · d coordinates, n a whole number for each space, each coordinate standing n times side by side:
//!
//! ```text
//! W_new[i, k] = W[⌊i / n_out⌋, ⌊k / n_in⌋] / n_in + σ ε[i, k] / n_in        b_new[i] = b[⌊i / n_out⌋]
//! ```
//!
//! Hidden weights are divided by their number of copies D_in / d_in, embeddings, norms and biases only repeat, and the read-out
//! divides too; tied to the embedding, it leaves that to the norm before it, whose gain and bias are divided by n. ε is a fresh
//! large model's weight, σ the option `noise`: the authors' σ is 1, and norms and biases have none.
//!
//! **Attention.** Where heads become longer (by m) and stay as many, coordinates repeat within each head. A score is then m
//! times as large while its scale 1/√head_dim is only √m times as small, so queries are divided by √m (μP itself scales by
//! 1/head_dim, which does the same). Heads that are rotary cannot become longer, since each pair of coordinates turns at a
//! speed of its own (and is refused by name): there, and wherever the two models' heads are equally long, whole heads repeat in
//! place, with the query heads that share a value head staying with it. Both are exact.
//!
//! **What is preserved.** With σ = 0 the function, and then the whole training: all copies get equal gradients. A weight's
//! gradient is that of the small one divided by n_out, so the large model stays the small one, repeated, as long as each
//! tensor's learning rate, ε of AdamW and decay are scaled with it (rate: 1/n_in; ε: 1/n_out; decay: n_in; for queries of
//! longer heads 1/(n_in √m), 1/√m and n_in √m), and the moments grown as gradients are (first by the factor of ε, second by its
//! square). Tests of this crate train both models side by side so. The recipe's trainer has one rate for all tensors, so in an
//! experiment the two curves do *not* coincide: the function and the moments are all that is carried over. Exact copies never
//! part again without dropout, so σ = 0 is for proofs.
//!
//! It is a rule for width alone. Where the depth grows too, the option `depth` says how: layers stacked, repeated in place, or
//! kept with silent copies between them, which alone preserves the function.
//!
//! ```
//! use ligo_growth::{Guarantee, Method, Task};
//! use ligo_kernels::Cpu;
//! use ligo_models::ModelConfig;
//! use ligo_mup_scaling::MupScaling;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let small: ModelConfig = toml::from_str(
//!     "family = 'gpt2'
//!      vocab_size = 11
//!      max_position_embeddings = 8
//!      hidden_size = 4
//!      num_hidden_layers = 1
//!      num_attention_heads = 2",
//! )?;
//! // Three times as wide, by longer heads.
//! let large = ModelConfig { hidden_size: 12, ..small.clone() };
//! let task = Task { small, large, steps: 600 };
//! let guarantee = Method::<Cpu>::guarantee(&MupScaling, &toml::toml! { noise = 0.0 }, &task)?;
//! assert_eq!(guarantee, Guarantee::Function);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod dynamics;
mod operator;
#[cfg(test)]
mod tests;

pub use operator::Repeated;

use ligo_growth::{
    Axes, DepthRule, GrowthError, Guarantee, Method, Recipe, Result, Stage, Start, Task, check_growth, parse_options,
};
use ligo_kernels::Kernels;
use serde::Deserialize;

/// The method's name in TOML files.
const NAME: &str = "mup-scaling";

/// Every entry repeated in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct MupScaling;

/// What an experiment file may say.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MupScalingOptions {
    /// σ: how much of a fresh large model is added, so that copies part. 1 is the authors'; 0 preserves the function.
    pub noise: f32,
    /// How depth grows: `stack`, `interpolate`, or `identity`.
    pub depth: DepthRule,
}

impl Default for MupScalingOptions {
    fn default() -> Self {
        Self { noise: 1.0, depth: DepthRule::default() }
    }
}

impl<D: Kernels> Method<D> for MupScaling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "Repeats every entry in place and divides whatever reads it, adds fresh noise, then trains (arXiv 2602.10545)."
    }

    fn recipe(&self, options: &toml::Table, task: &Task) -> Result<Recipe<D>> {
        let grow = Stage::grow("grow", task.large.clone(), operator(options, task)?);
        Ok(Recipe { start: Start::Small, stages: vec![grow, Stage::train("train", 0..task.steps)] })
    }

    fn axes(&self) -> Axes {
        Axes {
            width: "each coordinate repeated in place, divided by the number, plus noise",
            depth: DepthRule::summary(),
        }
    }

    fn guarantee(&self, options: &toml::Table, task: &Task) -> Result<Guarantee> {
        let Repeated { noise, depth } = operator(options, task)?;
        let layers = depth.map(&task.small, &task.large).layers();
        Ok(match (noise == 0.0, depth.preserves(&task.small, &task.large)) {
            (false, _) => Guarantee::Nothing("noise sets the copies apart".into()),
            (true, true) => Guarantee::Function,
            (true, false) => Guarantee::Layers(layers.unwrap_or_default()),
        })
    }
}

fn operator(options: &toml::Table, task: &Task) -> Result<Repeated> {
    let MupScalingOptions { noise, depth } = parse_options(NAME, options)?;
    if !noise.is_finite() || noise < 0.0 {
        return Err(GrowthError::option(
            NAME,
            "noise",
            format!("found {noise}, expected a finite number of at least 0"),
        ));
    }
    check_growth(&task.small, &task.large)?;
    operator::check_multiples(&task.small, &task.large)?;
    Ok(Repeated { noise, depth })
}
