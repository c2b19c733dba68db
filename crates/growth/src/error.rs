//! What can be wrong with a growth: sizes, options, families.

/// A growth that cannot be done as asked.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    /// The large model is smaller than the small one along some axis, or differs where it may not.
    #[error("{what}: the large model has {found}, expected {expected}")]
    Sizes {
        /// Which size.
        what: String,
        /// The large model's.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A map of a growth operator does not fit the two models: a fault of the method rather than of the configuration.
    #[error("{what}: found {found}, expected {expected}")]
    Map {
        /// Which map or parameter.
        what: String,
        /// What it has.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// An option of a method.
    #[error("method {method}: option {option}: {reason}")]
    Option {
        /// The method.
        method: &'static str,
        /// The key in the TOML table.
        option: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A model refused.
    #[error(transparent)]
    Model(#[from] ligo_models::ModelError),
    /// An operation failed.
    #[error(transparent)]
    Kernel(#[from] ligo_kernels::KernelError),
}

impl GrowthError {
    /// A method cannot take the value of an option.
    pub fn option(method: &'static str, option: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Option { method, option: option.into(), reason: reason.into() }
    }
}
