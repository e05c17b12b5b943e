//! Processes and their memory.
#![allow(unsafe_code, reason = "system calls, and memory at fixed addresses")]

use core::cell::Cell;
use core::ffi::CStr;
use core::slice;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::abi::{self, Control, LARGE_PAGE, LOG, Record};
use crate::arguments::Arguments;
use crate::sys::{Call, call};
use crate::wire::{Clocks, Name};
use crate::{clock, fill, run};

pub const PROT_READ_WRITE: usize = 3;
pub const MAP_SHARED: usize = 0x01;
const MAP_PRIVATE: usize = 0x02;
const MAP_FIXED: usize = 0x10;
const MAP_ANONYMOUS: usize = 0x20;
const MAP_POPULATE: usize = 0x8000;
const NO_FILE: usize = usize::MAX;
const MADV_HUGEPAGE: usize = 14;
const SIGSTOP: usize = 19;
const WNOHANG: usize = 1;
const STANDARD_ERROR: usize = 2;
const CLOCK_REALTIME: usize = 0;
const CLOCK_MONOTONIC: usize = 1;
const NS_PER_S: u64 = 1_000_000_000;
const CLOCKSOURCE: &CStr = c"/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Clocks are read so often; the reading that took least counts.
const READINGS: usize = 4;
/// Where the program's own code begins: memory at fixed addresses ends below.
const PROGRAM: u64 = 0x1000_0000;

/// Control page and log, shared with the payload, and its heap.
#[derive(Debug)]
pub struct Memory {
    capacity: usize,
}

impl Memory {
    pub fn new(arguments: &Arguments) -> Result<Self, &'static str> {
        let log = arguments.records.checked_mul(size_of::<Record>() as u64);
        let end = log.and_then(|log| log.checked_add(LOG)).filter(|end| *end <= PROGRAM);
        let end = end.ok_or("more records than it has addresses for")?;
        let shared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE;
        let bytes = (end - abi::CONTROL) as usize;
        map(abi::CONTROL as usize, bytes, shared).map_err(|_| "no memory for the log")?;
        // Large pages need an address that is a multiple of their size.
        let large = LARGE_PAGE as usize;
        let wanted = usize::try_from(arguments.heap_bytes).ok().and_then(|b| b.checked_add(large));
        let wanted = wanted.ok_or("a heap that is too large")?;
        let heap = map(0, wanted, MAP_PRIVATE | MAP_ANONYMOUS).map_err(|_| "no memory for a heap")?;
        // SAFETY: advice that changes no content. Without large pages it works as well.
        let _ = unsafe { call(Call::MADVISE, [heap, wanted, MADV_HUGEPAGE]) };
        let this = Self { capacity: arguments.records as usize };
        fill(this.control(), arguments, heap.next_multiple_of(large));
        Ok(this)
    }

    pub fn control(&self) -> &'static Control {
        // SAFETY: the page was mapped above for good, and is made of atomics.
        unsafe { &*core::ptr::with_exposed_provenance::<Control>(abi::CONTROL as usize) }
    }

    /// Those of a payload that does not run any more.
    pub fn records(&self) -> &[Record] {
        let count = self.control().log_count.load(Acquire) as usize;
        let log = core::ptr::with_exposed_provenance::<Record>(LOG as usize);
        // SAFETY: as many were mapped, any bits are a record, and their writer has been stopped.
        unsafe { slice::from_raw_parts(log, count.min(self.capacity)) }
    }

    pub fn lost(&self) -> u64 {
        self.control().log_lost.load(Relaxed)
    }
}

fn map(at: usize, bytes: usize, flags: usize) -> Result<usize, usize> {
    let arguments = [at, bytes, PROT_READ_WRITE, flags, NO_FILE, 0];
    // SAFETY: new memory; at a fixed address only where the program has nothing.
    unsafe { call(Call::MMAP, arguments) }
}

/// The process that the payload is.
#[derive(Debug)]
pub struct Child {
    number: usize,
    is_stopped: Cell<bool>,
}

impl Child {
    pub fn start(control: &Control) -> Result<Self, &'static str> {
        // SAFETY: there is one thread; the new process has the same memory, of its own or shared.
        match unsafe { call(Call::FORK, [0; 0]) } {
            // SAFETY: the memory was laid out as `abi` says, and this process is its only writer.
            Ok(0) => unsafe { run::run(control) },
            Ok(number) => Ok(Self { number, is_stopped: Cell::new(false) }),
            Err(_) => Err("no process for the payload"),
        }
    }

    /// It records nothing any more.
    pub fn stop(&self) {
        // That it has stopped is told once; to wait for it again would be for ever.
        if self.is_stopped.replace(true) {
            return;
        }
        // SAFETY: signals touch no memory of this process.
        let _ = unsafe { call(Call::KILL, [self.number, SIGSTOP]) };
        let mut status = 0_u32;
        const WUNTRACED: usize = 2;
        let at = (&raw mut status).expose_provenance();
        // SAFETY: the kernel writes one word.
        let _ = unsafe { call(Call::WAIT4, [self.number, at, WUNTRACED, 0]) };
    }

    /// Whether it has, which no payload does.
    pub fn has_ended(&self) -> bool {
        // SAFETY: without an address nothing is written.
        !matches!(unsafe { call(Call::WAIT4, [self.number, 0, WNOHANG, 0]) }, Ok(0))
    }
}

/// What all clocks say now.
pub fn clocks() -> Clocks {
    let reading = || {
        let before = clock::fenced();
        let monotonic_ns = time(CLOCK_MONOTONIC);
        let realtime_ns = time(CLOCK_REALTIME);
        let after = clock::fenced();
        let cycles = before + (after - before) / 2;
        (after - before, Clocks { cycles, monotonic_ns, realtime_ns })
    };
    let mut best = reading();
    for _ in 1..READINGS {
        let other = reading();
        if other.0 < best.0 {
            best = other;
        }
    }
    best.1
}

/// What the kernel's clocks are made of, now; no letters where it does not say.
pub fn clocksource() -> Name {
    let path = CLOCKSOURCE.as_ptr().expose_provenance();
    // SAFETY: the kernel reads the path.
    let open = || unsafe { call(Call::OPEN, [path, 0, 0]) };
    let mount = |_| {
        let [system, place] = [c"sysfs", c"/sys"].map(|text| text.as_ptr().expose_provenance());
        // SAFETY: the kernel reads two strings, each with its zero.
        unsafe { call(Call::MOUNT, [system, place, system, 0, 0]) }
    };
    // To the first program of all nobody has given a /sys.
    let Ok(file) = open().or_else(|failed| mount(failed).and_then(|_| open())) else {
        return Name::default();
    };
    let mut name = [0_u8; 24];
    let at = name.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel writes at most the bytes of the array.
    let got = unsafe { call(Call::READ, [file, at, name.len()]) }.unwrap_or_default();
    // SAFETY: nobody uses the number any more.
    let _ = unsafe { call(Call::CLOSE, [file]) };
    Name::new(name.get(..got).unwrap_or_default().trim_ascii_end())
}

fn time(clock: usize) -> u64 {
    let mut time = [0_usize; 2];
    // SAFETY: the kernel writes two words.
    let _ = unsafe { call(Call::CLOCK_GETTIME, [clock, time.as_mut_ptr().expose_provenance()]) };
    time[0] as u64 * NS_PER_S + time[1] as u64
}

/// Ends the program with one line that says why.
pub fn die(why: &str) -> ! {
    for text in ["lgbench's guest program: ", why, "\n"] {
        let at = text.as_ptr().expose_provenance();
        // SAFETY: the kernel reads the text.
        let _ = unsafe { call(Call::WRITE, [STANDARD_ERROR, at, text.len()]) };
    }
    loop {
        // SAFETY: it does not come back.
        let _ = unsafe { call(Call::EXIT, [1]) };
    }
}
