//! The first program of guests that run Linux: it starts a payload, and tells the host what it recorded.
//!
//! ```text
//!   init ── fork ── payload     records in memory that both share, and nothing else
//!     └ sleeps until the host asks for the log
//! ```
//!
//! Linked by `build.rs` without a library, for x86-64 and x86, so that the oldest kernels run it. It need
//! not be process 1: a root file system of one's own may start it at boot. What it takes is in
//! [`arguments`].
#![no_std]
#![no_main]
// What recognises a loop as memcpy would turn STREAM's copy into something else than a loop.
#![no_builtins]
#![allow(dead_code, unreachable_pub, missing_docs)]

mod arguments;
mod link;
mod process;

// The payloads' crate, part of this one, as in the image.
#[path = "../payload/src/abi.rs"]
mod abi;
#[path = "../payload/src/cfd.rs"]
mod cfd;
#[path = "../payload/src/clock.rs"]
mod clock;
#[path = "../payload/src/dhrystone.rs"]
mod dhrystone;
#[path = "../payload/src/factorial.rs"]
mod factorial;
#[path = "../payload/src/gap.rs"]
mod gap;
#[path = "../payload/src/host.rs"]
mod host;
#[path = "../payload/src/idle.rs"]
mod idle;
#[path = "../payload/src/log.rs"]
mod log;
#[path = "../image/memory.rs"]
mod memory;
#[path = "../payload/src/pages.rs"]
mod pages;
#[path = "../payload/src/probe.rs"]
mod probe;
#[path = "../payload/src/run.rs"]
mod run;
#[path = "../payload/src/stream.rs"]
mod stream;
#[path = "../payload/src/stress.rs"]
mod stress;
#[path = "../payload/src/sys.rs"]
mod sys;
#[path = "../payload/src/wire.rs"]
mod wire;

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use abi::{Control, Payload, STATE_FAILED, STATE_PREPARING, STATE_RUNNING};
use arguments::Arguments;
use link::Link;
use process::{Child, Memory};
use wire::{ASK_LOG, Message};

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call begin"
);
#[cfg(target_arch = "x86")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov eax, esp",
    "and esp, -16",
    "sub esp, 12",
    "push eax",
    "call begin"
);

/// The stack is as the kernel left it: the count of arguments, then each one's address.
#[unsafe(no_mangle)]
extern "C" fn begin(stack: *const usize) -> ! {
    // SAFETY: the kernel's contract with a program's first instruction.
    let arguments = unsafe { Arguments::read(stack) };
    match arguments.and_then(|arguments| guest(&arguments)) {
        Ok(never) => match never {},
        Err(why) => process::die(why),
    }
}

/// What cannot happen.
enum Never {}

fn guest(arguments: &Arguments) -> Result<Never, &'static str> {
    let mut link = Link::open(arguments)?;
    link.greet(arguments.hellos);
    link.tell(Message::Clocksource(process::clocksource()));
    let memory = Memory::new(arguments)?;
    let control = memory.control();
    let child = match arguments.payload {
        0 => None,
        _ => Some(Child::start(control)?),
    };
    let (mut told, mut told_progress) = (STATE_PREPARING, 0);
    // Of a payload that has so much to do and no more the host wants to know when it has done it.
    let tells_progress = arguments.payload == Payload::Cfd as u32;
    loop {
        let state = state(control, child.as_ref());
        if state != told {
            told = state;
            link.tell(Message::State(u64::from(state)));
        }
        // While it prepares, a payload counts something else, which is no work done.
        if tells_progress && told == STATE_RUNNING {
            let progress = control.progress.load(Relaxed);
            if progress != told_progress {
                told_progress = progress;
                link.tell(Message::Progress(progress));
            }
        }
        // Nothing wakes it while the payload measures, unless clocks are asked for.
        let patience = match (told, arguments.clocks_ms) {
            (STATE_PREPARING, _) if child.is_some() => Some(PREPARING_MS),
            (STATE_RUNNING, 0) if tells_progress => Some(PROGRESS_MS),
            (_, 0) => None,
            (_, period) => Some(period),
        };
        match link.asked(patience) {
            Some(ASK_LOG) => {
                if let Some(child) = &child {
                    child.stop();
                }
                // It may be another one than at the beginning.
                link.tell(Message::Clocksource(process::clocksource()));
                link.send_log(&memory);
            }
            Some(_) => {}
            None if arguments.clocks_ms != 0 => link.tell(Message::Clocks(process::clocks())),
            None => {}
        }
    }
}

/// Between two looks at whether the payload has prepared.
const PREPARING_MS: u32 = 10;
/// Between two looks at how far it has got.
const PROGRESS_MS: u32 = 50;

fn state(control: &Control, child: Option<&Child>) -> u32 {
    match child {
        Some(child) if child.has_ended() => STATE_FAILED,
        Some(_) => control.state.load(Acquire),
        None => STATE_RUNNING,
    }
}

/// A payload that panics has failed; so has the program that runs it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::die("a panic")
}

/// The control page's parameters.
fn fill(control: &Control, arguments: &Arguments, heap: usize) {
    control.payload.store(arguments.payload, Relaxed);
    control.flavour.store(abi::FLAVOUR_PROCESS, Relaxed);
    control.elements.store(arguments.elements, Relaxed);
    control.threshold.store(arguments.threshold, Relaxed);
    control.tick_ns.store(arguments.tick_ns, Relaxed);
    control.tick_cycles.store(arguments.tick_cycles, Relaxed);
    control.log_capacity.store(arguments.records, Relaxed);
    control.heap_start.store(heap as u64, Relaxed);
    control.heap_bytes.store(arguments.heap_bytes, Relaxed);
}
