//! What the test card does: one look at the registers at a time.

use std::collections::VecDeque;

use anyhow::Result;
use vcd_drm::shim::{Armed, Card, Delivery, Events, Framebuffer, Registers};

use crate::registers::*;
use crate::ring::{Ring, Stop};

/// So many are told of.
const ARMS: usize = 1000;

/// The card's state, beside what is in its registers.
pub(crate) struct TestCard<'a> {
    card: &'a Card,
    ring: Ring,
    commands: u32,
    raised: u32,
    /// Interrupts that the module has not let through yet.
    owed: bool,
    has_pin: bool,
    pin: bool,
    hammers: [u32; HAMMERS],
    counts: [u32; HAMMERS],
    pub(crate) told: Told,
}

/// What `stats` and `arms` tell.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) steps: u64,
    /// Cycles of the latest calls that had a write to arm against.
    pub(crate) arms: VecDeque<u64>,
    pub(crate) armed_events: u64,
    pub(crate) messages: u64,
    pub(crate) pins: u64,
    pub(crate) entries: u64,
}

impl Told {
    pub(crate) fn armed(&mut self, armed: Armed, cycles: u64) {
        if !armed.events.any(Events::KERNEL_WRITE | Events::USER_WRITE) {
            return;
        }
        self.armed_events += 1;
        if self.arms.len() == ARMS {
            self.arms.pop_front();
        }
        self.arms.push_back(cycles);
    }
}

impl<'a> TestCard<'a> {
    /// Puts the reset values in.
    pub(crate) fn new(card: &'a Card, has_pin: bool) -> Self {
        let registers = card.registers();
        registers.write(ID, ID_VALUE);
        registers.write(VERSION, VERSION_VALUE);
        registers.write(MIRROR, !0);
        Self {
            card,
            ring: Ring::default(),
            commands: 0,
            raised: 0,
            owed: false,
            has_pin,
            pin: false,
            hammers: [0; HAMMERS],
            counts: [0; HAMMERS],
            told: Told::default(),
        }
    }

    /// Whether there is something to try again soon.
    pub(crate) fn owes(&self) -> bool {
        self.owed
    }

    /// Values of hammer registers that were seen, of all of them together.
    pub(crate) fn hammered(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// Looks at all registers and does what they ask for.
    pub(crate) fn step(&mut self) -> Result<()> {
        self.told.steps += 1;
        let registers = self.card.registers();
        registers.write(MIRROR, !registers.read(SCRATCH));
        self.hammer(registers);
        self.command(registers)?;
        self.run_ring(registers)?;
        if self.owed {
            self.deliver()?;
        }
        // Down when the handler has acknowledged, or when the driver wants no more.
        let waiting = registers.read(INT_ENABLE) != 0 && registers.read(INT_SEEN) != self.raised;
        if waiting { Ok(()) } else { self.set_pin(false) }
    }

    fn hammer(&mut self, registers: &Registers) {
        for n in 0..HAMMERS {
            let value = registers.read(hammer(n));
            if value != self.hammers[n] {
                self.hammers[n] = value;
                self.counts[n] = self.counts[n].wrapping_add(1);
                registers.write(echo(n), value);
                registers.write(seen(n), self.counts[n]);
            }
        }
    }

    fn command(&mut self, registers: &Registers) -> Result<()> {
        let command = registers.read(COMMAND);
        if command == 0 {
            return Ok(());
        }
        let (result, value) = match command {
            CMD_NOP | CMD_INTERRUPT => (OK, 0),
            CMD_SUM => self.sum(registers.read(ARG[0]), registers.read(ARG[1])),
            CMD_RESET_RING => {
                self.ring = Ring::default();
                registers.write(CONSUMER, 0);
                registers.write(FENCE, 0);
                registers.write(RING_ERROR, 0);
                (OK, 0)
            }
            _ => (E_COMMAND, 0),
        };
        self.commands = self.commands.wrapping_add(1);
        registers.write(RESULT, result);
        registers.write(VALUE, value);
        registers.write(COMMANDS, self.commands);
        // Only now may the driver write the next.
        registers.write(COMMAND, 0);
        if command == CMD_INTERRUPT { self.interrupt() } else { Ok(()) }
    }

    fn sum(&self, offset: u32, bytes: u32) -> (u32, u32) {
        let framebuffer = self.card.framebuffer();
        let Some(range) = framebuffer.and_then(|fb| words(fb, offset, bytes)) else {
            return (E_RANGE, 0);
        };
        let words = framebuffer.into_iter().flat_map(|fb| range.clone().map(|at| fb.read_word(at)));
        (OK, words.fold(0, u32::wrapping_add))
    }

    fn run_ring(&mut self, registers: &Registers) -> Result<()> {
        while let Some(done) = self.ring.next(self.card)? {
            match done {
                Ok(entry) => {
                    self.told.entries += 1;
                    if let Some(fence) = entry.fence {
                        registers.write(FENCE, fence);
                    }
                    registers.write(CONSUMER, self.ring.consumer());
                    if entry.interrupt {
                        self.interrupt()?;
                    }
                }
                Err(Stop(error)) => {
                    registers.write(RING_ERROR, error);
                    return self.interrupt();
                }
            }
        }
        Ok(())
    }

    /// Counts an interrupt and sends it.
    fn interrupt(&mut self) -> Result<()> {
        if self.card.registers().read(INT_ENABLE) == 0 {
            return Ok(());
        }
        self.raised = self.raised.wrapping_add(1);
        self.card.registers().write(INT_RAISED, self.raised);
        self.deliver()
    }

    /// By message where the driver has enabled these, else by the pin; see [`TestCard::step`].
    fn deliver(&mut self) -> Result<()> {
        let registers = self.card.registers();
        let stamp = time_stamp();
        registers.write(INT_STAMP_LO, stamp as u32);
        registers.write(INT_STAMP_HI, (stamp >> 32) as u32);
        let delivery = self.card.send_msi(0)?;
        match delivery {
            Delivery::Delivered => self.told.messages += 1,
            Delivery::Off => self.set_pin(true)?,
            Delivery::TooMany => {}
        }
        self.owed = delivery == Delivery::TooMany;
        Ok(())
    }

    fn set_pin(&mut self, asserted: bool) -> Result<()> {
        if self.has_pin && asserted != self.pin {
            self.card.set_pin(asserted)?;
            self.pin = asserted;
            self.told.pins += u64::from(asserted);
        }
        Ok(())
    }
}

/// Offsets of the words that a command names, if all are there.
fn words(
    framebuffer: &Framebuffer,
    offset: u32,
    bytes: u32,
) -> Option<std::iter::StepBy<std::ops::Range<usize>>> {
    let (offset, bytes) = (offset as usize, bytes as usize);
    let inside = offset % 4 == 0 && offset + bytes <= framebuffer.bytes();
    inside.then(|| (offset..offset + bytes / 4 * 4).step_by(4))
}

/// The time-stamp counter, as the driver reads it.
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: it reads a counter, on any x86-64.
    #[allow(unsafe_code)]
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}
