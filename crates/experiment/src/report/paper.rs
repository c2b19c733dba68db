//! What the paper reports for a method (Wang et al., ICLR 2023): its savings until scratch's final loss, the small model
//! given. Other models, other data, a far larger scale: they stand beside the measured figures for orientation.

use ligo_models::Family;

/// Savings as published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Published {
    /// Share of FLOPs.
    pub(super) flops: Option<Quoted>,
    /// Share of wall time.
    pub(super) wall_time: Option<Quoted>,
}

/// A published share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quoted {
    pub(super) share: f64,
    /// The model that it was measured on.
    pub(super) on: Family,
}

/// What the paper reports for a method, on the same family where it does, else on BERT.
pub(super) fn published(method: &str, family: Family) -> Option<Published> {
    let bert = |share| Some(Quoted { share, on: Family::Bert });
    // Table 1, BERT-Small to BERT-Base.
    let mut published = match method {
        "stackbert" => Published { flops: bert(0.341), wall_time: bert(0.333) },
        "mslt" => Published { flops: bert(0.349), wall_time: bert(0.300) },
        "ki" => Published { flops: bert(-0.057), wall_time: bert(-0.139) },
        "bert2bert" => Published { flops: bert(0.290), wall_time: bert(0.251) },
        "ligo" => Published { flops: bert(0.447), wall_time: bert(0.407) },
        _ => return None,
    };
    // Figure 3, GPT2-Base to GPT2-Medium and RoBERTa-Small to RoBERTa-Base: the text gives LiGO's FLOPs and nothing else.
    match family {
        Family::Gpt2 if method == "ligo" => published.flops = Some(Quoted { share: 0.225, on: family }),
        Family::Roberta if method == "ligo" => published.flops = Some(Quoted { share: 0.472, on: family }),
        _ => {}
    }
    Some(published)
}

impl Quoted {
    /// `paper: 22.5 %`, with the model where it isn't the family at hand.
    pub(super) fn show(self, family: Family) -> String {
        let share = super::number::percent(self.share);
        match self.on {
            on if on == family => format!("paper: {share}"),
            on => format!("paper, {}: {share}", super::prose::family(on)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_from_another_family_says_so() {
        let flops = |method, family| published(method, family).and_then(|published| published.flops);
        for (method, family, text) in [
            ("ligo", Family::Gpt2, "paper: 22.5 %"),
            ("ligo", Family::Bert, "paper: 44.7 %"),
            ("ligo", Family::Roberta, "paper: 47.2 %"),
            ("ligo", Family::Llama, "paper, BERT: 44.7 %"),
            ("stackbert", Family::Gpt2, "paper, BERT: 34.1 %"),
            ("ki", Family::Bert, "paper: −5.7 %"),
        ] {
            assert_eq!(flops(method, family).map(|quoted| quoted.show(family)).as_deref(), Some(text));
        }
        assert_eq!(flops("direct-copy", Family::Bert), None);
    }
}
