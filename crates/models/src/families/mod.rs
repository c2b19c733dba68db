//! The families, each one file that says what its parameters are called and how they are put together. What they compute is
//! `network`'s affair.

mod bert;
mod cait;
mod gpt2;
mod llama;
mod roberta;
mod vit;

use crate::declare::Declare;
use crate::network::Network;
use crate::{Family, Head, ModelConfig, ParamSpec};
use ligo_kernels::Layout;

/// What a configuration declares, and how it fits together.
pub(crate) fn declare(config: &ModelConfig) -> (Vec<ParamSpec>, Network) {
    let layout = if config.family == Family::Gpt2 { Layout::InOut } else { Layout::OutIn };
    let mut declare = Declare::new(config, layout);
    let network = match config.family {
        Family::Gpt2 => gpt2::declare(&mut declare, config),
        Family::Bert => bert::declare(&mut declare, config),
        Family::Roberta => roberta::declare(&mut declare, config),
        Family::Vit | Family::Deit => vit::declare(&mut declare, config),
        Family::Cait => cait::declare(&mut declare, config),
        Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => llama::declare(&mut declare, config),
    };
    (declare.finish(), network)
}

/// What stands before the names of a model under a head; a model without head has the bare names.
fn prefix(config: &ModelConfig, base_model: &'static str) -> &'static str {
    if config.head() == Head::None { "" } else { base_model }
}
