//! The semantic patch, on copies.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::error::{Doing, PatchError};
use super::pieces::COCCI;

/// It takes a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// What files become, in their order; each a name and its content.
///
/// # Errors
/// When spatch is not there or fails, and on Ctrl-C.
pub fn patched(
    files: &[(&str, &[u8])],
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<Vec<u8>>, PatchError> {
    let folder = tempfile::Builder::new().prefix("lgbench-lguest").tempdir();
    let folder = folder.doing("make a folder in", &std::env::temp_dir())?;
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(at(name), bytes).doing("write", &at(name));
    write("lgbench.cocci", COCCI.as_bytes())?;
    for (name, bytes) in files {
        write(name, bytes)?;
    }
    let log = File::create(at("log")).doing("write", &at("log"))?;
    let mut command = Command::new("spatch");
    command.args(["--very-quiet", "--no-includes", "--no-show-diff", "--in-place"]);
    command.args(["--sp-file", "lgbench.cocci"]).args(files.iter().map(|(name, _)| name));
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let child = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what =
                "there is no spatch, which puts the hooks in; install the package coccinelle";
            return Err(PatchError::Refused(what.into()));
        }
        child => child.doing("run", Path::new("spatch"))?,
    };
    let status = wait(child, interrupted)?;
    if interrupted() {
        return Err(PatchError::Interrupted);
    }
    if !status.success() {
        let log = fs::read(at("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        return Err(PatchError::Refused(format!("spatch failed ({status}): {}", last.trim())));
    }
    files.iter().map(|(name, _)| fs::read(at(name)).doing("read", &at(name))).collect()
}

fn wait(mut child: Child, interrupted: &dyn Fn() -> bool) -> Result<ExitStatus, PatchError> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().doing("wait for", Path::new("spatch"))? {
            return Ok(status);
        }
        let late = start.elapsed() > PATIENCE;
        if late || interrupted() {
            // Gone already, if that fails.
            let _ = child.kill();
            let _ = child.wait();
            return Err(match late {
                true => PatchError::Refused(format!("spatch was not done in {PATIENCE:?}")),
                false => PatchError::Interrupted,
            });
        }
        std::thread::sleep(LOOK);
    }
}
