//! Weights on their way to the disk while others are still grown and while the grown model is asked: the disk is what growing
//! without learning waits for.

use crate::Result;
use ligo_growth::{Growth, GrowthOperator};
use ligo_kernels::{Kernels, Matrix};
use ligo_models::Parameters;
use ligo_models::hub::Export;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle};

/// An export that a thread of its own fills.
pub(crate) struct Writing<'scope> {
    thread: ScopedJoinHandle<'scope, Result<Export>>,
}

impl<'scope> Writing<'scope> {
    /// Grows; every tensor is handed to the export as soon as it is made. Writing may take longer than this.
    pub(crate) fn while_growing<D: Kernels>(
        scope: &'scope Scope<'scope, '_>,
        mut export: Export,
        growth: &Growth<'_, D>,
        operator: &dyn GrowthOperator<D>,
    ) -> Result<(Parameters<D>, Self)> {
        let (sender, receiver) = mpsc::channel::<(usize, Matrix<D>)>();
        let thread = scope.spawn(move || {
            receiver.into_iter().try_for_each(|(i, tensor)| export.put(i, &tensor))?;
            export.sync()?;
            Ok(export)
        });
        // Nobody receives any more where writing has failed; `finish` says why.
        let made = |i: usize, tensor: &Matrix<D>| _ = sender.send((i, tensor.clone()));
        let grown = operator.grow_showing(growth, &made)?;
        Ok((grown, Self { thread }))
    }

    /// Waits until everything is written.
    pub(crate) fn finish(self) -> Result<Export> {
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}
