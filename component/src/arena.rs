//! The guest's allocator: memory is handed out from front to back and never taken back.
//!
//! An instance lives for one call, so what it allocated dies with its memory. Freeing would only
//! touch more pages, and pages that were written to are what an instance costs: the host clears
//! them. Allocation begins behind the statics, in memory that is there from the start (`build.rs`
//! says how much); when that is full, memory grows, and the arena goes on behind it, until the host
//! refuses.

/// A stretch of addresses, handed out from front to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// The first address that is free.
    next: usize,
    /// The address after the last.
    end: usize,
}

impl Stretch {
    /// Takes `size` bytes whose address is a multiple of `align`, a power of two; none where
    /// they do not fit.
    fn take(&mut self, size: usize, align: usize) -> Option<usize> {
        let start = self.next.checked_add(align - 1)? & !(align - 1);
        let next = start.checked_add(size)?;
        if next > self.end {
            return None;
        }
        self.next = next;
        Some(start)
    }

    /// Makes the last block larger or smaller where it stands; false where the block is not
    /// the last, or does not fit.
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

    /// Adds memory that begins at `start`. Where it does not follow on, what was left is lost.
    fn extend(&mut self, start: usize, size: usize) {
        if start != self.end {
            self.next = start;
        }
        self.end = start.saturating_add(size);
    }
}

#[cfg(target_arch = "wasm32")]
mod global {
    #![expect(unsafe_code, reason = "an allocator cannot be written without")]

    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::cell::Cell;
    use core::ptr::{copy_nonoverlapping, null_mut, with_exposed_provenance_mut};

    use super::Stretch;

    /// Bytes in a page of WebAssembly memory.
    const PAGE: usize = 1 << 16;
    /// Pages by which memory grows at least: growing is a call to the host's runtime.
    const GROWTH: usize = 16;

    // SAFETY: the linker defines it, at the end of what it placed in memory. Only its address is
    // taken, which needs nothing of what lies there.
    unsafe extern "C" {
        safe static __heap_base: u8;
    }

    struct Allocator {
        /// None until the first allocation.
        free: Cell<Option<Stretch>>,
    }

    // SAFETY: the component has one thread. Without the `atomics` feature, which its target
    // does not have, WebAssembly cannot share this memory.
    unsafe impl Sync for Allocator {}

    #[global_allocator]
    static ALLOCATOR: Allocator = Allocator {
        free: Cell::new(None),
    };

    impl Allocator {
        fn stretch(&self) -> Stretch {
            self.free.get().unwrap_or_else(|| Stretch {
                next: (&raw const __heap_base).addr(),
                end: memory_size::<0>() * PAGE,
            })
        }

        fn grow(&self, stretch: &mut Stretch, size: usize) -> bool {
            let pages = size.div_ceil(PAGE).max(GROWTH);
            let before = memory_grow::<0>(pages);
            if before == usize::MAX {
                return false;
            }
            stretch.extend(before * PAGE, pages * PAGE);
            true
        }
    }

    // SAFETY: `Stretch` hands every address out once, aligned and inside memory that is behind all
    // that the linker placed, or was grown; nobody else has it, and it lives as long as the instance.
    // No method panics or allocates: additions to addresses are checked, and sizes come from layouts,
    // which are below `isize::MAX`.
    unsafe impl GlobalAlloc for Allocator {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let (size, align) = (layout.size(), layout.align());
            let mut stretch = self.stretch();
            let mut start = stretch.take(size, align);
            // Room for the alignment as well, because what is grown may not follow on.
            if start.is_none() && self.grow(&mut stretch, size.saturating_add(align)) {
                start = stretch.take(size, align);
            }
            self.free.set(Some(stretch));
            start.map_or(null_mut(), with_exposed_provenance_mut)
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            let mut stretch = self.stretch();
            if stretch.resize_last(block.addr(), layout.size(), 0) {
                self.free.set(Some(stretch));
            }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            let mut stretch = self.stretch();
            if stretch.resize_last(block.addr(), layout.size(), new_size) {
                self.free.set(Some(stretch));
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
                // SAFETY: both blocks are at least `layout.size()` long, and apart: the old one
                // was not given back.
                unsafe { copy_nonoverlapping(block, moved, layout.size()) };
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_apart() {
        let mut stretch = Stretch {
            next: 1_001,
            end: 2_000,
        };
        assert_eq!(stretch.take(3, 1), Some(1_001));
        assert_eq!(stretch.take(8, 8), Some(1_008));
        assert_eq!(stretch.take(0, 16), Some(1_024));
        assert_eq!(
            stretch,
            Stretch {
                next: 1_024,
                end: 2_000
            }
        );
    }

    #[test]
    fn a_block_that_does_not_fit_takes_nothing() {
        let mut stretch = Stretch {
            next: 1_000,
            end: 1_010,
        };
        assert_eq!(stretch.take(11, 1), None);
        assert_eq!(stretch.take(usize::MAX, 1), None);
        assert_eq!(stretch.take(1, 1 << 20), None);
        assert_eq!(stretch.take(10, 1), Some(1_000));
    }

    #[test]
    fn only_the_last_block_changes_its_size_in_place() {
        let mut stretch = Stretch {
            next: 1_000,
            end: 1_100,
        };
        let first = stretch.take(10, 1).unwrap();
        let last = stretch.take(10, 1).unwrap();
        assert!(!stretch.resize_last(first, 10, 20));
        assert!(stretch.resize_last(last, 10, 90));
        assert!(!stretch.resize_last(last, 90, 91));
        assert!(stretch.resize_last(last, 90, 0));
        assert_eq!(stretch.next, last);
    }

    #[test]
    fn grown_memory_continues_where_it_follows_on() {
        let mut stretch = Stretch {
            next: 1_090,
            end: 1_100,
        };
        stretch.extend(1_100, 100);
        assert_eq!(
            stretch,
            Stretch {
                next: 1_090,
                end: 1_200
            }
        );
        stretch.extend(5_000, 100);
        assert_eq!(
            stretch,
            Stretch {
                next: 5_000,
                end: 5_100
            }
        );
    }
}
