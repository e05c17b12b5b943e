//! Waiting for a change, and for the end.
//!
//! The screen's bell is one event descriptor to which a number is added for every frame, and which
//! nobody reads. Watched edge-triggered, every addition wakes everybody who waits, however many these
//! are; and one that comes between looking and waiting ends the wait at once. The publisher neither
//! knows nor waits for those who watch.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

/// Something that rings.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// One that has not rung.
    ///
    /// # Errors
    /// No event descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes everybody who watches it.
    pub fn ring(&self) {
        // It fails only when the sum does not fit into 64 bits, and that was not reached by ringing.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A set of descriptors to wait for.
#[derive(Debug)]
pub struct Watch {
    epoll: OwnedFd,
}

/// Most descriptors that one wait tells of.
const MOST: usize = 8;

impl Watch {
    /// One that watches nothing.
    ///
    /// # Errors
    /// No epoll descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Watches a bell that rings again and again: each ring ends one wait.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn bell(&self, bell: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, bell, EventData::new_u64(token), flags)?)
    }

    /// Watches a descriptor for as long as it is ready.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn add(&self, fd: impl AsFd, token: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), flags)?)
    }

    /// Changes for what it is watched.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn change(&self, fd: impl AsFd, token: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(token), flags)?)
    }

    /// Waits, with a time for no longer than that. Tells the tokens of what is ready.
    ///
    /// # Errors
    /// As epoll_wait(2); a signal is none.
    pub fn wait(&self, time: Option<Duration>) -> io::Result<Woken> {
        let time = time.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let none = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [none; MOST];
        let count = match epoll::wait(&self.epoll, &mut events[..], time.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        let mut tokens = [0; MOST];
        for (token, event) in tokens.iter_mut().zip(&events[..count]) {
            *token = event.data.u64();
        }
        Ok(Woken { tokens, count })
    }
}

/// What ended a wait.
#[derive(Clone, Copy, Debug)]
pub struct Woken {
    tokens: [u64; MOST],
    count: usize,
}

impl Woken {
    /// Whether this was among it.
    pub fn by(&self, token: u64) -> bool {
        self.tokens[..self.count].contains(&token)
    }

    /// Whether it was the time.
    pub fn by_time(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ring_wakes_every_watch_once() {
        let bell = Bell::new().unwrap();
        let watches: Vec<Watch> = (0..3).map(|_| Watch::new().unwrap()).collect();
        watches.iter().for_each(|watch| watch.bell(&bell, 7).unwrap());
        for _ in 0..3 {
            bell.ring();
            for watch in &watches {
                assert!(watch.wait(None).unwrap().by(7));
                assert!(watch.wait(Some(Duration::ZERO)).unwrap().by_time());
            }
        }
    }
}
