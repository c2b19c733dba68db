//! Speed and memory of what models do and of preparing their data, ours and a peer's, measured so that the figures can be compared.
//!
//! - A [`Case`] is a model and the size of a batch; a [`ModelJob`] is a case with what is done ([`Work`]) and the threads. A
//!   [`DataJob`] is files and how they are prepared ([`DataWork`]). A [`KernelJob`] is one fused operation ([`Operation`]), a
//!   [`GrowthJob`] a checkpoint that is grown, a [`MachineJob`] what the machine can do at most ([`Peaks`]).
//! - A [`Contender`] is a process that does a job again and again on request: ours ([`serve`], in a process of its own, so that its
//!   peak memory is its own) or a [`Peer`]: PyTorch by itself (`peer/step.py` and `peer/kernels.py`, with torch alone), the models of transformers and
//!   timm (`peer/models.py`), or what prepares data for them (`peer/data.py`). All start from the same weights and the same batch.
//! - [`compare`] lets contenders take turns, A B A B, so that whatever else the machine does meets all of them, and takes medians. A turn that other programs disturb is taken again.
//! - [`compare_fresh`] does so with what happens once in a process: reading a checkpoint, preparing text.
//!
//! Not a profiler, and no part of any experiment.

mod agreement;
mod case;
mod contender;
mod data;
mod files;
mod forward;
mod generate;
mod growth;
mod kernel;
mod machine;
mod protocol;
mod pytorch;
mod sample;
mod scaling;
mod shapes;
mod step;
mod system;
mod task;
mod turns;
mod worker;

pub use case::{Case, OPERATOR_TOKENS};
pub use contender::{Contender, Refused};
pub use data::{DataJob, DataWork, write_images, write_text};
pub use growth::{GrowthJob, GrowthWork};
pub use kernel::{Bound, KernelJob, Operation};
pub use machine::{MachineJob, Peaks};
pub use protocol::{Job, Mode, ModelJob, NEW_TOKENS, Precision, Work};
pub use pytorch::{Peer, Python};
pub use scaling::{Scaling, thread_counts};
pub use shapes::Named;
pub use system::load;
pub use turns::{Measured, Plan, compare, compare_fresh};
pub use worker::serve;
