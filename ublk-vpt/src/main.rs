//! The `ublk` command.

mod memory;

use std::process::ExitCode;

use ublk_vpt::commands::{self, Program};
use ublk_vpt::daemon::vpt;

fn main() -> ExitCode {
    commands::main(&PROGRAM, std::env::args_os())
}

/// What the commands work with.
const PROGRAM: Program = Program {
    open_device: vpt::open,
    undo: vpt::UNDO,
    undo_at_end: vpt::UNDO_AT_END,
    check_disk: |disk| vpt::read_disk(disk),
};
