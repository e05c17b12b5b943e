//! The idle guest: an operating system's tick and nothing else.

use core::sync::atomic::Ordering;

use crate::abi::Control;
use crate::clock;
use crate::host;
use crate::log::Log;

/// Wakes at every tick and sleeps again; records the time in between with the tick's number. Never ends.
pub fn run(control: &Control, log: &mut Log<'_>) -> ! {
    let mut ticks = 0;
    loop {
        let tick = host::sleep(control);
        let start = clock::now();
        ticks += 1;
        control.progress.store(ticks, Ordering::Relaxed);
        log.push(start, clock::now(), tick);
    }
}
