//! `model_type` and `architectures`: which family and which head a checkpoint has.

use super::labels;
use super::source::{Source, wrong};
use crate::{Family, Head, Result};

/// The `model_type`s, what the classes of each are called, and which family they are. XLM-RoBERTa and CamemBERT are RoBERTa with
/// other vocabularies.
const TYPES: [(&str, &str, Family); 11] = [
    ("gpt2", "GPT2", Family::Gpt2),
    ("bert", "Bert", Family::Bert),
    ("roberta", "Roberta", Family::Roberta),
    ("xlm-roberta", "XLMRoberta", Family::Roberta),
    ("camembert", "Camembert", Family::Roberta),
    ("vit", "ViT", Family::Vit),
    ("deit", "DeiT", Family::Deit),
    ("llama", "Llama", Family::Llama),
    ("mistral", "Mistral", Family::Mistral),
    ("qwen2", "Qwen2", Family::Qwen2),
    ("qwen3", "Qwen3", Family::Qwen3),
];

/// A class of BERT that has the masked language model's head and one that no growth needs; it is read as the former.
const PRETRAINING: &str = "ForPreTraining";

/// The family that `model_type` names, and what its classes are called.
pub(super) fn family(source: Source<'_>) -> Result<(Family, &'static str)> {
    let found = source.text("model_type")?;
    match TYPES.iter().find(|(name, ..)| found == Some(name)) {
        Some(&(_, prefix, family)) => Ok((family, prefix)),
        None => {
            let known: Vec<_> = TYPES.iter().map(|(name, ..)| *name).collect();
            let expected = format!("one of {}, or timm's architecture instead", known.join(", "));
            wrong("model_type", source.get("model_type"), expected)
        }
    }
}

/// What the classes of a family are called.
pub(super) fn family_prefix(family: Family) -> &'static str {
    TYPES.iter().find(|(.., known)| *known == family).map_or("", |(_, prefix, _)| prefix)
}

/// The head that `architectures` asks for; the family's usual one if it is left out.
pub(super) fn head(source: Source<'_>, family: Family, prefix: &str) -> Result<Head> {
    let Some(class) = named(source)? else { return Ok(family.heads()[0]) };
    let suffix = class.strip_prefix(prefix).unwrap_or_default();
    if family == Family::Bert && suffix == PRETRAINING {
        return Ok(Head::MaskedLm);
    }
    match family.heads().iter().find(|&&head| suffix == ending(family, head)) {
        Some(Head::SequenceClassification) => labels::sequence_head(source),
        Some(&head) => Ok(head),
        None => {
            // Classification and regression are one class, so that neighbours may repeat.
            let mut known: Vec<_> = family.heads().iter().map(|&head| name(prefix, family, head)).collect();
            known.dedup();
            wrong("architectures", source.get("architectures"), format!("one of {}", known.join(", ")))
        }
    }
}

/// The class that `architectures` names, the first if there are several.
pub(super) fn named(source: Source<'_>) -> Result<Option<&str>> {
    let Some(found) = source.get("architectures") else { return Ok(None) };
    match found.as_array().map(Vec::as_slice) {
        Some([]) => Ok(None),
        Some([first, ..]) if first.is_string() => Ok(first.as_str()),
        _ => wrong("architectures", Some(found), "a list of names"),
    }
}

/// The class of a head.
pub(super) fn name(prefix: &str, family: Family, head: Head) -> String {
    format!("{prefix}{}", ending(family, head))
}

fn ending(family: Family, head: Head) -> &'static str {
    match head {
        Head::MaskedLm => "ForMaskedLM",
        Head::CausalLm if family == Family::Gpt2 => "LMHeadModel",
        Head::CausalLm => "ForCausalLM",
        Head::SequenceClassification | Head::SequenceRegression => "ForSequenceClassification",
        Head::QuestionAnswering => "ForQuestionAnswering",
        Head::ImageClassification => "ForImageClassification",
        Head::DistilledImageClassification => "ForImageClassificationWithTeacher",
        Head::None => "Model",
    }
}
