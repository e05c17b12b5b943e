//! Asking the kernel for punctuality: real-time scheduling, timer slack, resident memory.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroU64;

use rustix::mm::MlockAllFlags;

/// Priority of the threads that keep time or receive requests: above ordinary work, below the
/// kernel's own real-time threads (50 and up, such as threaded interrupts).
const PRIORITY: i32 = 40;

/// Makes the calling thread, and those it starts from now on, SCHED_FIFO.
///
/// # Errors
/// EPERM without CAP_SYS_NICE and with RLIMIT_RTPRIO below the priority asked for.
pub fn be_fifo() -> io::Result<()> {
    set(libc::SCHED_FIFO, PRIORITY)
}

fn set(policy: i32, priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: `param` is a valid sched_param that outlives the call; 0 names the calling thread; the
    // call has no effect on memory.
    if unsafe { libc::sched_setscheduler(0, policy, &raw const param) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Runs `f` as SCHED_FIFO if this thread may, then returns to ordinary scheduling. For short looks at
/// what a real-time thread also locks, so that no busy program can stop us while we hold the lock.
pub(crate) fn briefly_fifo<T>(fifo: bool, f: impl FnOnce() -> T) -> T {
    let raised = fifo && be_fifo().is_ok();
    let value = f();
    if raised {
        // Cannot fail: lowering one's own priority is always allowed.
        let _ = set(libc::SCHED_OTHER, 0);
    }
    value
}

/// Timers of this thread fire when they should, not up to 50 us later. Real-time threads have no slack
/// anyway. Failure only costs accuracy, which the lateness figures will show.
pub fn no_timer_slack() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// Keeps touched memory resident: a page fault at the wrong moment costs a millisecond, and a daemon
/// that swaps to the disk it serves would wait for itself.
///
/// # Errors
/// ENOMEM when RLIMIT_MEMLOCK sets a limit that binds this process: then later allocations would fail.
pub fn lock_memory() -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
    if limit.is_some() && !rustix::process::geteuid().is_root() {
        return Err(io::Error::from_raw_os_error(libc::ENOMEM));
    }
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    Ok(rustix::mm::mlockall(all)?)
}
