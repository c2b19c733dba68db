//! What each preset sets, as the TOML that one would have to write without it.

use super::Preset;

impl Preset {
    /// Its name in TOML files, and the method's that has it as its default.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ligo => "ligo",
            Self::LigoPaper => "ligo-paper",
            Self::LigoPublished => "ligo-published",
        }
    }

    /// The keys in which it differs from the preset `ligo`.
    pub fn table(self) -> toml::Table {
        match self {
            Self::Ligo => toml::Table::new(),
            Self::LigoPaper => toml::toml! {
                steps = 100
                width_form = "free"
                factors = "per-small-layer"
                fresh = false
            },
            Self::LigoPublished => toml::toml! {
                steps = 100
                learning_rate = 2e-4
                warmup_steps = 10000
                schedule = "linear"
                weight_decay = 0.1
                factors = "per-large-layer"
                depth_noise = 0.03
                bias_depth = "own"
                head_factor = true
                fresh = false
            },
        }
    }
}
