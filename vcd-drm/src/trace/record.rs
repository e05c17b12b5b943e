//! Writing a trace.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vgpu_card::{Action, Fetch, Layout};

use super::MAGIC;
use crate::play::Listener;

/// Writes everything down that a card is asked for. When the file cannot be written, the trace ends
/// there, and [`Failure`] tells.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    out: W,
    began: Instant,
    /// When the last line with a time was written, in microseconds.
    stamped: Option<u128>,
    /// What was last seen in each register.
    seen: HashMap<u32, u32>,
    /// Something was seen since the last look.
    news: bool,
    failure: Failure,
}

/// Why a trace has ended, if it has.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    /// The error, once.
    pub fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<W: Write> Recorder<W> {
    /// Begins a trace of a card with this layout.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(mut out: W, layout: &Layout) -> io::Result<(Self, Failure)> {
        writeln!(out, "{MAGIC} {} {:#010x}", layout.description().id, layout.hash())?;
        let failure = Failure::default();
        let recorder = Self {
            out,
            began: Instant::now(),
            stamped: None,
            seen: HashMap::new(),
            news: false,
            failure: failure.clone(),
        };
        Ok((recorder, failure))
    }

    fn write(&mut self, lines: impl FnOnce(&mut W) -> io::Result<()>) {
        let mut failed = self.failure.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            return;
        }
        let now = self.began.elapsed();
        let stamp = now.as_micros();
        let all = || {
            if self.stamped.replace(stamp) != Some(stamp) {
                writeln!(self.out, "@ {:.6}", now.as_secs_f64())?;
            }
            lines(&mut self.out)
        };
        *failed = all().err();
    }
}

impl<W: Write> Listener for Recorder<W> {
    fn seen(&mut self, layout: &Layout, offset: u32, value: u32) {
        let old = self.seen.insert(offset, value);
        if old.unwrap_or(0) != value {
            self.news = true;
            let text = layout.show_write(offset, value);
            self.write(|out| writeln!(out, "reg {offset:#06x} {value:#010x}  {text}"));
        }
    }

    fn looked(&mut self, pages: u32) {
        if std::mem::take(&mut self.news) {
            self.write(|out| writeln!(out, "look {pages:#x}"));
        }
    }

    fn fetched(&mut self, layout: &Layout, fetch: Fetch, data: Option<&[u8]>) {
        let Fetch { address, bytes } = fetch;
        let Some(data) = data else {
            return self.write(|out| writeln!(out, "refused {address:#010x} {bytes}"));
        };
        self.write(|out| {
            writeln!(out, "read {address:#010x} {bytes}")?;
            let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
            let (words, _) = data.as_chunks::<4>();
            for pair in words.chunks(2) {
                match pair {
                    [tag, value] => {
                        let (tag, value) = (word(tag), word(value));
                        let text = layout.show_pair(tag, value);
                        writeln!(out, "  {tag:#05x} {value:#010x}  {text}")?;
                    }
                    rest => {
                        for tag in rest {
                            writeln!(out, "  {:#05x}", word(tag))?;
                        }
                    }
                }
            }
            Ok(())
        });
    }

    fn acted(&mut self, layout: &Layout, action: &Action) {
        match action {
            // The card clears a command: the same value of it is another one then.
            Action::Write { offset, value } => {
                self.seen.insert(*offset, *value);
                let text = layout.show_write(*offset, *value);
                self.write(|out| writeln!(out, ": {text}"));
            }
            Action::Raise => self.write(|out| writeln!(out, ": interrupt")),
            Action::Lower => {}
            Action::Damage(area) => {
                let (width, height) = (area.right - area.left, area.bottom - area.top);
                let (x, y) = (area.left, area.top);
                self.write(|out| writeln!(out, ": drawn {width}x{height} at {x}, {y}"));
            }
            Action::Mode(None) => self.write(|out| writeln!(out, ": no picture")),
            Action::Mode(Some(mode)) => {
                let (width, height) = (mode.width, mode.height);
                self.write(|out| writeln!(out, ": picture {width}x{height}"));
            }
            Action::Fault(fault) => self.write(|out| writeln!(out, ": mistake: {fault}")),
        }
    }

    fn ticked(&mut self, now: Duration) {
        self.write(|out| writeln!(out, "tick {:.9}", now.as_secs_f64()));
    }
}

impl<W: Write> Drop for Recorder<W> {
    fn drop(&mut self) {
        let mut failed = self.failure.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            *failed = self.out.flush().err();
        }
    }
}
