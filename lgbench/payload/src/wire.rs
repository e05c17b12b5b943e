//! What a guest that runs Linux tells its host, in lines over a serial port or a console.
//!
//! ```text
//!   ~h 1 5f3c02aa10#90c1      hello: version, the guest's clock as it wrote this
//!   ~s 1#a0b3                 state, as in the control page
//!   ~p 10#5c2e              progress, as in the control page
//!   ~l 4 0#13f0               a log begins: records, records that were lost
//!   ~r 5f3c02bb00 41a0 3#77ee a record: start, duration, tag
//!   ~e 4#21d2                 the log's end: records
//!   ~c 5f3c02cc00 12a05f200 16e84...#0c11   clocks: cycles, CLOCK_MONOTONIC, CLOCK_REALTIME in ns
//!   ~n 6b766d2d636c6f63 6b 0#04b2           clocksource: its name, eight letters to a number
//! ```
//!
//! Numbers are hexadecimal. What follows the `#` is a checksum of all between it and the `~`: kernels
//! write to consoles, too, in the middle of lines if they have to. The host asks with single bytes.

use crate::abi::Record;

/// The version in [`Message::Hello`].
pub const VERSION: u64 = 1;

/// A virtual machine's window for lines is so large;
pub const WINDOW_BYTES: usize = 64 << 10;

/// and this port is told, in 32 bits, how many bytes of it there are to be read.
pub const PORT_WINDOW: u16 = 0x500;

/// From the host: send the log.
pub const ASK_LOG: u8 = b'l';

/// The first byte of a line, and of nothing else in it.
pub const MARK: u8 = b'~';
/// Before the checksum.
const CHECK: u8 = b'#';
/// Most numbers in a line.
const NUMBERS: usize = 3;
/// Most bytes in a line: mark, letter, numbers with a space each, checksum, end.
pub const LINE_MAX: usize = 2 + NUMBERS * 17 + 6;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The guest's program has begun.
    Hello {
        /// [`VERSION`].
        version: u64,
        /// The clock.
        cycles: u64,
    },
    /// The payload has come to a state.
    State(u64),
    /// The payload has got so far.
    Progress(u64),
    /// Records follow.
    Log {
        /// How many.
        records: u64,
        /// How many did not fit.
        lost: u64,
    },
    /// One of them.
    Record(Record),
    /// There are no more.
    End {
        /// How many there were.
        records: u64,
    },
    /// All clocks at one moment.
    Clocks(Clocks),
    /// What the kernel's clocks are made of.
    Clocksource(Name),
}

/// A short name: what is longer is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name([u64; NUMBERS]);

impl Name {
    /// From its letters.
    pub fn new(letters: &[u8]) -> Self {
        let mut name = Self::default();
        for (number, eight) in name.0.iter_mut().zip(letters.chunks(8)) {
            *number = eight.iter().fold(0, |number, letter| number << 8 | u64::from(*letter));
        }
        name
    }

    /// Its letters.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        let all = self.0.into_iter().flat_map(u64::to_be_bytes);
        all.filter(|letter| *letter != 0)
    }
}

/// What clocks said at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The time stamp counter.
    pub cycles: u64,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub monotonic_ns: u64,
    /// CLOCK_REALTIME in nanoseconds.
    pub realtime_ns: u64,
}

/// A line that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// A line with its end.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    bytes: [u8; LINE_MAX],
    length: usize,
}

impl Line {
    /// The line for a message.
    pub fn new(message: Message) -> Self {
        let mut line = Self { bytes: [0; LINE_MAX], length: 0 };
        line.push(MARK);
        match message {
            Message::Hello { version, cycles } => line.put(b'h', &[version, cycles]),
            Message::State(state) => line.put(b's', &[state]),
            Message::Progress(progress) => line.put(b'p', &[progress]),
            Message::Log { records, lost } => line.put(b'l', &[records, lost]),
            Message::Record(Record { start, end, tag }) => {
                line.put(b'r', &[start, end.wrapping_sub(start), tag]);
            }
            Message::End { records } => line.put(b'e', &[records]),
            Message::Clocks(clocks) => {
                line.put(b'c', &[clocks.cycles, clocks.monotonic_ns, clocks.realtime_ns]);
            }
            Message::Clocksource(name) => line.put(b'n', &name.0),
        }
        let check = checksum(line.bytes.get(1..line.length).unwrap_or_default());
        line.push(CHECK);
        line.hex(u64::from(check), 4);
        line.push(b'\n');
        line
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn put(&mut self, letter: u8, numbers: &[u64]) {
        self.push(letter);
        for number in numbers {
            self.push(b' ');
            self.hex(*number, 1);
        }
    }

    fn hex(&mut self, number: u64, least: u32) {
        let digits = (64 - number.leading_zeros()).div_ceil(4).max(least);
        for digit in (0..digits).rev() {
            let value = (number >> (digit * 4)) as u8 & 15;
            self.push(if value < 10 { b'0' + value } else { b'a' + value - 10 });
        }
    }
}

/// What a line says, without its end; `None` when it is none of ours.
///
/// # Errors
/// [`Damaged`]: it begins as one of ours.
pub fn read(line: &[u8]) -> Option<Result<Message, Damaged>> {
    // A kernel's line may have been cut off by ours.
    let at = line.iter().rposition(|byte| *byte == MARK)?;
    let line = line.get(at + 1..)?;
    line.first().filter(|letter| letter.is_ascii_lowercase())?;
    Some(message(line.trim_ascii_end()).ok_or(Damaged))
}

fn message(line: &[u8]) -> Option<Message> {
    let at = line.iter().rposition(|byte| *byte == CHECK)?;
    let (said, check) = line.split_at_checked(at)?;
    if number(check.get(1..)?)? != u64::from(checksum(said)) {
        return None;
    }
    let mut words = said.split(|byte| *byte == b' ');
    let letter = words.next()?;
    let mut next = || words.next().and_then(number);
    let message = match letter {
        b"h" => Message::Hello { version: next()?, cycles: next()? },
        b"s" => Message::State(next()?),
        b"p" => Message::Progress(next()?),
        b"l" => Message::Log { records: next()?, lost: next()? },
        b"r" => {
            let start = next()?;
            Message::Record(Record { start, end: start.wrapping_add(next()?), tag: next()? })
        }
        b"e" => Message::End { records: next()? },
        b"c" => {
            Message::Clocks(Clocks { cycles: next()?, monotonic_ns: next()?, realtime_ns: next()? })
        }
        b"n" => Message::Clocksource(Name([next()?, next()?, next()?])),
        _ => return None,
    };
    words.next().is_none().then_some(message)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// CRC-16/XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |mut sum, byte| {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 };
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> [Message; 9] {
        [
            Message::Hello { version: VERSION, cycles: 0 },
            Message::State(3),
            Message::Progress(40),
            Message::Log { records: 1 << 20, lost: u64::MAX },
            Message::Record(Record { start: 0x5f3c_02bb_0000, end: 0x5f3c_02bb_41a0, tag: 3 }),
            Message::Record(Record { start: u64::MAX, end: u64::MAX - 1, tag: u64::MAX }),
            Message::End { records: 0 },
            Message::Clocks(Clocks {
                cycles: 1,
                monotonic_ns: 10,
                realtime_ns: 1_795_819_915 << 30,
            }),
            Message::Clocksource(Name::new(b"kvm-clock")),
        ]
    }

    #[test]
    fn what_is_written_can_be_read_in_the_middle_of_a_console_too() {
        for message in messages() {
            let line = Line::new(message);
            let (end, said) = line.bytes().split_last().unwrap();
            assert_eq!(*end, b'\n');
            assert_eq!(read(said), Some(Ok(message)));
            let cut = [b"[    1.0] usb 1-1~: n".as_slice(), said, b"\r"].concat();
            assert_eq!(read(&cut), Some(Ok(message)));
        }
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        for message in messages() {
            let line = Line::new(message);
            let said = &line.bytes()[..line.bytes().len() - 1];
            for at in 0..said.len() {
                let mut other = said.to_vec();
                other[at] ^= 1;
                assert_ne!(read(&other), Some(Ok(message)), "{at}");
                assert!(!matches!(read(&other), Some(Ok(_))), "{at}");
                let shorter = [&said[..at], &said[at + 1..]].concat();
                assert!(!matches!(read(&shorter), Some(Ok(_))), "{at}");
            }
        }
    }

    #[test]
    fn names_come_as_they_go() {
        for name in ["", "tsc", "acpi_pm", "jiffies0", "kvm-clock", "abcdefghijklmnopqrstuvwx"] {
            let letters: Vec<u8> = Name::new(name.as_bytes()).letters().collect();
            assert_eq!(letters, name.as_bytes());
        }
        assert_eq!(Name::new(&[b'x'; 30]).letters().count(), 24);
    }

    #[test]
    fn other_lines_are_none_of_ours() {
        for line in ["", "[    0.1] Linux", "~", "~~", "a ~ b", "~/bin", "~Z#0000"] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
        assert_eq!(read(b"~r 1 2 3"), Some(Err(Damaged)));
        assert_eq!(checksum(b"123456789"), 0x31c3, "the catalogue's value for CRC-16/XMODEM");
    }
}
