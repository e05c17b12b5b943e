//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::compare::CompareArgs;
use crate::linux::clocks::{Clock, Load};
use crate::report::ReportArgs;
use crate::units;

/// What it costs to switch between guests, and what switching does to memory throughput
#[derive(Debug, Parser)]
#[command(name = "lgbench", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment, or all of them; Ctrl-C keeps what there is
    Run(RunArgs),
    /// Ask a running experiment, or change how its guests take turns
    Ctl(CtlArgs),
    /// Compare two files of results: same, faster, slower, or undecided
    Compare(CompareArgs),
    /// Make a page and figures of results
    Report(ReportArgs),
    /// Tell what this machine can do and what will disturb measurements on it
    Env(EnvArgs),
    /// Measure what measuring costs: recording an event, the controller, a virtual machine
    Probe(ProbeArgs),
    /// Measure what a virtual machine costs a program that computes; Ctrl-C keeps what there is
    Penalty(PenaltyArgs),
    /// Measure how far the clock of a Linux guest gets from its host's
    Skew(SkewArgs),
    /// Patch lguest in a kernel's sources, so that its guests can be measured
    Lguest(LguestArgs),
}

/// What runs guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendName {
    /// Virtual machines on /dev/kvm
    Kvm,
    /// Virtual machines on /dev/kvm that run Linux
    KvmLinux,
    /// Guests of lguest, the report's own hypervisor, on an old kernel
    Lguest,
    /// Processes, stopped and continued
    Native,
}

/// What runs virtual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VmName {
    /// Virtual machines on /dev/kvm
    Kvm,
    /// Virtual machines on /dev/kvm that run Linux
    KvmLinux,
}

/// What guests boot that run Linux.
#[derive(Args, Clone, Debug)]
pub struct LinuxArgs {
    /// The kernel of guests that run Linux: vmlinuz or vmlinux [default: that of this machine]
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// More for its command line
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub append: String,
}

/// Where guests and controller run.
#[derive(Args, Clone, Debug, Default)]
pub struct Cpus {
    /// The CPU of all guests [default: the last one this process may use]
    #[arg(long, value_name = "CPU")]
    pub guest_cpu: Option<u32>,
    /// The controller's CPU [default: the first one that is not the guests']
    #[arg(long, value_name = "CPU")]
    pub controller_cpu: Option<u32>,
    /// Real-time scheduling (SCHED_FIFO) for controller and guests
    #[arg(long)]
    pub fifo: bool,
}

/// What runs guests, and where.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// What runs the guests [default: kvm where it works]
    #[arg(long, value_name = "NAME")]
    pub backend: Option<BackendName>,
    /// The kernel of guests.
    #[command(flatten)]
    pub linux: LinuxArgs,
    /// A shell command that starts a guest of lguest; it has LGBENCH_GUEST, LGBENCH_INITRD and
    /// LGBENCH_ARGS in its environment
    #[arg(long, value_name = "COMMAND")]
    pub launcher: Option<String>,
    /// The first program of lguest's guests, where it is not lgbench's own
    #[arg(long, value_name = "FILE")]
    pub guest_program: Option<PathBuf>,
    /// Their CPUs.
    #[command(flatten)]
    pub cpus: Cpus,
    /// Let the controller share the guests' CPU where there is only one; results are marked
    #[arg(long)]
    pub share_cpu: bool,
    /// Bytes of each of STREAM's arrays [default: four times the last cache]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub array: Option<u64>,
    /// Give up when a guest that may run gets nowhere for so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    pub watchdog: Duration,
}

/// `lgbench run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// exp1, fig3, fig4, fig5, fig6, fig7, fig8, dhrystone, gap, or all
    pub experiment: String,
    /// Short and few runs: minutes for all of them
    #[arg(long)]
    pub quick: bool,
    /// Where and on what.
    #[command(flatten)]
    pub place: Place,
    /// Runs of each experiment
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: Option<u32>,
    /// One scenario of the experiment only
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Slices of fig6, like 0.25ms,4ms,64ms
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = units::duration)]
    pub slices: Option<Vec<Duration>>,
    /// How long each run measures, for experiments that do not change on the way
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub length: Option<Duration>,
    /// Do not ask the kernel's tracepoints about switches, which costs each a little
    #[arg(long)]
    pub no_tracepoints: bool,
    /// Folder for results and report; results that are there already become results.old.json
    #[arg(long, value_name = "DIR", default_value = "lgbench-results")]
    pub out: PathBuf,
    /// Print the results as JSON when done
    #[arg(long)]
    pub json: bool,
    /// The socket for `lgbench ctl`
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
}

/// `lgbench ctl`.
#[derive(Args, Debug)]
pub struct CtlArgs {
    /// The socket of the running experiment
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// status, stop, off, alternate INTERVAL, or once GUEST AFTER
    #[arg(required = true, value_name = "WORD")]
    pub words: Vec<String>,
}

/// `lgbench env`.
#[derive(Args, Debug)]
pub struct EnvArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `lgbench probe`.
#[derive(Args, Debug)]
pub struct ProbeArgs {
    /// Where and on what.
    #[command(flatten)]
    pub place: Place,
    /// How long each measurement takes; there are a dozen
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = units::duration)]
    pub length: Duration,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `lgbench skew`.
#[derive(Args, Debug)]
pub struct SkewArgs {
    /// What the guest's clock is made of [default: each of them]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub clock: Option<Vec<Clock>>,
    /// What else there is to do [default: each of them]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub load: Option<Vec<Load>>,
    /// For how long each clock is measured under each load
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = units::duration)]
    pub length: Duration,
    /// How often the clocks are read
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = units::duration)]
    pub period: Duration,
    /// Programs that want the guest's CPU, on a busy host
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub rivals: u32,
    /// Do not make up for interrupts of the interval timer that the guest has missed
    #[arg(long)]
    pub no_pit_reinjection: bool,
    /// The guest's kernel.
    #[command(flatten)]
    pub linux: LinuxArgs,
    /// The guest's CPU [default: the last one this process may use]
    #[arg(long, value_name = "CPU")]
    pub guest_cpu: Option<u32>,
    /// Folder for results and report; results that are there already become results.old.json
    #[arg(long, value_name = "DIR", default_value = "lgbench-skew")]
    pub out: PathBuf,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
}

/// `lgbench penalty`.
#[derive(Args, Debug)]
pub struct PenaltyArgs {
    /// What runs the virtual machines
    #[arg(long, value_name = "NAME", default_value = "kvm")]
    pub backend: VmName,
    /// The guest's kernel.
    #[command(flatten)]
    pub linux: LinuxArgs,
    /// Runs of each of the four: on the metal and in a virtual machine, unpinned and pinned
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: u32,
    /// Steps of time in each run
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    pub steps: u64,
    /// Cells along each edge of the box
    #[arg(long, value_name = "CELLS", default_value_t = 32,
        value_parser = clap::value_parser!(u64).range(4..=192))]
    pub size: u64,
    /// The CPU of pinned runs [default: the last one this process may use]
    #[arg(long, value_name = "CPU")]
    pub guest_cpu: Option<u32>,
    /// Give up when a run gets nowhere for so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    pub watchdog: Duration,
    /// Folder for results and report; results that are there already become results.old.json
    #[arg(long, value_name = "DIR", default_value = "lgbench-penalty")]
    pub out: PathBuf,
    /// Print what was found as JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// `lgbench lguest`.
#[derive(Args, Debug)]
pub struct LguestArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LguestCommand,
}

/// The commands of `lgbench lguest`.
#[derive(Debug, Subcommand)]
pub enum LguestCommand {
    /// Put the hooks in, all of them or none
    Apply(TreeArgs),
    /// Tell whether the hooks would go in, or are all there and unchanged; changes nothing
    Check(TreeArgs),
    /// Put everything back to what it was
    Revert(RevertArgs),
    /// Print the options that a kernel for host and guests needs
    Config,
}

/// A kernel's sources.
#[derive(Args, Debug)]
pub struct TreeArgs {
    /// The top folder of a kernel's sources, 2.6.30 to 4.13
    #[arg(long, value_name = "TREE")]
    pub kernel: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `lgbench lguest revert`.
#[derive(Args, Debug)]
pub struct RevertArgs {
    /// Which.
    #[command(flatten)]
    pub tree: TreeArgs,
    /// Restore files, too, that were edited after they had been patched: the edits are lost
    #[arg(long)]
    pub force: bool,
}
