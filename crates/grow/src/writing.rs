//! Weights on their way to the disk while others are still grown and while the grown model is asked: the disk is what growing
//! without learning waits for. What is written, and where, is the export's.

use crate::{GrowError, Result};
use ligo_growth::{Growth, GrowthOperator};
use ligo_kernels::{Kernels, Matrix};
use ligo_models::Parameters;
use ligo_models::hub::Export;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// An export that a thread of its own fills. Dropped before it is finished, it stops writing.
///
/// That thread hands no work to the pool: who waits for it may be the only one there.
pub(crate) struct Writing<'scope> {
    thread: Option<ScopedJoinHandle<'scope, Result<Export>>>,
    given_up: Arc<AtomicBool>,
}

impl<'scope> Writing<'scope> {
    /// Grows; every tensor is handed to the export as soon as it is made. Writing may take longer than this.
    ///
    /// # Errors
    /// Those of the operator; `no_thread` makes one of the system's refusal to start a thread.
    pub(crate) fn while_growing<D: Kernels>(
        scope: &'scope Scope<'scope, '_>,
        mut export: Export,
        growth: &Growth<'_, D>,
        operator: &dyn GrowthOperator<D>,
        no_thread: impl FnOnce(io::Error) -> GrowError,
    ) -> Result<(Parameters<D>, Self)> {
        let (sender, receiver) = mpsc::channel::<(usize, Matrix<D>)>();
        let given_up = Arc::new(AtomicBool::new(false));
        let is_given_up = given_up.clone();
        let write = move || {
            for (i, tensor) in receiver {
                if is_given_up.load(Ordering::Relaxed) {
                    break;
                }
                export.put(i, &tensor)?;
            }
            Ok(export)
        };
        let thread = Some(Builder::new().spawn_scoped(scope, write).map_err(no_thread)?);
        let writing = Self { thread, given_up };
        // Nobody receives any more where writing has failed; `finish` says why.
        let made = |i: usize, tensor: &Matrix<D>| _ = sender.send((i, tensor.clone()));
        let grown = operator.grow_showing(growth, &made)?;
        Ok((grown, writing))
    }

    /// Waits until everything is written.
    pub(crate) fn finish(mut self) -> Result<Export> {
        let thread = self.thread.take().expect("it is taken here alone, by who owns it");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}
