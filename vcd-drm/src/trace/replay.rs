//! Playing a trace again.

use std::cell::RefCell;
use std::time::Duration;

use vgpu_card::{Card, Layout, Memory};

use super::MAGIC;

/// Why a trace cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A line that says nothing, or something impossible at its place.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what should be there.
        what: String,
    },
    /// It is another card's.
    #[error(
        "the trace is of a card with the layout {found}, and this one has {expected:#010x}: give its description with --card"
    )]
    Layout {
        /// What the trace says.
        found: String,
        /// What the card has.
        expected: u32,
    },
}

/// A card that does again what a trace tells.
#[derive(Debug)]
pub struct Replay {
    card: Card,
    memory: Vec<u32>,
    registers: RefCell<Vec<u32>>,
    looks: u64,
}

/// One line of a trace, as far as it counts.
enum Line<'a> {
    Register(u32, u32),
    Look(u32),
    Read(usize),
    Refused,
    Tick(Duration),
    Pair(Vec<&'a str>),
    Nothing,
}

fn number(word: Option<&str>) -> Option<u64> {
    let word = word?;
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

fn line(text: &str) -> Option<Line<'_>> {
    let mut words = text.split_whitespace();
    let small = |word| number(word).and_then(|value| u32::try_from(value).ok());
    Some(match words.next() {
        None | Some("@" | ":") => Line::Nothing,
        Some("reg") => Line::Register(small(words.next())?, small(words.next())?),
        Some("look") => Line::Look(small(words.next())?),
        Some("read") => {
            number(words.next())?;
            Line::Read(usize::try_from(number(words.next())?).ok()?)
        }
        Some("refused") => Line::Refused,
        Some("tick") => {
            let seconds = words.next()?.parse().ok()?;
            Line::Tick(Duration::try_from_secs_f64(seconds).ok()?)
        }
        Some(tag) if text.starts_with("  ") => {
            Line::Pair(std::iter::once(tag).chain(words.next()).collect())
        }
        Some(_) => return None,
    })
}

impl Replay {
    /// A card after its reset.
    pub fn new(layout: Layout) -> Self {
        let registers = vec![0; layout.description().register_bytes as usize / 4];
        let card = Card::new(layout);
        let memory = vec![0; card.memory_words()];
        let mut replay = Self { card, memory, registers: RefCell::new(registers), looks: 0 };
        replay.act();
        replay
    }

    /// Does all that a trace tells.
    ///
    /// # Errors
    /// At the first line that makes no sense.
    pub fn play(&mut self, text: &str) -> Result<(), ReplayError> {
        let mut lines = (1..).zip(text.lines()).peekable();
        self.check(lines.next().map_or("", |(_, first)| first))?;
        while let Some((at, text)) = lines.next() {
            let wrong = |what: &str| ReplayError::Line { line: at, what: what.to_owned() };
            match line(text)
                .ok_or_else(|| wrong("not a line of a trace; see `vcd trace --help`"))?
            {
                Line::Nothing => {}
                Line::Register(offset, value) => {
                    let mut registers = self.registers.borrow_mut();
                    let register = registers.get_mut(offset as usize / 4);
                    *register.ok_or_else(|| wrong("the card has no such register"))? = value;
                }
                Line::Look(pages) => self.look(pages),
                Line::Tick(now) => {
                    self.card.tick(now);
                    self.act();
                }
                Line::Refused => self.feed(None),
                Line::Read(bytes) => {
                    let mut data = Vec::new();
                    while let Some((_, text)) = lines.next_if(|(_, text)| text.starts_with("  ")) {
                        let Some(Line::Pair(words)) = line(text) else { break };
                        for word in words {
                            let word = number(Some(word)).and_then(|word| u32::try_from(word).ok());
                            let word = word.ok_or_else(|| wrong("a pair of it is no numbers"))?;
                            data.extend_from_slice(&word.to_le_bytes());
                        }
                    }
                    let expected = self.card.fetch().map_or(0, |fetch| fetch.bytes);
                    if data.len() != bytes || bytes != expected {
                        let said = format!(
                            "it says {bytes} bytes and has {}; the card wants {expected}",
                            data.len()
                        );
                        return Err(wrong(&said));
                    }
                    self.feed(Some(&data));
                }
                Line::Pair(_) => return Err(wrong("a pair that belongs to no `read`")),
            }
        }
        Ok(())
    }

    fn check(&self, first: &str) -> Result<(), ReplayError> {
        let expected = self.card.layout().hash();
        let words = first.strip_prefix(MAGIC).map(|rest| rest.split_whitespace());
        let found = words.and_then(|mut words| words.nth(1));
        let Some(found) = found else {
            let what = format!("not a trace: it begins with `{MAGIC}`, a name and a layout");
            return Err(ReplayError::Line { line: 1, what });
        };
        if number(Some(found)) == Some(expected.into()) {
            return Ok(());
        }
        Err(ReplayError::Layout { found: found.to_owned(), expected })
    }

    fn look(&mut self, pages: u32) {
        self.looks += 1;
        let registers = self.registers.borrow();
        let read = |offset: u32| registers.get(offset as usize / 4).copied().unwrap_or(0);
        self.card.scan(pages, read, &mut Memory(&mut self.memory));
        drop(registers);
        self.act();
    }

    fn feed(&mut self, data: Option<&[u8]>) {
        self.card.feed(data, &mut Memory(&mut self.memory));
        self.act();
    }

    fn act(&mut self) {
        let mut registers = self.registers.borrow_mut();
        for action in self.card.actions() {
            if let vgpu_card::Action::Write { offset, value } = action
                && let Some(register) = registers.get_mut(offset as usize / 4)
            {
                *register = value;
            }
        }
    }

    /// Looks at the registers so far.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// The picture that is on the screen: width, height, pixels; nothing when there is none.
    pub fn picture(&self) -> Option<(u32, u32, Vec<u32>)> {
        let display = self.card.display()?;
        let mode = display.mode();
        let mut pixels = vec![0; mode.width as usize * mode.height as usize];
        display.render(&self.memory, mode.bounds(), &mut pixels);
        Some((mode.width, mode.height, pixels))
    }
}
