//! The `lgbench` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    lgbench::commands::main(std::env::args_os())
}
