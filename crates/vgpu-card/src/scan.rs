//! Looking at the registers, and doing what they ask for.
//!
//! Commands are looked at before anything else. The driver writes a command's parameters before the
//! command: if the command is there, so are they. Looking the other way round, one could see old
//! parameters and a new command.

use crate::action::Fault;
use crate::bank::slot;
use crate::card::Card;
use crate::display::{Display, Mode};
use crate::ids::{
    ControlAction, ErrorCodeCode, ErrorCodeSource, ModeControlAction, Reg, RingControlAction,
};
use crate::paint::Painter;
use crate::work::Run;

/// What the driver starts things by.
const COMMANDS: [Reg; 5] =
    [Reg::Control, Reg::ModeControl, Reg::RingControl, Reg::DmaCount, Reg::Draw];

/// Registers that have an effect as soon as they change.
const SHOWN: [Reg; 5] =
    [Reg::DisplayControl, Reg::CursorBase, Reg::CursorPosition, Reg::CursorHotspot, Reg::Palette];

/// Bytes of a page, of which the program that plays the card knows whether it was written to.
const PAGE: u32 = 4096;

impl Card {
    /// Looks at the registers by `read`, which takes their offset, and does what they ask for.
    ///
    /// Bit n of `pages` says whether there may have been a write to the page at n * 4096 since the last
    /// time; with all bits set, everything is looked at.
    pub fn scan(
        &mut self,
        pages: u32,
        mut read: impl FnMut(u32) -> u32,
        painter: &mut dyn Painter,
    ) {
        let mut look = |card: &Self, pages: u32, reg: Reg, index: usize| {
            let offset = card.layout.offset(reg, index)?;
            let written = 1_u32.checked_shl(offset / PAGE).is_none_or(|page| pages & page != 0);
            written.then(|| read(offset))
        };
        let commands = COMMANDS.map(|reg| (reg, look(self, pages, reg, 0).unwrap_or(0)));
        // A command may be younger than `pages`, and so may be its parameters on other pages.
        let pages = if commands.iter().any(|(_, value)| *value != 0) { u32::MAX } else { pages };
        let (mut shown, mut moved, mut put) = (false, false, false);
        for at in 0..self.layout.inputs().len() {
            let (reg, index) = self.layout.inputs()[at];
            let Some(value) = look(self, pages, reg, index) else { continue };
            if self.registers.bank.set(slot(reg) + index, value) {
                self.registers.forget_setup();
                shown |= SHOWN.contains(&reg);
                moved |= reg == Reg::DisplayBase;
                put |= reg == Reg::RingPut;
            }
        }
        let [control, mode, ring, count, draw] = commands;
        // A buffer that is under way has its count there; only a new one is a command.
        let count = if matches!(self.run, Run::Buffer { .. }) { 0 } else { count.1 };
        if control.1 != 0 {
            self.control(control.1);
        }
        self.settle_interrupts();
        self.show(moved, shown);
        if mode.1 != 0 {
            self.mode_control(mode.1);
        }
        if ring.1 != 0 {
            self.ring_control(ring.1);
        } else if put {
            self.ring_put();
        }
        if count != 0 {
            self.start_buffer(count);
        }
        if draw.1 != 0 {
            self.draw(draw.1, painter);
        }
    }

    fn mistake(&mut self, code: ErrorCodeCode, reg: Reg, data: u32) {
        let at = self.layout.offset(reg, 0).unwrap_or(0);
        self.fault(Fault { code, source: ErrorCodeSource::Registers, at, data });
    }

    fn control(&mut self, value: u32) {
        match self.layout.named::<ControlAction>(value) {
            Some(ControlAction::Reset) => {
                // What was acknowledged together with the reset was acknowledged before it.
                self.settle_interrupts();
                self.reset();
            }
            None => self.mistake(ErrorCodeCode::BadCommand, Reg::Control, value),
        }
        self.clear_command(Reg::Control);
    }

    fn settle_interrupts(&mut self) {
        let bank = &self.registers.bank;
        let (ack, enable) = (bank.get(Reg::IntAck), bank.get(Reg::IntEnable));
        let change = self.interrupts.take(&self.layout, ack, enable);
        self.show_interrupts(change);
    }

    /// The picture has moved in memory, or something else of the screen has changed.
    fn show(&mut self, moved: bool, shown: bool) {
        let Some(display) = self.display.clone().filter(|_| moved || shown) else { return };
        let mut mode = display.mode();
        if moved {
            let base = self.registers.bank.get(Reg::DisplayBase);
            match mode.at(base, self.words) {
                Some(other) => mode = other,
                None => self.mistake(ErrorCodeCode::BadMode, Reg::DisplayBase, base),
            }
        }
        let next = Display::read(&self.layout, &self.registers.bank, mode, self.words);
        let damage = next.difference(&display);
        self.display = Some(next);
        if mode != display.mode() {
            self.announce(mode);
        }
        self.damage(damage);
    }

    fn mode_control(&mut self, value: u32) {
        match self.layout.named::<ModeControlAction>(value) {
            Some(ModeControlAction::Enter) => {
                match Mode::read(&self.layout, &self.registers.bank, self.words) {
                    Some(mode) => self.set_mode(Some(mode)),
                    None => self.mistake(ErrorCodeCode::BadMode, Reg::ModeControl, value),
                }
            }
            Some(ModeControlAction::Leave) => self.set_mode(None),
            None => self.mistake(ErrorCodeCode::BadCommand, Reg::ModeControl, value),
        }
        self.clear_command(Reg::ModeControl);
    }

    fn ring_control(&mut self, value: u32) {
        let bank = &self.registers.bank;
        let (base, size) = (bank.get(Reg::RingBase), bank.get(Reg::RingSize));
        let put = bank.get(Reg::RingPut);
        match self.layout.named::<RingControlAction>(value) {
            Some(RingControlAction::Start) if matches!(self.run, Run::Buffer { .. }) => {
                self.mistake(ErrorCodeCode::Busy, Reg::RingControl, value);
            }
            Some(RingControlAction::Start) => {
                self.run = Run::Idle;
                match Run::ring(base, size, put) {
                    Some(run) => {
                        self.run = run;
                        self.write(Reg::RingGet, 0);
                    }
                    None => self.mistake(ErrorCodeCode::BadRing, Reg::RingControl, value),
                }
            }
            Some(RingControlAction::Stop) => {
                if matches!(self.run, Run::Ring { .. }) {
                    self.run = Run::Idle;
                }
            }
            None => self.mistake(ErrorCodeCode::BadCommand, Reg::RingControl, value),
        }
        self.show_status();
        self.clear_command(Reg::RingControl);
    }

    fn ring_put(&mut self) {
        let new = self.registers.bank.get(Reg::RingPut);
        if let Run::Ring { size, get, put, .. } = &mut self.run {
            *put = new;
            if new.wrapping_sub(*get) > *size {
                let at = self.layout.offset(Reg::RingPut, 0).unwrap_or(0);
                let (code, source) = (ErrorCodeCode::BadRing, ErrorCodeSource::Registers);
                self.give_up(Fault { code, source, at, data: new });
            }
        }
    }

    fn start_buffer(&mut self, count: u32) {
        let address = self.registers.bank.get(Reg::DmaAddress);
        // As where a buffer ends by a mistake in it: whoever is interrupted may start the next one.
        if matches!(self.run, Run::Ring { .. }) {
            self.clear_command(Reg::DmaCount);
            self.mistake(ErrorCodeCode::Busy, Reg::DmaCount, count);
        } else if !address.is_multiple_of(4) {
            self.clear_command(Reg::DmaCount);
            self.mistake(ErrorCodeCode::BadAddress, Reg::DmaAddress, address);
        } else {
            self.run = Run::Buffer { next: address.into(), left: count };
        }
    }

    fn draw(&mut self, value: u32, painter: &mut dyn Painter) {
        let mut events = Vec::new();
        let mut event = |event| events.push(event);
        let drawing = &mut self.registers;
        let drawn = drawing.draw(&self.layout, value, self.words, painter, &mut event);
        drawing.flush(painter, &mut event);
        events.into_iter().for_each(|event| self.take(event));
        if let Err(code) = drawn {
            self.mistake(code, Reg::Draw, value);
        }
        self.clear_command(Reg::Draw);
    }
}
