//! Leaving the guest. A virtual machine writes to a port, which its VMM sees; a process that runs the
//! same code makes system calls.
#![allow(unsafe_code, reason = "port I/O and system calls")]

use core::arch::asm;
use core::sync::atomic::Ordering;

use crate::abi::{Control, FLAVOUR_PROCESS, PORT_DONE, PORT_HELLO, PORT_IDLE};
use crate::clock;

const SYS_PAUSE: u64 = 34;
const SYS_CLOCK_GETTIME: u64 = 228;
const SYS_CLOCK_NANOSLEEP: u64 = 230;
const CLOCK_MONOTONIC: u64 = 1;
const TIMER_ABSTIME: u64 = 1;
const NS_PER_S: u64 = 1_000_000_000;

/// Hellos at the start: the shortest of them bounds how far the clocks are apart.
const HELLOS: u32 = 64;

/// Lets the VMM compare its clock with this one. A process has its host's clock.
pub fn hello(control: &Control) {
    if is_process(control) {
        return;
    }
    for _ in 0..HELLOS {
        control.hello.store(clock::fenced(), Ordering::Release);
        leave_by(PORT_HELLO);
    }
}

/// Sleeps until the next tick, whose number it returns: the time since boot in ticks.
pub fn sleep(control: &Control) -> u64 {
    if is_process(control) {
        return sleep_in_process(control.tick_ns.load(Ordering::Relaxed).max(1));
    }
    leave_by(PORT_IDLE);
    control.tick.load(Ordering::Acquire)
}

/// Never comes back.
pub fn leave(control: &Control) -> ! {
    loop {
        if is_process(control) {
            system_call(SYS_PAUSE, [0; 4]);
        } else {
            leave_by(PORT_DONE);
        }
    }
}

fn is_process(control: &Control) -> bool {
    control.flavour.load(Ordering::Relaxed) == FLAVOUR_PROCESS
}

fn sleep_in_process(tick_ns: u64) -> u64 {
    let mut time = [0_u64; 2];
    system_call(SYS_CLOCK_GETTIME, [CLOCK_MONOTONIC, time.as_mut_ptr() as u64, 0, 0]);
    let tick = (time[0] * NS_PER_S + time[1]) / tick_ns + 1;
    let wake_ns = tick * tick_ns;
    let time = [wake_ns / NS_PER_S, wake_ns % NS_PER_S];
    let wake = [CLOCK_MONOTONIC, TIMER_ABSTIME, time.as_ptr() as u64, 0];
    // Interrupted by being stopped and continued: the deadline is absolute, so it just goes on.
    while system_call(SYS_CLOCK_NANOSLEEP, wake) != 0 {}
    tick
}

fn leave_by(port: u16) {
    // SAFETY: the VMM answers each of the three ports and changes nothing but the control page, which
    // is made of atomics.
    unsafe { asm!("out dx, al", in("dx") port, in("al") 0_u8, options(nostack)) };
}

fn system_call(number: u64, arguments: [u64; 4]) -> u64 {
    let result;
    // SAFETY: the three calls of this module read or write at most the two words that a caller's
    // borrowed array has; the kernel changes rax, rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}
