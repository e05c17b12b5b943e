//! What the program is told: `name=number` each, after `--` on a kernel's command line.
//!
//! | name | what |
//! | --- | --- |
//! | `payload` | its number; 0: none |
//! | `elements`, `threshold`, `tick_ns`, `records`, `heap` | its parameters, as in the control page |
//! | `tick_cycles` | cycles between ticks |
//! | `hellos` | how often to greet the host, so that clocks can be compared |
//! | `clocks_ms` | tell what clocks say so often; 0: never |
//! | `port` | write to a serial port at this address; 0: to standard output |
//! | `window` | or into memory at this physical address, of the size that `wire` says |
//! | `from=FILE` | where the host's questions come from; standard input without it |
#![allow(unsafe_code, reason = "strings that the kernel laid on the stack")]

use core::ffi::CStr;

/// All of it.
#[derive(Debug)]
pub struct Arguments {
    pub payload: u32,
    pub elements: u64,
    pub threshold: u64,
    pub tick_ns: u64,
    pub tick_cycles: u64,
    pub records: u64,
    pub heap_bytes: u64,
    pub hellos: u32,
    pub clocks_ms: u32,
    pub port: u16,
    pub window: u64,
    pub from: Option<&'static CStr>,
}

const BAD: &str = "its arguments are not those that lgbench gives";

impl Arguments {
    /// # Safety
    /// `stack` must be what the kernel gave the program.
    pub unsafe fn read(stack: *const usize) -> Result<Self, &'static str> {
        let mut this = Self {
            payload: 0,
            elements: 0,
            threshold: 0,
            tick_ns: 0,
            tick_cycles: 0,
            records: 0,
            heap_bytes: 0,
            hellos: 1,
            clocks_ms: 0,
            port: 0,
            window: 0,
            from: None,
        };
        // SAFETY: the caller's promise: the count is there.
        let count = unsafe { *stack };
        for at in 1..count {
            // SAFETY: as many addresses follow the count.
            let address = unsafe { *stack.add(1 + at) };
            // SAFETY: each is that of a string which stays where it is.
            this.take(unsafe { CStr::from_ptr(core::ptr::with_exposed_provenance(address)) })?;
        }
        Ok(this)
    }

    fn take(&mut self, argument: &'static CStr) -> Result<(), &'static str> {
        let bytes = argument.to_bytes();
        // Words that a kernel does not know are given to its first program: they mean nothing here.
        let Some(at) = bytes.iter().position(|byte| *byte == b'=') else { return Ok(()) };
        let (name, value) = bytes.split_at_checked(at).ok_or(BAD)?;
        if name == b"from" {
            let text = argument.to_bytes_with_nul().get(at + 1..).ok_or(BAD)?;
            self.from = Some(CStr::from_bytes_with_nul(text).map_err(|_| BAD)?);
            return Ok(());
        }
        let number = decimal(value.get(1..).unwrap_or_default()).ok_or(BAD)?;
        let small = u32::try_from(number).map_err(|_| BAD);
        match name {
            b"payload" => self.payload = small?,
            b"elements" => self.elements = number,
            b"threshold" => self.threshold = number,
            b"tick_ns" => self.tick_ns = number,
            b"tick_cycles" => self.tick_cycles = number,
            b"records" => self.records = number,
            b"heap" => self.heap_bytes = number,
            b"hellos" => self.hellos = small?,
            b"clocks_ms" => self.clocks_ms = small?,
            b"window" => self.window = number,
            b"port" => self.port = u16::try_from(number).map_err(|_| BAD)?,
            _ => return Err(BAD),
        }
        Ok(())
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
}
