//! Speed and memory of what models do, ours and a peer's, measured so that the figures can be compared.
//!
//! - A [`Case`] is a model and the size of a batch; a [`Job`] is a case with what is done ([`Work`]) and the threads.
//! - A [`Contender`] is a process that does a job again and again on request: ours ([`serve`], in a process of its own, so that its
//!   peak memory is its own) or a [`Peer`]: PyTorch by itself (`peer/step.py`, with torch alone) or the models of transformers and
//!   timm (`peer/models.py`). All start from the same weights and the same batch.
//! - [`compare`] lets contenders take turns, A B A B, so that whatever else the machine does meets all of them, and takes medians. A turn that other programs disturb is taken again.
//! - [`compare_fresh`] does so with what happens once in a process: reading a checkpoint.
//!
//! Not a profiler, and no part of any experiment.

mod agreement;
mod case;
mod contender;
mod files;
mod forward;
mod generate;
mod protocol;
mod pytorch;
mod sample;
mod step;
mod system;
mod task;
mod turns;
mod worker;

pub use case::{Case, OPERATOR_TOKENS};
pub use contender::Contender;
pub use protocol::{Job, NEW_TOKENS, Work};
pub use pytorch::{Peer, Python};
pub use system::load;
pub use turns::{Measured, Plan, compare, compare_fresh};
pub use worker::serve;
