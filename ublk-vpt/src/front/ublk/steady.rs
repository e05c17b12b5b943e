//! Commands that go on though a signal has ended the wait for them.
//!
//! libublk waits once for the completion of a command. Whoever stops and continues the process, or looks
//! at it with a debugger, ends that wait; libublk then says EAGAIN, which the driver itself never answers,
//! and takes the completion, when it comes, for that of the next command.

use std::time::{Duration, Instant};

use io_uring::types::{SubmitArgs, Timespec};
use libublk::{UblkError, ublk_init_ctrl_task_ring};
use nix::libc;

use super::control::{PATIENCE, errno};

/// Without a completion for that long, none is taken to be on its way. If one is, the next attempt fails
/// by it and there is another.
const QUIET: Duration = Duration::from_millis(100);

/// Gives a command until it has been waited for to its end. The same must come of it twice as once.
pub(super) fn steadily<T>(
    mut command: impl FnMut() -> Result<T, UblkError>,
) -> Result<T, UblkError> {
    let end = Instant::now() + PATIENCE;
    loop {
        match command() {
            Err(e) if is_interrupted(&e) && Instant::now() < end => settle(end),
            answered => return answered,
        }
    }
}

/// The driver itself says EINTR where it waits for the queue.
fn is_interrupted(e: &UblkError) -> bool {
    [libc::EAGAIN, libc::EINTR].contains(&errno(e))
}

/// Takes away completions that libublk has not waited for.
fn settle(end: Instant) {
    let tick = Timespec::from(QUIET / 10);
    let mut last = Instant::now();
    while last.elapsed() < QUIET && Instant::now() < end {
        // Its only error would be this closure's.
        let _ = ublk_init_ctrl_task_ring(|ring| {
            // No ring, no commands.
            let Some(ring) = ring else { return Ok(()) };
            // A signal ends this wait too, and a timeout is no failure.
            let _ = ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&tick));
            if ring.completion().next().is_some() {
                last = Instant::now();
            }
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_signal_has_ended_is_given_again() {
        for (errors, expected) in [
            (vec![], Ok(0)),
            (vec![libc::EAGAIN, libc::EINTR, libc::EAGAIN], Ok(3)),
            (vec![libc::EINVAL], Err(libc::EINVAL)),
            (vec![libc::EAGAIN, libc::ENODEV, libc::EAGAIN], Err(libc::ENODEV)),
        ] {
            let mut left = errors.iter();
            let mut failed = 0;
            let result = steadily(|| match left.next() {
                Some(&error) => {
                    failed += 1;
                    Err(UblkError::UringIOError(-error))
                }
                None => Ok(failed),
            });
            assert_eq!(result.map_err(|e| errno(&e)), expected, "{errors:?}");
        }
    }
}
