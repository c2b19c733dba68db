//! The tile unit of Xeons since 2023 (AMX): what it takes to use it, and the products of packed tiles by it.
//!
//! Its instructions have no stable intrinsics, so they are written in assembly. A tile is 16 rows of 64 bytes; one instruction
//! multiplies a tile of 16 × 32 numbers in bf16 by one of 32 × 16 and adds to 16 × 16 sums in f32. Numbers too small for a normal
//! f32 (below 1.2e-38) count as zero.

#![allow(unsafe_code)]

use super::super::super::level::{Level, level};
use super::pack::{LINES, Line};
use super::{BLOCK, ROUNDED, SPLIT, Sums};
use std::arch::asm;

/// Whether this machine has the unit and the system lets this process use it.
pub(in crate::cpu) fn has_unit() -> bool {
    // CPUID leaf 7: AMX-BF16 and AMX-TILE.
    const BITS: u32 = 1 << 22 | 1 << 24;
    std::arch::x86_64::__cpuid_count(7, 0).edx & BITS == BITS && is_permitted()
}

/// Linux wants a process to ask before it touches the tiles, whose 8 KiB it has to keep for each thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call reads its two numbers and changes nothing but what this process may do; where the system does not
    // know it, it says so by its result.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn is_permitted() -> bool {
    false
}

/// How the eight tiles are cut: all of them 16 rows of 64 bytes. The layout is the processor's.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// The tiles of this thread, ready for use while it lives. Not for another thread: it cannot be sent.
pub(super) struct Tiles(std::marker::PhantomData<*const ()>);

impl Tiles {
    /// None where the unit is not in use.
    pub(super) fn configure() -> Option<Self> {
        if level() < Level::Amx {
            return None;
        }
        // SAFETY: the level says that the unit is there and permitted; the configuration is one that it has.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
        Some(Self(std::marker::PhantomData))
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: a `Tiles` is there only where the unit is, and stays on its thread. Released tiles need not be saved when the
        // system switches to another thread.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

macro_rules! loads_of_sums {
    () => {
        "tileloadd tmm0, [{sums} + {row}*1]
         tileloadd tmm1, [{sums} + {row}*1 + 1024]
         tileloadd tmm2, [{sums} + {row}*1 + 2048]
         tileloadd tmm3, [{sums} + {row}*1 + 3072]"
    };
}

macro_rules! stores_of_sums {
    () => {
        "tilestored [{sums} + {row}*1], tmm0
         tilestored [{sums} + {row}*1 + 1024], tmm1
         tilestored [{sums} + {row}*1 + 2048], tmm2
         tilestored [{sums} + {row}*1 + 3072], tmm3"
    };
}

/// How many lines are asked for in a step, for each plane: as many as the next round has for each step of this one, in a block of
/// 16 × 8 strips.
pub(super) const LINES_AHEAD: usize = 6;

/// A loop over the steps of 32 along the inner axis, between sums that are loaded (or set to zero) and stored.
macro_rules! walk {
    ($count:expr, $a:expr, $b:expr, $sums:expr, $ahead:expr, $from:expr, ($bytes:literal, $ahead_bytes:literal), $body:expr) => {
        match $from {
            Sums::Begin => walk!(@ $count, $a, $b, $sums, $ahead, "tilezero tmm0\n tilezero tmm1\n tilezero tmm2\n tilezero tmm3", $bytes, $ahead_bytes, $body),
            Sums::Continue => walk!(@ $count, $a, $b, $sums, $ahead, loads_of_sums!(), $bytes, $ahead_bytes, $body),
        }
    };
    (@ $count:expr, $a:expr, $b:expr, $sums:expr, $ahead:expr, $start:expr, $bytes:literal, $ahead_bytes:literal, $body:expr) => {
        asm!(
            $start,
            "2:",
            $body,
            concat!("add {a}, ", $bytes),
            concat!("add {b}, ", $bytes),
            concat!("add {ahead}, ", $ahead_bytes),
            "dec {count}",
            "jnz 2b",
            stores_of_sums!(),
            a = inout(reg) $a => _,
            b = inout(reg) $b => _,
            sums = in(reg) $sums,
            ahead = inout(reg) $ahead => _,
            count = inout(reg) $count => _,
            row = in(reg) 64_usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// `sums (+)= a b` for one strip of 32 rows of `a` and one of 32 columns of `b`, both in P planes, over as many steps of 32 as both
/// have lines for.
///
/// With one plane the numbers are in bf16. With three, x = x₁ + x₂ + x₃ holds all 24 bits of an f32, and of the nine products the six
/// that matter are summed: a₁b₁ + a₁b₂ + a₂b₁ + a₂b₂ + a₁b₃ + a₃b₁. What is left out is below 2⁻²⁵ of |a||b|, half of what rounding
/// the product to an f32 takes.
///
/// On the way the second cache is asked for what lies `ahead`, [`LINES_AHEAD`] lines for each step and plane: asked for all at once, the
/// lines would be in the way of those that are loaded; not asked for, half of a product would be waiting for them.
pub(super) fn multiply<const P: usize>(
    _: &Tiles,
    (a, b): (&[Line], &[Line]),
    sums: &mut [Line],
    from: Sums,
    ahead: *const Line,
) {
    let lines = 2 * LINES * P;
    let count = a.len() / lines;
    assert!(a.len() == b.len() && a.len() == count * lines && count > 0, "two strips over the same steps");
    assert!(sums.len() == BLOCK && (P == ROUNDED || P == SPLIT), "a block of sums");
    let (a, b, sums) = (a.as_ptr(), b.as_ptr(), sums.as_mut_ptr());
    // SAFETY: `Tiles` shows that this thread's tiles are configured. By the asserts, `count` steps of `lines` lines of 64 bytes
    // are in both strips, and four tiles of 16 lines in the sums; nothing else is read or written. What is asked for ahead may lie
    // anywhere.
    unsafe {
        if P == ROUNDED {
            walk!(
                count,
                a,
                b,
                sums,
                ahead,
                from,
                (2048, 384),
                "tileloadd tmm4, [{a} + {row}*1]
                 tileloadd tmm6, [{b} + {row}*1]
                 tileloadd tmm5, [{a} + {row}*1 + 1024]
                 tileloadd tmm7, [{b} + {row}*1 + 1024]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 0]
                 prefetcht1 [{ahead} + 64]
                 tdpbf16ps tmm2, tmm5, tmm6
                 prefetcht1 [{ahead} + 128]
                 prefetcht1 [{ahead} + 192]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 256]
                 prefetcht1 [{ahead} + 320]
                 tdpbf16ps tmm3, tmm5, tmm7"
            );
        } else {
            walk!(
                count,
                a,
                b,
                sums,
                ahead,
                from,
                (6144, 1152),
                // a₁ with b₃, b₁, b₂
                "tileloadd tmm4, [{a} + {row}*1]
                 tileloadd tmm6, [{b} + {row}*1 + 4096]
                 tileloadd tmm5, [{a} + {row}*1 + 1024]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 0]
                 tileloadd tmm7, [{b} + {row}*1 + 5120]
                 tdpbf16ps tmm2, tmm5, tmm6
                 prefetcht1 [{ahead} + 64]
                 tileloadd tmm6, [{b} + {row}*1]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 128]
                 tdpbf16ps tmm3, tmm5, tmm7
                 prefetcht1 [{ahead} + 192]
                 tileloadd tmm7, [{b} + {row}*1 + 1024]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 256]
                 tdpbf16ps tmm2, tmm5, tmm6
                 prefetcht1 [{ahead} + 320]
                 tileloadd tmm6, [{b} + {row}*1 + 2048]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 384]
                 tdpbf16ps tmm3, tmm5, tmm7
                 prefetcht1 [{ahead} + 448]
                 tileloadd tmm7, [{b} + {row}*1 + 3072]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 512]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 576]
                 tileloadd tmm4, [{a} + {row}*1 + 2048]
                 tdpbf16ps tmm2, tmm5, tmm6
                 prefetcht1 [{ahead} + 640]
                 tdpbf16ps tmm3, tmm5, tmm7
                 prefetcht1 [{ahead} + 704]
                 tileloadd tmm5, [{a} + {row}*1 + 3072]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 768]
                 tdpbf16ps tmm2, tmm5, tmm6
                 prefetcht1 [{ahead} + 832]
                 tileloadd tmm6, [{b} + {row}*1]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 896]
                 tdpbf16ps tmm3, tmm5, tmm7
                 prefetcht1 [{ahead} + 960]
                 tileloadd tmm7, [{b} + {row}*1 + 1024]
                 tdpbf16ps tmm0, tmm4, tmm6
                 prefetcht1 [{ahead} + 1024]
                 tdpbf16ps tmm1, tmm4, tmm7
                 prefetcht1 [{ahead} + 1088]
                 tileloadd tmm4, [{a} + {row}*1 + 4096]
                 tdpbf16ps tmm2, tmm5, tmm6
                 tdpbf16ps tmm3, tmm5, tmm7
                 tileloadd tmm5, [{a} + {row}*1 + 5120]
                 tdpbf16ps tmm0, tmm4, tmm6
                 tdpbf16ps tmm1, tmm4, tmm7
                 tdpbf16ps tmm2, tmm5, tmm6
                 tdpbf16ps tmm3, tmm5, tmm7"
            );
        }
    }
}
