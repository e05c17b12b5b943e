//! One viewer: its socket, what it has still to be told, and when.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use super::encode::Encoder;
use super::pixel::Format;
use super::server::Shared;
use super::session::{Encoding, LONGEST, Refusal, Session};
use crate::screen::{Rect, Region, Viewer, Watch};
use crate::sink::secret;

/// How long a handshake may take, a person with a password included.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a viewer may take nothing of what it has asked for.
const STALL: Duration = Duration::from_secs(30);
/// Before a viewer with a wrong password is told so: others are not held up by it.
const WRONG: Duration = Duration::from_secs(1);
/// From one update to the next, at least: a little less than between frames of a card at 60 Hz.
const INTERVAL: Duration = Duration::from_millis(15);
/// Most pixels of one rectangle: what is in memory at one time. All of a usual picture, for there are
/// programs that wait for one rectangle with all of it.
const MOST_PIXELS: u32 = 1 << 22;
/// Rows that belong together.
const ROWS: u32 = 64;
/// Bytes taken from the kernel at one time.
const ROOM: usize = 4096;
/// How much room for an update is kept for the next.
const KEPT: usize = 4 << 20;

const SOCKET: u64 = 0;
const BELL: u64 = 1;
const STOP: u64 = 2;

/// Why a viewer is disconnected.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("its handshake took too long")]
    Handshake,
    #[error("it took nothing for {} s", STALL.as_secs())]
    Stalled,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// See the module.
pub(super) struct Connection<'a> {
    shared: &'a Shared,
    socket: TcpStream,
    watch: Watch,
    session: Session,
    viewer: Viewer,
    /// What is new since the viewer was told.
    region: Region,
    /// It has still to be told the size.
    resized: bool,
    encoder: Encoder,
    /// The update that has begun.
    update: Option<Update>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of that has gone.
    sent: usize,
    /// When bytes went last, or there was nothing to go.
    moved: Instant,
    begun: Instant,
    next: Instant,
    /// What the socket is watched for.
    flags: EventFlags,
}

/// An update of which some is still to be made: rectangle by rectangle, as the viewer takes them.
struct Update {
    /// The next one last.
    rects: Vec<Rect>,
    format: Format,
    encoding: Encoding,
}

/// Cuts rectangles that are too large, and puts the first one last.
fn split(rects: Vec<Rect>) -> Vec<Rect> {
    let parts = |rect: Rect| {
        let rows = (MOST_PIXELS / rect.width.max(1)).max(ROWS) / ROWS * ROWS;
        (rect.y..rect.bottom()).step_by(rows as usize).map(move |y| {
            let height = rows.min(rect.bottom() - y);
            Rect { y, height, ..rect }
        })
    };
    let mut all: Vec<Rect> = rects.into_iter().flat_map(parts).collect();
    all.reverse();
    all
}

impl<'a> Connection<'a> {
    pub(super) fn open(socket: TcpStream, shared: &'a Shared) -> Result<Self, End> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        // One that is gone without a word does not stay for ever.
        rustix::net::sockopt::set_socket_keepalive(&socket, true).map_err(io::Error::from)?;
        let (watch, flags) = (Watch::new()?, EventFlags::IN);
        watch.add(&socket, SOCKET, flags)?;
        watch.bell(&shared.screen, BELL)?;
        watch.add(&shared.stop, STOP, EventFlags::IN)?;
        let mut viewer = shared.screen.viewer();
        viewer.take();
        let size = viewer.canvas().size();
        let mut output = Vec::new();
        let settings = &shared.settings;
        let challenge = secret::random()?;
        let password = settings.password.clone();
        let session = Session::new(password, challenge, size, &settings.name, &mut output);
        let mut region = Region::new(size);
        region.add(size.bounds());
        let now = Instant::now();
        Ok(Self {
            shared,
            socket,
            watch,
            session,
            viewer,
            region,
            resized: false,
            encoder: Encoder::new(),
            update: None,
            input: Vec::with_capacity(ROOM),
            output,
            sent: 0,
            moved: now,
            begun: now,
            next: now,
            flags,
        })
    }

    /// Until it goes, or all have to.
    pub(super) fn serve(mut self) -> Result<(), End> {
        loop {
            self.answer();
            while self.send()? && self.go_on() {}
            let woken = self.watch.wait(self.patience()?)?;
            if woken.by(STOP) {
                return Ok(());
            }
            if woken.by(SOCKET) && !self.receive()? {
                return Ok(());
            }
        }
    }

    /// Makes an update, if one is wanted, there is something new, and all before it has gone.
    fn answer(&mut self) {
        let Some(request) = self.session.request() else { return };
        let busy = self.sent < self.output.len() || self.update.is_some();
        if busy || Instant::now() < self.next {
            return;
        }
        let change = self.viewer.take();
        let canvas = self.viewer.canvas();
        if change.resized {
            // A viewer that cannot be told keeps its size, and sees what fits.
            if self.session.resizes() {
                self.session.set_size(canvas.size());
                self.resized = true;
            }
            self.region = Region::new(self.session.size());
            self.region.add(self.session.size().bounds());
        }
        change.damage.iter().for_each(|rect| self.region.add(*rect));
        if std::mem::take(&mut self.resized) {
            Encoder::resize(self.session.size(), &mut self.output);
        } else {
            if request.whole {
                self.region.add(request.rect);
            }
            let rects = split(self.region.take(request.rect, usize::MAX));
            if rects.is_empty() && !request.whole {
                return;
            }
            // At most a picture's tiles, and one for each so many rows: far fewer than that.
            Encoder::begin(rects.len() as u16, &mut self.output);
            let (format, encoding) = (self.session.format().clone(), self.session.encoding());
            self.update = Some(Update { rects, format, encoding });
        }
        self.session.take_request();
        self.next = Instant::now() + INTERVAL;
        self.shared.counts.frame(self.output.len());
    }

    /// Makes the next rectangle of the update; false when there is none. The canvas stays as it is until
    /// the update is all made.
    fn go_on(&mut self) -> bool {
        let Some(update) = &mut self.update else { return false };
        let Some(rect) = update.rects.pop() else {
            self.update = None;
            return false;
        };
        let canvas = self.viewer.canvas();
        let before = self.output.len();
        let Update { format, encoding, .. } = update;
        self.encoder.rect(canvas, rect, format, *encoding, &mut self.output);
        self.shared.counts.bytes(self.output.len() - before);
        true
    }

    /// Sends what the socket takes; whether that was all.
    fn send(&mut self) -> Result<bool, End> {
        while self.sent < self.output.len() {
            match self.socket.write(&self.output[self.sent..]) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(count) => {
                    self.sent += count;
                    self.moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let all = self.sent == self.output.len();
        if all {
            self.output.clear();
            self.output.shrink_to(KEPT);
            (self.sent, self.moved) = (0, Instant::now());
        }
        let flags = if all { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT };
        if flags != self.flags {
            self.watch.change(&self.socket, SOCKET, flags)?;
            self.flags = flags;
        }
        Ok(all)
    }

    /// How long may be waited; an error when that has been long enough.
    fn patience(&self) -> Result<Option<Duration>, End> {
        let now = Instant::now();
        let mut until = None::<Instant>;
        let mut at = |moment: Instant| until = Some(until.map_or(moment, |old| old.min(moment)));
        if !self.session.is_ready() {
            let end = self.begun + HANDSHAKE;
            if now >= end {
                return Err(End::Handshake);
            }
            at(end);
        }
        if self.sent < self.output.len() {
            let end = self.moved + STALL;
            if now >= end {
                return Err(End::Stalled);
            }
            at(end);
        } else if self.session.request().is_some() && now < self.next {
            at(self.next);
        }
        Ok(until.map(|until| until.saturating_duration_since(now)))
    }

    /// Takes what the viewer says; false when it has hung up.
    fn receive(&mut self) -> Result<bool, End> {
        let mut room = [0; ROOM];
        match self.socket.read(&mut room) {
            Ok(0) => return Ok(false),
            Ok(count) => self.input.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        match self.session.receive(&self.input, &mut self.output) {
            Ok(taken) => {
                self.input.drain(..taken);
                debug_assert!(self.input.len() < LONGEST);
                Ok(true)
            }
            Err(refusal) => {
                if refusal == Refusal::Password {
                    self.watch_only_the_end(WRONG)?;
                }
                // The reason, as far as the socket takes it at once.
                self.send()?;
                Err(refusal.into())
            }
        }
    }

    /// Waits, unless all have to go.
    fn watch_only_the_end(&self, time: Duration) -> io::Result<()> {
        let watch = Watch::new()?;
        watch.add(&self.shared.stop, STOP, EventFlags::IN)?;
        watch.wait(Some(time)).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_very_large_is_cut() {
        let rect = |y, width, height| Rect { x: 0, y, width, height };
        let small = vec![rect(0, 1920, 1080), rect(1080, 5, 5)];
        assert_eq!(split(small.clone()), [small[1], small[0]]);
        let parts = split(vec![rect(0, 4096, 4000)]);
        assert_eq!(
            parts,
            [
                rect(3072, 4096, 928),
                rect(2048, 4096, 1024),
                rect(1024, 4096, 1024),
                rect(0, 4096, 1024)
            ]
        );
    }
}
