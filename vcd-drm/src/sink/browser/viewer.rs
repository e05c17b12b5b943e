//! One page that looks.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, interval_at, sleep_until, timeout};

use super::message;
use super::server::Shared;
use crate::screen::{Region, Viewer};
use crate::sink::counts::Counts;

/// From one frame to the next, at least: a little less than between those of a card at 60 Hz, so that
/// none is missed for being early.
const INTERVAL: Duration = Duration::from_millis(15);
/// Most pixels of one frame; the rest comes with the next.
const MOST_PIXELS: usize = 1 << 22;
/// How often a page has to show that it lives.
const PING: Duration = Duration::from_secs(15);
/// How long a page may take nothing of what it is sent.
const STALL: Duration = Duration::from_secs(30);
/// A frame that takes so long to be drawn had better be smaller.
const SLOW: Duration = Duration::from_millis(150);
/// A page that takes longer is not looked at: it draws when it is again.
const UNSEEN: Duration = Duration::from_secs(3);
/// Smaller than that, compressing gains nothing.
const WORTH_BYTES: usize = 4096;

/// Why a viewer is disconnected.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("it sent what has no meaning")]
    Nonsense,
    #[error("it took nothing for {} s", STALL.as_secs())]
    Stalled,
    #[error(transparent)]
    Socket(#[from] axum::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

struct Page {
    socket: WebSocket,
    viewer: Viewer,
    region: Region,
    compress: bool,
    number: u32,
    /// The frame that has not been acknowledged, and when it was sent.
    waits: Option<Instant>,
}

/// Until it goes. In the end all are just dropped, wherever they are. `far`: bytes are dear.
pub(super) async fn serve(socket: WebSocket, shared: &Shared, far: bool) -> Result<(), End> {
    let bell = bell(shared.screen.as_fd().try_clone_to_owned()?)?;
    let viewer = shared.screen.viewer();
    let region = Region::new(viewer.canvas().size());
    let mut page = Page { socket, viewer, region, compress: far, number: 0, waits: None };
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut next = Instant::now();
    loop {
        let free = page.waits.is_none();
        let now = Instant::now();
        let due = free && now >= next;
        if due && page.show(&shared.counts).await? {
            next = now + INTERVAL;
            continue;
        }
        tokio::select! {
            said = page.socket.recv() => match said {
                Some(Ok(said)) => if !page.hear(said)? { return Ok(()) },
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            ready = bell.readable(), if due => ready?.clear_ready(),
            () = sleep_until(next), if free && !due => {}
            _ = ping.tick() => page.send(Message::Ping(Bytes::new())).await?,
        }
    }
}

/// A bell that a task can wait for. Descriptors are watched edge-triggered, as it has to be.
fn bell(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, and one and the same descriptor, for as long as it lives, and the
    // AsyncFd has it from here on.
    #[allow(unsafe_code)]
    let watched = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    Ok(watched?)
}

impl Page {
    /// Sends what is new, if anything is.
    async fn show(&mut self, counts: &Counts) -> Result<bool, End> {
        let change = self.viewer.take();
        let size = self.viewer.canvas().size();
        if change.resized || change.restated {
            if change.resized {
                self.region = Region::new(size);
            }
            let state = message::state(change.state, size);
            self.send(Message::Binary(state.into())).await?;
        }
        change.damage.iter().for_each(|rect| self.region.add(*rect));
        let rects = self.region.take(size.bounds(), MOST_PIXELS);
        if rects.is_empty() {
            return Ok(false);
        }
        self.number = self.number.wrapping_add(1);
        let mut frame = message::frame(self.number, self.viewer.canvas(), &rects);
        if self.compress && frame.len() > WORTH_BYTES {
            // Not here, where other viewers would have to wait for it.
            let smaller = tokio::task::spawn_blocking(move || message::compressed(&frame));
            frame = smaller.await.map_err(io::Error::other)?;
        }
        counts.frame(frame.len());
        self.waits = Some(Instant::now());
        self.send(Message::Binary(frame.into())).await?;
        Ok(true)
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(STALL, self.socket.send(message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(End::Stalled),
        }
    }

    /// Whether it goes on.
    fn hear(&mut self, said: Message) -> Result<bool, End> {
        match said {
            Message::Text(text) => {
                let number = message::acknowledged(&text).ok_or(End::Nonsense)?;
                let sent = self.waits.filter(|_| number == self.number).ok_or(End::Nonsense)?;
                self.compress |= (SLOW..UNSEEN).contains(&sent.elapsed());
                self.waits = None;
            }
            Message::Binary(_) => return Err(End::Nonsense),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return Ok(false),
        }
        Ok(true)
    }
}
