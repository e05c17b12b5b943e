//! What host and payload agree on: addresses, the control page, log records.
//!
//! ```text
//!   0x000000  page tables, descriptors (made by the VMM; nothing in a process)
//!   0x100000  IMAGE    code and data, below it the stack grows down from STACK_TOP
//!   0x200000  CONTROL  one page
//!   0x400000  LOG      records, Control::log_capacity of them
//!   ...       HEAP     from Control::heap_start, Control::heap_bytes of it
//! ```
//!
//! Guest virtual and guest physical addresses are the same.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Where the image begins; its first byte is its first instruction.
pub const IMAGE: u64 = 0x10_0000;

/// Most bytes of an image, so that the stack has the rest.
pub const IMAGE_MAX: u64 = 0xc_0000;

/// Where the stack begins: it grows down.
pub const STACK_TOP: u64 = 0x20_0000;

/// Where the control page is.
pub const CONTROL: u64 = 0x20_0000;

/// Where the log is.
pub const LOG: u64 = 0x40_0000;

/// The heap begins at a multiple of this, and so does the end of memory: the size of a large page.
pub const LARGE_PAGE: u64 = 0x20_0000;

/// A port: the payload has stamped [`Control::hello`] for the comparison of clocks.
pub const PORT_HELLO: u16 = 0x10;

/// A port: nothing to do until the next tick.
pub const PORT_IDLE: u16 = 0x11;

/// A port: the payload has ended.
pub const PORT_DONE: u16 = 0x12;

/// [`Control::state`]: not begun, or still preparing.
pub const STATE_PREPARING: u32 = 0;
/// [`Control::state`]: measuring.
pub const STATE_RUNNING: u32 = 1;
/// [`Control::state`]: ended.
pub const STATE_DONE: u32 = 2;
/// [`Control::state`]: a panic, or parameters that make no sense.
pub const STATE_FAILED: u32 = 3;

/// [`Control::flavour`]: in a virtual machine.
pub const FLAVOUR_GUEST: u32 = 0;
/// [`Control::flavour`]: in a process.
pub const FLAVOUR_PROCESS: u32 = 1;

/// Which payload runs. The number is the one in [`Control::payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Payload {
    /// STREAM's four kernels. `elements` numbers in each array.
    Stream = 1,
    /// Allocate, touch and free pages. `elements` pages each time.
    Stress = 2,
    /// Dhrystone 2.1. `elements` runs in each record.
    Dhrystone = 3,
    /// Looks at the clock all the time. `threshold` cycles make a gap.
    Gap = 4,
    /// Factorials of 1 to 50, over and over. `threshold` cycles make a gap.
    Factorial = 5,
    /// Wakes at every tick of `tick_ns` and sleeps again.
    Idle = 6,
    /// What recording costs. `elements` events in each record.
    Probe = 7,
    /// Does nothing for ever and never says so: for testing the watchdog.
    Hang = 8,
    /// A vortex in a box of fluid, step by step. `elements` cells along each edge; progress counts steps.
    Cfd = 9,
}

impl Payload {
    /// Every payload.
    pub const ALL: [Self; 9] = [
        Self::Stream,
        Self::Stress,
        Self::Dhrystone,
        Self::Gap,
        Self::Factorial,
        Self::Idle,
        Self::Probe,
        Self::Hang,
        Self::Cfd,
    ];

    /// The payload of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|payload| *payload as u32 == number)
    }
}

/// The control page. Parameters are set before the start; each of the rest has one writer.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Control {
    /// [`Payload`], as a number.
    pub payload: AtomicU32,
    /// [`FLAVOUR_GUEST`] or [`FLAVOUR_PROCESS`].
    pub flavour: AtomicU32,
    /// The payload's first parameter: how many of what [`Payload`] says.
    pub elements: AtomicU64,
    /// Cycles without a look at the clock that count as a gap.
    pub threshold: AtomicU64,
    /// Nanoseconds between ticks.
    pub tick_ns: AtomicU64,
    /// Cycles between ticks, for processes whose clocks differ: ticks are multiples of it. 0: of `tick_ns`.
    pub tick_cycles: AtomicU64,
    /// Records that fit into the log.
    pub log_capacity: AtomicU64,
    /// Address of the heap.
    pub heap_start: AtomicU64,
    /// Its bytes.
    pub heap_bytes: AtomicU64,
    /// The tick that the host has woken the guest for; written by the host while the guest is out.
    pub tick: AtomicU64,
    /// Written by the payload from here on: [`STATE_RUNNING`] and its like.
    pub state: AtomicU32,
    /// The clock at the latest hello.
    pub hello: AtomicU64,
    /// Grows while the payload gets anywhere.
    pub progress: AtomicU64,
    /// Records in the log.
    pub log_count: AtomicU64,
    /// Records that did not fit.
    pub log_lost: AtomicU64,
}

/// One event. What `start` and `end` bound depends on the payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// The clock at its beginning.
    pub start: u64,
    /// The clock at its end.
    pub end: u64,
    /// STREAM: which kernel; stress: bytes; Dhrystone: runs; idle: the tick; factorial: factorials so far;
    /// fluid: the flow's checksum.
    pub tag: u64,
}
