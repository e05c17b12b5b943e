//! From the control page to the payload it names.
#![allow(unsafe_code, reason = "the memory of the layout becomes slices")]

use core::mem::size_of;
use core::slice::from_raw_parts_mut;
use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::abi::{Control, LOG, Payload, Record, STATE_FAILED, STATE_RUNNING};
use crate::cfd::Flow;
use crate::log::Log;
use crate::pages::{Page, Pages};
use crate::stream::Arrays;
use crate::{cfd, dhrystone, factorial, gap, host, idle, probe, stream, stress};

/// Runs what the control page asks for.
///
/// # Safety
/// Must be called once, in a memory laid out as [`crate::abi`] says: the log and the heap that the
/// control page describes are there, and nobody else writes to them.
pub unsafe fn run(control: &Control) -> ! {
    host::hello(control);
    let records = control.log_capacity.load(Relaxed) as usize;
    // SAFETY: the caller promises that the log lies there, in zeros or whatever else: any bits are a
    // record. The address is page-aligned.
    let records = unsafe { from_raw_parts_mut(LOG as *mut Record, records) };
    let mut log = Log::new(records, &control.log_count, &control.log_lost);
    // SAFETY: the caller's promise goes on.
    unsafe { payload(control, &mut log) }
}

/// # Safety
/// As for [`run`]; the log is not part of it any more.
unsafe fn payload(control: &Control, log: &mut Log<'_>) -> ! {
    let elements = control.elements.load(Relaxed) as usize;
    let threshold = control.threshold.load(Relaxed);
    let progress = &control.progress;
    let running = || control.state.store(STATE_RUNNING, Release);
    match Payload::from_number(control.payload.load(Relaxed)) {
        Some(Payload::Stream) => {
            // SAFETY: the heap is used in one arm, once.
            let Some(mut arrays) = Arrays::new(unsafe { heap(control) }, elements) else {
                fail(control)
            };
            arrays.fill(progress);
            running();
            stream::run(&mut arrays, log, progress)
        }
        Some(Payload::Stress) => {
            // SAFETY: as above.
            let pages: &mut [Page] = unsafe { heap(control) };
            // The numbers of the pages that are held need memory, too.
            let listed = (elements * size_of::<usize>()).div_ceil(size_of::<Page>());
            let Some((list, pages)) = pages.split_at_mut_checked(listed) else { fail(control) };
            // SAFETY: `list` has room for them, is aligned to more than they need, and is not used
            // any more.
            let held = unsafe { from_raw_parts_mut(list.as_mut_ptr().cast(), elements) };
            let mut pages = Pages::new(pages);
            running();
            stress::run(&mut pages, held, log, progress)
        }
        Some(Payload::Dhrystone) => {
            running();
            dhrystone::run(log, elements as u64, progress)
        }
        Some(Payload::Gap) => {
            running();
            gap::run(log, threshold, progress)
        }
        Some(Payload::Factorial) => {
            running();
            factorial::run(log, threshold, progress)
        }
        Some(Payload::Idle) => {
            running();
            idle::run(control, log)
        }
        Some(Payload::Probe) => {
            running();
            probe::run(log, elements as u64, progress)
        }
        Some(Payload::Cfd) => {
            // SAFETY: as above.
            let Some(mut flow) = Flow::new(unsafe { heap(control) }, elements) else {
                fail(control)
            };
            flow.fill(progress);
            // From here on it counts steps.
            progress.store(0, Relaxed);
            running();
            cfd::run(&mut flow, log, progress)
        }
        Some(Payload::Hang) => loop {
            core::hint::spin_loop();
        },
        None => fail(control),
    }
}

/// The heap as a slice of numbers, which may have any bits.
///
/// # Safety
/// The memory is there and nobody else uses it while the slice lives; any bits are a `T`.
unsafe fn heap<T>(control: &Control) -> &'static mut [T] {
    let start = control.heap_start.load(Relaxed) as *mut T;
    let bytes = control.heap_bytes.load(Relaxed) as usize;
    // SAFETY: the caller's promise; the heap begins at a large page, so it is aligned.
    unsafe { from_raw_parts_mut(start, bytes / size_of::<T>()) }
}

/// Says that it cannot go on.
pub fn fail(control: &Control) -> ! {
    control.state.store(STATE_FAILED, Release);
    host::leave(control)
}
