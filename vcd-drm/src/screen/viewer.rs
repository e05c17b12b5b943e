//! Looking at the picture.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::area::{self, Rect, Size};
use super::picture::{Picture, TILE};
use super::{Shared, State};

/// How often a viewer looks again because a frame was published meanwhile.
const LOOKS: usize = 3;

/// A copy of the picture, the viewer's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    size: Size,
    pixels: Vec<u32>,
}

impl Canvas {
    fn black(size: Size) -> Self {
        Self { size, pixels: vec![0; size.pixels()] }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All pixels, row after row.
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// One pixel.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn pixel(&self, x: u32, y: u32) -> u32 {
        self.row(Rect { x, y, width: 1, height: 1 }, 0)[0]
    }

    /// A row of a rectangle, counted from its first one.
    ///
    /// # Panics
    /// When the rectangle is not inside.
    #[track_caller]
    pub fn row(&self, rect: Rect, row: u32) -> &[u32] {
        assert!(rect.right() <= self.size.width(), "{rect:?} in {:?}", self.size);
        let at = (rect.y + row) as usize * self.size.width() as usize + rect.x as usize;
        &self.pixels[at..at + rect.width as usize]
    }

    /// The rows of a rectangle.
    pub fn rows(&self, rect: Rect) -> impl Iterator<Item = &[u32]> {
        (0..rect.height).map(move |row| self.row(rect, row))
    }
}

/// What has changed since a viewer looked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the card shows now.
    pub state: State,
    /// Whether that is another state than before.
    pub restated: bool,
    /// Whether the canvas has another size than before.
    pub resized: bool,
    /// Where its pixels have changed.
    pub damage: Vec<Rect>,
}

impl Change {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        !self.restated && !self.resized && self.damage.is_empty()
    }
}

/// One who looks, at any pace.
#[derive(Debug)]
pub struct Viewer {
    shared: Arc<Shared>,
    modes: u64,
    picture: Arc<Picture>,
    /// The stamp of each tile as it is on the canvas.
    seen: Vec<u64>,
    changed: Vec<bool>,
    /// What was told last; at first nothing.
    state: Option<State>,
    canvas: Canvas,
}

impl Viewer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (modes, picture) = shared.picture();
        let seen = vec![0; picture.tiles()];
        let canvas = Canvas::black(picture.size);
        Self { shared, modes, picture, seen, changed: Vec::new(), state: None, canvas }
    }

    /// Brings the canvas up to date and tells where that has changed it. The first time, everywhere.
    pub fn take(&mut self) -> Change {
        let resized = self.follow_mode();
        let state = self.picture.state();
        let restated = self.state != Some(state);
        self.changed.clear();
        self.changed.resize(self.seen.len(), resized || restated);
        if restated && state != State::Picture {
            self.canvas.pixels.fill(0);
        }
        if state == State::Picture {
            if restated {
                self.seen.fill(0);
            }
            self.follow_picture();
        }
        self.state = Some(state);
        let mut damage = Vec::new();
        area::merge(self.canvas.size, TILE, |tile| self.changed[tile], &mut damage);
        Change { state, restated, resized, damage }
    }

    /// Its copy of the picture, as of the last [`Viewer::take`].
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// Its copy alone.
    pub fn into_canvas(self) -> Canvas {
        self.canvas
    }

    /// Goes over to the picture of another mode. Returns whether it has another size.
    fn follow_mode(&mut self) -> bool {
        if self.shared.modes.load(Ordering::Acquire) == self.modes {
            return false;
        }
        let (modes, picture) = self.shared.picture();
        let resized = picture.size != self.canvas.size;
        if resized {
            self.canvas = Canvas::black(picture.size);
        }
        self.seen.clear();
        self.seen.resize(picture.tiles(), 0);
        (self.modes, self.picture) = (modes, picture);
        resized
    }

    fn follow_picture(&mut self) {
        for _ in 0..LOOKS {
            let finished = self.picture.finished();
            for (tile, seen) in self.seen.iter_mut().enumerate() {
                let stamp = self.picture.stamp(tile);
                if stamp != *seen {
                    self.picture.load(tile, &mut self.canvas.pixels);
                    *seen = stamp;
                    self.changed[tile] = true;
                }
            }
            if self.picture.is_still(finished) {
                return;
            }
        }
    }
}

impl Picture {
    pub(super) fn state(&self) -> State {
        match (self.graphics, self.blank.load(Ordering::Acquire)) {
            (false, _) => State::Off,
            (true, true) => State::Blank,
            (true, false) => State::Picture,
        }
    }
}

/// The bell, as that of the [`Screen`](super::Screen).
impl AsFd for Viewer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }
}
