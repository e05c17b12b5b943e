//! Real-time scheduling of the calling thread.
#![allow(unsafe_code, reason = "sched_setscheduler(2) has no safe wrapper in use here")]

use std::io;

/// SCHED_FIFO priority of a guest.
pub const GUEST: i32 = 10;
/// SCHED_FIFO priority of the controller: above the guests, so that sharing a CPU cannot block it.
pub const CONTROLLER: i32 = 20;

/// Gives the calling thread SCHED_FIFO; its children start without it.
///
/// # Errors
/// Not permitted, mostly: it takes CAP_SYS_NICE or an RLIMIT_RTPRIO of the priority.
pub fn set_fifo(priority: i32) -> io::Result<()> {
    set(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority)
}

/// The same for another process, a child of this one; what it starts has it, too.
///
/// # Errors
/// As of [`set_fifo`].
pub fn set_fifo_of(process: u32, priority: i32) -> io::Result<()> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    set(process, libc::SCHED_FIFO, priority)
}

fn set(process: libc::pid_t, policy: i32, priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the structure outlives the call, which only reads it.
    if unsafe { libc::sched_setscheduler(process, policy, &raw const parameters) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
