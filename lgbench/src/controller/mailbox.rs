//! How the mode of a running experiment is changed: whoever wants a change leaves it here.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Mode;

/// At most one wish, and what is so at present.
#[derive(Debug, Default)]
pub struct Mailbox {
    full: AtomicBool,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    wish: Option<Mode>,
    now: Option<Mode>,
    about: String,
    guests: usize,
}

impl Mailbox {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wishes for a mode; a wish that nobody has seen yet is forgotten.
    pub fn put(&self, mode: Mode) {
        self.content().wish = Some(mode);
        self.full.store(true, SeqCst);
    }

    /// The wish, if there is one. Costs one load when there is none.
    pub fn take(&self) -> Option<Mode> {
        if !self.full.load(SeqCst) || !self.full.swap(false, SeqCst) {
            return None;
        }
        self.content().wish.take()
    }

    /// Tells the mode there is now.
    pub fn now(&self, mode: Mode) {
        self.content().now = Some(mode);
    }

    /// Tells what is being measured, with how many guests; between two runs nobody has a mode.
    pub fn begin(&self, about: &str, guests: usize) {
        let mut content = self.content();
        *content = Content { about: about.to_owned(), guests, ..Content::default() };
        self.full.store(false, SeqCst);
    }

    /// What is being measured, in which mode, with how many guests.
    pub fn status(&self) -> (String, Option<Mode>, usize) {
        let content = self.content();
        (content.about.clone(), content.now, content.guests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_last_wish_counts_once() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.take(), None);
        mailbox.put(Mode::Off);
        let mode = Mode::Alternate { interval: Duration::from_millis(4) };
        mailbox.put(mode);
        assert_eq!((mailbox.take(), mailbox.take()), (Some(mode), None));
        mailbox.begin("fig6", 2);
        mailbox.now(mode);
        assert_eq!(mailbox.status(), ("fig6".to_owned(), Some(mode), 2));
    }
}
