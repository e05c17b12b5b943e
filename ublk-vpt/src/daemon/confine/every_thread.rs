//! Landlock on every thread of the process.
//!
//! The kernel's call restricts the calling thread and those it starts later. The daemon's threads run
//! already when all is open, some of them a library's. So each is interrupted by a signal whose handler
//! makes the call, as the C library does for setuid(2), until a pass finds no thread it has not done:
//! a thread that appears meanwhile was started either by one that was done, or is found by the next
//! pass.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// How long one thread may take to notice the signal.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often to look whether the thread that is waited for still exists.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// The ruleset that the handler applies.
static RULESET: AtomicI32 = AtomicI32::new(-1);
/// Where the handler says that it has run.
static DONE: AtomicI32 = AtomicI32::new(-1);
/// The errno of the first thread that failed, or 0.
static FAILED: AtomicI32 = AtomicI32::new(0);
/// One at a time.
static BUSY: Mutex<()> = Mutex::new(());

/// Restricts all threads of this process to `ruleset`, for ever; sets no_new_privs on each.
///
/// # Errors
/// A thread cannot be restricted or does not answer. Others may be restricted by then.
pub(super) fn restrict(ruleset: RawFd) -> io::Result<()> {
    let _busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
    let news = eventfd(0, EventfdFlags::CLOEXEC)?;
    RULESET.store(ruleset, Ordering::SeqCst);
    DONE.store(news.as_raw_fd(), Ordering::SeqCst);
    FAILED.store(0, Ordering::SeqCst);
    let signal = libc::SIGRTMAX() - 2;
    set_handler(signal, restrict_this_thread as *const () as libc::sighandler_t)?;
    let outcome = all(signal, &news);
    // A late signal of a thread that was given up must find nothing to do.
    RULESET.store(-1, Ordering::SeqCst);
    DONE.store(-1, Ordering::SeqCst);
    set_handler(signal, libc::SIG_IGN)?;
    outcome
}

fn all(signal: libc::c_int, news: &impl std::os::fd::AsFd) -> io::Result<()> {
    let mut done = BTreeSet::new();
    loop {
        let threads = threads()?;
        if threads.is_subset(&done) {
            return Ok(());
        }
        for &thread in threads.difference(&done.clone()) {
            done.insert(thread);
            if send(thread, signal)? {
                wait(thread, news)?;
            }
        }
        match FAILED.load(Ordering::SeqCst) {
            0 => {}
            errno => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Waits until a thread has answered or ended.
fn wait(thread: libc::pid_t, news: &impl std::os::fd::AsFd) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut fds = [PollFd::new(news, PollFlags::IN)];
        match poll(&mut fds, Some(&LOOK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => {
                let mut count = [0; 8];
                rustix::io::read(news, &mut count)?;
                return Ok(());
            }
            Err(errno) => return Err(errno.into()),
        }
        if !fs::exists(format!("/proc/self/task/{thread}"))? {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(io::Error::other(format!("thread {thread} does not answer")));
        }
    }
}

/// The process's threads but io_uring's, which the kernel runs: they take no signals, and work with the
/// rights of whoever asked.
fn threads() -> io::Result<BTreeSet<libc::pid_t>> {
    let mut threads = BTreeSet::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if !name.starts_with("iou-") {
            threads.insert(id);
        }
    }
    Ok(threads)
}

/// Sends a signal to one thread; false: it is gone.
fn send(thread: libc::pid_t, signal: libc::c_int) -> io::Result<bool> {
    // SAFETY: the call takes numbers only and has no effect on memory but what the handler does, which
    // is async-signal-safe; the process is this one.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) };
    if sent == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        e if e.raw_os_error() == Some(libc::ESRCH) => Ok(false),
        e => Err(e),
    }
}

fn set_handler(signal: libc::c_int, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid one: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // Whatever the thread was waiting in goes on.
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid and outlives the call; the old action is not asked for; the handler is
    // SIG_IGN or a function of the type that goes without SA_SIGINFO, and is async-signal-safe.
    match unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The handler. Only system calls and atomics: it may interrupt anything.
extern "C" fn restrict_this_thread(_signal: libc::c_int) {
    let ruleset = RULESET.load(Ordering::SeqCst);
    if ruleset < 0 {
        return;
    }
    // SAFETY: errno is this thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: both calls take numbers only and change nothing but this thread's rights.
    let restricted = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) == 0
    };
    // SAFETY: as above; what was interrupted must find its errno as it was.
    unsafe {
        if !restricted {
            FAILED.store(*libc::__errno_location(), Ordering::SeqCst);
        }
        let one = 1_u64;
        let news = DONE.load(Ordering::SeqCst);
        libc::write(news, (&raw const one).cast(), size_of::<u64>());
        *libc::__errno_location() = errno;
    }
}
