//! The command ring: entries by DMA, and what they ask for.

use anyhow::Result;
use vcd_drm::shim::{Card, DmaAddress, Error, Framebuffer};

use crate::registers::*;

/// So much is copied at a time.
const CHUNK: usize = 64 << 10;

/// Where the card is in the ring.
#[derive(Default)]
pub(crate) struct Ring {
    consumer: u32,
    stopped: bool,
}

/// What is to be told about an entry that was done.
pub(crate) struct Done {
    pub(crate) fence: Option<u32>,
    pub(crate) interrupt: bool,
}

/// The error with which the ring stands still.
pub(crate) struct Stop(pub(crate) u32);

/// A mistake of the driver's stops the ring, one of ours ends the program.
type Judged<T> = Result<std::result::Result<T, Stop>>;

impl Ring {
    /// Index of the next entry.
    pub(crate) fn consumer(&self) -> u32 {
        self.consumer
    }

    /// Does the next entry, if there is one.
    pub(crate) fn next(&mut self, card: &Card) -> Result<Option<std::result::Result<Done, Stop>>> {
        let registers = card.registers();
        let entries = registers.read(RING_ENTRIES);
        let waiting = registers.read(PRODUCER).wrapping_sub(self.consumer);
        if self.stopped || entries == 0 || waiting == 0 {
            return Ok(None);
        }
        let done =
            if !entries.is_power_of_two() || !(2..=256).contains(&entries) || waiting > entries {
                Err(Stop(RING_E_RING))
            } else {
                let base =
                    u64::from(registers.read(RING_HI)) << 32 | u64::from(registers.read(RING_LO));
                let at = base.wrapping_add(u64::from(self.consumer % entries) * ENTRY_BYTES as u64);
                run(card, DmaAddress(at))?
            };
        match done {
            Ok(_) => self.consumer = self.consumer.wrapping_add(1),
            Err(_) => self.stopped = true,
        }
        Ok(Some(done))
    }
}

/// An entry, read once: what is checked is what is done.
struct Entry([u8; ENTRY_BYTES]);

impl Entry {
    fn word(&self, at: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(word)
    }

    fn address(&self, at: usize) -> DmaAddress {
        DmaAddress(u64::from(self.word(at)) | u64::from(self.word(at + 4)) << 32)
    }
}

fn run(card: &Card, at: DmaAddress) -> Judged<Done> {
    let mut entry = Entry([0; ENTRY_BYTES]);
    if let Err(stop) = judge(card.dma_read(at, &mut entry.0))? {
        return Ok(Err(stop));
    }
    let interrupt = entry.word(0) & ENTRY_INTERRUPT != 0;
    let op = entry.word(0) & !ENTRY_INTERRUPT;
    let (value, from, to) = (entry.word(4), entry.address(8), entry.address(24));
    let (offset, length) = (entry.word(16) as usize, entry.word(20) as usize);
    if op == OP_FENCE {
        return Ok(Ok(Done { fence: Some(value), interrupt }));
    }
    let framebuffer = card.framebuffer();
    let inside = framebuffer.filter(|fb| length > 0 && offset + length <= fb.bytes());
    let done = match (op, inside) {
        (OP_TO_FB, Some(fb)) => to_framebuffer(card, from, fb, offset, length)?,
        (OP_FROM_FB, Some(fb)) => from_framebuffer(card, from, fb, offset, length)?,
        (OP_FILL, Some(fb)) if offset % 4 == 0 && length % 4 == 0 => {
            (offset..offset + length).step_by(4).for_each(|at| fb.write_word(at, value));
            Ok(())
        }
        (OP_COPY, _) if length > 0 => copy(card, from, to, length)?,
        _ => Err(Stop(RING_E_ENTRY)),
    };
    Ok(done.map(|()| Done { fence: None, interrupt }))
}

fn judge(done: std::result::Result<(), Error>) -> Judged<()> {
    match done {
        Ok(()) => Ok(Ok(())),
        Err(Error::Dma { .. }) => Ok(Err(Stop(RING_E_DMA))),
        Err(error) => Err(error.into()),
    }
}

/// Does something for each chunk of `length` bytes, until the driver's mistake or the end.
fn chunks(length: usize, mut each: impl FnMut(usize, &mut [u8]) -> Judged<()>) -> Judged<()> {
    let mut buffer = vec![0; length.min(CHUNK)];
    let mut at = 0;
    while at < length {
        let size = buffer.len().min(length - at);
        if let Err(stop) = each(at, &mut buffer[..size])? {
            return Ok(Err(stop));
        }
        at += size;
    }
    Ok(Ok(()))
}

fn behind(address: DmaAddress, at: usize) -> DmaAddress {
    DmaAddress(address.0.wrapping_add(at as u64))
}

fn to_framebuffer(
    card: &Card,
    from: DmaAddress,
    framebuffer: &Framebuffer,
    offset: usize,
    length: usize,
) -> Judged<()> {
    chunks(length, |at, bytes| {
        let read = judge(card.dma_read(behind(from, at), bytes))?;
        if read.is_ok() {
            framebuffer.write(offset + at, bytes);
        }
        Ok(read)
    })
}

fn from_framebuffer(
    card: &Card,
    to: DmaAddress,
    framebuffer: &Framebuffer,
    offset: usize,
    length: usize,
) -> Judged<()> {
    chunks(length, |at, bytes| {
        framebuffer.read(offset + at, bytes);
        judge(card.dma_write(behind(to, at), bytes))
    })
}

fn copy(card: &Card, from: DmaAddress, to: DmaAddress, length: usize) -> Judged<()> {
    chunks(length, |at, bytes| match judge(card.dma_read(behind(from, at), bytes))? {
        Ok(()) => judge(card.dma_write(behind(to, at), bytes)),
        stop => Ok(stop),
    })
}
