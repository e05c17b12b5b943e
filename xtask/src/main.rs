//! `cargo xtask`: the command line; each command is a module of the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, demo, dist, fuzz, lint, regs, schedulers, test, vm};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve an image as a lab disk, measure it, show a table and a plot, clean up
    Demo {
        /// Print exactly one JSON object on standard output; progress goes to standard error
        #[arg(long)]
        json: bool,
        /// Leave the device and its image in place, and say how to remove them
        #[arg(long)]
        keep: bool,
        /// A small image and few requests: seconds instead of a minute, and a coarser result
        #[arg(long)]
        quick: bool,
        /// Where the plots and the result go [default: target/demo]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Show this `ublk` instead of building one; for tests
        #[arg(long, value_name = "PATH", hide = true)]
        ublk: Option<PathBuf>,
    },
    /// Run the tests; the last line counts what passed, failed and was skipped
    Test {
        /// Only this area: a package, or a folder of tests/
        #[arg(long, value_name = "AREA")]
        only: Option<String>,
        /// List the areas
        #[arg(long)]
        list: bool,
    },
    /// Run a command on a stock Debian kernel in QEMU, with this machine's files as its root
    #[command(after_help = VM_HELP)]
    Vm(vm::Options),
    /// Measure the kernel's I/O schedulers on a lab disk, beside the model's prediction
    Schedulers(schedulers::Options),
    /// Check format, warnings, dependency directions, licences, scripts, C style and house rules
    Lint {
        /// Run the formatter, and apply what clippy can fix by itself, before checking
        #[arg(long)]
        fix: bool,
    },
    /// Feed malformed input to the parsers; fails on a crash and says which input it was
    Fuzz {
        /// Only this target of fuzz/Cargo.toml
        target: Option<String>,
        /// How long each target runs
        #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Measure against targets; exits 1 when one is missed
    Bench {
        /// Which benchmark
        #[arg(required_unless_present = "list")]
        name: Option<String>,
        /// Print exactly one JSON object on standard output
        #[arg(long)]
        json: bool,
        /// List the benchmarks
        #[arg(long)]
        list: bool,
        /// Measure nothing: write the latest result into the README's table
        #[arg(long, conflicts_with = "json")]
        readme: bool,
    },
    /// Write what is generated from the description of the base card: C header, Rust, manual
    Regs {
        /// Write nothing: say what is out of date, and fail if something is
        #[arg(long)]
        check: bool,
    },
    /// Make what is installed, in target/dist: an archive and a Debian package
    Dist {
        /// The Debian package only
        #[arg(long)]
        deb: bool,
        /// The archive only
        #[arg(long, conflicts_with = "deb")]
        tar: bool,
    },
}

const VM_HELP: &str = "\
Exit status: the command's own, or
  121  the lab could not be set up or started
  122  the guest ended without a result
  123  the kernel's log holds an oops, a warning or a checker's report
  124  there was no result in time

Examples:
  cargo xtask vm -- uname -a
  cargo xtask vm --kernel 6.1 --disk 1G -- sh -c 'mkfs.ext4 $VPT_LAB_DISK'
  cargo xtask vm --shell";

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Demo { json, keep, quick, out, ublk } => {
            demo::main(&demo::Options { json, keep, quick, out, ublk })
        }
        Command::Test { only, list } => test::main(only.as_deref(), list),
        Command::Vm(options) => return ExitCode::from(vm::main(options)),
        Command::Schedulers(options) => schedulers::main(&options),
        Command::Lint { fix } => lint::main(fix),
        Command::Bench { list: true, .. } => bench::list(),
        Command::Bench { name, json, readme, .. } => {
            bench::main(name.as_deref().unwrap_or_default(), json, readme)
        }
        Command::Fuzz { target, seconds } => fuzz::main(target.as_deref(), seconds),
        Command::Regs { check } => regs::main(check),
        Command::Dist { deb, tar } => dist::main(dist::Wanted { tar: !deb, deb: !tar }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
