//! The models that a training step is measured by, by name, and a model so small that it takes no time.

use crate::{Case, Precision};
use ligo_models::{Family, ModelConfig};

/// Batch × sequence of text.
const SHAPES: [(usize, usize); 3] = [(8, 128), (2, 512), (1, 1024)];
const VOCABULARIES: [usize; 2] = [8192, 30_522];

/// A model with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// BERT-Small: 6 layers, 512 wide, 8 heads.
    BertSmall,
    /// BERT-Base: 12 layers, 768 wide, 12 heads.
    BertBase,
    /// GPT-2 of 124 M parameters (with its own vocabulary): 12 layers, 768 wide, 12 heads.
    Gpt2,
    /// ViT-S: 12 layers, 384 wide, 6 heads, 8 images of 224 × 224 in patches of 16 × 16, 1000 classes.
    VitS,
    /// GPT-2 as the quickstart trains it.
    QuickstartGpt2,
    /// BERT as the quickstart trains it.
    QuickstartBert,
    /// So small that it takes no time.
    Tiny,
}

impl Named {
    /// The speedup over the peer that the project has as its goal.
    pub fn goal(self, precision: Precision) -> f64 {
        match (self, precision) {
            // As small as that the overhead of each operation is what counts.
            (Self::QuickstartGpt2 | Self::QuickstartBert, Precision::F32) => 2.0,
            (_, Precision::F32) => 1.25,
            (_, Precision::Bf16) => 1.1,
        }
    }

    /// Its cases: one for each shape (batch × sequence) and vocabulary, or of all that it is measured by where none is given.
    /// Images and the quickstart have one case of their own.
    pub fn cases(self, shapes: &[(usize, usize)], vocabularies: &[usize]) -> Vec<Case> {
        let (width, layers, heads, family) = match self {
            Self::BertSmall => (512, 6, 8, Family::Bert),
            Self::BertBase => (768, 12, 12, Family::Bert),
            Self::Gpt2 => (768, 12, 12, Family::Gpt2),
            Self::VitS => return vec![Case::of_images(ModelConfig::new(Family::Vit, 384, 12, 6), 8)],
            Self::QuickstartGpt2 => return vec![Case::quickstart(Family::Gpt2)],
            Self::QuickstartBert => return vec![Case::quickstart(Family::Bert)],
            Self::Tiny => return vec![Case::tiny(Family::Gpt2)],
        };
        let shapes = if shapes.is_empty() { &SHAPES[..] } else { shapes };
        let vocabularies = if vocabularies.is_empty() { &VOCABULARIES[..] } else { vocabularies };
        let of_shape = |&(batch, sequence): &(usize, usize)| {
            vocabularies.iter().map(move |&vocabulary| {
                Case::of_text(ModelConfig::new(family, width, layers, heads), vocabulary, batch, sequence)
            })
        };
        shapes.iter().flat_map(of_shape).collect()
    }
}

impl Case {
    /// A model so small that it takes no time, for trying what is measured.
    pub fn tiny(family: Family) -> Self {
        let mut case = Self::compared(family);
        case.model.hidden_size = 12;
        case.model.num_hidden_layers = 2;
        case.batch_size = 1;
        if family.reads_images() {
            case.model.image_size = Some(32);
        } else {
            case.model.vocab_size = 37;
            case.sequence_length = 7;
            case.model.max_position_embeddings = 80;
        }
        case
    }

    /// GPT-2 of 355 M parameters, which that of 124 M is grown to: 24 layers, 1024 wide, 16 heads.
    pub fn gpt2_355m() -> Self {
        let mut case = Self::of_text(ModelConfig::new(Family::Gpt2, 1024, 24, 16), 50_257, 1, 32);
        case.model.max_position_embeddings = 1024;
        case
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_models::Model;

    #[test]
    fn every_case_is_built_and_has_the_size_that_its_name_says() {
        // Weights of the blocks with biases and norms: 12 h² + 13 h a layer.
        for (named, layers, width, cases) in [
            (Named::BertSmall, 6, 512, 6),
            (Named::BertBase, 12, 768, 6),
            (Named::Gpt2, 12, 768, 6),
            (Named::VitS, 12, 384, 1),
        ] {
            let all = named.cases(&[], &[]);
            assert_eq!(all.len(), cases, "{named:?}");
            for case in all {
                let parameters = Model::new(case.model.clone()).unwrap_or_else(|error| panic!("{case}: {error}"));
                let blocks = layers * (12 * width * width + 13 * width);
                let tables = if named == Named::VitS {
                    (3 * 16 * 16 + 197 + 1000) * width
                } else {
                    (case.model.vocab_size + case.model.max_position_embeddings) * width
                };
                let rest = parameters.parameter_count() - blocks - tables;
                // Norms, a head's biases and BERT's transform.
                assert!(rest < 2 * width * width + case.model.vocab_size + 1000, "{case}: {rest} beside");
                assert!(case.tokens() == 1024 || case.tokens() == 8 * 197, "{case}");
            }
        }
        let gpt2 = Model::new(Case::gpt2_355m().model).expect("it is the size of a known one");
        assert_eq!(gpt2.parameter_count(), 354_823_168);
    }

    #[test]
    fn shapes_and_vocabularies_that_are_given_are_those_that_are_measured() {
        let cases = Named::Gpt2.cases(&[(2, 2048), (4, 16)], &[100]);
        let found: Vec<_> =
            cases.iter().map(|case| (case.batch_size, case.sequence_length, case.model.vocab_size)).collect();
        assert_eq!(found, [(2, 2048, 100), (4, 16, 100)]);
        assert!(cases[0].model.max_position_embeddings >= 2048);
    }
}
