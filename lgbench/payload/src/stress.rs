//! What `stress --vm` does: allocate, touch every page, free, and again.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;
use crate::pages::{Page, Pages};

/// The byte that stress writes.
const TOUCH: u64 = b'Z' as u64;

/// Bytes of a page.
pub const PAGE_BYTES: u64 = size_of::<Page>() as u64;

/// Takes `held.len()` pages each time and records each time with its bytes. Never ends.
pub fn run(
    pages: &mut Pages<'_>,
    held: &mut [usize],
    log: &mut Log<'_>,
    progress: &AtomicU64,
) -> ! {
    loop {
        let start = clock::fenced();
        let touched = once(pages, held);
        log.push(start, clock::fenced(), touched * PAGE_BYTES);
        progress.fetch_add(1, Ordering::Relaxed);
    }
}

/// One turn: the pages it got.
pub fn once(pages: &mut Pages<'_>, held: &mut [usize]) -> u64 {
    let mut got = 0;
    for slot in held.iter_mut() {
        let Some(page) = pages.allocate() else { break };
        pages.touch(page, TOUCH);
        *slot = page;
        got += 1;
    }
    held[..got].iter().for_each(|page| pages.free(*page));
    got as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::WORDS;

    #[test]
    fn a_turn_takes_what_there_is_and_gives_it_back() {
        let mut memory = vec![[0; WORDS]; 8];
        let mut pages = Pages::new(&mut memory);
        let mut held = [0; 6];
        assert_eq!((once(&mut pages, &mut held), once(&mut pages, &mut held)), (6, 6));
        assert_eq!(once(&mut pages, &mut [0; 20]), 8);
    }
}
