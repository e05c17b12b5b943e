//! Showing pictures of one size, until there is another or none.

use std::io;
use std::time::{Duration, Instant};

use drm::buffer::{Buffer, DrmFourcc};
use drm::control::dumbbuffer::{DumbBuffer, DumbMapping};
use drm::control::{ClipRect, Device as _, Mode, framebuffer};
use rustix::io::Errno;

use super::card::{Card, Output};
use super::layout::{Offer, Place, choose, place};
use super::pipe::Pipe;
use super::{CARD, Error, STOP};
use crate::screen::{Canvas, Rect, Region, State, Viewer, Watch};
use crate::sink::counts::Counts;

/// A driver that does not tell within that time that it has flipped will not.
const FLIP: Duration = Duration::from_millis(500);
/// Most rectangles that a driver is told of one by one.
const MOST_CLIPS: usize = 64;

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There is a picture of another size.
    Resized,
    /// There is none.
    Off,
    /// All has to end.
    Stop,
}

/// How a driver learns that the picture is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is told where, and copies: virtual screens mostly.
    Dirty,
    /// It is shown another buffer: screens that read memory themselves.
    Flip,
}

/// Buffers of one mode, and what of the picture is not in them yet.
struct Shown<'a> {
    buffers: [framebuffer::Handle; 2],
    maps: [DumbMapping<'a>; 2],
    missing: [Region; 2],
    pitch: usize,
    place: Place,
    /// The buffer that is written next.
    next: usize,
}

/// Shows what the viewer sees, from its canvas as it is now.
pub(super) fn present(
    card: &Card,
    output: &Output,
    viewer: &mut Viewer,
    watch: &Watch,
    counts: &Counts,
) -> Result<Ended, Error> {
    let picture = viewer.canvas().size();
    let offer = |mode: &Mode| Offer {
        width: mode.size().0.into(),
        height: mode.size().1.into(),
        refresh: mode.vrefresh(),
    };
    let offers: Vec<Offer> = output.modes.iter().map(offer).collect();
    let none = || Error::call("name a mode")(io::ErrorKind::NotFound.into());
    let chosen = choose(&offers, picture).ok_or_else(none)?;
    let (mode, offer) = (output.modes[chosen], offers[chosen]);
    let failed = Error::call("give memory for the picture");
    let size = (offer.width, offer.height);
    let mut dumb = [make(card, size).map_err(&failed)?, make(card, size).map_err(&failed)?];
    let pitch = dumb[0].pitch() as usize;
    let buffers = dumb.each_ref().map(|buffer| card.add_framebuffer(buffer, 24, 32));
    let [first, second] = buffers;
    let buffers = [first.map_err(&failed)?, second.map_err(&failed)?];
    let [first, second] = dumb.each_mut().map(|buffer| card.map_dumb_buffer(buffer));
    let maps = [first.map_err(&failed)?, second.map_err(&failed)?];
    let all = || {
        let mut region = Region::new(picture);
        region.add(picture.bounds());
        region
    };
    let place = place(offer.width, offer.height, picture);
    let mut shown = Shown { buffers, maps, missing: [all(), all()], pitch, place, next: 0 };
    for map in &mut shown.maps {
        map.fill(0);
    }
    shown.draw(0, viewer.canvas());
    let mut pipe = Pipe::new(card, output, mode);
    pipe.set_mode(shown.buffers[0]).map_err(Error::call("set the mode"))?;
    let way = shown.way(card)?;
    tracing::info!(
        "kms: {}x{} shown in a mode of {}x{}, {} Hz, {}",
        picture.width(),
        picture.height(),
        offer.width,
        offer.height,
        offer.refresh,
        match way {
            Way::Dirty => "by telling what changes",
            Way::Flip => "by flipping buffers",
        }
    );
    counts.frame(picture.pixels() * 4);
    counts.set_broken(None);
    let interval = Duration::from_secs(1) / offer.refresh.clamp(1, 240);
    let ended = shown.follow(card, &pipe, way, interval, viewer, watch, counts);
    let buffers = shown.buffers;
    drop(shown);
    for buffer in buffers {
        // What the kernel keeps goes with the device's file.
        let _ = card.destroy_framebuffer(buffer);
    }
    for buffer in dumb {
        let _ = card.destroy_dumb_buffer(buffer);
    }
    ended
}

fn make(card: &Card, size: (u32, u32)) -> io::Result<DumbBuffer> {
    card.create_dumb_buffer(size, DrmFourcc::Xrgb8888, 32)
}

impl Shown<'_> {
    /// Tries whether the driver wants to be told of changes.
    fn way(&mut self, card: &Card) -> Result<Way, Error> {
        let all = self.place.clip(self.place.seen);
        match card.dirty_framebuffer(self.buffers[0], &[all]) {
            Ok(()) => Ok(Way::Dirty),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    self.next = 1;
                    Ok(Way::Flip)
                }
                _ => Err(Error::call("show the picture")(error)),
            },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a frame goes through, once")]
    fn follow(
        &mut self,
        card: &Card,
        pipe: &Pipe<'_>,
        way: Way,
        interval: Duration,
        viewer: &mut Viewer,
        watch: &Watch,
        counts: &Counts,
    ) -> Result<Ended, Error> {
        let mut next = Instant::now();
        // The flip that the driver has not yet reported.
        let mut flipping = None::<Instant>;
        loop {
            let now = Instant::now();
            if flipping.is_some_and(|since| now - since > FLIP) {
                flipping = None;
            }
            let due = flipping.is_none() && now >= next;
            if due {
                let change = viewer.take();
                if change.state == State::Off {
                    return Ok(Ended::Off);
                }
                if change.resized {
                    return Ok(Ended::Resized);
                }
                if !change.damage.is_empty() {
                    change.damage.iter().for_each(|rect| self.add(*rect));
                    let canvas = viewer.canvas();
                    self.show(card, pipe, way, canvas).map_err(Error::call("show the picture"))?;
                    counts.frame(change.damage.iter().map(|rect| rect.pixels() * 4).sum());
                    flipping = (way == Way::Flip).then_some(now);
                    next = now + interval;
                    continue;
                }
            }
            let until = match flipping {
                Some(since) => Some(since + FLIP),
                None => (!due).then_some(next),
            };
            let time = until.map(|until| until.saturating_duration_since(Instant::now()));
            let woken = watch.wait(time)?;
            if woken.by(STOP) {
                return Ok(Ended::Stop);
            }
            if woken.by(CARD) {
                // There is one kind of event that was asked for.
                let events = card.receive_events().map_err(Error::call("tell of a flip"))?;
                if events.count() > 0 {
                    flipping = None;
                }
            }
        }
    }

    fn add(&mut self, rect: Rect) {
        self.missing.iter_mut().for_each(|missing| missing.add(rect));
    }

    /// Brings the next buffer up to date, and has it shown.
    fn show(&mut self, card: &Card, pipe: &Pipe<'_>, way: Way, canvas: &Canvas) -> io::Result<()> {
        let rects = self.draw(self.next, canvas);
        let buffer = self.buffers[self.next];
        match way {
            Way::Flip => {
                pipe.flip(buffer)?;
                self.next = 1 - self.next;
                Ok(())
            }
            Way::Dirty => {
                let clips: Vec<ClipRect> = if rects.len() <= MOST_CLIPS {
                    rects.iter().map(|rect| self.place.clip(*rect)).collect()
                } else {
                    vec![self.place.clip(self.place.seen)]
                };
                if clips.is_empty() { Ok(()) } else { card.dirty_framebuffer(buffer, &clips) }
            }
        }
    }

    /// Draws what a buffer misses; tells where, in the picture.
    fn draw(&mut self, buffer: usize, canvas: &Canvas) -> Vec<Rect> {
        let seen = self.place.seen;
        let all = self.missing[buffer].take(canvas.size().bounds(), usize::MAX);
        let rects = all.into_iter().map(|rect| rect.intersect(seen)).filter(|r| !r.is_empty());
        let rects: Vec<Rect> = rects.collect();
        let map = &mut *self.maps[buffer];
        for rect in &rects {
            for (row, pixels) in canvas.rows(*rect).enumerate() {
                let y = (self.place.y + rect.y - seen.y) as usize + row;
                let x = (self.place.x + rect.x - seen.x) as usize;
                let line = &mut map[y * self.pitch + x * 4..][..pixels.len() * 4];
                for (bytes, pixel) in line.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
                    *bytes = pixel.to_le_bytes();
                }
            }
        }
        rects
    }
}

impl Place {
    /// Where a part of the picture is on the screen.
    fn clip(&self, rect: Rect) -> ClipRect {
        let (x, y) = (self.x + rect.x - self.seen.x, self.y + rect.y - self.seen.y);
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        ClipRect::new(side(x), side(y), side(x + rect.width), side(y + rect.height))
    }
}
