//! The loop of a card in the kernel: arm, look, wait.

use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use serde_json::{Value, json};

use super::control::{Order, Orders};
use crate::play::{KernelMachine, Player};
use crate::screen::{Publisher, Watch};
use crate::shim::{Error, Events};
use crate::sink::Sink;

/// From a published picture to the next. While somebody looks at the picture, pixels that came through
/// the aperture are looked for as often.
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// When something is tried again; and how often registers are looked at where writes are not trapped.
const SOON: Duration = Duration::from_millis(1);
/// Mistakes of the driver's that the log tells of in a second.
const MOST_FAULTS: u32 = 10;

/// Why the card cannot be played any longer.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The kernel module.
    #[error("the card")]
    Shim(#[from] Error),
    /// It could not be put on its bus.
    #[error("the kernel could not plug the card in; its log says why (`dmesg`)")]
    Plug,
    /// epoll(7).
    #[error("waiting for the card")]
    Wait(#[from] std::io::Error),
}

/// See the module.
#[allow(missing_debug_implementations, reason = "sinks have none")]
pub struct Cycle {
    player: Player<KernelMachine>,
    publisher: Publisher,
    sinks: Vec<Box<dyn Sink>>,
    orders: Orders,
    began: Instant,
    published: Option<Instant>,
    bound: bool,
    faults: (Instant, u32),
}

impl Cycle {
    /// A card that is not plugged in yet.
    pub fn new(
        player: Player<KernelMachine>,
        publisher: Publisher,
        sinks: Vec<Box<dyn Sink>>,
        orders: Orders,
    ) -> Self {
        let began = Instant::now();
        Self {
            player,
            publisher,
            sinks,
            orders,
            began,
            published: None,
            bound: false,
            faults: (began, 0),
        }
    }

    /// Plugs the card in and plays it until `ended` says so, which is asked after each ring of the
    /// orders' bell.
    ///
    /// # Errors
    /// See [`CycleError`].
    pub fn run(&mut self, ended: impl Fn() -> bool) -> Result<(), CycleError> {
        let watch = Watch::new()?;
        watch.bell(&**self.orders.bell(), 0)?;
        watch.add(self.player.machine().card(), 1, EventFlags::IN)?;
        self.player.machine().card().plug()?;
        // Before the first events everything is new.
        let mut pages = u32::MAX;
        while !ended() {
            let armed = self.player.machine().card().arm(Events::DRIVER | Events::CONFIG)?;
            pages |= armed.pages;
            // The module may have delivered what was owed, or the driver may want it another way.
            self.player.machine().settle()?;
            let more = self.player.turn(std::mem::take(&mut pages));
            self.player.machine().settle()?;
            let tick = self.player.tick(self.began.elapsed());
            self.tell_faults();
            self.note_driver(armed.events)?;
            for order in self.orders.take() {
                self.obey(order)?;
            }
            let picture = self.publish();
            let again = self.player.machine().owes().then_some(SOON);
            let polls = self.player.machine().card().status()?.no_traps().then_some(SOON);
            let tick = tick.map(|at| at.saturating_sub(self.began.elapsed()));
            let more = more.then_some(Duration::ZERO);
            let limit = [tick, picture, again, polls, more].into_iter().flatten().min();
            if polls.is_some() {
                pages = u32::MAX;
            }
            watch.wait(limit)?;
        }
        // Nobody sees a picture of a card that is gone.
        self.publisher.set_mode(None);
        Ok(())
    }

    /// Publishes what there is, not too often; returns when to come again, if not for something else.
    fn publish(&mut self) -> Option<Duration> {
        let watched = self.sinks.iter().any(|sink| sink.report().viewers > 0);
        let aperture = watched && self.player.card().display().is_some();
        if !aperture && !self.player.is_stale() {
            return None;
        }
        let since = self.published.map_or(Duration::MAX, |at| at.elapsed());
        if since < FRAME {
            return Some(FRAME - since);
        }
        self.published = Some(Instant::now());
        self.player.publish(&mut self.publisher, aperture);
        aperture.then_some(FRAME)
    }

    fn obey(&mut self, order: Order) -> Result<(), CycleError> {
        // Whoever has asked may have gone.
        match order {
            Order::Refresh(done) => {
                self.player.publish(&mut self.publisher, true);
                let _ = done.send(());
            }
            Order::Stats(done) => {
                let _ = done.send(self.stats()?);
            }
        }
        Ok(())
    }

    fn stats(&mut self) -> Result<Value, CycleError> {
        let counts = self.player.counts();
        let card = self.player.machine().card();
        let status = card.status()?;
        let (interrupts, refused) = status.interrupts();
        let sinks: Vec<Value> = self
            .sinks
            .iter()
            .map(|sink| {
                let report = sink.report();
                json!({
                    "kind": sink.kind(), "place": sink.place(), "viewers": report.viewers,
                    "frames": report.frames, "bytes": report.bytes, "broken": report.broken,
                })
            })
            .collect();
        Ok(json!({
            "number": card.number(),
            "address": card.address().to_string(),
            "bound": status.bound(),
            "traps": !status.no_traps(),
            "arms": status.arms(),
            "interrupts_delivered": interrupts,
            "interrupts_refused": refused,
            "dma_mappings": status.dma_mappings(),
            "card": counts,
            "sinks": sinks,
        }))
    }

    fn note_driver(&mut self, events: Events) -> Result<(), CycleError> {
        if !events.any(Events::DRIVER) {
            return Ok(());
        }
        let status = self.player.machine().card().status()?;
        if status.plug_failed() {
            return Err(CycleError::Plug);
        }
        if status.bound() != self.bound {
            self.bound = status.bound();
            tracing::info!(
                "{}",
                if self.bound { "a driver is bound" } else { "no driver is bound" }
            );
        }
        Ok(())
    }

    fn tell_faults(&mut self) {
        for fault in self.player.take_faults() {
            let (since, count) = &mut self.faults;
            if since.elapsed() > Duration::from_secs(1) {
                if *count > MOST_FAULTS {
                    tracing::warn!("{} more mistakes of the driver's", *count - MOST_FAULTS);
                }
                self.faults = (Instant::now(), 0);
            }
            self.faults.1 += 1;
            if self.faults.1 <= MOST_FAULTS {
                tracing::warn!("the driver's mistake: {fault}");
            }
        }
    }
}

impl Drop for Cycle {
    fn drop(&mut self) {
        self.orders.close();
    }
}
