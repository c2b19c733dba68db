//! What can go wrong in an operation: shapes that do not fit, an id out of range, memory.

/// An operation refused its arguments, or the device ran out of memory.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// Two sizes that must agree do not.
    #[error("{op}: {what} is {found}, expected {expected}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// Which argument.
        what: String,
        /// Its shape or size.
        found: String,
        /// What it had to be.
        expected: String,
    },
    /// A token id, target or position beyond its table.
    #[error("{op}: {what} {found} at index {index} is out of range, expected less than {limit}")]
    OutOfRange {
        /// The operation.
        op: &'static str,
        /// Which argument.
        what: &'static str,
        /// Where in it.
        index: usize,
        /// The value.
        found: i64,
        /// The first value too large.
        limit: usize,
    },
    /// A variable of the environment says something that cannot be.
    #[error("{variable} is '{found}', expected {expected}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// The device failed, most likely out of memory.
    #[error("{op}: the device failed: {reason}")]
    Device {
        /// The operation.
        op: &'static str,
        /// The device's own words.
        reason: String,
    },
}
