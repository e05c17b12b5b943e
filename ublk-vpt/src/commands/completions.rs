//! `ublk completions`.

use std::io::Write;

use super::Outcome;
use crate::cli::CompletionsArgs;

pub(super) fn run(
    args: &CompletionsArgs,
    mut command: clap::Command,
    out: &mut dyn Write,
) -> Outcome {
    // Generated into memory first: the generator panics where writing fails.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ublk", &mut text);
    out.write_all(&text)?;
    Ok(())
}
