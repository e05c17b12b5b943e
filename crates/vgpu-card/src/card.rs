//! The card: register values in, things to do out.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::{Action, Fault, Fetch};
use crate::bank::{Bank, slot};
use crate::decode::{self, Event};
use crate::display::{Display, Mode};
use crate::draw::Drawing;
use crate::ids::{ErrorCodeCode, ErrorCodeSource, Fld, Reg};
use crate::interrupts::{Change, Interrupts, Source};
use crate::layout::Layout;
use crate::paint::Painter;
use crate::raster::{Isa, Rect};
use crate::work::Run;

/// From a vertical blank to the next: 60 in a second.
const FRAME: Duration = Duration::from_nanos(16_666_667);

/// A graphics card, played.
///
/// It knows no clock and owns neither registers nor memory: [`Card::scan`] looks at registers,
/// [`Card::feed`] gets what was read from the driver's memory, [`Card::tick`] is told the time, and
/// what all of these want is in [`Card::actions`].
#[derive(Debug)]
pub struct Card {
    pub(crate) layout: Layout,
    /// Words of its memory.
    pub(crate) words: usize,
    /// What the driver's registers hold, as last seen, and the card's, as last written.
    pub(crate) registers: Drawing,
    /// The stream's state.
    stream: Drawing,
    pub(crate) run: Run,
    pub(crate) interrupts: Interrupts,
    pub(crate) display: Option<Display>,
    /// When the next vertical blank is, if anybody waits for it.
    blank_at: Option<Duration>,
    frames: u32,
    actions: VecDeque<Action>,
}

impl Card {
    /// A card after its reset. Its first actions fill the registers, which must be all 0 before.
    pub fn new(layout: Layout) -> Self {
        let reset = Bank::reset(layout.description());
        let words = (layout.description().framebuffer_bytes / 4) as usize;
        let isa = Isa::best();
        let mut card = Self {
            words,
            registers: Drawing::new(reset.clone(), isa),
            stream: Drawing::new(reset, isa),
            run: Run::Idle,
            interrupts: Interrupts::default(),
            display: None,
            blank_at: None,
            frames: 0,
            actions: VecDeque::new(),
            layout,
        };
        card.fill_registers();
        card
    }

    fn fill_registers(&mut self) {
        let features = &self.layout.description().features;
        let bits =
            features.iter().fold(0, |bits, one| bits | 1_u32.checked_shl(one.bit).unwrap_or(0));
        let fixed = [
            (Reg::LayoutHash, self.layout.hash()),
            (Reg::Features, bits),
            (Reg::MemorySize, self.layout.description().framebuffer_bytes),
        ];
        for (reg, value) in fixed {
            self.registers.bank.set(slot(reg), value);
        }
        for reg in Reg::ALL {
            for index in 0..reg.count() {
                let value = self.registers.bank.at(*reg, index);
                if let (Some(offset), true) = (self.layout.offset(*reg, index), value != 0) {
                    self.actions.push_back(Action::Write { offset, value });
                }
            }
        }
    }

    /// Its layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Words of memory that it draws into and shows; a [`Painter`] must have so many.
    pub fn memory_words(&self) -> usize {
        self.words
    }

    /// What the screen shows; nothing while the card is not in graphics.
    pub fn display(&self) -> Option<&Display> {
        self.display.as_ref()
    }

    /// What is to be done now, in order. Do all of it before anything else is asked of the card.
    pub fn actions(&mut self) -> impl Iterator<Item = Action> + '_ {
        self.actions.drain(..)
    }

    /// Whether there is anything to be done.
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What it wants to read from the driver's memory, if anything. Nothing changes by asking.
    pub fn fetch(&self) -> Option<Fetch> {
        self.run.fetch()
    }

    /// Carries out what [`Card::fetch`] has asked for, or as much of it as does not take long; `None` when
    /// it could not be read. What is left is asked for again.
    ///
    /// Scan the registers in between, or the driver cannot reset the card while a long buffer is under
    /// way.
    pub fn feed(&mut self, data: Option<&[u8]>, painter: &mut dyn Painter) {
        let Some(Fetch { address, bytes }) = self.fetch() else { return };
        let source = match self.run {
            Run::Ring { .. } => ErrorCodeSource::Ring,
            _ => ErrorCodeSource::Buffer,
        };
        let Some(data) = data.and_then(|data| data.get(..bytes)) else {
            // Beyond 32 bits there is nothing to be read, so the lower ones tell enough.
            let (code, at) = (ErrorCodeCode::BadAddress, address as u32);
            return self.give_up(Fault { code, source, at, data: bytes as u32 });
        };
        let mut events = Vec::new();
        let ended =
            decode::run(&mut self.stream, &self.layout, self.words, data, painter, &mut |event| {
                events.push(event)
            });
        events.into_iter().for_each(|event| self.take(event));
        self.run.advance(ended.unwrap_or_else(|stopped| stopped.at));
        if let Run::Ring { get, .. } = self.run {
            self.write(Reg::RingGet, get);
        }
        match ended {
            Err(stopped) => {
                let at = (address as u32).wrapping_add(stopped.at as u32);
                self.give_up(Fault { code: stopped.code, source, at, data: stopped.data });
            }
            Ok(_) if matches!(self.run, Run::Buffer { left: 0, .. }) => {
                self.run = Run::Idle;
                self.clear_command(Reg::DmaCount);
                self.count(Source::Buffer);
            }
            Ok(_) => {}
        }
    }

    /// What has happened while drawing.
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Damage(window, rect) => {
                if let Some(display) = &self.display {
                    let damage = display.mode().damage(window.base, window.stride, &rect);
                    self.damage(damage);
                }
            }
            Event::Fence { number, sync } => {
                self.write(Reg::FenceDone, number);
                if sync {
                    self.count(Source::Sync);
                }
            }
        }
    }

    /// Ends the buffer or the ring because of a mistake.
    pub(crate) fn give_up(&mut self, fault: Fault) {
        if let Run::Buffer { .. } = std::mem::take(&mut self.run) {
            self.clear_command(Reg::DmaCount);
        }
        self.show_status();
        self.fault(fault);
    }

    /// Tells the driver of a mistake: of the first one since it has acknowledged.
    pub(crate) fn fault(&mut self, fault: Fault) {
        if !self.interrupts.is_pending(Source::Error) {
            let word = self.layout.put_named(0, fault.code);
            self.write(Reg::ErrorCode, self.layout.put_named(word, fault.source));
            self.write(Reg::ErrorWhere, fault.at);
            self.write(Reg::ErrorData, fault.data);
        }
        self.actions.push_back(Action::Fault(fault));
        self.count(Source::Error);
    }

    fn count(&mut self, source: Source) {
        let change = self.interrupts.count(source);
        self.show_interrupts(change);
    }

    /// Writes the counts, then lets the driver know.
    pub(crate) fn show_interrupts(&mut self, change: Change) {
        let (reg, word) = self.interrupts.register(&self.layout);
        self.write(reg, word);
        self.show_status();
        match change {
            Change::None => {}
            Change::Raise => self.actions.push_back(Action::Raise),
            Change::Lower => self.actions.push_back(Action::Lower),
        }
    }

    pub(crate) fn show_status(&mut self) {
        let flags = [
            (Fld::StatusGraphics, self.display.is_some()),
            (Fld::StatusRing, matches!(self.run, Run::Ring { .. })),
            (Fld::StatusLine, self.interrupts.line()),
        ];
        let set = |word, (fld, on): (Fld, bool)| self.layout.put(fld, word, on.into());
        let word = flags.into_iter().fold(0, set);
        self.write(Reg::Status, word);
    }

    /// A register of the card's, if it changes.
    pub(crate) fn write(&mut self, reg: Reg, value: u32) {
        if self.registers.bank.set(slot(reg), value)
            && let Some(offset) = self.layout.offset(reg, 0)
        {
            self.actions.push_back(Action::Write { offset, value });
        }
    }

    /// A command is done. What stands in the register is the driver's, so it is written in any case.
    pub(crate) fn clear_command(&mut self, reg: Reg) {
        if let Some(offset) = self.layout.offset(reg, 0) {
            self.actions.push_back(Action::Write { offset, value: 0 });
        }
    }

    pub(crate) fn damage(&mut self, area: Rect) {
        match self.actions.back_mut() {
            _ if area.is_empty() => {}
            Some(Action::Damage(last)) => *last = last.union(&area),
            _ => self.actions.push_back(Action::Damage(area)),
        }
    }

    /// The picture is elsewhere in memory.
    pub(crate) fn announce(&mut self, mode: Mode) {
        self.actions.push_back(Action::Mode(Some(mode)));
    }

    /// Another picture, or none.
    pub(crate) fn set_mode(&mut self, mode: Option<Mode>) {
        let bank = &self.registers.bank;
        self.display = mode.map(|mode| Display::read(&self.layout, bank, mode, self.words));
        self.actions.push_back(Action::Mode(mode));
        if let Some(mode) = mode {
            self.damage(mode.bounds());
        }
        self.show_status();
    }

    /// Everything as in the beginning, except registers that the driver writes.
    pub(crate) fn reset(&mut self) {
        if let Run::Buffer { .. } = std::mem::take(&mut self.run) {
            self.clear_command(Reg::DmaCount);
        }
        let isa = Isa::best();
        self.stream = Drawing::new(Bank::reset(self.layout.description()), isa);
        self.registers = Drawing::new(self.registers.bank.clone(), isa);
        self.frames = 0;
        for reg in [Reg::RingGet, Reg::FenceDone, Reg::FrameCount, Reg::ErrorWhere, Reg::ErrorData]
        {
            self.write(reg, 0);
        }
        let none = self.layout.put_named(0, ErrorCodeCode::None);
        self.write(Reg::ErrorCode, self.layout.put_named(none, ErrorCodeSource::Registers));
        if self.display.is_some() {
            self.set_mode(None);
        }
        let change = self.interrupts.forget();
        self.show_interrupts(change);
    }

    /// Tells the time, counted from any moment but always the same; returns when to tell it again.
    /// While nobody waits for vertical blanks that is never, and the card sleeps.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        if self.display.is_none() || !self.interrupts.is_enabled(Source::Vblank) {
            self.blank_at = None;
            return None;
        }
        let due = *self.blank_at.get_or_insert(now + FRAME);
        if now < due {
            return Some(due);
        }
        // Blanks that were missed stay missed; the next one is where it would have been.
        let late = (now - due).as_nanos() / FRAME.as_nanos() + 1;
        let next = due + FRAME.saturating_mul(u32::try_from(late).unwrap_or(u32::MAX));
        self.blank_at = Some(next);
        self.frames = self.frames.wrapping_add(1);
        self.write(Reg::FrameCount, self.frames);
        self.count(Source::Vblank);
        Some(next)
    }
}
