//! What is measured: a model and the size of its batch.

use crate::Work;
use crate::sample::Sample;
use anyhow::{Context, Result};
use ligo::LigoOperator;
use ligo_eval::{Convention, Flops, StepShape, operator_step_flops, step_flops};
use ligo_growth::{ExpansionFlops, LearnedOperator};
use ligo_kernels::Cpu;
use ligo_models::{Family, Model, ModelConfig, Naming};
use serde::{Deserialize, Serialize};

/// Tokens in a step when the cost of the growth operator is measured.
pub const OPERATOR_TOKENS: usize = 4096;

/// Standard deviation of the weights of a model that generates: large enough that the blocks outweigh the embedding, which would
/// otherwise say the same token again and again.
const LIVELY: f32 = 0.05;

/// A model and the size of a batch for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The model that is trained.
    pub model: ModelConfig,
    /// The model that it is grown from, half as wide and half as deep, where the operator is measured.
    pub small: Option<ModelConfig>,
    /// Sequences or images in the batch.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
}

impl Case {
    /// 6 layers, 512 wide, 8 heads, 8 × 128 tokens, vocabulary 8192.
    pub fn standard(family: Family) -> Self {
        Self::of_text(ModelConfig::new(family, 512, 6, 8), 8192, 8, 128)
    }

    /// What the quickstart trains: 4 layers, 128 wide, 4 heads, 16 × 64 tokens, vocabulary 1024.
    pub fn quickstart(family: Family) -> Self {
        Self::of_text(ModelConfig::new(family, 128, 4, 4), 1024, 16, 64)
    }

    /// What the families are compared by: 6 layers, 384 wide, 6 heads; 8 × 128 tokens of a vocabulary of 8192, or 8 images of
    /// 224 × 224 in patches of 16 × 16. Llama style has 2 key and value heads and an inner width of 1024, Mistral a window of 64
    /// tokens; CaiT is 288 wide, as its XS sizes are.
    pub fn compared(family: Family) -> Self {
        let mut model = ModelConfig::new(family, 384, 6, 6);
        match family {
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => {
                model.num_key_value_heads = Some(2);
                model.intermediate_size = Some(1024);
                model.sliding_window = (family == Family::Mistral).then_some(64);
            }
            Family::Cait => {
                model.hidden_size = 288;
                // As small as it usually starts the blocks would hardly count, and a wrong one would go unnoticed.
                model.layer_scale_init = Some(1.0);
            }
            _ => {}
        }
        if family.reads_images() {
            return Self::of_images(model, 8);
        }
        Self::of_text(model, 8192, 8, 128)
    }

    /// The same with the names that `timm` gives the parameters, for a peer of its own.
    #[must_use]
    pub fn in_timm(mut self) -> Self {
        self.model.naming = Naming::Timm;
        self
    }

    /// A model of the size of GPT-2's smallest, 124 M parameters, with a prompt of 32 tokens.
    pub fn gpt2_124m() -> Self {
        let mut case = Self::of_text(ModelConfig::new(Family::Gpt2, 768, 12, 12), 50_257, 1, 32);
        case.model.max_position_embeddings = 1024;
        case.model.initializer_range = LIVELY;
        case
    }

    /// A Llama of 100 M parameters with 12 heads on 4 and a tied output, with a prompt of 32 tokens.
    pub fn llama_100m() -> Self {
        let mut case = Self::of_text(ModelConfig::new(Family::Llama, 768, 12, 12), 32_000, 1, 32);
        case.model.max_position_embeddings = 1024;
        case.model.num_key_value_heads = Some(4);
        case.model.intermediate_size = Some(2048);
        case.model.tie_word_embeddings = Some(true);
        case.model.initializer_range = LIVELY;
        case
    }

    pub(crate) fn of_text(model: ModelConfig, vocab_size: usize, batch_size: usize, sequence_length: usize) -> Self {
        let max_position_embeddings = model.positions_for(sequence_length);
        let model = ModelConfig { vocab_size, max_position_embeddings, ..model };
        Self { model, small: None, batch_size, sequence_length }
    }

    pub(crate) fn of_images(model: ModelConfig, batch_size: usize) -> Self {
        let sequence_length = model.num_patches() + model.prefix_tokens();
        Self { model, small: None, batch_size, sequence_length }
    }

    /// The same model with a batch of [`OPERATOR_TOKENS`], grown from one of half its depth and width with heads as wide.
    #[must_use]
    pub fn grown(self) -> Self {
        let large = &self.model;
        let small = ModelConfig {
            hidden_size: large.hidden_size / 2,
            num_hidden_layers: large.num_hidden_layers / 2,
            num_attention_heads: large.num_attention_heads / 2,
            ..large.clone()
        };
        Self { batch_size: OPERATOR_TOKENS / self.sequence_length, small: Some(small), ..self }
    }

    /// Tokens in a batch.
    pub fn tokens(&self) -> usize {
        self.batch_size * self.sequence_length
    }

    /// FLOPs of a step, as the experiments count them.
    ///
    /// # Errors
    /// If the models do not go together, or an operator's step is asked for where there is no small model.
    pub fn step_flops(&self, work: Work) -> Result<f64> {
        let shape = StepShape {
            sequences: self.batch_size,
            sequence_length: self.sequence_length,
            labelled_share: Sample::of(self).labelled_share(),
        };
        if work == Work::Operator {
            let (small, large) = (Model::new(self.small()?)?, Model::new(self.model.clone())?);
            let operator: &dyn LearnedOperator<Cpu> = &LigoOperator::default();
            let ExpansionFlops { forward, backward } = operator.expansion_flops(&small, &large)?;
            return Ok(operator_step_flops(&self.model, shape, Flops { forward, backward }).total());
        }
        Ok(step_flops(&self.model, shape, Convention::Ours).total())
    }

    pub(crate) fn small(&self) -> Result<ModelConfig> {
        self.small.clone().context("an operator's step needs a small model to grow from")
    }

    /// The loss of a model that knows nothing: the logarithm of what it has to choose from.
    pub fn loss_of_chance(&self) -> f64 {
        let choices = if self.model.head().has_labels() { self.model.num_labels() } else { self.model.vocab_size };
        (choices as f64).ln()
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { model, batch_size, sequence_length, .. } = self;
        let (family, layers, width) = (model.family, model.num_hidden_layers, model.hidden_size);
        write!(f, "{family} {layers} × {width}, {} heads", model.num_attention_heads)?;
        if model.num_key_value_heads() != model.num_attention_heads {
            write!(f, " on {}", model.num_key_value_heads())?;
        }
        if let Some(window) = model.sliding_window {
            write!(f, ", window {window}")?;
        }
        if model.family.reads_images() {
            let side = model.image_size();
            write!(f, ", {batch_size} images of {side} × {side}")?;
            let other = family != Family::Cait && model.naming == Naming::Timm;
            return f.write_str(if other { ", as timm has it" } else { "" });
        }
        write!(f, ", {batch_size} × {sequence_length} tokens, vocabulary {}", model.vocab_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_model_that_can_be_built_and_is_as_large_as_it_says() {
        let of_families = Family::ALL.map(Case::compared);
        let in_timm = [Family::Vit, Family::Deit].map(|family| Case::compared(family).in_timm());
        for case in of_families.into_iter().chain(in_timm) {
            let model = Model::new(case.model.clone()).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!((5_000_000..20_000_000).contains(&model.parameter_count()), "{case}: {}", model.parameter_count());
        }
        for (case, parameters) in [(Case::gpt2_124m(), 124_439_808), (Case::llama_100m(), 100_092_672)] {
            assert_eq!(Model::new(case.model).expect("it is the size of a known one").parameter_count(), parameters);
        }
    }

    #[test]
    fn an_operator_is_measured_at_4096_tokens_and_heads_keep_their_width() {
        let case = Case::standard(Family::Gpt2).grown();
        assert_eq!(case.tokens(), OPERATOR_TOKENS);
        let small = case.small.expect("grown() sets it");
        assert_eq!((small.head_dim(), small.num_hidden_layers), (case.model.head_dim(), 3));
    }

    #[test]
    fn a_case_is_described_by_what_its_time_depends_on() {
        for (case, expected) in [
            (Case::standard(Family::Gpt2), "gpt2 6 × 512, 8 heads, 8 × 128 tokens, vocabulary 8192"),
            (
                Case::compared(Family::Mistral),
                "mistral 6 × 384, 6 heads on 2, window 64, 8 × 128 tokens, vocabulary 8192",
            ),
            (Case::compared(Family::Cait), "cait 6 × 288, 6 heads, 8 images of 224 × 224"),
            (Case::compared(Family::Vit).in_timm(), "vit 6 × 384, 6 heads, 8 images of 224 × 224, as timm has it"),
        ] {
            assert_eq!(case.to_string(), expected);
        }
    }
}
