//! Scripts of benchmarks that run in the kernel lab.

use anyhow::{Result, bail};

use crate::run::Interrupt;
use crate::vm::{self, Channel, End, LabRun};

/// What the run's script printed; its errors go to ours. Fails if it, or the kernel, did.
pub(super) fn output(lab: &LabRun, interrupt: &Interrupt) -> Result<String> {
    let mut text = Vec::new();
    let result = vm::run_in_lab(lab, interrupt, &mut |channel, bytes| match channel {
        Channel::Out => text.extend_from_slice(bytes),
        Channel::Err => eprint!("{}", String::from_utf8_lossy(bytes)),
    })?;
    interrupt.check()?;
    if let Some(complaint) = result.complaints(lab.timeout).first() {
        bail!("the kernel lab: {complaint} ({})", result.console.display());
    }
    if result.end != End::Exited(0) {
        bail!("the script in the kernel lab failed; see its last words above");
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
