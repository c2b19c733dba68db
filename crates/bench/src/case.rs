//! What is measured: a model and a batch.

use crate::Work;
use anyhow::{Context, Result};
use ligo::LigoOperator;
use ligo_eval::{Convention, Flops, StepShape, operator_step_flops, step_flops};
use ligo_growth::{ExpansionFlops, LearnedOperator};
use ligo_kernels::{Cpu, IGNORED};
use ligo_models::{Family, Model, ModelConfig, TokenBatch};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// Share of the tokens that BERT has to predict (Devlin et al. 2019); GPT-2 predicts all.
const MASKED_SHARE: f64 = 0.15;

/// Tokens in a step when the cost of the growth operator is measured.
pub const OPERATOR_TOKENS: usize = 4096;

/// A model and a batch for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The model that is trained.
    pub model: ModelConfig,
    /// The model that it is grown from, half as wide and half as deep, where the operator is measured.
    pub small: Option<ModelConfig>,
    /// Sequences in the batch.
    pub batch_size: usize,
    /// Tokens in each.
    pub sequence_length: usize,
}

impl Case {
    /// 6 layers, 512 wide, 8 heads, 8 × 128 tokens, vocabulary 8192.
    pub fn standard(family: Family) -> Self {
        let model = config(family, 6, 512, 8, 8192, 128);
        Self { model, small: None, batch_size: 8, sequence_length: 128 }
    }

    /// What the quickstart trains: 4 layers, 128 wide, 4 heads, 16 × 64 tokens, vocabulary 1024.
    pub fn quickstart(family: Family) -> Self {
        let model = config(family, 4, 128, 4, 1024, 64);
        Self { model, small: None, batch_size: 16, sequence_length: 64 }
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

    /// Tokens in a step.
    pub fn tokens(&self) -> usize {
        self.batch_size * self.sequence_length
    }

    /// Tokens in a step that have a target.
    fn labelled(&self) -> usize {
        self.batch().targets.iter().filter(|&&target| target != IGNORED).count()
    }

    /// FLOPs of a step, as the experiments count them.
    ///
    /// # Errors
    /// If the models do not go together, or an operator's step is asked for where there is no small model.
    pub fn flops(&self, work: Work) -> Result<f64> {
        let shape = StepShape {
            sequences: self.batch_size,
            sequence_length: self.sequence_length,
            labelled_share: self.labelled() as f64 / self.tokens() as f64,
        };
        Ok(match work {
            Work::Plain => step_flops(&self.model, shape, Convention::Ours).total(),
            Work::Operator => {
                let (small, large) = (Model::new(self.small()?)?, Model::new(self.model.clone())?);
                let operator: &dyn LearnedOperator<Cpu> = &LigoOperator::default();
                let ExpansionFlops { forward, backward } = operator.expansion_flops(&small, &large)?;
                operator_step_flops(&self.model, shape, Flops { forward, backward }).total()
            }
        })
    }

    pub(crate) fn small(&self) -> Result<ModelConfig> {
        self.small.clone().context("an operator's step needs a small model to grow from")
    }

    /// The batch: random ids, drawn anew for no one, so that every contender gets the same.
    pub fn batch(&self) -> TokenBatch {
        let mut rng = StdRng::seed_from_u64(0x6c69_676f);
        let vocabulary = self.model.vocab_size as u32;
        let mut draw = || rng.random_range(0..vocabulary);
        let input_ids: Vec<u32> = (0..self.tokens()).map(|_| draw()).collect();
        let mut targets: Vec<i32> = (0..self.tokens()).map(|_| draw() as i32).collect();
        if self.model.family == Family::Bert {
            for target in &mut targets {
                if !rng.random_bool(MASKED_SHARE) {
                    *target = IGNORED;
                }
            }
        }
        TokenBatch {
            input_ids,
            targets,
            batch_size: self.batch_size,
            sequence_length: self.sequence_length,
            real_tokens: None,
        }
    }

    /// The loss of a model that knows nothing: `ln V`.
    pub fn loss_of_chance(&self) -> f64 {
        (self.model.vocab_size as f64).ln()
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (model, name) = (
            &self.model,
            match self.model.family {
                Family::Gpt2 => "gpt2",
                Family::Bert => "bert",
            },
        );
        write!(
            f,
            "{name} {} × {}, {} heads, {} × {} tokens, vocabulary {}",
            model.num_hidden_layers,
            model.hidden_size,
            model.num_attention_heads,
            self.batch_size,
            self.sequence_length,
            model.vocab_size
        )
    }
}

fn config(
    family: Family,
    layers: usize,
    hidden: usize,
    heads: usize,
    vocabulary: usize,
    longest: usize,
) -> ModelConfig {
    ModelConfig {
        family,
        vocab_size: vocabulary,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        intermediate_size: None,
        max_position_embeddings: longest,
        type_vocab_size: None,
        layer_norm_eps: None,
        hidden_dropout: 0.0,
        attention_dropout: 0.0,
        initializer_range: 0.02,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_the_same_each_time_and_random_within_the_vocabulary() {
        for case in [Case::standard(Family::Gpt2), Case::quickstart(Family::Bert)] {
            let (batch, again) = (case.batch(), case.batch());
            assert_eq!((&batch.input_ids, &batch.targets), (&again.input_ids, &again.targets));
            assert_eq!(batch.input_ids.len(), 1024);
            assert!(batch.input_ids.iter().all(|&id| (id as usize) < case.model.vocab_size));
            let distinct: std::collections::HashSet<_> = batch.input_ids.iter().collect();
            assert!(distinct.len() > 500, "{} distinct ids", distinct.len());
        }
    }

    #[test]
    fn gpt2_predicts_every_token_and_bert_about_15_percent() {
        assert_eq!(Case::standard(Family::Gpt2).labelled(), 1024);
        let labelled = Case::standard(Family::Bert).labelled();
        assert!((110..200).contains(&labelled), "{labelled}");
    }

    #[test]
    fn an_operator_is_measured_at_4096_tokens_and_heads_keep_their_width() {
        let case = Case::standard(Family::Gpt2).grown();
        assert_eq!(case.tokens(), OPERATOR_TOKENS);
        let small = case.small.expect("grown() sets it");
        assert_eq!((small.head_dim(), small.num_hidden_layers), (case.model.head_dim(), 3));
    }
}
