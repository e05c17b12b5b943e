//! The daemon's answers.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use daemonkit::server::{Answer, Handler, Peer};

use super::protocol::{About, Request, parse_request, reply_error, reply_ok};
use crate::daemon::device::{Device, DiskText};

/// Most trace records in one answer; a line of them stays within what a client reads.
const MAX_TRACE: usize = 50_000;

/// Who wants the daemon to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// A signal of this name.
    Signal(&'static str),
    /// A client of this process id.
    Client(u32),
    /// The process that started it does not listen any more.
    ParentGone,
}

/// Answers for one device.
pub struct ControlHandler {
    id: u32,
    disk: DiskText,
    device: Arc<dyn Device>,
    stop: Sender<StopCause>,
}

impl ControlHandler {
    /// Answers for `device`; a request to end goes to `stop`, as ending takes longer than an answer may.
    pub fn new(id: u32, disk: DiskText, device: Arc<dyn Device>, stop: Sender<StopCause>) -> Self {
        Self { id, disk, device, stop }
    }

    fn answer(&self, peer: &Peer, request: Request) -> String {
        let changes = matches!(request, Request::Set { .. } | Request::Stop { .. });
        // The socket is its owner's and root's alone; this is for one whose mode was widened, so that
        // others may look.
        if changes && !peer.may_control() {
            let (pid, uid) = (peer.pid, peer.uid);
            tracing::warn!(pid, uid, "refused a change by another user");
            return reply_error("only root and the user who started the device may do that");
        }
        match request {
            Request::About => {
                let pid = std::process::id();
                let disk = self.disk.clone();
                reply_ok(&About { id: self.id, pid, info: self.device.info(), disk })
            }
            Request::Stats { epochs } => reply_ok(&self.device.stats(epochs)),
            Request::Trace { max } => reply_ok(&self.device.trace(max.min(MAX_TRACE))),
            Request::Set { settings } => match self.device.set(&settings) {
                Ok(()) => {
                    tracing::info!(pid = peer.pid, ?settings, "settings changed");
                    reply_ok(&())
                }
                Err(e) => reply_error(&e.to_string()),
            },
            Request::Stop { force: false } if let Some(use_) = self.device.in_use() => reply_error(
                &format!("{use_} first, or use --force and lose what is not written yet"),
            ),
            Request::Stop { .. } => match self.stop.send(StopCause::Client(peer.pid)) {
                // No receiver: it is ending already.
                Ok(()) | Err(_) => reply_ok(&()),
            },
        }
    }
}

impl Handler for ControlHandler {
    fn line(&mut self, peer: &Peer, line: &[u8]) -> Answer {
        match parse_request(line) {
            Ok(request) => Answer::more(self.answer(peer, request)),
            Err(reason) => {
                tracing::warn!(pid = peer.pid, "control socket: {reason}");
                Answer::last(reply_error(&reason))
            }
        }
    }

    fn refuse(&mut self, reason: &str) -> String {
        reply_error(reason)
    }
}
