//! What a viewer says, and the answers: handshake, then what it wants to have of the picture.
//!
//! Pure: bytes come in, in any portions, and bytes go out. Messages that may be long are passed over as
//! they come, so nothing here grows.

use super::auth;
use super::pixel::{self, Format, FormatError};
use crate::screen::{Rect, Size};
use crate::sink::Secret;

/// No more of a message than this is ever looked at together.
pub const LONGEST: usize = 20;

/// Most text of a viewer's clipboard that is passed over.
const MOST_TEXT: u32 = 1 << 20;

/// Most encodings that a viewer may name.
const MOST_ENCODINGS: u16 = 1024;

const VERSION: &[u8; 12] = b"RFB 003.008\n";
const SECURITY_NONE: u8 = 1;
const SECURITY_VNC: u8 = 2;

/// How rectangles are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    #[default]
    Raw,
    /// Compressed, in tiles of few colours.
    Zrle,
}

impl Encoding {
    /// Its number.
    pub fn number(self) -> i32 {
        match self {
            Self::Raw => 0,
            Self::Zrle => 16,
        }
    }
}

/// The number of what stands for a change of size.
pub const DESKTOP_SIZE: i32 = -223;

/// An update that a viewer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of this part.
    pub rect: Rect,
    /// Also of what has not changed.
    pub whole: bool,
}

/// Why a viewer is disconnected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It speaks something else.
    #[error("it does not speak RFB")]
    Version,
    /// It wants to be let in another way.
    #[error("it wants security of type {0}, which was not offered")]
    Security(u8),
    /// It does not know the password.
    #[error("it gave a wrong password")]
    Password,
    /// It wants pixels that there are not.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It says what has no meaning.
    #[error("it sent a message of type {0}")]
    Message(u8),
    /// It says too much.
    #[error("it sent a message that is too long")]
    Long,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Version,
    Security,
    Answer,
    Init,
    Message,
    /// So many encodings of a message are still to come.
    Encodings(u16),
    /// So many bytes are to be passed over.
    Skip(u32),
}

/// One viewer.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    /// 3, 7 or 8.
    minor: u8,
    password: Option<Secret>,
    challenge: [u8; auth::BYTES],
    size: Size,
    name: String,
    format: Format,
    encoding: Encoding,
    /// Whether the message under way has named one.
    chosen: bool,
    resizes: bool,
    request: Option<Request>,
}

impl Session {
    /// A viewer that has just connected. `challenge` are random bytes, `size` is that of the picture.
    /// What it is told first is put into `out`.
    pub fn new(
        password: Option<Secret>,
        challenge: [u8; auth::BYTES],
        size: Size,
        name: &str,
        out: &mut Vec<u8>,
    ) -> Self {
        out.extend(VERSION);
        Self {
            stage: Stage::Version,
            minor: 8,
            password,
            challenge,
            size,
            name: name.to_owned(),
            format: Format::default(),
            encoding: Encoding::Raw,
            chosen: false,
            resizes: false,
            request: None,
        }
    }

    /// Takes whole messages from the bytes that have come; answers go to `out`. Returns how many bytes
    /// are done with: those behind them are less than [`LONGEST`], and wait for more.
    ///
    /// # Errors
    /// When there is no going on with this viewer. `out` may have an answer to be sent before.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let mut taken = 0;
        loop {
            let step = self.step(&input[taken..], out)?;
            if step == 0 {
                return Ok(taken);
            }
            taken += step;
        }
    }

    /// Whether the handshake is over.
    pub fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Message | Stage::Encodings(_) | Stage::Skip(_))
    }

    /// The size that the viewer knows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether it can be told of another size.
    pub fn resizes(&self) -> bool {
        self.resizes
    }

    /// It is told of another size, or will be before its handshake is over.
    pub fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    /// What it wants pixels to be.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// What it wants rectangles to be.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What it waits for.
    pub fn request(&self) -> Option<Request> {
        self.request
    }

    /// It gets it.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Does one message, or a part of a long one; 0 when it has not all come.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        match self.stage {
            Stage::Version => self.version(input, out),
            Stage::Security => self.security(input, out),
            Stage::Answer => self.answer(input, out),
            Stage::Init => Ok(self.init(input, out)),
            Stage::Message => self.message(input),
            Stage::Encodings(left) => Ok(self.encodings(input, left)),
            Stage::Skip(left) => {
                let taken = input.len().min(left as usize);
                let left = left - taken as u32;
                self.stage = if left == 0 { Stage::Message } else { Stage::Skip(left) };
                Ok(taken)
            }
        }
    }

    fn version(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let begins = input.iter().zip(VERSION).take(4).all(|(got, wanted)| got == wanted);
        if !begins {
            return Err(Refusal::Version);
        }
        let Some(version) = input.first_chunk::<12>() else { return Ok(0) };
        let number = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).ok()?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?
        };
        let (Some(major), Some(minor)) = (number(&version[4..7]), number(&version[8..11])) else {
            return Err(Refusal::Version);
        };
        // Some name versions that there are not; what is newer knows 3.8, and what is between knows 3.3.
        self.minor = match (major, minor) {
            (0..3, _) | (3, 0..3) => return Err(Refusal::Version),
            (3, 3..7) => 3,
            (3, 7) => 7,
            _ => 8,
        };
        let kind = self.security_type();
        if self.minor == 3 {
            out.extend(u32::from(kind).to_be_bytes());
            self.secure(out);
        } else {
            out.extend([1, kind]);
            self.stage = Stage::Security;
        }
        Ok(version.len())
    }

    fn security_type(&self) -> u8 {
        if self.password.is_some() { SECURITY_VNC } else { SECURITY_NONE }
    }

    fn security(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let Some(&chosen) = input.first() else { return Ok(0) };
        if chosen != self.security_type() {
            return Err(Refusal::Security(chosen));
        }
        self.secure(out);
        Ok(1)
    }

    fn secure(&mut self, out: &mut Vec<u8>) {
        if self.password.is_some() {
            out.extend(self.challenge);
            self.stage = Stage::Answer;
        } else {
            // Before 3.8 there was no result when nothing could be wrong.
            if self.minor == 8 {
                out.extend(0_u32.to_be_bytes());
            }
            self.stage = Stage::Init;
        }
    }

    fn answer(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let Some(given) = input.first_chunk::<{ auth::BYTES }>() else { return Ok(0) };
        let right = |password| auth::is_right(password, &self.challenge, given);
        if !self.password.as_ref().is_some_and(right) {
            out.extend(1_u32.to_be_bytes());
            if self.minor == 8 {
                let why = b"wrong password";
                out.extend((why.len() as u32).to_be_bytes());
                out.extend(why);
            }
            return Err(Refusal::Password);
        }
        out.extend(0_u32.to_be_bytes());
        self.stage = Stage::Init;
        Ok(given.len())
    }

    /// The viewer says whether others may look, too. They may.
    fn init(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        if input.is_empty() {
            return 0;
        }
        for side in [self.size.width(), self.size.height()] {
            out.extend((side as u16).to_be_bytes());
        }
        out.extend(self.format.describe());
        out.extend((self.name.len() as u32).to_be_bytes());
        out.extend(self.name.as_bytes());
        self.stage = Stage::Message;
        1
    }

    fn message(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let Some(&kind) = input.first() else { return Ok(0) };
        let word = |at: usize| u16::from_be_bytes([input[at], input[at + 1]]);
        let length = match kind {
            0 => 4 + pixel::BYTES,
            2 => 4,
            3 => 10,
            4 | 6 => 8,
            5 => 6,
            other => return Err(Refusal::Message(other)),
        };
        if input.len() < length {
            return Ok(0);
        }
        match kind {
            0 => {
                let mut text = [0; pixel::BYTES];
                text.copy_from_slice(&input[4..length]);
                self.format = Format::parse(&text)?;
            }
            2 => {
                let count = word(2);
                if count > MOST_ENCODINGS {
                    return Err(Refusal::Long);
                }
                (self.encoding, self.chosen, self.resizes) = (Encoding::Raw, false, false);
                if count > 0 {
                    self.stage = Stage::Encodings(count);
                }
            }
            3 => {
                let [x, y, width, height] = [2, 4, 6, 8].map(|at| u32::from(word(at)));
                self.ask(Request { rect: Rect { x, y, width, height }, whole: input[1] == 0 });
            }
            6 => {
                let bytes = u32::from_be_bytes([input[4], input[5], input[6], input[7]]);
                if bytes > MOST_TEXT {
                    return Err(Refusal::Long);
                }
                if bytes > 0 {
                    self.stage = Stage::Skip(bytes);
                }
            }
            // Keys and the pointer: the card has neither.
            _ => {}
        }
        Ok(length)
    }

    /// Several requests are one, of all that they ask for.
    fn ask(&mut self, new: Request) {
        let old = self.request.unwrap_or(new);
        let (x, y) = (old.rect.x.min(new.rect.x), old.rect.y.min(new.rect.y));
        let width = old.rect.right().max(new.rect.right()) - x;
        let height = old.rect.bottom().max(new.rect.bottom()) - y;
        let whole = old.whole || new.whole;
        self.request = Some(Request { rect: Rect { x, y, width, height }, whole });
    }

    fn encodings(&mut self, input: &[u8], left: u16) -> usize {
        let Some(number) = input.first_chunk::<4>() else { return 0 };
        let number = i32::from_be_bytes(*number);
        let known = [Encoding::Zrle, Encoding::Raw].into_iter();
        // The first that both know is what the viewer likes best.
        if let Some(encoding) = known.into_iter().find(|encoding| encoding.number() == number)
            && !self.chosen
        {
            (self.encoding, self.chosen) = (encoding, true);
        }
        self.resizes |= number == DESKTOP_SIZE;
        self.stage = if left == 1 { Stage::Message } else { Stage::Encodings(left - 1) };
        4
    }
}
