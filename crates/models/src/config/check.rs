//! Refuses configurations that no model can be built from: each field by its name, with what was found and expected.

use super::{Activation, Family, Head, ModelConfig, Naming};
use crate::{ModelError, Result, Space};

/// No width is larger: the product of two and the sum over all layers stay far from overflow.
const LARGEST_WIDTH: usize = 1 << 24;
/// No model is deeper.
const LARGEST_DEPTH: usize = 1 << 12;

impl ModelConfig {
    /// Refuses what no model can be built from.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_foreign_fields()?;
        self.check_sizes()?;
        self.check_attention()?;
        self.check_images()?;
        self.check_numbers()?;
        self.check_head()?;
        self.check_naming()
    }

    fn check_sizes(&self) -> Result<()> {
        let text = !self.family.reads_images();
        let sizes = [
            ("vocab_size", self.vocab_size, text),
            ("hidden_size", self.hidden_size, true),
            ("num_attention_heads", self.num_attention_heads, true),
            ("num_key_value_heads", self.num_key_value_heads(), true),
            ("intermediate_size", self.intermediate_size(), true),
            ("class_intermediate_size", self.class_intermediate_size(), self.family == Family::Cait),
            ("max_position_embeddings", self.max_position_embeddings, text),
            ("type_vocab_size", self.space(Space::TokenType).width(), self.family.has_token_types()),
            ("num_labels", self.num_labels(), true),
            ("sliding_window", self.sliding_window.unwrap_or(1), true),
            ("adapter_size", self.adapter_size.unwrap_or(1), true),
        ];
        for (field, size, _) in sizes.into_iter().filter(|&(_, _, applies)| applies) {
            let fits = (1..=LARGEST_WIDTH).contains(&size);
            require(field, size, fits, format_args!("a number from 1 to {LARGEST_WIDTH}"))?;
        }
        if let (Some(sites), None) = (self.adapter_sites, self.adapter_size) {
            require("adapter_sites", format_args!("{sites:?}"), false, "no such key without an adapter_size")?;
        }
        let layers = [
            ("num_hidden_layers", self.num_hidden_layers, 1),
            ("num_class_layers", self.num_class_layers(), usize::from(self.family == Family::Cait)),
        ];
        for (field, size, least) in layers {
            let fits = (least..=LARGEST_DEPTH).contains(&size);
            require(field, size, fits, format_args!("a number from {least} to {LARGEST_DEPTH}"))?;
        }
        if self.family == Family::Roberta {
            let (found, pad) = (self.max_position_embeddings, self.pad_token_id());
            let vocabulary = self.vocab_size;
            require("pad_token_id", pad, pad < vocabulary, format_args!("an id below vocab_size ({vocabulary})"))?;
            let expected = format_args!("more than pad_token_id + 1 ({}), from which positions count", pad + 1);
            require("max_position_embeddings", found, found > pad + 1, expected)?;
        }
        Ok(())
    }

    fn check_attention(&self) -> Result<()> {
        let heads = self.num_attention_heads;
        // `transformers` refuses a Llama of another width even where head_dim is given; the others then have a choice.
        if self.head_dim.is_none() || self.family == Family::Llama {
            let whole = self.hidden_size.is_multiple_of(heads);
            let expected = format_args!("a multiple of num_attention_heads ({heads})");
            require("hidden_size", self.hidden_size, whole, expected)?;
        }
        let fits = self.head_dim() >= 1 && self.head_dim().saturating_mul(heads) <= LARGEST_WIDTH;
        require("head_dim", self.head_dim(), fits, format_args!("1 to {LARGEST_WIDTH} / num_attention_heads"))?;
        let groups = self.num_key_value_heads();
        let expected = format_args!("a divisor of num_attention_heads ({heads})");
        require("num_key_value_heads", groups, heads.is_multiple_of(groups), expected)?;
        if self.family.is_llama_style() {
            let even = self.head_dim().is_multiple_of(2);
            require("head_dim", self.head_dim(), even, "an even number, as rotary positions turn pairs")?;
            let theta = self.rope_theta();
            require("rope_theta", theta, theta.is_finite() && theta > 0.0, "a finite number above 0")?;
            if let Some(scaling) = &self.rope_scaling {
                scaling.check(self)?;
            }
        }
        Ok(())
    }

    fn check_images(&self) -> Result<()> {
        if !self.family.reads_images() {
            return Ok(());
        }
        for (field, size) in [
            ("image_size", self.image_size()),
            ("patch_size", self.patch_size()),
            ("num_channels", self.num_channels()),
        ] {
            require(field, size, (1..=1 << 14).contains(&size), "a number from 1 to 16384")?;
        }
        let patch = self.patch_size();
        let whole = self.image_size().is_multiple_of(patch);
        require("image_size", self.image_size(), whole, format_args!("a multiple of patch_size ({patch})"))?;
        let pixels = self.space(Space::Patch).width();
        require(
            "patch_size",
            patch,
            pixels <= LARGEST_WIDTH,
            format_args!("a patch of at most {LARGEST_WIDTH} numbers"),
        )?;
        let patches = self.num_patches();
        require(
            "image_size",
            self.image_size(),
            patches < LARGEST_WIDTH,
            format_args!("fewer than {LARGEST_WIDTH} patches"),
        )
    }

    fn check_numbers(&self) -> Result<()> {
        let shares = [
            ("hidden_dropout", self.hidden_dropout),
            ("attention_dropout", self.attention_dropout),
            ("classifier_dropout", self.classifier_dropout()),
        ];
        for (field, p) in shares {
            require(field, p, (0.0..1.0).contains(&p), "a number in [0, 1)")?;
        }
        let positive = [
            ("layer_norm_eps", self.layer_norm_eps()),
            ("initializer_range", self.initializer_range),
            ("layer_scale_init", self.layer_scale_init()),
        ];
        for (field, x) in positive {
            require(field, x, x.is_finite() && x > 0.0, "a finite number above 0")?;
        }
        Ok(())
    }

    fn check_head(&self) -> Result<()> {
        let (head, known) = (self.head(), self.family.heads());
        let names = || known.iter().map(|head| head.name()).collect::<Vec<_>>().join(", ");
        require("head", head, known.contains(&head), format_args!("one that {} has: {}", self.family, names()))?;
        if self.num_labels.is_some() {
            require(
                "num_labels",
                self.num_labels(),
                head.has_labels(),
                format_args!("no such key: {head} has no labels"),
            )?;
        }
        if head == Head::SequenceClassification {
            let labels = self.num_labels();
            require("num_labels", labels, labels > 1, "at least 2: a head with one output is a sequence-regression")?;
        }
        if self.pooler.is_some() {
            require(
                "pooler",
                self.has_pooler(),
                head == Head::None,
                format_args!("no such key: {head} decides on it"),
            )?;
        }
        Ok(())
    }

    /// Refuses what `timm`'s file could not say of a model that has its names.
    fn check_naming(&self) -> Result<()> {
        if self.naming == Naming::Hub {
            return Ok(());
        }
        let (eps, act) = (self.layer_norm_eps(), self.hidden_act());
        require("layer_norm_eps", eps, eps == 1e-6, "1e-6, the only one with timm's naming")?;
        let sayable = self.family != Family::Cait || act == Activation::Gelu;
        require("hidden_act", format_args!("{act:?}"), sayable, "gelu, the only one of CaiT")?;
        let both = self.family != Family::Deit || self.head() != Head::ImageClassification;
        require(
            "head",
            self.head(),
            both,
            "distilled-image-classification or none, as timm's DeiT has both heads or none",
        )
    }

    /// Refuses keys of other families.
    fn check_foreign_fields(&self) -> Result<()> {
        let family = self.family;
        let (text, images) = (!family.reads_images(), family.reads_images());
        let (llama, bert) = (family.is_llama_style(), family.has_token_types());
        let biased = images || matches!(family, Family::Llama | Family::Qwen3);
        let windows = matches!(family, Family::Mistral | Family::Qwen2 | Family::Qwen3);
        let later_windows = matches!(family, Family::Qwen2 | Family::Qwen3);
        let pooled = bert || (images && self.naming == Naming::Hub);
        let cait = family == Family::Cait;
        let given: [(&'static str, Option<String>, bool, &str); 22] = [
            ("vocab_size", (self.vocab_size > 0).then(|| self.vocab_size.to_string()), text, "models of text"),
            (
                "max_position_embeddings",
                (self.max_position_embeddings > 0).then(|| self.max_position_embeddings.to_string()),
                text,
                "models of text",
            ),
            ("num_key_value_heads", show(&self.num_key_value_heads), llama, "Llama style"),
            ("head_dim", show(&self.head_dim), llama, "Llama style"),
            ("type_vocab_size", show(&self.type_vocab_size), bert, "BERT and RoBERTa"),
            ("pad_token_id", show(&self.pad_token_id), bert, "BERT and RoBERTa"),
            ("attention_bias", show(&self.attention_bias), biased, "Llama, Qwen3 and models of images"),
            ("mlp_bias", show(&self.mlp_bias), family == Family::Llama, "Llama"),
            ("tie_word_embeddings", show(&self.tie_word_embeddings), llama, "Llama style"),
            ("rope_theta", show(&self.rope_theta), llama, "Llama style"),
            ("rope_scaling", self.rope_scaling.as_ref().map(|scaling| scaling.name().into()), llama, "Llama style"),
            ("sliding_window", show(&self.sliding_window), windows, "Mistral, Qwen2 and Qwen3"),
            ("max_window_layers", show(&self.max_window_layers), later_windows, "Qwen2 and Qwen3"),
            ("image_size", show(&self.image_size), images, "models of images"),
            ("patch_size", show(&self.patch_size), images, "models of images"),
            ("num_channels", show(&self.num_channels), images, "models of images"),
            ("num_class_layers", show(&self.num_class_layers), cait, "CaiT"),
            ("class_intermediate_size", show(&self.class_intermediate_size), cait, "CaiT"),
            ("layer_scale_init", show(&self.layer_scale_init), cait, "CaiT"),
            ("pooler", show(&self.pooler), pooled, "BERT, RoBERTa, and ViT and DeiT of the Hub"),
            ("classifier_dropout", show(&self.classifier_dropout), bert, "BERT and RoBERTa"),
            (
                "hidden_dropout",
                (self.hidden_dropout != 0.0).then(|| self.hidden_dropout.to_string()),
                !llama,
                "other families than Llama's",
            ),
        ];
        for (field, found, belongs, whose) in given {
            if let Some(found) = found {
                require(field, found, belongs, format_args!("no such key: only {whose} have it"))?;
            }
        }
        let naming_fits = match self.naming {
            Naming::Hub => !cait,
            Naming::Timm => images,
        };
        let expected =
            if cait { "timm, the only one that CaiT has" } else { "hub: only models of images have timm's names" };
        require("naming", format!("{:?}", self.naming).to_lowercase(), naming_fits, expected)
    }
}

fn show(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

pub(crate) fn require(field: &'static str, found: impl ToString, holds: bool, expected: impl ToString) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(ModelError::Config { field, found: found.to_string(), expected: expected.to_string() })
}
