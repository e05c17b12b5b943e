//! The root of the guests' image: linked flat at a fixed address by `build.rs`, without a library.
#![no_std]
#![no_main]
// What recognises a loop as memcpy would turn STREAM's copy into something else than a loop.
#![no_builtins]
#![allow(dead_code, unreachable_pub, missing_docs)]

// The payloads' crate, part of this one: one compilation, no library beside core.
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

/// The first instruction. The stack is there, as after a call.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.start")]
extern "C" fn _start() -> ! {
    // SAFETY: whoever started the image has laid out the memory as `abi` says and entered it once.
    unsafe { run::run(control()) }
}

fn control() -> &'static abi::Control {
    // SAFETY: the control page is there for as long as the image runs, and made of atomics.
    unsafe { &*(abi::CONTROL as *const abi::Control) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    run::fail(control())
}
