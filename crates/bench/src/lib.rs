//! Speed and memory of one training step, ours and a peer's, measured so that the figures can be compared.
//!
//! - A [`Case`] is a model and a batch; a [`Job`] is a case with the kind of step ([`Work`]) and the threads.
//! - A [`Contender`] is a process that takes steps of a job on request: ours ([`serve`], in a process of its own, so that its peak
//!   memory is its own) or PyTorch (`peer/step.py`, with torch alone). Both start from the same weights and the same batch.
//! - [`compare`] lets contenders take turns, A B A B, so that whatever else the machine does meets all of them, and takes medians. A turn that other programs disturb is taken again.
//!
//! Not a profiler, and no part of any experiment.

mod case;
mod contender;
mod protocol;
mod pytorch;
mod step;
mod system;
mod turns;
mod worker;

pub use case::{Case, OPERATOR_TOKENS};
pub use contender::Contender;
pub use protocol::{Job, Work};
pub use pytorch::Python;
pub use system::load;
pub use turns::{Measured, Plan, compare};
pub use worker::serve;
