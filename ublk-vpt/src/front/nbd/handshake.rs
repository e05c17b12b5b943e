//! What is said before a client has the disk, as a state machine: bytes in, bytes out. Pure, as
//! [`super::wire`] is.
//!
//! ```text
//!   greeting ──> client's flags ──> option ──> option ──> ... ──> GO or EXPORT_NAME ──> requests
//!                                      '──────────> ABORT, garbage, too many ──────────> the end
//! ```

use super::export::{Export, LONGEST_DATA, PREFERRED_BLOCK};
use super::wire::codes::{FIXED_NEWSTYLE, GREETING, NO_ZEROES, OPTION, info, opt, rep};
use super::wire::option::{Asked, Found, answer, asked, block_size_info, export_info, find};

/// Options that a client may use. Each of ours uses four.
const MOST_OPTIONS: u32 = 64;

/// Where a handshake stands after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It takes more bytes to go on.
    More,
    /// There may be more to take already.
    Next,
    /// The client has the disk: requests follow.
    Serve {
        /// Replies may have structure.
        structured: bool,
    },
    /// Nothing more to say; why, for the log.
    End(&'static str),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Handshake<'a> {
    export: &'a Export,
    /// The client's own flags, once they came.
    client: Option<u16>,
    structured: bool,
    options: u32,
}

/// What the server says first.
pub fn greeting() -> [u8; 18] {
    let mut bytes = [0; 18];
    bytes[..8].copy_from_slice(&GREETING.to_be_bytes());
    bytes[8..16].copy_from_slice(&OPTION.to_be_bytes());
    bytes[16..].copy_from_slice(&(FIXED_NEWSTYLE | NO_ZEROES).to_be_bytes());
    bytes
}

impl<'a> Handshake<'a> {
    /// At its beginning.
    pub fn new(export: &'a Export) -> Self {
        Self { export, client: None, structured: false, options: 0 }
    }

    /// Takes one thing from the beginning of `input` and adds what is to be said to `out`. Returns how
    /// many bytes it took. After an end it is of no more use.
    pub fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, Turn) {
        let Some(client) = self.client else { return self.client_flags(input) };
        match find(input) {
            Found::Part => (0, Turn::More),
            Found::Garbage => (0, Turn::End("no option of the protocol")),
            Found::TooLong { code } => {
                answer(out, code, rep::ERR_TOO_BIG, &[b"more than 64 KiB"]);
                (0, Turn::End("an option that is too long"))
            }
            Found::Option { code, data, bytes } => {
                self.options += 1;
                if self.options > MOST_OPTIONS {
                    return (bytes, Turn::End("too many options"));
                }
                (bytes, self.option(client, code, data, out))
            }
        }
    }

    fn client_flags(&mut self, input: &[u8]) -> (usize, Turn) {
        let Some(&[a, b, c, d]) = input.get(..4) else { return (0, Turn::More) };
        match u32::from_be_bytes([a, b, c, d]) {
            flags @ 0..=3 => {
                self.client = Some(flags as u16); // two bits
                (4, Turn::Next)
            }
            _ => (0, Turn::End("flags that are not the protocol's")),
        }
    }

    fn option(&mut self, client: u16, code: u32, data: &[u8], out: &mut Vec<u8>) -> Turn {
        match code {
            opt::EXPORT_NAME => {
                if !self.export.is_called(data) {
                    // The option has no way to say so.
                    return Turn::End("a name that no export has");
                }
                out.extend(self.export.bytes.to_be_bytes());
                out.extend(self.export.flags(self.structured).to_be_bytes());
                if client & NO_ZEROES == 0 {
                    out.extend([0; 124]);
                }
                return Turn::Serve { structured: self.structured };
            }
            opt::ABORT => {
                answer(out, code, rep::ACK, &[]);
                return Turn::End("the client has changed its mind");
            }
            opt::LIST if data.is_empty() => {
                let name = self.export.name.as_bytes();
                let len = (name.len() as u32).to_be_bytes();
                let about = self.export.description.as_bytes();
                answer(out, code, rep::SERVER, &[&len, name, about]);
                answer(out, code, rep::ACK, &[]);
            }
            opt::STRUCTURED_REPLY if data.is_empty() => {
                self.structured = true;
                answer(out, code, rep::ACK, &[]);
            }
            opt::LIST | opt::STRUCTURED_REPLY => {
                answer(out, code, rep::ERR_INVALID, &[b"this option has no data"]);
            }
            opt::INFO | opt::GO => match asked(data) {
                None => answer(out, code, rep::ERR_INVALID, &[b"not the data of this option"]),
                Some(asked) if !self.export.is_called(asked.name) => {
                    answer(out, code, rep::ERR_UNKNOWN, &[b"no such export: try the empty name"]);
                }
                Some(asked) => {
                    self.describe(code, &asked, out);
                    if code == opt::GO {
                        return Turn::Serve { structured: self.structured };
                    }
                }
            },
            _ => answer(out, code, rep::ERR_UNSUP, &[b"no such option here"]),
        }
        Turn::Next
    }

    /// Size and blocks always, the rest to who asks.
    fn describe(&self, code: u32, asked: &Asked<'_>, out: &mut Vec<u8>) {
        let export = self.export;
        let flags = export.flags(self.structured);
        answer(out, code, rep::INFO, &[&export_info(export.bytes, flags)]);
        let preferred = PREFERRED_BLOCK.max(export.block_bytes);
        let blocks = block_size_info(export.block_bytes, preferred, LONGEST_DATA);
        answer(out, code, rep::INFO, &[&blocks]);
        let texts = [(info::NAME, &export.name), (info::DESCRIPTION, &export.description)];
        for (about, text) in texts {
            if asked.about.contains(&about) {
                answer(out, code, rep::INFO, &[&about.to_be_bytes(), text.as_bytes()]);
            }
        }
        answer(out, code, rep::ACK, &[]);
    }
}
