//! Giving up, once the device works, what the daemon no longer needs.
//!
//! ```text
//!   everything is open ─> Landlock on every thread ─> seccomp on every thread ─> ready
//! ```
//! Landlock leaves it the files it may still open by name, seccomp the system calls it may still make.
//! What is forbidden fails with EPERM, as for any program without the right; calls that only an
//! intruder makes end the process. What ends a device and needs more is done by a helper that was
//! started before ([`super::release`]). The whys are in `docs/adr/0010-confinement.md`.

mod every_thread;
mod files;
mod syscalls;

use super::device::{Confine, DeviceConfig, DeviceError};

/// Confines this process, all its threads and what they start, as the settings ask. Says what the user
/// should know.
///
/// # Errors
/// `--confine on`, and the kernel cannot do all of it.
pub fn apply(config: &DeviceConfig) -> Result<Option<String>, DeviceError> {
    if config.confine == Confine::Off {
        return Ok(None);
    }
    let state = config.socket.parent().map(std::path::Path::to_owned);
    let steps = files::confine(config, state.as_deref())
        .map_err(|why| format!("Landlock: {why}"))
        .and(syscalls::confine(config.front).map_err(|why| format!("seccomp: {why}")));
    match steps {
        Ok(()) => Ok(None),
        Err(why) if config.confine == Confine::On => {
            Err(DeviceError(format!("--confine on: {why}; use --confine auto to do without")))
        }
        Err(why) => Ok(Some(format!("not fully confined: {why}"))),
    }
}

/// What this machine can do about it.
///
/// # Errors
/// One line: what is missing.
pub fn available() -> Result<(), String> {
    files::available()?;
    syscalls::available()
}
