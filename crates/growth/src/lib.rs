//! What growing means, written once for all models.
//!
//! - A **width growth** is one map per [`ligo_models::Space`]: an expansion for axes that *produce* the space and its
//!   partner for axes that *consume* it ([`SpaceMap`]).
//! - A **depth growth** says which small layers make each large one ([`DepthMap`]).
//! - A **growth operator** is the two together, applied spec by spec ([`LinearGrowth`]), or anything else that turns a
//!   small model's parameters into a large one's ([`GrowthOperator`]).
//! - A **learned operator** has factors that are trained on the large model's loss while the small model stays frozen
//!   ([`LearnedOperator`], [`Learner`]).
//! - A **method** is what an experiment compares: a [`Recipe`] of stages as plain data ([`Method`]).

mod error;
mod method;
mod operator;

pub use error::GrowthError;
pub use method::{Action, Method, OperatorTraining, Recipe, Stage, Start, Task};
pub use operator::{GrowthOperator, Growth, LearnedOperator, Learner};

/// The result of growing.
pub type Result<T> = std::result::Result<T, GrowthError>;
