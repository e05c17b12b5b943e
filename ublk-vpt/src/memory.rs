//! Where the program's memory comes from: the C library, with large pieces beginning at a page.
//!
//! The kernel pins the pages of a request's data one by one, and the usual allocator puts large pieces
//! 16 bytes behind the beginning of a page: 4 KiB would be two pages.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

use rustix::mm::{Advice, madvise};

/// The smallest page there is.
const PAGE: usize = 4096;
/// From here on a piece is one that data goes through.
const LARGE: usize = 128 << 10;

/// See the module.
struct PageAligned;

#[global_allocator]
static ALLOCATOR: PageAligned = PageAligned;

/// A size that is large stays so through `dealloc`, which is given the same layout.
fn aligned(layout: Layout) -> Layout {
    if layout.size() < LARGE { layout } else { layout.align_to(PAGE).unwrap_or(layout) }
}

// SAFETY: every piece comes from `System` with the layout that `aligned` makes of the one asked for, which
// is no smaller and no less aligned, and goes back with that layout.
unsafe impl GlobalAlloc for PageAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; the size is the caller's.
        unsafe { System.alloc(aligned(layout)) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: it was allocated with the layout that `aligned` makes of this one.
        unsafe { System.dealloc(ptr, aligned(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let large = layout.size() >= LARGE;
        if !large {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promise.
        let ptr = unsafe { self.alloc(layout) };
        if ptr.is_null() {
            return ptr;
        }
        // Memory that nobody has used takes none of the machine's.
        let pages = if ptr.addr().is_multiple_of(PAGE) { layout.size() / PAGE * PAGE } else { 0 };
        // SAFETY: whole pages inside the piece, which nobody uses yet. The C library's memory is private
        // and of no file: given back to the kernel, it reads as zeroes.
        let given_back = unsafe { madvise(ptr.cast(), pages, Advice::LinuxDontNeed) }.is_ok();
        let zero = if given_back { pages } else { 0 };
        // SAFETY: the rest of the piece.
        unsafe { ptr.add(zero).write_bytes(0, layout.size() - zero) };
        ptr
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.size() < LARGE && new_size < LARGE {
            // SAFETY: the caller's promise; it came from `System` with this very layout.
            return unsafe { System.realloc(ptr, layout, new_size) };
        }
        // SAFETY: the caller has checked that the new size is a layout's, with this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: not of size 0, as the caller has promised.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both are at least as long as the shorter of them, and they are two pieces.
            unsafe { new.copy_from_nonoverlapping(ptr, layout.size().min(new_size)) };
            // SAFETY: it came from here with this layout.
            unsafe { self.dealloc(ptr, layout) };
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pieces_begin_at_a_page_and_are_zero_again() {
        for _ in 0..4 {
            let mut data = vec![0_u8; LARGE + 5000];
            assert!(data.as_ptr().addr().is_multiple_of(PAGE));
            assert!(data.iter().all(|&byte| byte == 0));
            data.fill(0xff);
        }
    }

    #[test]
    fn growing_and_shrinking_over_the_limit_keeps_the_contents() {
        let mut data: Vec<u8> = (0..LARGE - 1).map(|i| i as u8).collect();
        data.reserve_exact(2 * LARGE);
        assert!(data.as_ptr().addr().is_multiple_of(PAGE));
        data.resize(3 * LARGE, 7);
        data.truncate(1000);
        data.shrink_to_fit();
        assert!(data.iter().enumerate().all(|(i, &byte)| byte == i as u8));
    }
}
