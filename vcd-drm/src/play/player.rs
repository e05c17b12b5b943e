//! A card's turns: look at the registers, do what they ask for, read commands, draw.

use std::time::Duration;

use vgpu_card::raster::Rect as CardRect;
use vgpu_card::{Action, Card, Fault, Fetch, Layout, Mode};

use super::counts::Counts;
use super::machine::Machine;
use super::threads::Threads;
use crate::screen::{Publisher, Rect, Size};

/// Pieces of the driver's memory that are read in a turn.
const FETCHES: u32 = 4;
/// Rectangles of damage that are kept apart; more become one.
const DAMAGES: usize = 16;

/// Somebody who is told of all that goes in and out of a card. Does nothing unless it wants to.
pub trait Listener {
    /// The card looks at a register and finds this.
    fn seen(&mut self, _layout: &Layout, _offset: u32, _value: u32) {}
    /// A look at the registers is over.
    fn looked(&mut self, _pages: u32) {}
    /// Commands were read, or could not be.
    fn fetched(&mut self, _layout: &Layout, _fetch: Fetch, _data: Option<&[u8]>) {}
    /// The card does something.
    fn acted(&mut self, _layout: &Layout, _action: &Action) {}
    /// The card is told the time, and that means something to it.
    fn ticked(&mut self, _now: Duration) {}
}

/// Nobody.
impl Listener for () {}

/// Plays a card in a machine.
pub struct Player<M> {
    card: Card,
    /// The card's own, for who listens.
    layout: Layout,
    machine: M,
    threads: Threads,
    listener: Option<Box<dyn Listener + Send>>,
    buffer: Vec<u8>,
    counts: Counts,
    /// A mode that was set and not yet published.
    mode: Option<Option<Mode>>,
    damage: Vec<CardRect>,
    faults: Vec<Fault>,
    next_tick: Option<Duration>,
}

impl<M: std::fmt::Debug> std::fmt::Debug for Player<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl<M: Machine> Player<M> {
    /// Puts a card into a machine whose registers are 0, and fills them.
    pub fn new(layout: Layout, machine: M) -> Self {
        let mut player = Self {
            card: Card::new(layout.clone()),
            layout,
            machine,
            threads: Threads::default(),
            listener: None,
            buffer: vec![0; Fetch::MOST_BYTES],
            counts: Counts::default(),
            mode: None,
            damage: Vec::new(),
            faults: Vec::new(),
            next_tick: None,
        };
        player.act();
        player
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Tells somebody of everything from now on, or nobody.
    pub fn set_listener(&mut self, listener: Option<Box<dyn Listener + Send>>) {
        self.listener = listener;
    }

    /// Lets these draw from now on, instead of the caller's thread alone.
    pub fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
    }

    /// Mistakes of the driver's since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Does what there is to be done. Bit n of `pages` says that there may have been a write to the
    /// registers at n * 4096 since the last turn.
    ///
    /// Returns whether there is more: a driver that always has another buffer must not keep the card from
    /// everything else.
    pub fn turn(&mut self, pages: u32) -> bool {
        self.counts.turns += 1;
        self.look(pages);
        for _ in 0..FETCHES {
            let Some(fetch) = self.card.fetch() else { return false };
            self.feed(fetch);
            // The driver may want the card to stop.
            self.look(u32::MAX);
        }
        self.card.fetch().is_some()
    }

    /// Tells the card the time, counted from any moment but always the same; returns when to tell it
    /// again, if ever.
    pub fn tick(&mut self, now: Duration) -> Option<Duration> {
        let next = self.card.tick(now);
        // What the card remembers of time has changed.
        let news = next.is_some() || self.next_tick.is_some() || self.card.has_actions();
        self.next_tick = next;
        if let (Some(listener), true) = (&mut self.listener, news) {
            listener.ticked(now);
        }
        self.act();
        next
    }

    fn look(&mut self, pages: u32) {
        let parts = self.machine.parts();
        let mut painter = self.threads.painter(parts.memory);
        match &mut self.listener {
            None => {
                let read = |offset| parts.registers.read(offset);
                self.card.scan(pages, read, &mut painter);
            }
            Some(listener) => {
                let read = |offset| {
                    let value = parts.registers.read(offset);
                    listener.seen(&self.layout, offset, value);
                    value
                };
                self.card.scan(pages, read, &mut painter);
                listener.looked(pages);
            }
        }
        self.act();
    }

    fn feed(&mut self, fetch: Fetch) {
        let parts = self.machine.parts();
        let data = &mut self.buffer[..fetch.bytes];
        let data = parts.driver.read(fetch.address, data).then_some(&*data);
        self.counts.fetches += 1;
        match data {
            Some(data) => self.counts.fetched_bytes += data.len() as u64,
            None => self.counts.refused_fetches += 1,
        }
        if let Some(listener) = &mut self.listener {
            listener.fetched(&self.layout, fetch, data);
        }
        self.card.feed(data, &mut self.threads.painter(parts.memory));
        self.act();
    }

    fn act(&mut self) {
        let parts = self.machine.parts();
        for action in self.card.actions() {
            if let Some(listener) = &mut self.listener {
                listener.acted(&self.layout, &action);
            }
            match action {
                Action::Write { offset, value } => {
                    self.counts.writes += 1;
                    parts.registers.write(offset, value);
                }
                Action::Raise => {
                    self.counts.interrupts += 1;
                    parts.interrupt.raise();
                }
                Action::Lower => parts.interrupt.lower(),
                Action::Damage(area) => add(&mut self.damage, area),
                Action::Mode(mode) => {
                    self.counts.modes += 1;
                    self.mode = Some(mode);
                }
                Action::Fault(fault) => {
                    self.counts.faults += 1;
                    self.faults.push(fault);
                }
            }
        }
    }

    /// Whether the screen differs from what was published, as far as the card knows.
    pub fn is_stale(&self) -> bool {
        self.mode.is_some() || !self.damage.is_empty()
    }

    /// Publishes what has changed. With `all`, all of the picture is looked at: the driver may have
    /// written pixels through the aperture, of which nobody is told.
    pub fn publish(&mut self, publisher: &mut Publisher, all: bool) {
        if let Some(mode) = self.mode.take() {
            let size = mode.and_then(|mode| Size::new(mode.width, mode.height));
            if size != publisher.size() || mode.is_none() {
                publisher.set_mode(size);
            }
            add(&mut self.damage, mode.map_or(CardRect::EMPTY, |mode| mode.bounds()));
        }
        let damage = std::mem::take(&mut self.damage);
        let Some(display) = self.card.display() else { return };
        let whole = [display.mode().bounds()];
        let damage = if all { &whole[..] } else { &damage[..] };
        let areas: Vec<Rect> =
            damage.iter().map(|r| Rect::between(r.left, r.top, r.right, r.bottom)).collect();
        let memory = &*self.machine.parts().memory;
        let changed = publisher.publish_with(&areas, |rect, pixels| {
            let at = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
            let area = CardRect::new(at(rect.x), at(rect.y), at(rect.right()), at(rect.bottom()));
            display.render(memory, area, pixels);
        });
        self.counts.frames += u64::from(changed);
    }
}

/// Adds an area to others, without ever keeping many.
fn add(damage: &mut Vec<CardRect>, area: CardRect) {
    if area.is_empty() {
        return;
    }
    if damage.iter().any(|old| old.union(&area) == *old) {
        return;
    }
    if damage.len() < DAMAGES {
        return damage.push(area);
    }
    let all = damage.drain(..).fold(area, |all, one| all.union(&one));
    damage.push(all);
}
