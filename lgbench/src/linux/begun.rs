//! Since when a guest has had its time to begin.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// From its start on, or from when it was first let go: guests begin one after the other, and one that is
/// held is not slow.
#[derive(Debug)]
pub struct Begun {
    since: Cell<Instant>,
    is_let_go: Cell<bool>,
}

impl Begun {
    /// One that has just been started.
    pub fn now() -> Self {
        Self { since: Cell::new(Instant::now()), is_let_go: Cell::new(false) }
    }

    /// It may run. All but the first time this is next to nothing.
    pub fn let_go(&self) {
        if !self.is_let_go.replace(true) {
            self.since.set(Instant::now());
        }
    }

    /// For how long it has been able to begin.
    pub fn elapsed(&self) -> Duration {
        self.since.get().elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_before_it_was_first_let_go_does_not_count() {
        let begun = Begun::now();
        let long_ago = Instant::now() - Duration::from_secs(3600);
        begun.since.set(long_ago);
        assert!(begun.elapsed() >= Duration::from_secs(3600));
        begun.let_go();
        assert!(begun.elapsed() < Duration::from_secs(3600));
        begun.since.set(long_ago);
        begun.let_go();
        assert!(begun.elapsed() >= Duration::from_secs(3600));
    }
}
