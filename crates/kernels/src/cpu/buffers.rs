//! Reading and writing the memory of dfdx tensors without a copy, and making tensors from buffers.
//!
//! dfdx keeps its storage private, but indexing a tensor gives a reference into it. All the checks that make a
//! whole slice of such a reference are here, so that the operations deal in plain slices.

use crate::{Cpu, KernelError, Matrix, Result, Scalar};
use dfdx::shapes::HasShape;
use dfdx::tensor::TensorFromVec;

/// A [`KernelError::Shape`].
pub(super) fn shape_error(
    op: &'static str,
    what: impl Into<String>,
    found: impl ToString,
    expected: impl ToString,
) -> KernelError {
    KernelError::Shape { op, what: what.into(), found: found.to_string(), expected: expected.to_string() }
}

/// Refuses `found` unless it is `expected`.
pub(super) fn expect(op: &'static str, what: &str, found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let show = |(rows, columns)| format!("[{rows}, {columns}]");
    Err(shape_error(op, what, show(found), show(expected)))
}

/// Row and column count.
pub(super) fn size(tensor: &Matrix<Cpu>) -> (usize, usize) {
    *tensor.shape()
}

/// The elements of a contiguous matrix, row after row.
///
/// # Errors
/// If the matrix is a strided view (dfdx's `permute` and `broadcast` make such).
#[allow(unsafe_code)]
pub(super) fn read<'a>(op: &'static str, what: &str, tensor: &'a Matrix<Cpu>) -> Result<&'a [f32]> {
    let (rows, columns) = size(tensor);
    if rows == 0 || columns == 0 {
        return Ok(&[]);
    }
    let first: *const f32 = &tensor[[0, 0]];
    let offset = |i, j| (&raw const tensor[[i, j]] as usize).wrapping_sub(first as usize) / size_of::<f32>();
    let contiguous = offset(0, columns - 1) == columns - 1 && offset(rows - 1, 0) == (rows - 1) * columns;
    if !contiguous || offset(rows - 1, columns - 1) != rows * columns - 1 {
        return Err(shape_error(op, what, "a strided view", "a contiguous matrix"));
    }
    // SAFETY: dfdx stores a tensor in one `Vec` and indexes it with bounds checks. The element [0, 0] is at `first` and
    // the last one at `first + rows · columns − 1`, both inside that Vec, so every element between is too. The Vec is
    // borrowed for 'a through `tensor`.
    Ok(unsafe { std::slice::from_raw_parts(first, rows * columns) })
}

/// The elements of a contiguous matrix for writing; copied first if another handle shares them.
///
/// # Errors
/// As [`read`].
#[allow(unsafe_code)]
pub(super) fn write<'a>(op: &'static str, what: &str, tensor: &'a mut Matrix<Cpu>) -> Result<&'a mut [f32]> {
    let length = read(op, what, tensor)?.len();
    if length == 0 {
        return Ok(&mut []);
    }
    let first: *mut f32 = &mut tensor[[0, 0]];
    // SAFETY: `read` has shown that the storage holds `length` elements from [0, 0] on; `IndexMut` has made this handle
    // the only one, and it is mutably borrowed for 'a.
    Ok(unsafe { std::slice::from_raw_parts_mut(first, length) })
}

/// A contiguous matrix kept for the backward pass.
pub(super) struct Kept {
    tensor: Matrix<Cpu>,
    length: usize,
}

impl Kept {
    /// A handle to `tensor`, not a copy.
    ///
    /// # Errors
    /// As [`read`].
    pub(super) fn of(op: &'static str, what: &str, tensor: &Matrix<Cpu>) -> Result<Self> {
        let length = read(op, what, tensor)?.len();
        Ok(Self { tensor: tensor.clone(), length })
    }

    /// The elements.
    #[allow(unsafe_code)]
    pub(super) fn data(&self) -> &[f32] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: `of` has had `read` show that `length` elements follow [0, 0]; a tensor never changes its layout.
        unsafe { std::slice::from_raw_parts(&self.tensor[[0, 0]], self.length) }
    }
}

/// A buffer of `length` elements whose values are whatever was in the memory before.
///
/// For outputs that are written whole at once: filling them with zeros first costs as much as many an operation.
#[allow(unsafe_code, clippy::uninit_vec)]
pub(super) fn unwritten(length: usize) -> Vec<f32> {
    if cfg!(test) {
        return vec![f32::NAN; length]; // an element that an operation forgets to write fails every comparison
    }
    let mut buffer = Vec::with_capacity(length);
    // SAFETY: the capacity is there, and every bit pattern is an f32. Callers write each element before they read it,
    // which the tests show by the NaN above.
    unsafe { buffer.set_len(length) };
    buffer
}

/// Moves a buffer into a matrix.
pub(super) fn matrix(op: &'static str, device: &Cpu, data: Vec<f32>, shape: (usize, usize)) -> Result<Matrix<Cpu>> {
    device.try_tensor_from_vec(data, shape).map_err(|e| device_error(op, e))
}

/// A single number as a tensor.
pub(super) fn scalar(op: &'static str, device: &Cpu, value: f32) -> Result<Scalar<Cpu>> {
    device.try_tensor_from_vec(vec![value], ()).map_err(|e| device_error(op, e))
}

/// A [`KernelError::Device`].
pub(super) fn device_error(op: &'static str, error: impl ToString) -> KernelError {
    KernelError::Device { op, reason: error.to_string() }
}
