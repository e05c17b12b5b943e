//! The `vcd` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    vcd_drm::commands::main(std::env::args_os())
}
