//! The `vcd` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Does not return in the process that watches over the console.
    vcd_drm::sink::kms::supervisor::run_if_asked();
    vcd_drm::commands::main(std::env::args_os())
}
