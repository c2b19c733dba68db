//! What a tensor's name in somebody's checkpoint means.
//!
//! Parameters here have the names that `transformers` writes today. Older files call some of them differently, and most hold
//! more than the weights.

/// Pairs of names for one tensor: the second copy, and the parameter that it is tied to.
const TIED: [(&str, &str); 3] = [
    ("lm_head.weight", "transformer.wte.weight"),
    ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
];

/// What the name of a base model's tensors lacks.
const PREFIXES: [&str; 2] = ["transformer.", "bert."];

/// Buffers that were saved as if they were weights (causal masks, positions).
const BUFFERS: [&str; 3] = [".attn.bias", ".attn.masked_bias", "embeddings.position_ids"];

/// Heads of BERT that a masked language model does not use.
const UNUSED: [&str; 2] = ["bert.pooler.", "cls.seq_relationship."];

/// What a tensor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The parameter of that index.
    Parameter(usize),
    /// A second copy of the parameter of that index.
    CopyOf(usize),
    /// Something that this model does without.
    Nothing,
    /// No idea.
    Unknown,
}

/// What `name` stands for in a model whose parameters `index` knows by name.
pub(crate) fn meaning(name: &str, index: impl Fn(&str) -> Option<usize>) -> Meaning {
    if let Some(i) = index(name) {
        return Meaning::Parameter(i);
    }
    if let Some(i) = TIED.iter().find(|(copy, _)| *copy == name).and_then(|(_, original)| index(original)) {
        return Meaning::CopyOf(i);
    }
    // TensorFlow's names of a norm's gain and bias, in the first BERT checkpoints.
    let current = match name.rsplit_once("LayerNorm.") {
        Some((module, "gamma")) => format!("{module}LayerNorm.weight"),
        Some((module, "beta")) => format!("{module}LayerNorm.bias"),
        _ => name.to_owned(),
    };
    let prefixed = PREFIXES.iter().map(|prefix| format!("{prefix}{current}"));
    if let Some(i) = std::iter::once(current.clone()).chain(prefixed).find_map(|name| index(&name)) {
        return Meaning::Parameter(i);
    }
    // A file of factors or moments has none of these, and nothing in it may be passed over.
    let of_a_model = PREFIXES
        .iter()
        .zip(["wte.weight", "embeddings.word_embeddings.weight"])
        .any(|(prefix, table)| index(&format!("{prefix}{table}")).is_some());
    let passed_over =
        BUFFERS.iter().any(|end| name.ends_with(end)) || UNUSED.iter().any(|start| name.starts_with(start));
    if of_a_model && passed_over { Meaning::Nothing } else { Meaning::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_ages_are_understood() {
        let gpt2 = ["transformer.wte.weight", "transformer.h.0.attn.c_attn.bias"];
        let bert = [
            "bert.embeddings.word_embeddings.weight",
            "bert.embeddings.LayerNorm.weight",
            "bert.embeddings.LayerNorm.bias",
            "cls.predictions.bias",
        ];
        let factors = ["B.embed"];
        let cases: [(&[&str], &str, Meaning); 17] = [
            (&gpt2, "transformer.wte.weight", Meaning::Parameter(0)),
            (&gpt2, "wte.weight", Meaning::Parameter(0)),
            (&gpt2, "lm_head.weight", Meaning::CopyOf(0)),
            (&gpt2, "h.0.attn.c_attn.bias", Meaning::Parameter(1)),
            (&gpt2, "h.0.attn.bias", Meaning::Nothing),
            (&gpt2, "transformer.h.0.attn.masked_bias", Meaning::Nothing),
            (&gpt2, "score.weight", Meaning::Unknown),
            (&gpt2, "cls.predictions.decoder.weight", Meaning::Unknown),
            (&bert, "embeddings.word_embeddings.weight", Meaning::Parameter(0)),
            (&bert, "bert.embeddings.LayerNorm.gamma", Meaning::Parameter(1)),
            (&bert, "bert.embeddings.LayerNorm.beta", Meaning::Parameter(2)),
            (&bert, "cls.predictions.decoder.weight", Meaning::CopyOf(0)),
            (&bert, "cls.predictions.decoder.bias", Meaning::CopyOf(3)),
            (&bert, "bert.pooler.dense.weight", Meaning::Nothing),
            (&bert, "bert.embeddings.position_ids", Meaning::Nothing),
            (&bert, "classifier.weight", Meaning::Unknown),
            (&factors, "bert.pooler.dense.weight", Meaning::Unknown),
        ];
        for (specs, name, expected) in cases {
            assert_eq!(meaning(name, |name| specs.iter().position(|spec| *spec == name)), expected, "{name}");
        }
    }
}
