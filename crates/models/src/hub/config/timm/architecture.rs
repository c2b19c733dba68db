//! What `timm`'s names of architectures say about sizes: `vit_small_patch16_224`, `deit_base_distilled_patch16_384`,
//! `cait_xxs24_224`.

use crate::config::Naming;
use crate::{Family, ModelConfig};

/// [name, embed_dim, depth, num_heads].
type Sizes = (&'static str, usize, usize, usize);

const VITS: [Sizes; 5] = [
    ("tiny", 192, 12, 3),
    ("small", 384, 12, 6),
    ("base", 768, 12, 12),
    ("large", 1024, 24, 16),
    ("huge", 1280, 32, 16),
];

/// With LayerScale's start.
const CAITS: [(Sizes, f32); 7] = [
    (("xxs24", 192, 24, 4), 1e-5),
    (("xxs36", 192, 36, 4), 1e-5),
    (("xs24", 288, 24, 6), 1e-5),
    (("s24", 384, 24, 8), 1e-5),
    (("s36", 384, 36, 8), 1e-6),
    (("m36", 768, 36, 16), 1e-6),
    (("m48", 768, 48, 16), 1e-6),
];

/// The names that are known, for messages.
pub(super) const KNOWN: &str = "vit_{tiny,small,base,large,huge}_patch{N}_{N}, deit_{tiny,small,base}_patch{N}_{N}, \
     deit_{tiny,small,base}_distilled_patch{N}_{N} or cait_{xxs24,xxs36,xs24,s24,s36,m36,m48}_{N}";

/// The configuration that a name stands for, without its image's size, which `timm` has elsewhere.
pub(super) fn config(name: &str) -> Option<ModelConfig> {
    // A checkpoint's tag.
    let name = name.split('.').next()?;
    let parts: Vec<_> = name.split('_').collect();
    let (family, size, patch) = match parts[..] {
        ["vit", size, patch, side] if is_number(side) => (Family::Vit, size, patch),
        ["deit", size @ ("tiny" | "small" | "base"), patch, side] if is_number(side) => (Family::Vit, size, patch),
        ["deit", size @ ("tiny" | "small" | "base"), "distilled", patch, side] if is_number(side) => {
            (Family::Deit, size, patch)
        }
        ["cait", size, side] if is_number(side) => (Family::Cait, size, "patch16"),
        _ => return None,
    };
    let (sizes, layer_scale_init) = match family {
        Family::Cait => CAITS.iter().find(|(sizes, _)| sizes.0 == size).map(|&(sizes, init)| (sizes, Some(init)))?,
        _ => (*VITS.iter().find(|sizes| sizes.0 == size)?, None),
    };
    let (_, hidden_size, depth, heads) = sizes;
    let mut config = ModelConfig::new(family, hidden_size, depth, heads);
    config.naming = Naming::Timm;
    config.intermediate_size = Some(4 * hidden_size);
    config.patch_size = Some(patch.strip_prefix("patch")?.parse().ok()?);
    config.layer_scale_init = layer_scale_init;
    Some(config)
}

fn is_number(text: &str) -> bool {
    text.parse::<usize>().is_ok()
}

/// The name that a model without one gets; all sizes are then among its arguments.
pub(super) fn usual(family: Family) -> &'static str {
    match family {
        Family::Cait => "cait_s24_224",
        Family::Deit => "deit_base_distilled_patch16_224",
        _ => "vit_base_patch16_224",
    }
}
