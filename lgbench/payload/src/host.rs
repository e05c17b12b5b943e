//! Leaving the guest. A virtual machine writes to a port, which its VMM sees; a process that runs the
//! same code makes system calls.
#![allow(unsafe_code, reason = "port I/O and system calls")]

use core::arch::asm;
use core::sync::atomic::Ordering;

use crate::abi::{Control, FLAVOUR_PROCESS, PORT_DONE, PORT_HELLO, PORT_IDLE};
use crate::clock;
use crate::sys::{Call, call};

const CLOCK_MONOTONIC: usize = 1;
const TIMER_ABSTIME: usize = 1;
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

/// Sleeps until the next tick, whose number it returns: the time in ticks since the host's boot.
pub fn sleep(control: &Control) -> u64 {
    if is_process(control) {
        let tick_ns = control.tick_ns.load(Ordering::Relaxed).max(1);
        return match control.tick_cycles.load(Ordering::Relaxed) {
            0 => sleep_by_clock(tick_ns),
            cycles => sleep_by_counter(cycles, tick_ns),
        };
    }
    leave_by(PORT_IDLE);
    control.tick.load(Ordering::Acquire)
}

/// Never comes back.
pub fn leave(control: &Control) -> ! {
    loop {
        if is_process(control) {
            // SAFETY: it takes nothing and gives nothing.
            let _ = unsafe { call(Call::PAUSE, [0; 0]) };
        } else {
            leave_by(PORT_DONE);
        }
    }
}

fn is_process(control: &Control) -> bool {
    control.flavour.load(Ordering::Relaxed) == FLAVOUR_PROCESS
}

/// For processes in different guests: what they have in common is the counter.
fn sleep_by_counter(tick_cycles: u64, tick_ns: u64) -> u64 {
    let tick = clock::now() / tick_cycles + 1;
    let wake = tick.wrapping_mul(tick_cycles);
    loop {
        let left = wake.saturating_sub(clock::now()).min(tick_cycles);
        if left == 0 {
            return tick;
        }
        // Too early is seen above, too late by less than a nanosecond is no matter.
        let ns = left as u128 * u128::from(tick_ns) / u128::from(tick_cycles) + 1;
        let time = [(ns / u128::from(NS_PER_S)) as usize, (ns % u128::from(NS_PER_S)) as usize];
        let sleep = [CLOCK_MONOTONIC, 0, time.as_ptr().expose_provenance(), 0];
        // SAFETY: the kernel reads the two words of the array.
        let _ = unsafe { call(Call::CLOCK_NANOSLEEP, sleep) };
    }
}

fn sleep_by_clock(tick_ns: u64) -> u64 {
    let mut time = [0_usize; 2];
    // SAFETY: the kernel writes the two words of the array.
    let _ = unsafe {
        call(Call::CLOCK_GETTIME, [CLOCK_MONOTONIC, time.as_mut_ptr().expose_provenance()])
    };
    let tick = (time[0] as u64 * NS_PER_S + time[1] as u64) / tick_ns + 1;
    let wake_ns = tick * tick_ns;
    let time = [(wake_ns / NS_PER_S) as usize, (wake_ns % NS_PER_S) as usize];
    let wake = [CLOCK_MONOTONIC, TIMER_ABSTIME, time.as_ptr().expose_provenance(), 0];
    // Interrupted by being stopped and continued: the deadline is absolute, so it just goes on.
    // SAFETY: the kernel reads the two words of the array.
    while unsafe { call(Call::CLOCK_NANOSLEEP, wake) }.is_err() {}
    tick
}

fn leave_by(port: u16) {
    // SAFETY: the VMM answers each of the three ports and changes nothing but the control page, which
    // is made of atomics.
    unsafe { asm!("out dx, al", in("dx") port, in("al") 0_u8, options(nostack)) };
}
