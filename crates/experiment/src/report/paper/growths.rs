//! Every growth that the paper reports, and what it says LiGO saved there (PAPER.md 2.11).

use crate::schema::PaperGrowth;
use ligo_models::Family;

/// What the paper says of a growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    /// From what to what.
    pub(super) name: &'static str,
    /// Where it is told.
    pub(super) place: &'static str,
    pub(super) family: Family,
    /// Share of FLOPs that LiGO saved.
    pub(super) flops: f64,
    /// Share of wall time, where the paper tells it.
    pub(super) wall: Option<f64>,
}

/// All of them.
pub(super) const GROWTHS: [PaperGrowth; 11] = [
    PaperGrowth::BertSmallToBase,
    PaperGrowth::BertBaseToLarge,
    PaperGrowth::BertSmallToLarge,
    PaperGrowth::BertDepth,
    PaperGrowth::BertWidth,
    PaperGrowth::BertShortSmallToBase,
    PaperGrowth::RobertaSmallToBase,
    PaperGrowth::Gpt2BaseToMedium,
    PaperGrowth::Gpt2MediumTo1_5B,
    PaperGrowth::DeitSToB,
    PaperGrowth::CaitXsToS,
];

/// What the paper says of it.
pub(super) fn growth(growth: PaperGrowth) -> Growth {
    let told = |name, place, family, flops, wall| Growth { name, place, family, flops, wall };
    let (bert, gpt2) = (Family::Bert, Family::Gpt2);
    match growth {
        PaperGrowth::BertSmallToBase => told("BERT-Small to BERT-Base", "Table 1", bert, 0.447, Some(0.407)),
        PaperGrowth::BertBaseToLarge => told("BERT-Base to BERT-Large", "Figure 2c", bert, 0.452, None),
        PaperGrowth::BertSmallToLarge => told("BERT-Small to BERT-Large", "Figure 2c", bert, 0.303, None),
        PaperGrowth::BertDepth => told("BERT of 6 to 12 layers × 768", "Figure 6a", bert, 0.517, None),
        PaperGrowth::BertWidth => told("BERT of 12 layers × 512 to 768", "Figure 6b", bert, 0.416, None),
        PaperGrowth::BertShortSmallToBase => {
            told("BERT-Small after 50,000 steps to BERT-Base", "Figure 7", bert, 0.352, Some(0.302))
        }
        PaperGrowth::RobertaSmallToBase => {
            told("RoBERTa-Small to RoBERTa-Base", "Figure 3", Family::Roberta, 0.472, None)
        }
        PaperGrowth::Gpt2BaseToMedium => told("GPT2-Base to GPT2-Medium", "Figure 3", gpt2, 0.225, None),
        PaperGrowth::Gpt2MediumTo1_5B => told("GPT2-Medium to GPT2-1.5B", "Appendix C.5", gpt2, 0.39, None),
        PaperGrowth::DeitSToB => told("DeiT-S to DeiT-B", "Table 2", Family::Deit, 0.554, Some(0.520)),
        PaperGrowth::CaitXsToS => told("CaiT-XS to CaiT-S", "Figure 8", Family::Cait, 0.526, Some(0.461)),
    }
}

/// The growth that stands beside a family where the experiment file names none.
pub(super) fn usual(family: Family) -> PaperGrowth {
    match family {
        Family::Gpt2 => PaperGrowth::Gpt2BaseToMedium,
        Family::Roberta => PaperGrowth::RobertaSmallToBase,
        Family::Vit | Family::Deit => PaperGrowth::DeitSToB,
        Family::Cait => PaperGrowth::CaitXsToS,
        Family::Bert | Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => PaperGrowth::BertSmallToBase,
    }
}
