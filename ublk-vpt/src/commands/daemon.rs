//! `ublk __daemon`: what `add` starts.

use super::{Failure, Outcome};
use crate::daemon::{Surroundings, run_background};

pub(super) fn run(surroundings: &Surroundings) -> Outcome {
    // The parent, or the log, has been told the reason.
    run_background(surroundings).map_err(|_| Failure::Told)
}
