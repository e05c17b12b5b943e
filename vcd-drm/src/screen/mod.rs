//! The picture between the thread that runs the card's commands and everybody who looks at it.
//!
//! ```text
//!   command thread                                             sinks and their viewers, each at its pace
//!   Publisher::publish_with ---> tiles of 32x32 pixels, -----> Viewer::take: tiles with a stamp that is
//!    (damage, render)            each with the stamp           newer than the one seen, into a Canvas
//!                                of the frame that
//!                                changed it last       bell -> whoever waits
//! ```
//!
//! - [`area`]: sizes and rectangles
//! - `picture`: the tiles
//! - [`publisher`]: writing them
//! - [`viewer`]: reading them
//! - [`region`]: what somebody has still to be told of
//! - [`bell`]: waiting for a change, and for the end
//!
//! Publishing takes no lock and waits for nobody: tiles are atomic words. A viewer that has not looked
//! for a long time finds all changes merged, so there is no queue to grow. It mostly sees whole frames:
//! when one was being published meanwhile, it looks again, but not for ever. A torn frame is completed by
//! the next look, for which the bell rings.
//!
//! What is published is what a monitor would show, with palette and cursor. The upper byte of pixels is
//! of no meaning and always 0.
//!
//! ```
//! use vcd_drm::screen::{Screen, Size, State};
//!
//! # fn main() -> std::io::Result<()> {
//! let (mut publisher, screen) = Screen::new()?;
//! let mut viewer = screen.viewer();
//! let size = Size::new(640, 480).expect("a size that there can be");
//! publisher.set_mode(Some(size));
//! publisher.publish_with(&[size.bounds()], |_, pixels| pixels.fill(0x12_3456));
//! let change = viewer.take();
//! assert_eq!((change.state, change.resized), (State::Picture, false));
//! assert_eq!(viewer.canvas().pixel(639, 479), 0x12_3456);
//! assert!(viewer.take().is_none(), "nothing has changed since");
//! # Ok(())
//! # }
//! ```

pub mod area;
pub mod bell;
mod picture;
pub mod publisher;
pub mod region;
#[cfg(test)]
mod tests;
pub mod viewer;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::area::{Rect, Size};
pub use self::bell::{Bell, Watch};
use self::picture::Picture;
pub use self::publisher::{Frame, Publisher};
pub use self::region::Region;
pub use self::viewer::{Canvas, Change, Viewer};

/// What the card shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No picture: it is not in graphics mode. Canvases keep their size and are black.
    Off,
    /// A picture that is not shown at the moment. Canvases are black.
    Blank,
    /// A picture.
    Picture,
}

/// The picture, for everybody who looks at it. A clone is another handle of the same.
#[derive(Clone, Debug)]
pub struct Screen {
    shared: Arc<Shared>,
}

impl Screen {
    /// A screen that is off, and the one who publishes on it.
    ///
    /// # Errors
    /// No event descriptor.
    pub fn new() -> io::Result<(Publisher, Self)> {
        let picture = Arc::new(Picture::new(Size::FIRST, false));
        let modes = AtomicU64::new(0);
        let frames = AtomicU64::new(0);
        let picture = Mutex::new(picture);
        let shared = Arc::new(Shared { picture, modes, frames, bell: Bell::new()? });
        Ok((Publisher::new(Arc::clone(&shared)), Self { shared }))
    }

    /// Somebody who looks, and has seen nothing yet.
    pub fn viewer(&self) -> Viewer {
        Viewer::new(Arc::clone(&self.shared))
    }

    /// The picture as it is now.
    pub fn snapshot(&self) -> (State, Canvas) {
        let mut viewer = self.viewer();
        let change = viewer.take();
        (change.state, viewer.into_canvas())
    }

    /// How many frames were published that differed from the one before, changes of mode included.
    pub fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }
}

/// The bell, for an event loop: it rings edge-triggered, and nobody may read it. See [`bell`].
impl AsFd for Screen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }
}

#[derive(Debug)]
struct Shared {
    /// Locked for as long as it takes to clone it; the publisher replaces it when the mode changes, and
    /// only then.
    picture: Mutex<Arc<Picture>>,
    /// How often it was replaced.
    modes: AtomicU64,
    frames: AtomicU64,
    bell: Bell,
}

impl Shared {
    fn picture(&self) -> (u64, Arc<Picture>) {
        // No code that could panic runs under the lock.
        let picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        (self.modes.load(Ordering::Relaxed), Arc::clone(&picture))
    }

    fn replace(&self, next: Arc<Picture>) {
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        *picture = next;
        self.modes.fetch_add(1, Ordering::Release);
    }

    fn frame(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bell.ring();
    }
}
