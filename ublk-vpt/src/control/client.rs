//! The commands' side of the control socket.

use std::time::Duration;

use daemonkit::client::{CallError, call};
use serde::de::DeserializeOwned;

use super::protocol::{About, Request, format_request, parse_reply};
use crate::daemon::device::Settings;
use crate::report::{StatsReport, TraceRecord};
use crate::state::{StateDir, process_state};

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer: a full trace.
const MAX_ANSWER: usize = 64 << 20;

/// No answer, or a refusal.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon has no socket: it is starting or ending.
    #[error("device {id} does not take requests (it is just starting, or ending)")]
    Absent {
        /// The device.
        id: u32,
    },
    /// It does not answer; why, as far as can be seen, and what to do.
    #[error(
        "device {id}: its daemon, process {pid}, does not answer within {} s{advice}", patience.as_secs_f64()
    )]
    Silent {
        /// The device.
        id: u32,
        /// Its daemon.
        pid: u32,
        /// How long was waited.
        patience: Duration,
        /// What to do, beginning with a separator.
        advice: String,
    },
    /// It answered with a refusal.
    #[error("device {id}: {reason}")]
    Refused {
        /// The device.
        id: u32,
        /// In the daemon's words.
        reason: String,
    },
    /// Anything else with the socket.
    #[error("device {id}: {source}")]
    Call {
        /// The device.
        id: u32,
        /// What.
        source: CallError,
    },
}

/// Asks one device's daemon.
#[derive(Clone, Debug)]
pub struct Client {
    state: StateDir,
    id: u32,
    patience: Duration,
}

impl Client {
    /// For device `id` of `state`; every request may take 5 s.
    pub fn new(state: &StateDir, id: u32) -> Self {
        Self { state: state.clone(), id, patience: PATIENCE }
    }

    /// With another time.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What it is.
    ///
    /// # Errors
    /// See [`ClientError`]; the same for all requests.
    pub fn about(&self) -> Result<About, ClientError> {
        self.ask(&Request::About)
    }

    /// What it did.
    pub fn stats(&self, epochs: bool) -> Result<StatsReport, ClientError> {
        self.ask(&Request::Stats { epochs })
    }

    /// At most `max` of its last requests, oldest first.
    pub fn trace(&self, max: usize) -> Result<Vec<TraceRecord>, ClientError> {
        self.ask(&Request::Trace { max })
    }

    /// Changes settings.
    pub fn set(&self, settings: Settings) -> Result<(), ClientError> {
        self.ask(&Request::Set { settings })
    }

    /// Asks it to end, with `force` even if it is mounted; that is over when its lock is free.
    pub fn stop(&self, force: bool) -> Result<(), ClientError> {
        self.ask(&Request::Stop { force })
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ClientError> {
        let id = self.id;
        let refused = |reason: String| ClientError::Refused { id, reason };
        let line = format_request(request).map_err(|e| refused(e.to_string()))?;
        let answer = call(&self.state.file(id, "sock"), &line, self.patience, MAX_ANSWER);
        match answer {
            Ok(line) => parse_reply(&line).map_err(refused),
            Err(CallError::Absent(_)) => Err(ClientError::Absent { id }),
            Err(CallError::Silent(patience)) => Err(self.silent(patience)),
            Err(source) => Err(ClientError::Call { id, source }),
        }
    }

    fn silent(&self, patience: Duration) -> ClientError {
        let id = self.id;
        let pid = self.state.living(id).ok().flatten().unwrap_or(0);
        let advice = match process_state(pid) {
            Some('T' | 't') => {
                format!(": it was stopped (SIGSTOP); continue it with: kill -CONT {pid}")
            }
            _ => format!("; to end it by force: ublk del -n {id} --force"),
        };
        ClientError::Silent { id, pid, patience, advice }
    }
}
