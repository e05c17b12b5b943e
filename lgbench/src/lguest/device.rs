//! /dev/lgbench: who runs when, and samples of switches.
//!
//! Times are counts of the TSC. The first program that sets a mode or holds a guest has the device's
//! control until it closes it; anybody may look, and read samples, which takes them away.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use super::abi;

/// Where the device is.
pub const PATH: &str = "/dev/lgbench";

/// Guests that can be there at once; their ids are below this.
pub const GUESTS_MAX: u32 = abi::GUESTS_MAX;

/// The least interval of a mode, and the longest.
pub const INTERVALS: (Duration, Duration) =
    (Duration::from_nanos(abi::INTERVAL_MIN_NS), Duration::from_nanos(abi::INTERVAL_MAX_NS));

/// Samples that are read at once.
const AT_ONCE: usize = 4096;

/// What went wrong with the device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or it may not be used.
    #[error("cannot open {}", .path.display())]
    Open {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not one, or one that speaks otherwise.
    #[error("{} is not a device of lgbench that this program knows ({found})", .path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// Another program has its control.
    #[error("another program controls the guests")]
    Busy,
    /// There is no such guest.
    #[error("there is no guest {0}")]
    NoGuest(u32),
    /// Anything else.
    #[error("cannot {what}")]
    Call {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        source: Errno,
    },
    /// Samples are not what they should be.
    #[error("what was read is no samples: {0}")]
    Samples(&'static str),
}

/// How guests are switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The kernel's scheduler alone decides.
    Free,
    /// One guest alone for the interval, then the next one alone.
    Once {
        /// Who begins.
        first: u32,
        /// For how long.
        interval: Duration,
    },
    /// One after the other, each alone for the interval.
    Alternate {
        /// Who begins.
        first: u32,
        /// For how long each.
        interval: Duration,
    },
}

/// How things are, and what was counted since [`Device::clear`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Cycles of the TSC in a millisecond.
    pub tsc_khz: u32,
    /// Whether a mode other than [`Mode::Free`] is set.
    pub is_gated: bool,
    /// Who alone may run now; `None`: all who are not held.
    pub turn: Option<u32>,
    /// A bit for each guest that is there.
    pub guests: u32,
    /// A bit for each guest that is held.
    pub held: u32,
    /// A bit for each guest that runs now, or is about to: one that is held is out once it has none.
    pub inside: u32,
    /// Switches into a guest, from itself included.
    pub entries: u64,
    /// Switches from one guest to another.
    pub switches: u64,
    /// Expiries of the interval, missed ones included.
    pub expiries: u64,
    /// Of these, those by a timer that was late by a whole interval.
    pub missed: u64,
    /// Times a guest had to wait for its turn.
    pub gated: u64,
    /// The shortest switch, in cycles; 0 when there was none.
    pub switch_min: u64,
    /// All switches together, in cycles.
    pub switch_sum: u64,
    /// The longest one, in cycles.
    pub switch_max: u64,
}

/// One switch from a guest to another one on the same processor, in counts of the TSC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the one that went had come in, first of all its entries in a row.
    pub since: u64,
    /// When it went, last of these.
    pub out_at: u64,
    /// When the other one came in.
    pub in_at: u64,
    /// Who went.
    pub from: u32,
    /// Who came.
    pub to: u32,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// From the oldest on.
    pub samples: Vec<Sample>,
    /// How many older ones were lost since the last reading.
    pub lost: u64,
}

/// The device, open. Closing it lets all guests go that it holds.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens [`PATH`].
    ///
    /// # Errors
    /// When it is not there, or not what this module knows.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(Path::new(PATH))
    }

    /// Opens a device that is elsewhere.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open_at(path: &Path) -> Result<Self, Error> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let found = match abi::info(file.as_fd()) {
            Ok(info) if info.version == abi::VERSION => return Ok(Self(file)),
            Ok(info) => format!("version {}, not {}", info.version, abi::VERSION),
            Err(error) => error.to_string(),
        };
        Err(Error::Unknown { path: path.to_owned(), found })
    }

    /// How things are.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn info(&self) -> Result<Info, Error> {
        let info = abi::info(self.0.as_fd()).map_err(|e| call("ask for the counts", e))?;
        Ok(Info {
            tsc_khz: info.tsc_khz,
            is_gated: info.mode != abi::FREE,
            turn: (info.turn != abi::NOBODY).then_some(info.turn),
            guests: info.guests,
            held: info.held,
            inside: info.inside,
            entries: info.entries,
            switches: info.switches,
            expiries: info.expiries,
            missed: info.missed,
            gated: info.gated,
            switch_min: info.switch_min,
            switch_sum: info.switch_sum,
            switch_max: info.switch_max,
        })
    }

    /// Ends the mode there was and begins another one.
    ///
    /// # Errors
    /// When another program has the control, the interval is not within [`INTERVALS`], or the guest that
    /// is to begin is not there. The mode is then as it was.
    pub fn set_mode(&self, mode: Mode) -> Result<(), Error> {
        let (mode, first, interval) = match mode {
            Mode::Free => (abi::FREE, 0, Duration::ZERO),
            Mode::Once { first, interval } => (abi::ONCE, first, interval),
            Mode::Alternate { first, interval } => (abi::ALTERNATE, first, interval),
        };
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let done = abi::set_mode(self.0.as_fd(), abi::Mode { mode, first, interval_ns });
        done.map_err(|error| on_guest("set the mode", first, error))
    }

    /// Holds a guest at its next gate, whatever the mode.
    ///
    /// # Errors
    /// When another program has the control, or there is no such guest.
    pub fn hold(&self, guest: u32) -> Result<(), Error> {
        let done = abi::hold(self.0.as_fd(), guest);
        done.map_err(|error| on_guest("hold a guest", guest, error))
    }

    /// Lets a guest go on that is held.
    ///
    /// # Errors
    /// As [`Device::hold`].
    pub fn let_go(&self, guest: u32) -> Result<(), Error> {
        let done = abi::let_go(self.0.as_fd(), guest);
        done.map_err(|error| on_guest("let a guest go", guest, error))
    }

    /// Forgets all samples and counts.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn clear(&self) -> Result<(), Error> {
        abi::clear(self.0.as_fd()).map_err(|error| call("clear the counts", error))
    }

    /// All samples there are, at most as many as the kernel keeps for each time it is asked. It does not
    /// wait for any.
    ///
    /// # Errors
    /// When the kernel refuses, or gives something else.
    pub fn read(&self) -> Result<Samples, Error> {
        let mut all = Samples::default();
        let mut buffer = vec![0; abi::HEADER_BYTES + AT_ONCE * abi::SAMPLE_BYTES];
        loop {
            let length = (&self.0).read(&mut buffer).map_err(|error| {
                call("read samples", Errno::from_io_error(&error).unwrap_or(Errno::IO))
            })?;
            let some = parse(buffer.get(..length).unwrap_or_default())?;
            let is_last = some.samples.len() < AT_ONCE;
            all.lost += some.lost;
            all.samples.extend(some.samples);
            if is_last {
                return Ok(all);
            }
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn call(what: &'static str, source: Errno) -> Error {
    Error::Call { what, source }
}

fn on_guest(what: &'static str, guest: u32, error: Errno) -> Error {
    match error {
        Errno::BUSY => Error::Busy,
        Errno::SRCH => Error::NoGuest(guest),
        _ => call(what, error),
    }
}

/// What one read() gave.
fn parse(bytes: &[u8]) -> Result<Samples, Error> {
    let (header, rest) =
        bytes.split_at_checked(abi::HEADER_BYTES).ok_or(Error::Samples("no header"))?;
    if word(header, 0) != abi::VERSION {
        return Err(Error::Samples("another version"));
    }
    if word(header, 4) as usize != abi::SAMPLE_BYTES {
        return Err(Error::Samples("samples of another size"));
    }
    let (samples, odd) = rest.as_chunks::<{ abi::SAMPLE_BYTES }>();
    if !odd.is_empty() || samples.len() as u64 != long(header, 8) {
        return Err(Error::Samples("not as many as there should be"));
    }
    let sample = |bytes: &[u8; abi::SAMPLE_BYTES]| Sample {
        since: long(bytes, 0),
        out_at: long(bytes, 8),
        in_at: long(bytes, 16),
        from: word(bytes, 24),
        to: word(bytes, 28),
    };
    Ok(Samples { samples: samples.iter().map(sample).collect(), lost: long(header, 16) })
}

/// A number of 32 bits; the callers know that it is there.
fn word(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// The same of 64 bits.
fn long(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u32, bytes: u32, samples: u64, lost: u64) -> Vec<u8> {
        let mut all = [version.to_ne_bytes(), bytes.to_ne_bytes()].concat();
        all.extend(samples.to_ne_bytes());
        all.extend(lost.to_ne_bytes());
        all
    }

    #[test]
    fn samples_are_read_as_they_were_written() {
        let mut bytes = header(1, 32, 1, 7);
        for time in [10_u64, 20, 30] {
            bytes.extend(time.to_ne_bytes());
        }
        for guest in [2_u32, 3] {
            bytes.extend(guest.to_ne_bytes());
        }
        let sample = Sample { since: 10, out_at: 20, in_at: 30, from: 2, to: 3 };
        assert_eq!(parse(&bytes).unwrap(), Samples { samples: vec![sample], lost: 7 });
    }

    #[test]
    fn anything_else_is_refused() {
        let said = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(said(&[]).ends_with("no header"));
        assert!(said(&header(2, 32, 0, 0)).ends_with("another version"));
        assert!(said(&header(1, 40, 0, 0)).ends_with("samples of another size"));
        assert!(said(&header(1, 32, 1, 0)).ends_with("not as many as there should be"));
        let odd = [header(1, 32, 0, 0), vec![0; 8]].concat();
        assert!(said(&odd).ends_with("not as many as there should be"));
    }

    #[test]
    fn what_is_no_such_device_is_named() {
        let error = Device::open_at(Path::new("/dev/no-such")).unwrap_err();
        assert_eq!(error.to_string(), "cannot open /dev/no-such");
        let error = Device::open_at(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(error.starts_with("/dev/null is not a device of lgbench"), "{error}");
    }
}
