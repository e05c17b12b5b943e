//! Requests that the engine's own thread receives.

use std::os::fd::BorrowedFd;

use super::EngineHandle;

/// What ends the sleep of the engine's thread. Each is readable then.
#[derive(Clone, Copy)]
pub struct Alarms<'a> {
    /// The clock; it is set anew for each deadline.
    pub timer: BorrowedFd<'a>,
    /// Somebody wants the thread. A count, which whoever has seen it reads.
    pub kick: BorrowedFd<'a>,
    /// The backing store has something. The engine sees to it that it is not readable for ever.
    pub store: Option<BorrowedFd<'a>>,
}

/// A source of requests that lives on the timekeeper's thread, for kernels' queues that belong to the
/// thread that serves them. Answers then need no other thread to be woken.
///
/// While the timekeeper spins to a deadline a port is not looked at. That costs nothing: a pending
/// deadline means that the arm is busy until then, so whatever arrives meanwhile begins there.
pub trait Port {
    /// Told before anything else: what [`Port::sleep`] has to end for besides requests. The descriptors
    /// stay open for as long as the port is used.
    fn watch(&mut self, alarms: Alarms<'_>);

    /// Hands requests that have come to the engine and puts the answers to those that are done in line.
    /// Never blocks. False: nothing more will come, and it is not to be called again.
    fn pump(&mut self) -> bool;

    /// Sends out what is in line, for a thread that will not sleep now.
    fn send(&mut self);

    /// Sends out what is in line and sleeps until a request comes, an alarm rings, or for no reason.
    /// True: the backing store has something.
    fn sleep(&mut self) -> bool;
}

/// What the engine's thread runs instead of only keeping time: it makes the port, gives it to the
/// function it is given, which returns when the port or the engine has ended, and takes it down.
pub type Body = Box<dyn FnOnce(EngineHandle, &mut dyn FnMut(&mut dyn Port)) + Send>;
