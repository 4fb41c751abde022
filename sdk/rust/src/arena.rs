//! The guest's allocator: a bump allocator. It frees only the most recently allocated block.
//!
//! An instance lives for one call, so all its memory is freed with it. Freeing single blocks would
//! only write to more pages, and written pages are the cost of an instance, because the host clears
//! them. Allocation begins after the statics, in the initial memory (`build.rs` sets its size). When
//! that is full, the memory grows and allocation continues in the new pages, until the host refuses
//! to grow it further.
//!
//! A component without C code on the target `wasm32-unknown-unknown` can use it.

/// A range of free addresses, allocated from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    /// The first free address.
    next: usize,
    /// The end, exclusive.
    end: usize,
}

impl Region {
    /// Allocates `size` bytes at a multiple of `align`, a power of two. Returns the address, or `None`
    /// if they do not fit.
    #[inline]
    fn allocate(&mut self, size: usize, align: usize) -> Option<usize> {
        let start = self.next.checked_add(align - 1)? & !(align - 1);
        let next = start.checked_add(size)?;
        if next > self.end {
            return None;
        }
        self.next = next;
        Some(start)
    }

    /// Resizes the most recently allocated block in place. Returns false if the block is not that one
    /// or does not fit.
    #[inline]
    fn resize_last(&mut self, start: usize, old: usize, new: usize) -> bool {
        let is_last = start.checked_add(old) == Some(self.next);
        match start.checked_add(new) {
            Some(next) if is_last && next <= self.end => {
                self.next = next;
                true
            }
            _ => false,
        }
    }

    /// Adds memory that begins at `start`. If it is not adjacent to this region, the rest of this region
    /// is never used.
    #[inline]
    fn extend(&mut self, start: usize, size: usize) {
        if start != self.end {
            self.next = start;
        }
        self.end = start.saturating_add(size);
    }
}

#[cfg(target_family = "wasm")]
pub use global::Arena;

#[cfg(target_family = "wasm")]
mod global {
    #![expect(
        unsafe_code,
        reason = "an allocator cannot be written without unsafe code"
    )]

    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::cell::Cell;
    use core::ptr::{copy_nonoverlapping, null_mut, with_exposed_provenance_mut};

    use super::Region;

    /// Bytes in a page of WebAssembly memory.
    const PAGE: usize = 1 << 16;
    /// Minimum number of pages to grow by, because growing is an expensive call to the runtime.
    const GROWTH: usize = 16;

    // SAFETY: the linker defines this symbol at the end of the data that it placed in memory. Only the
    // address is used; nothing is read from it.
    unsafe extern "C" {
        safe static __heap_base: u8;
    }

    /// The allocator. The macro `arena` makes it the component's.
    #[derive(Debug)]
    pub struct Arena {
        /// `None` until the first allocation.
        free: Cell<Option<Region>>,
    }

    // SAFETY: the component has one thread. Its target does not have the `atomics` feature, without
    // which WebAssembly cannot share memory.
    unsafe impl Sync for Arena {}

    impl Default for Arena {
        fn default() -> Self {
            Self::new()
        }
    }

    impl Arena {
        /// Creates an allocator that has not allocated. A component can have only one.
        pub const fn new() -> Self {
            Self {
                free: Cell::new(None),
            }
        }

        #[inline]
        fn region(&self) -> Region {
            self.free.get().unwrap_or_else(|| Region {
                next: (&raw const __heap_base).addr(),
                end: memory_size::<0>() * PAGE,
            })
        }

        #[inline]
        fn grow(&self, region: &mut Region, size: usize) -> bool {
            let pages = size.div_ceil(PAGE).max(GROWTH);
            let before = memory_grow::<0>(pages);
            if before == usize::MAX {
                return false;
            }
            region.extend(before * PAGE, pages * PAGE);
            true
        }
    }

    // SAFETY: `Region` returns every address once and aligned. The memory is either after all data
    // that the linker placed, or was grown here, so no other code uses it, and it lives as long as the
    // instance. No method panics or allocates: additions to addresses are checked, and sizes come from
    // layouts, which are at most `isize::MAX`.
    unsafe impl GlobalAlloc for Arena {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let (size, align) = (layout.size(), layout.align());
            let mut region = self.region();
            let mut start = region.allocate(size, align);
            // The size includes room for the alignment, because the new memory may not be adjacent.
            if start.is_none() && self.grow(&mut region, size.saturating_add(align)) {
                start = region.allocate(size, align);
            }
            self.free.set(Some(region));
            start.map_or(null_mut(), with_exposed_provenance_mut)
        }

        #[inline]
        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            let mut region = self.region();
            if region.resize_last(block.addr(), layout.size(), 0) {
                self.free.set(Some(region));
            }
        }

        #[inline]
        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            let mut region = self.region();
            if region.resize_last(block.addr(), layout.size(), new_size) {
                self.free.set(Some(region));
                return block;
            }
            if new_size <= layout.size() {
                return block;
            }
            // SAFETY: the caller promises that `new_size`, rounded up to the alignment, is at
            // most `isize::MAX`.
            let layout_after =
                unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
            let moved = unsafe { self.alloc(layout_after) };
            if !moved.is_null() {
                // SAFETY: both blocks have at least `layout.size()` bytes. They do not overlap, because
                // the old block was not freed.
                unsafe { copy_nonoverlapping(block, moved, layout.size()) };
            }
            moved
        }
    }
}

/// Makes the component's allocator one that frees almost nothing, because an instance lives for one call: the
/// cheapest there is for small calls. A call that allocates more than the memory limit in total fails.
///
/// ```no_run
/// task_host_sdk::arena!();
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! arena {
    () => {
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        #[global_allocator]
        static ARENA: $crate::Arena = $crate::Arena::new();
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_do_not_overlap() {
        let mut region = Region {
            next: 1_001,
            end: 2_000,
        };
        assert_eq!(region.allocate(3, 1), Some(1_001));
        assert_eq!(region.allocate(8, 8), Some(1_008));
        assert_eq!(region.allocate(0, 16), Some(1_024));
        assert_eq!(
            region,
            Region {
                next: 1_024,
                end: 2_000
            }
        );
    }

    #[test]
    fn a_block_that_does_not_fit_allocates_nothing() {
        let mut region = Region {
            next: 1_000,
            end: 1_010,
        };
        assert_eq!(region.allocate(11, 1), None);
        assert_eq!(region.allocate(usize::MAX, 1), None);
        assert_eq!(region.allocate(1, 1 << 20), None);
        assert_eq!(region.allocate(10, 1), Some(1_000));
    }

    #[test]
    fn only_the_last_block_changes_its_size_in_place() {
        let mut region = Region {
            next: 1_000,
            end: 1_100,
        };
        let first = region.allocate(10, 1).unwrap();
        let last = region.allocate(10, 1).unwrap();
        assert!(!region.resize_last(first, 10, 20));
        assert!(region.resize_last(last, 10, 90));
        assert!(!region.resize_last(last, 90, 91));
        assert!(region.resize_last(last, 90, 0));
        assert_eq!(region.next, last);
    }

    #[test]
    fn adjacent_memory_extends_the_region() {
        let mut region = Region {
            next: 1_090,
            end: 1_100,
        };
        region.extend(1_100, 100);
        assert_eq!(
            region,
            Region {
                next: 1_090,
                end: 1_200
            }
        );
        region.extend(5_000, 100);
        assert_eq!(
            region,
            Region {
                next: 5_000,
                end: 5_100
            }
        );
    }
}
