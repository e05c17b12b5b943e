//! The signals that ask a daemon to end, as messages.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// A thread that turns SIGINT, SIGTERM and SIGHUP into calls.
#[derive(Debug)]
pub struct StopSignals {
    handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl StopSignals {
    /// From now on these signals no longer end the process but call `on_signal` with their name, from
    /// a thread of their own. Install it before there is anything that needs cleaning up.
    ///
    /// # Errors
    /// The handlers or the thread could not be set up.
    pub fn install(mut on_signal: impl FnMut(&'static str) + Send + 'static) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                on_signal(match signal {
                    SIGINT => "SIGINT",
                    SIGTERM => "SIGTERM",
                    _ => "SIGHUP",
                });
            }
        })?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for StopSignals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It can only have ended by a panic of the callback, which has been printed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_becomes_a_call() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let signals = StopSignals::install(move |name| {
            let _ = sender.send(name);
        })
        .unwrap();
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::TERM).unwrap();
        let limit = std::time::Duration::from_secs(20);
        assert_eq!(receiver.recv_timeout(limit), Ok("SIGTERM"));
        drop(signals);
    }
}
