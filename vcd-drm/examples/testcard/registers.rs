//! The registers of the test card and the entries of its ring; `testcard_regs.h` says what they are.

pub(crate) const VENDOR: u16 = 0x1234;
pub(crate) const DEVICE: u16 = 0x7e57;
pub(crate) const SUBSYSTEM: u16 = 0x0001;
pub(crate) const BYTES: u32 = 0x4000;

pub(crate) const ID: usize = 0x000;
pub(crate) const ID_VALUE: u32 = 0x3164_6374;
pub(crate) const VERSION: usize = 0x004;
pub(crate) const VERSION_VALUE: u32 = 1;
pub(crate) const SCRATCH: usize = 0x010;
pub(crate) const MIRROR: usize = 0x014;

pub(crate) const COMMAND: usize = 0x020;
pub(crate) const ARG: [usize; 4] = [0x024, 0x028, 0x02c, 0x030];
pub(crate) const RESULT: usize = 0x034;
pub(crate) const VALUE: usize = 0x038;
pub(crate) const COMMANDS: usize = 0x03c;

pub(crate) const CMD_NOP: u32 = 1;
pub(crate) const CMD_INTERRUPT: u32 = 2;
pub(crate) const CMD_SUM: u32 = 3;
pub(crate) const CMD_RESET_RING: u32 = 4;

pub(crate) const OK: u32 = 0;
pub(crate) const E_COMMAND: u32 = 1;
pub(crate) const E_RANGE: u32 = 2;

pub(crate) const INT_ENABLE: usize = 0x040;
pub(crate) const INT_RAISED: usize = 0x044;
pub(crate) const INT_SEEN: usize = 0x048;
pub(crate) const INT_STAMP_LO: usize = 0x04c;
pub(crate) const INT_STAMP_HI: usize = 0x050;

pub(crate) const RING_LO: usize = 0x080;
pub(crate) const RING_HI: usize = 0x084;
pub(crate) const RING_ENTRIES: usize = 0x088;
pub(crate) const PRODUCER: usize = 0x08c;
pub(crate) const CONSUMER: usize = 0x090;
pub(crate) const FENCE: usize = 0x094;
pub(crate) const RING_ERROR: usize = 0x098;

pub(crate) const RING_E_ENTRY: u32 = 1;
pub(crate) const RING_E_DMA: u32 = 2;
pub(crate) const RING_E_RING: u32 = 3;

pub(crate) const HAMMERS: usize = 32;

pub(crate) fn hammer(n: usize) -> usize {
    0x1000 + 0x1000 * (n / 16) + 4 * (n % 16)
}

pub(crate) fn echo(n: usize) -> usize {
    0x3000 + 4 * n
}

pub(crate) fn seen(n: usize) -> usize {
    0x3100 + 4 * n
}

pub(crate) const ENTRY_BYTES: usize = 32;
pub(crate) const ENTRY_INTERRUPT: u32 = 0x8000_0000;
pub(crate) const OP_FENCE: u32 = 1;
pub(crate) const OP_TO_FB: u32 = 2;
pub(crate) const OP_FROM_FB: u32 = 3;
pub(crate) const OP_FILL: u32 = 4;
pub(crate) const OP_COPY: u32 = 5;
