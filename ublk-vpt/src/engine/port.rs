//! Requests that the engine's own thread receives.

use std::os::fd::BorrowedFd;

use super::EngineHandle;

/// A source of requests that lives on the timekeeper's thread, for kernels' queues that belong to the
/// thread that serves them. Answers then need no other thread to be woken.
///
/// While the timekeeper spins to a deadline a port is not looked at. That costs nothing: a pending
/// deadline means that the arm is busy until then, so whatever arrives meanwhile begins there.
pub trait Port {
    /// Readable when there is something for [`Port::pump`].
    fn fd(&self) -> BorrowedFd<'_>;

    /// Hands requests that have come to the engine and sends out the answers to those that are done.
    /// Never blocks. False: nothing more will come, and it is not to be called again.
    fn pump(&mut self) -> bool;
}

/// What the engine's thread runs instead of only keeping time: it makes the port, gives it to the
/// function it is given, which returns when the port or the engine has ended, and takes it down.
pub type Body = Box<dyn FnOnce(EngineHandle, &mut dyn FnMut(&mut dyn Port)) + Send>;
