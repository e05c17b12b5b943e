//! Making a thread leave its guest: a flag for the next entry, a signal for the present stay.
#![allow(unsafe_code, reason = "a second mapping of the page that a vCPU shares with its VMM")]

use std::ffi::c_int;
use std::io;
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::thread::JoinHandle;

use kvm_bindings::kvm_run;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use vmm_sys_util::signal::{Killable, SIGRTMIN, register_signal_handler};

/// Has no effect but that the system call it interrupts ends.
extern "C" fn nothing(_: c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// Has to be called before the first [`signal`].
pub(super) fn install() -> io::Result<()> {
    register_signal_handler(SIGRTMIN(), nothing)
        .map_err(|error| io::Error::from_raw_os_error(error.errno()))
}

/// Interrupts what the thread is at.
pub(super) fn signal<T>(thread: &JoinHandle<T>) {
    // It cannot fail for a thread that has not been joined, and then it is out.
    let _ = thread.kill(SIGRTMIN());
}

/// The flag `immediate_exit` of a vCPU: while it is up, KVM_RUN returns at once.
#[derive(Debug)]
pub(super) struct ExitFlag {
    page: NonNull<u8>,
}

// SAFETY: the mapping belongs to the value, and only one byte of it is used, as an atomic.
unsafe impl Send for ExitFlag {}
// SAFETY: as above.
unsafe impl Sync for ExitFlag {}

/// The flag is within the first page.
const BYTES: usize = 4096;
const _: () = assert!(offset_of!(kvm_run, immediate_exit) < BYTES);

impl ExitFlag {
    pub(super) fn of(vcpu: impl AsFd) -> io::Result<Self> {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let page = unsafe { mmap(ptr::null_mut(), BYTES, both, MapFlags::SHARED, vcpu, 0) }?;
        Ok(Self { page: NonNull::new(page.cast()).ok_or(io::ErrorKind::OutOfMemory)? })
    }

    fn flag(&self) -> &AtomicU8 {
        let at = offset_of!(kvm_run, immediate_exit);
        // SAFETY: the byte lies in the mapping, which lives as long as `self`; the kernel reads it only.
        unsafe { AtomicU8::from_ptr(self.page.as_ptr().add(at)) }
    }

    pub(super) fn raise(&self) {
        self.flag().store(1, SeqCst);
    }

    pub(super) fn clear(&self) {
        self.flag().store(0, SeqCst);
    }
}

impl Drop for ExitFlag {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours. A failure would leave a page mapped, no more.
        let _ = unsafe { munmap(self.page.as_ptr().cast(), BYTES) };
    }
}
