//! Where an operation's backward pass finds and leaves gradients.
//!
//! Of a leaf (a weight) it is the entry in dfdx's [`Gradients`], where whoever runs the backward pass finds it. dfdx makes an entry as
//! zeros to be added to; here it may also be an *empty* buffer: zeros that nobody has written down yet. The optimiser leaves its
//! gradients so.
//!
//! Of a recorded operation's output it is a [`Cell`] that its backward operation and those of its readers share. It begins as nothing, so that
//! the first writer overwrites, and no memory is filled with zeros just to be added to; and two tensors with the same gradient, such as
//! the terms of a sum, can hold one buffer until somebody changes it.

use super::buffers::{device_error, expect, matrix, read, size, unwritten};
use super::parallel;
use crate::{Cpu, Gradients, Matrix, TakeGradient, id_of};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{CpuError, Tensor, UniqueId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

type Find = dyn for<'g> Fn(&'g mut Gradients<f32, Cpu>) -> Result<&'g mut Vec<f32>, CpuError> + Send + Sync;

/// See [`crate::Kernels::gradient_of`].
pub(super) fn taker(tensor: &Matrix<Cpu>) -> TakeGradient<Cpu> {
    taker_of(Slot::of(tensor), tensor)
}

/// See [`crate::Kernels::gradient_of_output`].
pub(super) fn output_taker(tensor: &Matrix<Cpu>) -> TakeGradient<Cpu> {
    taker_of(Slot::output(tensor), tensor)
}

fn taker_of(slot: Slot, tensor: &Matrix<Cpu>) -> TakeGradient<Cpu> {
    const OP: &str = "gradient_of";
    let (shape, device) = (size(tensor), tensor.device().clone());
    Box::new(move |gradients| {
        let taken = slot.take(gradients).map_err(|e| device_error(OP, e))?;
        matrix(OP, &device, taken, shape)
    })
}

/// See [`crate::Kernels::add_gradient`].
pub(super) fn add(tensor: &Matrix<Cpu>, value: &Matrix<Cpu>, gradients: &mut Gradients<f32, Cpu>) -> crate::Result<()> {
    const OP: &str = "add_gradient";
    expect(OP, "gradient", size(value), size(tensor))?;
    let value = read(OP, "gradient", value)?;
    Slot::of(tensor).add_copy(gradients, value).map_err(|e| device_error(OP, e))
}

/// The place of one tensor's gradient; does not keep the tensor's data alive.
pub(super) struct Slot {
    length: usize,
    place: Place,
}

enum Place {
    // dfdx's ghost tensor is what finds the entry; its type cannot be named, so it hides in a closure.
    Leaf(Box<Find>),
    Output(Arc<Cell>),
}

/// The gradient of a recorded operation's output; none is zeros. One backward pass at a time reaches it.
struct Cell {
    id: UniqueId,
    gradient: Mutex<Option<Arc<Vec<f32>>>>,
}

/// The cells that some backward operation still holds, by the output's id.
static OUTPUTS: Mutex<Option<HashMap<UniqueId, Weak<Cell>>>> = Mutex::new(None);

/// What panics while it holds one of these locks leaves nothing half done: a value is put in or taken out.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Cell {
    fn drop(&mut self) {
        if let Some(outputs) = &mut *lock(&OUTPUTS)
            && outputs.get(&self.id).is_some_and(|cell| cell.strong_count() == 0)
        {
            outputs.remove(&self.id);
        }
    }
}

/// What a writer finds in the buffer that it is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Rubbish, to be overwritten.
    Set,
    /// A sum, to be added to.
    Add,
}

impl Slot {
    /// The place of `tensor`'s gradient.
    pub(super) fn of<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> Self {
        let length = tensor.shape().num_elements();
        let cell = lock(&OUTPUTS).as_ref().and_then(|outputs| outputs.get(&id_of(tensor))?.upgrade());
        let place = match cell {
            Some(cell) => Place::Output(cell),
            None => {
                let ghost = tensor.ghost();
                Place::Leaf(Box::new(move |gradients| Ok(&mut **gradients.get_or_alloc_mut(&ghost)?)))
            }
        };
        Self { length, place }
    }

    /// The place of the gradient of an operation's new output: for the operation, before anybody else asks where it is.
    pub(super) fn output<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> Self {
        let cell = Arc::new(Cell { id: id_of(tensor), gradient: Mutex::new(None) });
        let previous = lock(&OUTPUTS).get_or_insert_default().insert(cell.id, Arc::downgrade(&cell));
        // Two cells would split its gradient between them, and one half would never be taken.
        assert!(previous.is_none_or(|cell| cell.strong_count() == 0), "an output comes from one operation");
        Self { length: tensor.shape().num_elements(), place: Place::Output(cell) }
    }

    /// Takes the gradient out: its memory is the caller's, and is freed with the caller.
    pub(super) fn take(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<Vec<f32>, CpuError> {
        Ok(Arc::try_unwrap(self.take_shared(gradients)?).unwrap_or_else(|shared| copied(&shared)))
    }

    /// Takes the gradient out to be read; others may hold the same buffer.
    pub(super) fn take_shared(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<Arc<Vec<f32>>, CpuError> {
        let taken = match &self.place {
            Place::Leaf(find) => Some(std::mem::take(find(gradients)?)).filter(|taken| !taken.is_empty()).map(Arc::new),
            Place::Output(cell) => lock(&cell.gradient).take(),
        };
        Ok(taken.unwrap_or_else(|| Arc::new(vec![0.0; self.length])))
    }

    /// Sets the gradient to zero.
    pub(super) fn clear(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<(), CpuError> {
        match &self.place {
            Place::Leaf(find) => *find(gradients)? = Vec::new(),
            Place::Output(cell) => *lock(&cell.gradient) = None,
        }
        Ok(())
    }

    /// Takes the gradient out to be added to, or rubbish to be overwritten if there is none yet; [`Self::add`] brings it back.
    pub(super) fn lend(&self, gradients: &mut Gradients<f32, Cpu>) -> Result<(Vec<f32>, Mode), CpuError> {
        let present = match &self.place {
            Place::Leaf(find) => Some(std::mem::take(find(gradients)?)).filter(|present| !present.is_empty()),
            Place::Output(cell) => {
                let present = lock(&cell.gradient).take();
                present.map(|present| Arc::try_unwrap(present).unwrap_or_else(|shared| copied(&shared)))
            }
        };
        Ok(match present {
            Some(present) => (present, Mode::Add),
            None => (unwritten(self.length), Mode::Set),
        })
    }

    /// Lets `write` add to the gradient, or set it if there is none yet.
    pub(super) fn accumulate(
        &self,
        gradients: &mut Gradients<f32, Cpu>,
        write: impl FnOnce(&mut [f32], Mode),
    ) -> Result<(), CpuError> {
        let (mut sum, mode) = self.lend(gradients)?;
        write(&mut sum, mode);
        self.add(gradients, sum)
    }

    /// Adds a copy of `value`.
    pub(super) fn add_copy(&self, gradients: &mut Gradients<f32, Cpu>, value: &[f32]) -> Result<(), CpuError> {
        self.accumulate(gradients, |sum, mode| {
            parallel::zip(sum, value, |sum, value| match mode {
                Mode::Set => sum.copy_from_slice(value),
                Mode::Add => sum.iter_mut().zip(value).for_each(|(s, v)| *s += v),
            });
        })
    }

    /// Adds a whole buffer; if there is no gradient yet, it becomes the gradient.
    pub(super) fn add(&self, gradients: &mut Gradients<f32, Cpu>, value: Vec<f32>) -> Result<(), CpuError> {
        self.add_shared(gradients, Arc::new(value))
    }

    /// Adds a buffer that others may hold too; if there is no gradient yet, it becomes the gradient.
    pub(super) fn add_shared(&self, gradients: &mut Gradients<f32, Cpu>, value: Arc<Vec<f32>>) -> Result<(), CpuError> {
        match &self.place {
            Place::Leaf(find) => {
                let entry = find(gradients)?;
                if entry.is_empty() {
                    *entry = Arc::try_unwrap(value).unwrap_or_else(|shared| copied(&shared));
                    return Ok(());
                }
            }
            Place::Output(cell) => {
                let mut gradient = lock(&cell.gradient);
                if gradient.is_none() {
                    *gradient = Some(value);
                    return Ok(());
                }
            }
        }
        self.add_copy(gradients, &value)
    }
}

fn copied(value: &[f32]) -> Vec<f32> {
    let mut copy = unwritten(value.len());
    parallel::zip(&mut copy, value, |copy, value| copy.copy_from_slice(value));
    copy
}
