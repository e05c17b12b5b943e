//! Ctrl-C: the first ends the experiment and keeps what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::{Context, Result};
use daemonkit::signals::StopSignals;

use crate::controller::Interrupted;

/// Raised by SIGINT, SIGTERM and SIGHUP, and by `lgbench ctl stop`.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    flag: Arc<AtomicBool>,
    /// Ends with the last clone.
    _signals: Arc<StopSignals>,
}

impl Interrupt {
    pub(super) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&flag);
        let signals = StopSignals::install(move |_| raised.store(true, SeqCst));
        let signals = signals.context("cannot prepare for Ctrl-C")?;
        Ok(Self { flag, _signals: Arc::new(signals) })
    }

    /// The flag itself, for who may raise it.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

impl Interrupted for Interrupt {
    fn is_raised(&self) -> bool {
        self.flag.load(SeqCst)
    }
}
