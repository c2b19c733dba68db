//! What the machine can do at most, measured: products of matrices and traffic to memory. What a share is a share of.

use crate::protocol::{Answer, Precision};
use crate::task::Task;
use anyhow::Result;
use dfdx::tensor::TensorFromVec;
use ligo_kernels::{Cpu, Kernels, Layout, Linear, NoneTape};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

/// Times that each is tried; the best counts.
const TRIES: usize = 8;

/// What the machine can do at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// FLOP/s of a product of large matrices in f32.
    pub gemm_flops: f64,
    /// The same with both sides rounded to bf16; in f32 where the processor has nothing for bf16.
    pub gemm_flops_bf16: f64,
    /// Bytes/s of `a = b + s·c` over arrays larger than any cache: two read, one written.
    pub bandwidth: f64,
}

impl Peaks {
    /// FLOP/s of a product of large matrices.
    pub fn gemm(&self, precision: Precision) -> f64 {
        match precision {
            Precision::F32 => self.gemm_flops,
            Precision::Bf16 => self.gemm_flops_bf16,
        }
    }

    /// FLOP/s that work of that many FLOPs a byte can have at most: all that the arithmetic gives, or all that memory feeds
    /// (Williams et al. 2009).
    pub fn roof(&self, precision: Precision, intensity: f64) -> f64 {
        self.gemm(precision).min(self.bandwidth * intensity)
    }

    /// FLOPs a byte at which the two limits meet.
    pub fn ridge(&self, precision: Precision) -> f64 {
        self.gemm(precision) / self.bandwidth
    }
}

/// How large the matrices and arrays are that the machine is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineJob {
    /// Threads to compute with.
    pub threads: usize,
    /// Rows and columns of both matrices.
    pub side: usize,
    /// Of each of three arrays.
    pub array_bytes: usize,
}

impl MachineJob {
    /// Products of 2048 × 2048, arrays of 64 MB.
    pub fn new(threads: usize) -> Self {
        Self { threads, side: 2048, array_bytes: 64 << 20 }
    }

    /// So small that it takes no time and says nothing.
    pub fn tiny(threads: usize) -> Self {
        Self { threads, side: 32, array_bytes: 4096 }
    }
}

pub(crate) struct Measuring {
    job: MachineJob,
    peaks: Option<Peaks>,
}

impl Measuring {
    pub(crate) fn new(job: MachineJob) -> Self {
        Self { job, peaks: None }
    }
}

impl Task for Measuring {
    fn work(&mut self) -> Result<()> {
        let MachineJob { side, array_bytes, .. } = self.job;
        self.peaks = Some(Peaks {
            gemm_flops: gemm_flops(side, Precision::F32)?,
            gemm_flops_bf16: gemm_flops(side, Precision::Bf16)?,
            bandwidth: bandwidth(array_bytes),
        });
        Ok(())
    }

    fn answer(&self) -> Answer {
        Answer { machine: self.peaks, ..Answer::default() }
    }
}

fn gemm_flops(side: usize, precision: Precision) -> Result<f64> {
    let device = Cpu::default();
    let numbers = |scale: f32| (0..side * side).map(|i| scale * ((i * 7919 % 1000) as f32 - 500.0)).collect();
    let x = device.tensor_from_vec(numbers(1e-3), (side, side));
    let weight = device.tensor_from_vec(numbers(2e-3), (side, side));
    let map = Linear { weight: &weight, bias: None, layout: Layout::InOut, precision: precision.of_products() };
    // Untimed: wakes the threads and makes the memory.
    black_box(Cpu::linear(&mut NoneTape, &x, map)?);
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let start = Instant::now();
        black_box(Cpu::linear(&mut NoneTape, &x, map)?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (side as f64).powi(3) / best)
}

/// McCalpin's triad (STREAM, 1995): what is read and written, not what a cache may fetch before it is overwritten.
fn bandwidth(array_bytes: usize) -> f64 {
    /// Numbers that a thread takes at a time.
    const RUN: usize = 1 << 16;
    let numbers = array_bytes / size_of::<f32>();
    let (mut a, b, c) = (vec![0.0_f32; numbers], vec![1.0_f32; numbers], vec![2.0_f32; numbers]);
    let mut best = f64::INFINITY;
    for round in 0..=TRIES {
        let scale = round as f32;
        let start = Instant::now();
        a.par_chunks_mut(RUN).zip(b.par_chunks(RUN)).zip(c.par_chunks(RUN)).for_each(|((a, b), c)| {
            for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                *a = b + scale * c;
            }
        });
        // The first makes the memory.
        if round > 0 {
            best = best.min(start.elapsed().as_secs_f64());
        }
        black_box(&a);
    }
    (3 * numbers * size_of::<f32>()) as f64 / best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roof_is_what_memory_feeds_up_to_what_the_arithmetic_gives() {
        let peaks = Peaks { gemm_flops: 200e9, gemm_flops_bf16: 600e9, bandwidth: 20e9 };
        for (intensity, exact, rounded) in [(0.5, 10e9, 10e9), (10.0, 200e9, 200e9), (100.0, 200e9, 600e9)] {
            let roofs = [Precision::F32, Precision::Bf16].map(|precision| peaks.roof(precision, intensity));
            assert_eq!(roofs, [exact, rounded], "{intensity}");
        }
        assert_eq!([Precision::F32, Precision::Bf16].map(|precision| peaks.ridge(precision)), [10.0, 30.0]);
    }

    #[test]
    fn a_machine_is_measured() {
        let mut task = Measuring::new(MachineJob::tiny(1));
        task.work().expect("the sizes fit");
        let peaks = task.answer().machine.expect("it was measured");
        let Peaks { gemm_flops, gemm_flops_bf16, bandwidth } = peaks;
        let all = [gemm_flops, gemm_flops_bf16, bandwidth];
        assert!(all.iter().all(|peak| peak.is_finite() && *peak > 0.0), "{peaks:?}");
    }
}
