//! `ublk serve`: what a service runs.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process;

use super::{Failure, Outcome, Program, add};
use crate::cli::{AddArgs, Cli, Command, ServeArgs};
use crate::daemon::device::Front;
use crate::daemon::{chosen_front, this_program};
use crate::disks;
use crate::state::StateDir;

pub(super) fn run(program: &Program, args: &ServeArgs, out: &mut dyn Write) -> Outcome {
    let file = args.file.display();
    let disk = disks::read(&args.file)?;
    let config = (program.check_disk)(&disk).map_err(Failure::Failed)?;
    let Some(serve) = &config.serve else {
        return Err(Failure::Failed(format!(
            "{file}: no [serve] table: write one with image, front and number"
        )));
    };
    let Some(id) = serve.number else {
        return Err(Failure::Failed(format!(
            "{file}: serve.number: missing; a service's device needs a number of its own"
        )));
    };
    let mut add = as_add(&args.file)?;
    add.take_defaults(serve).map_err(|e| Failure::Failed(format!("{file}: {e}")))?;
    let front = chosen_front(add.front, add.loop_device);
    if args.private_mounts && front == Front::Fuse {
        return Err(Failure::Failed(format!(
            "{file}: serve.front: FUSE is what works here, and its file would be seen by nobody outside \
             of this service's own mounts: use ublk-vpt-fuse@.service in the place of ublk-vpt@.service"
        )));
    }
    let state = StateDir::of_this_user()?;
    let left = front == Front::Ublk
        && is_left(state.living(id)?, Path::new(&format!("/dev/ublkc{id}")).exists());
    if left && add.recovery {
        let id = id.to_string();
        // Returns only if it fails.
        let failed = process::Command::new(this_program())
            .args(["recover", "-n", &id, "--foreground"])
            .exec();
        return Err(Failure::Failed(format!("ublk recover -n {id}: cannot be started: {failed}")));
    }
    add::run(program, &add, out)
}

/// A kernel device without its daemon.
fn is_left(daemon: Option<u32>, node: bool) -> bool {
    daemon.is_none() && node
}

/// What `ublk add vpt FILE --foreground` would be.
fn as_add(file: &Path) -> Result<AddArgs, Failure> {
    let mut line: Vec<OsString> =
        ["ublk", "add", "vpt", "--foreground", "--disk"].map(Into::into).into();
    // A name without a slash would be looked up among the known disks.
    line.push(std::path::absolute(file)?.into());
    match Cli::read(line).map(|cli| cli.command) {
        Ok(Command::Add(args)) => Ok(args),
        Ok(_) => Err(Failure::Failed("add is not add".into())),
        Err(e) => Err(Failure::Failed(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_without_a_daemon_is_left() {
        assert!(is_left(None, true));
        assert!(!is_left(Some(7), true) && !is_left(None, false));
    }

    #[test]
    fn the_file_is_never_taken_for_a_name() {
        let args = as_add(Path::new("cheetah-9lp.toml")).unwrap();
        assert!(args.foreground && args.disk().unwrap().starts_with('/'));
    }
}
