//! What training costs and what a method saves.

mod flops;
mod memory;
mod savings;
mod stats;

pub use flops::{
    Convention, Flops, OperationFlops, StepShape, breakdown, forward_flops, operator_step_flops,
    paper_operator_step_flops, step_flops,
};
pub use memory::{Memory, memory};
pub use savings::{Accounting, Better, Comparison, Point, Saving, SeedSavings, smooth};
pub use stats::Stats;
