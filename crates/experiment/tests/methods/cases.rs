//! What is grown into what, and with which options.

use ligo_growth::testing::config;
use ligo_models::{Family, ModelConfig};

/// The project's own methods, whose outcomes are held by a snapshot, and the options that each is tried with beside none: those
/// that change what is grown.
///
/// A method that is not here, such as one of your own, is tried without options and held to the truth alone.
pub(crate) const OWN: [(&str, &[&str]); 24] = [
    ("scratch", &[]),
    (
        "ligo",
        &[
            "steps = 0",
            "steps = 0\nwidth_start = 'function-preserving'",
            "steps = 0\nwidth_start = 'function-preserving'\ndepth_start = 'interlace'",
            "steps = 0\nwidth_start = 'function-preserving'\ndepth_start = 'identity'",
            "steps = 0\nwidth_start = 'zero'\nfresh = true",
            "residual = true\nwidth_form = 'free'\ntying = 'untied'",
        ],
    ),
    ("ligo-paper", &["steps = 0\nwidth_start = 'function-preserving'\ndepth_start = 'identity'"]),
    ("ligo-published", &["steps = 0\nwidth_start = 'function-preserving'\ndepth_noise = 0.0"]),
    ("direct-copy", &[]),
    ("stackbert", &["doublings = 1"]),
    ("interpolation", &["draw = 'balanced'"]),
    ("mslt", &["stages = 2"]),
    ("net2net", &["draw = 'balanced'", "draw = 'balanced'\nnoise = 0.1"]),
    ("bert2bert", &["draw = 'balanced'", "scheme = 'aki'\ndraw = 'balanced'"]),
    ("ki", &[]),
    ("staged-training", &["noise = 0.1"]),
    ("lemon", &["noise = 0"]),
    ("hypercloning", &["depth = 'interpolate'", "depth = 'identity'", "depth = 'identity'\nnoise_db = 20"]),
    ("msg", &[]),
    ("g-stack", &["draw = 'balanced'"]),
    ("block-expansion", &["train = 'new-blocks'"]),
    ("depth-up-scaling", &["draw = 'balanced'"]),
    ("gradual-stacking", &["start = 'small'", "start = 'small'\nvariant = 'top'\ndraw = 'balanced'"]),
    ("tleg", &["gene = 'pair'\ndraw = 'balanced'"]),
    ("modernbert-tiling", &["offset = 'edge'", "around = 'fresh'", "heads = 'cut'"]),
    ("mup-scaling", &["noise = 0", "noise = 0\ndepth = 'interpolate'", "noise = 0\ndepth = 'identity'"]),
    ("shrink-pad-perturb", &["noise = 0", "shrink = 1\nnoise = 0"]),
    ("composable-expansions", &[]),
];

/// Values that the project's own methods cannot take: a method, an option, its value as TOML.
pub(crate) const WRONG: [(&str, &str, &str); 19] = [
    ("ligo", "learning_rate", "0"),
    ("ligo", "width_start", "'identity'"),
    ("ligo-paper", "batch_size", "0"),
    ("ligo-published", "depth_noise", "2"),
    ("stackbert", "doublings", "3"),
    ("interpolation", "draw", "'even'"),
    ("mslt", "shares", "[1.0]"),
    ("net2net", "noise", "-1"),
    ("bert2bert", "sub_model_layers", "0"),
    ("ki", "temperature", "0"),
    ("staged-training", "noise", "-1"),
    ("lemon", "noise", "-1"),
    ("hypercloning", "noise_db", "inf"),
    ("msg", "fade_steps", "601"),
    ("depth-up-scaling", "drop", "1"),
    ("gradual-stacking", "stages", "3"),
    ("modernbert-tiling", "offset", "'left'"),
    ("mup-scaling", "noise", "-1"),
    ("shrink-pad-perturb", "shrink", "2"),
];

/// The sets of options, as TOML, that a method is tried with.
pub(crate) fn options(method: &str) -> Vec<&'static str> {
    let more = OWN.iter().find(|(name, _)| *name == method).map_or(&[][..], |(_, options)| options);
    [""].iter().chain(more).copied().collect()
}

/// A pair of models.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) small: ModelConfig,
    pub(crate) large: ModelConfig,
}

/// What may grow, at once and alone, in multiples and not.
pub(crate) fn pairs(family: Family) -> Vec<Pair> {
    let small = config(family, 2, 8, 2);
    let wider_inside = ModelConfig { intermediate_size: Some(45), ..small.clone() };
    let mut pairs = vec![
        Pair { name: "twice as wide", small: small.clone(), large: config(family, 2, 16, 4) },
        Pair { name: "half as wide again", small: small.clone(), large: config(family, 2, 12, 3) },
        Pair { name: "a wider MLP", small: small.clone(), large: wider_inside },
        Pair { name: "twice as deep", small: small.clone(), large: config(family, 4, 8, 2) },
        Pair { name: "one layer deeper", small: small.clone(), large: config(family, 3, 8, 2) },
        Pair { name: "twice as wide and deep", small: small.clone(), large: config(family, 4, 16, 4) },
        Pair { name: "wider and deeper", small, large: config(family, 5, 20, 5) },
    ];
    if family.is_llama_style() {
        let grouped = |layers, hidden, heads| ModelConfig {
            num_key_value_heads: Some(heads / 2),
            head_dim: Some(4),
            ..config(family, layers, hidden, heads)
        };
        pairs.push(Pair { name: "grouped heads, wider", small: grouped(2, 16, 4), large: grouped(2, 32, 8) });
        pairs.push(Pair { name: "grouped heads, both", small: grouped(2, 16, 4), large: grouped(4, 24, 6) });
    }
    pairs
}
