//! That a device has ended, and why.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::device::{DeviceError, ExitReason};

/// That a device has ended, and why: the first reason counts.
#[derive(Default)]
pub(super) struct End {
    state: Mutex<State>,
    reached: Condvar,
}

#[derive(Default)]
struct State {
    reason: Option<Result<ExitReason, DeviceError>>,
    over: bool,
}

impl End {
    /// It is about to end, for this reason.
    pub(super) fn begin(&self, reason: ExitReason) {
        self.lock().reason.get_or_insert(Ok(reason));
    }

    /// The front end has ended without being told to.
    pub(super) fn reach_by_itself(&self, ended: Result<(), String>) {
        self.reach(ended.map(|()| ExitReason::Withdrawn).map_err(DeviceError));
    }

    /// It has ended.
    pub(super) fn reach(&self, reason: Result<ExitReason, DeviceError>) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        state.over = true;
        self.reached.notify_all();
    }

    /// Returns when it has ended.
    pub(super) fn wait(&self) -> Result<ExitReason, DeviceError> {
        let mut state = self.lock();
        loop {
            if let State { reason: Some(reason), over: true } = &*state {
                return reason.clone();
            }
            state = self.reached.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
