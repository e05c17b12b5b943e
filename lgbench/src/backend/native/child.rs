//! The process that a native guest is.
#![allow(unsafe_code, reason = "memory at fixed addresses, and a jump into it")]

use std::arch::asm;
use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use lgbench_payload::abi;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::sys::{cpu, policy};

/// The first argument that makes this program a guest; for [`super::NativeBackend`] only.
pub const COMMAND: &str = "__native-guest";

/// The third argument that asks for SCHED_FIFO.
pub const FIFO: &str = "fifo";

/// CPUs as the second argument has them.
pub fn list(cpus: &[u32]) -> String {
    cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What [`list`] has written.
fn listed(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|cpu| cpu.parse().ok()).collect()
}

/// Becomes the guest whose memory is standard input. Comes back only with a failure.
pub fn main(arguments: &[impl AsRef<OsStr>]) -> ExitCode {
    let argument = |at: usize| arguments.get(at).and_then(|text| text.as_ref().to_str());
    let Some(cpus) = argument(0).and_then(listed) else {
        eprintln!("lgbench: {COMMAND} is not for use by hand");
        return ExitCode::FAILURE;
    };
    match prepare(&cpus, argument(1) == Some(FIFO)) {
        Ok(()) => jump(),
        Err(error) => {
            eprintln!("lgbench: a guest's process cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(cpus: &[u32], fifo: bool) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    cpu::keep_to(cpus)?;
    if fifo {
        policy::set_fifo(policy::GUEST)?;
    }
    let memory = rustix::stdio::stdin();
    let end = rustix::fs::fstat(memory)?.st_size.unsigned_abs();
    let flags = MapFlags::SHARED | MapFlags::FIXED_NOREPLACE;
    let data = ProtFlags::READ | ProtFlags::WRITE;
    let pieces = [(abi::IMAGE, abi::CONTROL, data | ProtFlags::EXEC), (abi::CONTROL, end, data)];
    for (from, to, access) in pieces {
        let bytes = to.saturating_sub(from) as usize;
        let at = std::ptr::without_provenance_mut(from as usize);
        // SAFETY: NOREPLACE: the kernel refuses a range of which any page is in use.
        let mapped = unsafe { mmap(at, bytes, access, flags, memory, from) }?;
        // Without large pages it works as well.
        // SAFETY: advice that changes no content, about the range just mapped.
        let _ = unsafe { madvise(mapped, bytes, Advice::LinuxHugepage) };
        // SAFETY: as above.
        let _ = unsafe { madvise(mapped, bytes, Advice::LinuxPopulateWrite) };
    }
    Ok(())
}

/// Into the image, with its own stack, for good.
fn jump() -> ! {
    // SAFETY: `prepare` has mapped the image and its stack there; the code ends with the process. Nothing
    // of this program's stack is needed any more.
    unsafe {
        asm!(
            "mov rsp, {stack}",
            "jmp {entry}",
            stack = in(reg) abi::STACK_TOP - 8,
            entry = in(reg) abi::IMAGE,
            options(noreturn),
        )
    }
}
