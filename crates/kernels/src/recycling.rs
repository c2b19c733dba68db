//! A global allocator that keeps large blocks for the next one who wants that size.
//!
//! A training step asks for the same few hundred large buffers again and again. The system's allocator hands such
//! memory back to the kernel when it is freed, and every page of it then costs a fault and a fill with zeros on its next
//! use: a fifth of the time of a small model's step. Here freed blocks go to a list for their size class instead, up to
//! a bound; small requests pass through to the system's allocator. For the largest, Linux (with glibc) is asked for huge pages,
//! which cost one fault for 2 MiB where small pages cost 512: growing a checkpoint, which uses its memory once, waits less for it.
//! A binary opts in:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: ligo_kernels::Recycling = ligo_kernels::Recycling::holding_at_most(1 << 30);
//! ```

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Requests below this go to the system's allocator.
const SMALL: usize = 1 << SMALL_BITS;
const SMALL_BITS: u32 = 15;
/// Blocks begin on a cache line, so that no vector load of a buffer's rows straddles two.
const ALIGNMENT: usize = 64;
/// What a huge page holds on most machines, and where it begins; where they are asked for, blocks of at least two begin there too.
const HUGE_PAGE: usize = 1 << 21;
const ASKS_FOR_HUGE_PAGES: bool = cfg!(all(target_os = "linux", target_env = "gnu"));
/// Size classes per doubling: a block is at most an eighth larger than asked for.
const STEPS: usize = 8;
/// Blocks that are mapped by themselves once little is to be held.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 1 << 20;
/// Up to 2⁴⁷ bytes, all that can be addressed.
const CLASSES: usize = STEPS * (47 - SMALL_BITS as usize);

/// See the module's documentation.
#[derive(Debug)]
pub struct Recycling {
    /// The free blocks of each size class.
    free: [Mutex<List>; CLASSES],
    held: AtomicUsize,
    limit: AtomicUsize,
    from_system: AtomicUsize,
}

/// A stack of free blocks, linked through their own first words.
#[derive(Debug)]
struct List(Option<NonNull<Block>>);

#[derive(Debug)]
struct Block {
    next: Option<NonNull<Block>>,
}

// SAFETY: a list owns its blocks, which nobody else refers to.
unsafe impl Send for List {}

impl Recycling {
    /// An allocator that holds free blocks of up to `limit` bytes together; what is beyond goes back to the system.
    #[must_use]
    pub const fn holding_at_most(limit: usize) -> Self {
        Self {
            free: [const { Mutex::new(List(None)) }; CLASSES],
            held: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            from_system: AtomicUsize::new(0),
        }
    }

    /// How many large blocks the system has been asked for so far: the same before and after a step that finds all its memory here.
    pub fn blocks_from_system(&self) -> usize {
        self.from_system.load(Relaxed)
    }

    /// From now on holds so much at most: for work whose memory is bounded by its weights rather than by its speed. What is held
    /// already is used up, or replaced, as requests come.
    ///
    /// Where the system's allocator is glibc's, it is also told to map each large block by itself. Left alone it moves blocks of up to
    /// 32 MiB to its heap once one of them has been freed, and what is freed there stays a hole between its neighbours.
    pub fn hold_at_most(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: `mallopt` may be called at any time and from any thread; of its answer nothing depends but memory.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        }
    }

    /// The class of a request and the layout of its blocks; none for what the system's allocator serves.
    fn class(layout: Layout) -> Option<(usize, Layout)> {
        if layout.size() < SMALL || layout.align() > ALIGNMENT {
            return None;
        }
        // With size − 1 = 1abc… in binary, the class is the place of the 1 and abc, rounded up.
        let last = layout.size() - 1;
        let bits = (usize::BITS - 1 - last.leading_zeros()).max(SMALL_BITS - 1);
        let step = (last >> (bits - STEPS.ilog2())) & (STEPS - 1);
        let size = (STEPS + step + 1) << (bits - STEPS.ilog2());
        let class = (bits + 1 - SMALL_BITS) as usize * STEPS + step;
        let alignment = if ASKS_FOR_HUGE_PAGES && size >= 2 * HUGE_PAGE { HUGE_PAGE } else { ALIGNMENT };
        let block = Layout::from_size_align(size, alignment).ok()?;
        (class < CLASSES).then_some((class, block))
    }

    /// A block of a class's layout that no one has used yet.
    fn new_block(&self, layout: Layout) -> *mut u8 {
        self.from_system.fetch_add(1, Relaxed);
        // SAFETY: no class has blocks of size 0.
        let block = unsafe { System.alloc(layout) };
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if layout.align() == HUGE_PAGE && !block.is_null() {
            // SAFETY: advice about pages that the block alone lies on; it changes no contents, and where it is refused the block
            // is as good.
            unsafe { libc::madvise(block.cast(), layout.size() / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE) };
        }
        block
    }

    fn pop(&self, class: usize, size: usize) -> Option<NonNull<u8>> {
        let mut list = self.free[class].lock().unwrap_or_else(PoisonError::into_inner);
        let block = list.0?;
        // SAFETY: blocks in the list are allocated, at least SMALL bytes long, and begin with the `Block` that
        // `push` has written; the lock makes this the only access.
        list.0 = unsafe { block.read() }.next;
        self.held.fetch_sub(size, Relaxed);
        Some(block.cast())
    }

    /// # Safety
    /// `block` is an allocated block of this class that nobody uses any more.
    unsafe fn push(&self, class: usize, block: NonNull<u8>) {
        let block = block.cast::<Block>();
        let mut list = self.free[class].lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the block is ours by contract, large enough, and aligned to ALIGNMENT.
        unsafe { block.write(Block { next: list.0 }) };
        list.0 = Some(block);
    }
}

// SAFETY: each request is served either by `System` with its own layout, or by a block of its class that `System` has
// allocated with the class's layout, which is at least as large and as aligned. Which of the two depends on the layout
// alone, so that a block goes back the way it came. A block is in a list or in use, never both.
unsafe impl GlobalAlloc for Recycling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Self::class(layout) {
            // SAFETY: the caller's contract.
            None => unsafe { System.alloc(layout) },
            Some((class, block)) => match self.pop(class, block.size()) {
                Some(recycled) => recycled.as_ptr(),
                None => self.new_block(block),
            },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Self::class(layout).is_none() {
            // SAFETY: the caller's contract.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's contract.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: `alloc` has given at least this many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let (Some((class, block)), Some(start)) = (Self::class(layout), NonNull::new(pointer)) else {
            // SAFETY: a layout without a class was served by `System`.
            return unsafe { System.dealloc(pointer, layout) };
        };
        if self.held.fetch_add(block.size(), Relaxed) + block.size() > self.limit.load(Relaxed) {
            self.held.fetch_sub(block.size(), Relaxed);
            // SAFETY: `System` has allocated it with the class's layout.
            unsafe { System.dealloc(pointer, block) };
        } else {
            // SAFETY: the caller gives the block up, and its layout names its class.
            unsafe { self.push(class, start) };
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
        match (Self::class(layout), Self::class(wanted)) {
            // SAFETY: the caller's contract; `System` has served the old layout.
            (None, None) => unsafe { System.realloc(pointer, layout, size) },
            (Some((old, _)), Some((new, _))) if old == new => pointer,
            _ => {
                // SAFETY: the caller's contract: the old block is valid for its layout, and given up.
                unsafe {
                    let moved = self.alloc(wanted);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
                        self.dealloc(pointer, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 4).unwrap()
    }

    #[test]
    fn a_class_fits_its_requests_with_at_most_an_eighth_to_spare() {
        assert!(Recycling::class(layout(SMALL - 1)).is_none());
        assert!(Recycling::class(Layout::from_size_align(SMALL, 128).unwrap()).is_none());
        let mut previous = (0, 0);
        for size in (SMALL..SMALL * 40).step_by(97).chain((16..44).flat_map(|b| [(1 << b) - 1, 1 << b, (1 << b) + 1])) {
            let (class, block) = Recycling::class(layout(size)).unwrap();
            assert!(block.size() >= size && block.size() <= size + size / STEPS + 1, "{size}: {block:?}");
            let (same, again) = Recycling::class(layout(block.size())).unwrap();
            assert_eq!((same, again), (class, block), "a block's size is of its own class");
            if size > previous.0 && size < SMALL * 40 {
                assert!(class >= previous.1, "classes grow with sizes");
                previous = (size, class);
            }
        }
    }

    #[test]
    fn a_freed_block_serves_the_next_request_of_its_class_and_comes_zeroed_if_asked() {
        let allocator = Recycling::holding_at_most(1 << 20);
        // SAFETY: pointers are used within their layouts and freed once.
        unsafe {
            let first = allocator.alloc(layout(100_000));
            first.write_bytes(7, 100_000);
            allocator.dealloc(first, layout(100_000));
            assert_eq!(allocator.held.load(Relaxed), Recycling::class(layout(100_000)).unwrap().1.size());
            let second = allocator.alloc_zeroed(layout(100_001));
            assert_eq!(second, first);
            assert!(std::slice::from_raw_parts(second, 100_001).iter().all(|&b| b == 0));
            assert_eq!((allocator.held.load(Relaxed), second as usize % ALIGNMENT), (0, 0));
            allocator.dealloc(second, layout(100_001));
        }
    }

    #[test]
    fn the_largest_blocks_begin_where_a_huge_page_does() {
        let allocator = Recycling::holding_at_most(1 << 26);
        for size in [2 * HUGE_PAGE - 1000, 2 * HUGE_PAGE, 9 * HUGE_PAGE + 5] {
            // SAFETY: the pointer is used within its layout and freed once.
            unsafe {
                let block = allocator.alloc(layout(size));
                assert!(!ASKS_FOR_HUGE_PAGES || (block as usize).is_multiple_of(HUGE_PAGE), "{size}");
                block.write_bytes(1, size);
                allocator.dealloc(block, layout(size));
            }
        }
    }

    #[test]
    fn no_more_is_held_than_the_limit() {
        let allocator = Recycling::holding_at_most(SMALL * 2);
        // SAFETY: pointers are freed once, with their layouts.
        unsafe {
            let blocks: Vec<*mut u8> = (0..5).map(|_| allocator.alloc(layout(SMALL))).collect();
            blocks.iter().for_each(|&block| allocator.dealloc(block, layout(SMALL)));
        }
        assert_eq!(allocator.held.load(Relaxed), SMALL * 2);
        allocator.hold_at_most(SMALL);
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<*mut u8> = (0..3).map(|_| allocator.alloc(layout(SMALL))).collect();
            blocks.iter().for_each(|&block| allocator.dealloc(block, layout(SMALL)));
        }
        assert_eq!(allocator.held.load(Relaxed), SMALL);
    }

    #[test]
    fn growing_and_shrinking_keep_the_contents_across_all_borders() {
        let allocator = Recycling::holding_at_most(1 << 30);
        let large = [2 * HUGE_PAGE - 1, 2 * HUGE_PAGE + 1, 5 * HUGE_PAGE / 2, 1 << 20];
        let sizes = [10, 1000, SMALL - 1, SMALL, SMALL + 1, 40_000, 41_000, 1 << 20, 50_000, SMALL, 100, 1 << 17];
        // SAFETY: pointers are used within their layouts, and each is freed or reallocated once.
        unsafe {
            let mut current = layout(8);
            let mut pointer = allocator.alloc(current);
            pointer.copy_from_nonoverlapping(b"contents".as_ptr(), 8);
            for size in sizes.into_iter().chain(large) {
                pointer = allocator.realloc(pointer, current, size);
                current = layout(size);
                assert_eq!(std::slice::from_raw_parts(pointer, 8), b"contents", "at {size}");
                pointer.add(size - 1).write(1);
                pointer.copy_from_nonoverlapping(b"contents".as_ptr(), 8);
            }
            allocator.dealloc(pointer, current);
        }
    }

    #[test]
    fn threads_share_the_lists() {
        let allocator = Recycling::holding_at_most(1 << 24);
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let allocator = &allocator;
                scope.spawn(move || {
                    for round in 0..200 {
                        let size = SMALL + round * 331;
                        // SAFETY: as above; the block is this thread's between the calls.
                        unsafe {
                            let block = allocator.alloc(layout(size));
                            block.write_bytes(thread, size);
                            assert!(std::slice::from_raw_parts(block, size).iter().all(|&b| b == thread));
                            allocator.dealloc(block, layout(size));
                        }
                    }
                });
            }
        });
    }
}
