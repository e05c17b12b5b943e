//! Waiting for the card and for words on standard input, which a test or a benchmark sends:
//!
//! - `stats`: tells what happened, a line of `NAME VALUE` pairs
//! - `plug`, `unplug`: as if by hand
//! - `arms`: tells the cycles of the latest calls that armed
//! - its end, if it is a pipe: the end of the card

use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use vcd_drm::shim::{Card, Error};

use crate::model::TestCard;

/// How long to wait before what the module did not let through is tried again, and between two looks of
/// a card that polls.
const SOON: Duration = Duration::from_millis(1);

pub(crate) struct Control {
    polling: bool,
    watched: bool,
    line: Vec<u8>,
    /// Times that the program was woken, for whatever reason.
    wakes: u64,
}

impl Control {
    pub(crate) fn new(polling: bool) -> Result<Self> {
        let kind = std::fs::metadata("/proc/self/fd/0").context("cannot look at standard input")?;
        let watched = kind.file_type().is_fifo();
        Ok(Self { polling, watched, line: Vec::new(), wakes: 0 })
    }

    /// Waits until there is something to do; false when all is over.
    pub(crate) fn wait(&mut self, card: &Card, model: &mut TestCard<'_>) -> Result<bool> {
        let stdin = io::stdin();
        let mut all = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(card, PollFlags::IN)];
        let range = match (self.watched, self.polling) {
            (true, true) => 0..1,
            (true, false) => 0..2,
            (false, true) => 0..0,
            (false, false) => 1..2,
        };
        let soon = (self.polling || model.owes()).then_some(SOON);
        let limit = soon.map(Timespec::try_from).transpose().context("a millisecond")?;
        match poll(&mut all[range], limit.as_ref()) {
            Ok(_) => self.wakes += 1,
            Err(rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(error).context("cannot wait for the card"),
        }
        if self.watched && !all[0].revents().is_empty() {
            return self.hear(card, model);
        }
        Ok(true)
    }

    /// Reads what there is; false at the end.
    fn hear(&mut self, card: &Card, model: &mut TestCard<'_>) -> Result<bool> {
        let mut bytes = [0; 256];
        let count = io::stdin().read(&mut bytes).context("cannot read standard input")?;
        self.line.extend_from_slice(&bytes[..count]);
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.obey(&String::from_utf8_lossy(&line), card, model)?;
        }
        Ok(count > 0)
    }

    fn obey(&self, line: &str, card: &Card, model: &TestCard<'_>) -> Result<()> {
        match line.split_whitespace().next() {
            Some("stats") => self.stats(card, model)?,
            Some("plug") => plug(card)?,
            Some("unplug") => card.unplug()?,
            Some("arms") => {
                let cycles = model.told.arms.iter().map(u64::to_string).collect::<Vec<_>>();
                println!("arms {}", cycles.join(" "));
            }
            _ => println!("what is {line:?}?"),
        }
        io::stdout().flush().context("cannot write")
    }

    fn stats(&self, card: &Card, model: &TestCard<'_>) -> Result<()> {
        let status = card.status()?;
        let woken = card.wait(Some(Duration::ZERO))?;
        let (kernel_mappings, user_mappings) = status.mappings();
        let (delivered, refused) = status.interrupts();
        let told = &model.told;
        println!(
            "stats wakes {} steps {} armed_events {} arms {} kernel_writes {} user_writes {} \
             hammered {} entries {} messages {} pins {} delivered {delivered} refused {refused} \
             kernel_mappings {kernel_mappings} user_mappings {user_mappings} dma_mappings {} \
             plugged {} bound {} master {} revocations {} no_traps {}",
            self.wakes,
            told.steps,
            told.armed_events,
            status.arms(),
            woken.kernel_writes,
            woken.user_writes,
            model.hammered(),
            told.entries,
            told.messages,
            told.pins,
            status.dma_mappings(),
            u8::from(status.plugged()),
            u8::from(status.bound()),
            u8::from(status.bus_master()),
            status.revocations(),
            u8::from(status.no_traps()),
        );
        Ok(())
    }
}

/// The module is not done with unplugging yet when the PCI device has gone.
fn plug(card: &Card) -> Result<()> {
    for _ in 0..1000 {
        match card.plug() {
            Err(Error::Plug { source: Errno::BUSY, .. }) => std::thread::sleep(SOON),
            other => return Ok(other?),
        }
    }
    Ok(card.plug()?)
}
