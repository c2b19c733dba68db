//! Products by the kernels of `gemm`, at the level that is in use: its own choice is always the machine's best.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use crate::cpu::level::{Level, level};
use gemm_common::Parallelism;
use gemm_common::gemm::gemm_basic_generic;
use gemm_common::simd::MixedSimd;

/// A matrix in memory: element (i, j) lies `i · row_stride + j · column_stride` behind `first`.
#[derive(Clone, Copy)]
pub(super) struct Place<P> {
    pub(super) first: P,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// `y = scale · a b`, added to what is there if `add`: y `[m, n]`, a `[m, k]`, b `[k, n]`.
///
/// # Safety
/// Every element of the three matrices is valid to read, those of y to write, and no element of y is one of the others or in two
/// places of y.
pub(super) unsafe fn multiply(
    sizes: [usize; 3],
    y: Place<*mut f32>,
    add: bool,
    a: Place<*const f32>,
    b: Place<*const f32>,
    scale: f32,
) {
    /// With the kernels of one module of `gemm-f32`, made for vectors of `$lanes` numbers.
    macro_rules! with {
        ($module:ident, $simd:ident, $lanes:literal) => {{
            use gemm_f32::microkernel::$module::f32::{H_M, H_N, H_UKR, MR_DIV_N, NR, UKR};
            if let Some(simd) = <gemm_common::simd::$simd as MixedSimd<f32, f32, f32, f32>>::try_new() {
                // SAFETY: the caller's contract; the token shows that the processor has the instructions.
                unsafe {
                    gemm_basic_generic::<_, f32, $lanes, { MR_DIV_N * $lanes }, NR, MR_DIV_N, H_M, H_N>(
                        simd,
                        sizes[0],
                        sizes[1],
                        sizes[2],
                        y.first,
                        y.column_stride as isize,
                        y.row_stride as isize,
                        add,
                        a.first,
                        a.column_stride as isize,
                        a.row_stride as isize,
                        b.first,
                        b.column_stride as isize,
                        b.row_stride as isize,
                        1.0,
                        scale,
                        false,
                        false,
                        false,
                        |a, b, c| a * b + c,
                        &UKR,
                        &H_UKR,
                        false,
                        Parallelism::None,
                    );
                }
                return;
            }
        }};
    }
    #[cfg(target_arch = "x86_64")]
    {
        if level() >= Level::Avx512 {
            with!(avx512f, V4, 16);
        }
        if level() >= Level::Avx2 {
            with!(fma, V3, 8);
        }
    }
    #[cfg(target_arch = "aarch64")]
    with!(neon, Scalar, 4);
    with!(scalar, Scalar, 1);
}
