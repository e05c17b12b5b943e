//! The `ublk` command.

use std::process::ExitCode;

use ublk_vpt::commands::{self, Failure, Program};
use ublk_vpt::daemon::device::DeviceError;

fn main() -> ExitCode {
    commands::main(&PROGRAM, std::env::args_os())
}

/// What the commands work with. This build has the commands only; each entry says so.
const PROGRAM: Program = Program {
    open_device: |_| Err(DeviceError("no front end in this build".into())),
    detach_loop: |_, _| Err("no loop devices in this build".into()),
    check_disk: |disk| Err(format!("{}: no reader of disk files in this build", disk.origin)),
    probe: |_, _| Err(Failure::Failed("no probe in this build".into())),
    replay: |_, _, _| Err(Failure::Failed("no replay in this build".into())),
    top: |_, _| Err(Failure::Failed("no top in this build".into())),
};
