//! The way to the host and back: a serial port, which is written to directly, or standard output.
//!
//! Every byte that is written to a port leaves the guest. So a virtual machine has a window: memory that
//! is not its kernel's, into which lines go, and a port that is told how many bytes there are. Where the
//! kernel does not give that memory to programs, the serial port has to do.
#![allow(unsafe_code, reason = "port I/O, and system calls")]

use core::arch::asm;

use crate::arguments::Arguments;
use crate::clock;
use crate::process::{MAP_SHARED, Memory, PROT_READ_WRITE};
use crate::sys::{Call, call};
use crate::wire::{LINE_MAX, Line, Message, PORT_WINDOW, VERSION, WINDOW_BYTES};

const STANDARD_INPUT: usize = 0;
const STANDARD_OUTPUT: usize = 1;
const O_RDWR: usize = 2;
const O_NOCTTY: usize = 0o400;
const TCGETS: usize = 0x5401;
const TCSETS: usize = 0x5402;
/// Of termios, at its words 2 and in its bytes: the receiver on, no modem needed, a read of one byte.
const CONTROL_FLAGS: usize = 2;
const CREAD_CLOCAL: u32 = 0o4200;
const VTIME_VMIN_WORD: usize = 5;
const POLLIN: u32 = 1;
const NO_TIME_LIMIT: usize = usize::MAX;
/// Ports that are used at once.
const PORT_BYTES: usize = 8;
/// Lines are sent so many bytes at once.
const BUFFER: usize = 16 << 10;

/// Both ways.
#[derive(Debug)]
pub struct Link {
    port: u16,
    /// Where the window is; 0: none.
    window: usize,
    from: usize,
}

impl Link {
    pub fn open(arguments: &Arguments) -> Result<Self, &'static str> {
        let from = match arguments.from {
            None => STANDARD_INPUT,
            Some(path) => {
                let path = path.as_ptr().expose_provenance();
                // SAFETY: the kernel reads the path, which ends with a zero.
                unsafe { call(Call::OPEN, [path, O_RDWR | O_NOCTTY, 0]) }
                    .map_err(|_| "the device of from= cannot be opened")?
            }
        };
        let port = arguments.port;
        if port != 0 {
            // SAFETY: it changes what this program may do, and no memory.
            unsafe { call(Call::IOPERM, [usize::from(port), PORT_BYTES, 1]) }
                .map_err(|_| "the kernel does not give it the port of port=")?;
        }
        let window = match arguments.window {
            0 => 0,
            address => open_window(address).unwrap_or(0),
        };
        let link = Self { port, window, from };
        link.make_raw();
        Ok(link)
    }

    /// A terminal is to pass bytes as they are, both ways; what is none does that already.
    fn make_raw(&self) {
        // struct termios of the kernel: four words of flags, and twenty bytes.
        let mut terminal = [0_u32; 16];
        let at = terminal.as_mut_ptr().expose_provenance();
        // SAFETY: the kernel writes 36 bytes, or 44 where it has another structure, of the 64.
        if unsafe { call(Call::IOCTL, [self.from, TCGETS, at]) }.is_err() {
            return;
        }
        let flags = terminal[CONTROL_FLAGS] | CREAD_CLOCAL;
        let mut raw = [0_u32; 16];
        raw[CONTROL_FLAGS] = flags;
        // c_line and c_cc begin at byte 16: c_cc[5] is VTIME, at byte 22; c_cc[6] is VMIN, at byte 23.
        raw[VTIME_VMIN_WORD] = 1 << 24;
        // SAFETY: the kernel reads as many.
        let _ = unsafe { call(Call::IOCTL, [self.from, TCSETS, raw.as_ptr().expose_provenance()]) };
    }

    /// Tells the clock often enough for the host to know how far it is from its own.
    pub fn greet(&mut self, times: u32) {
        for _ in 0..times {
            self.tell(Message::Hello { version: VERSION, cycles: clock::fenced() });
        }
    }

    pub fn tell(&mut self, message: Message) {
        self.write(Line::new(message).bytes());
    }

    pub fn send_log(&mut self, memory: &Memory) {
        let records = memory.records();
        let lost = memory.lost();
        self.tell(Message::Log { records: records.len() as u64, lost });
        let mut buffer = [0_u8; BUFFER];
        let mut used = 0;
        for record in records {
            if used + LINE_MAX > BUFFER {
                self.write(buffer.get(..used).unwrap_or_default());
                used = 0;
            }
            let line = Line::new(Message::Record(*record));
            for byte in line.bytes() {
                if let Some(place) = buffer.get_mut(used) {
                    *place = *byte;
                    used += 1;
                }
            }
        }
        self.write(buffer.get(..used).unwrap_or_default());
        self.tell(Message::End { records: records.len() as u64 });
    }

    /// What the host asks; `None` when it asks nothing within so many milliseconds.
    pub fn asked(&self, patience_ms: Option<u32>) -> Option<u8> {
        let mut wanted = [self.from as u32, POLLIN];
        let at = wanted.as_mut_ptr().expose_provenance();
        let limit = patience_ms.map_or(NO_TIME_LIMIT, |ms| ms as usize);
        // SAFETY: the kernel reads and writes one struct pollfd: a number, and two halves of one.
        let ready = unsafe { call(Call::POLL, [at, 1, limit]) };
        if ready != Ok(1) {
            return None;
        }
        let mut byte = 0_u8;
        // SAFETY: the kernel writes one byte.
        let got = unsafe {
            call(Call::READ, [self.from, (&raw mut byte).expose_provenance(), 1])
        };
        if got == Ok(1) {
            return Some(byte);
        }
        // Nobody is at the other end any more: not a reason to be busy.
        let second = [1_usize, 0];
        // SAFETY: the kernel reads two words.
        let _ = unsafe { call(Call::NANOSLEEP, [second.as_ptr().expose_provenance(), 0]) };
        None
    }

    fn write(&self, mut bytes: &[u8]) {
        if self.window != 0 {
            return self.write_to_window(bytes);
        }
        if self.port != 0 {
            return write_to_port(self.port, bytes);
        }
        while !bytes.is_empty() {
            let from = bytes.as_ptr().expose_provenance();
            // SAFETY: the kernel reads the bytes of the slice.
            match unsafe { call(Call::WRITE, [STANDARD_OUTPUT, from, bytes.len()]) } {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                // Nobody reads any more.
                Err(_) => return,
            }
        }
    }

    fn write_to_window(&self, bytes: &[u8]) {
        for piece in bytes.chunks(WINDOW_BYTES) {
            let to = core::ptr::with_exposed_provenance_mut::<u8>(self.window);
            for (at, byte) in piece.iter().enumerate() {
                // SAFETY: a piece is not longer than the window, which was mapped for good.
                unsafe { to.add(at).write_volatile(*byte) };
            }
            // SAFETY: the kernel has given the port to the program; the host reads the window.
            unsafe {
                asm!("out dx, eax", in("dx") PORT_WINDOW, in("eax") piece.len() as u32,
                    options(nostack));
            }
        }
    }
}

/// Where it is for this program; none where the kernel keeps physical memory to itself.
fn open_window(address: u64) -> Option<usize> {
    let path = c"/dev/mem".as_ptr().expose_provenance();
    // SAFETY: the kernel reads the path.
    let file = unsafe { call(Call::OPEN, [path, O_RDWR, 0]) }.ok()?;
    // mmap2 of 32 bits counts pages.
    let offset = if cfg!(target_arch = "x86_64") { address } else { address / 4096 };
    let offset = usize::try_from(offset).ok()?;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let window = unsafe {
        call(Call::MMAP, [0, WINDOW_BYTES, PROT_READ_WRITE, MAP_SHARED, file, offset])
    }
    .ok()?;
    // SAFETY: it changes what this program may do, and no memory.
    unsafe { call(Call::IOPERM, [usize::from(PORT_WINDOW), PORT_BYTES, 1]) }.ok()?;
    Some(window)
}

fn write_to_port(port: u16, bytes: &[u8]) {
    // SAFETY: the kernel has given the port to the program; the instruction reads the bytes of the slice.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("rep outsb", in("dx") port, inout("rcx") bytes.len() => _,
            inout("rsi") bytes.as_ptr() => _, options(nostack, preserves_flags));
    }
    // SAFETY: as above. The compiler keeps esi to itself, so it is put back.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!("xchg esi, eax", "rep outsb", "mov esi, eax", in("dx") port,
            inout("ecx") bytes.len() => _, inout("eax") bytes.as_ptr() => _,
            options(nostack, preserves_flags));
    }
}
