//! What runs guests and where, of what was typed.

use anyhow::{Context, Result, anyhow, bail};

use super::cli::{BackendName, Cpus, LinuxArgs, Place};
use crate::backend::lguest::LguestOptions;
use crate::backend::{BackendError, Placement};
use crate::experiments::suite::{Kind, Options};
use crate::linux::LinuxOptions;
use crate::sys::cpu;

/// What guests that run Linux are given, of a backend that has some.
pub(super) fn options(kind: Kind, args: &Place) -> Result<Options> {
    check_linux(kind, &args.linux)?;
    check_lguest(kind, args)?;
    let lguest = LguestOptions {
        launcher: args.launcher.clone(),
        program: args.guest_program.clone(),
        append: args.linux.append.clone(),
    };
    Ok(Options { linux: linux(&args.linux), lguest })
}

/// What guests boot.
pub(super) fn linux(args: &LinuxArgs) -> LinuxOptions {
    let mut linux = LinuxOptions { append: args.append.clone(), ..LinuxOptions::default() };
    if let Some(kernel) = &args.kernel {
        linux.kernel.clone_from(kernel);
    }
    linux
}

/// Nothing is accepted that the backend would ignore.
pub(super) fn check_linux(kind: Kind, args: &LinuxArgs) -> Result<()> {
    let name = kind.name();
    match kind {
        Kind::KvmLinux => {}
        Kind::Lguest if args.kernel.is_some() => {
            bail!("--kernel: guests of lguest get theirs from their launcher (--launcher)")
        }
        Kind::Lguest => {}
        Kind::Kvm | Kind::Native => {
            let given =
                [("--kernel", args.kernel.is_some()), ("--append", !args.append.is_empty())];
            if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
                bail!("{option}: guests of {name} have no kernel; give --backend kvm-linux");
            }
        }
    }
    Ok(())
}

fn check_lguest(kind: Kind, args: &Place) -> Result<()> {
    let given = [
        ("--launcher", args.launcher.is_some()),
        ("--guest-program", args.guest_program.is_some()),
    ];
    match given.iter().find(|(_, given)| *given && kind != Kind::Lguest) {
        Some((option, _)) => {
            bail!("{option}: guests of {} are not lguest's; give --backend lguest", kind.name())
        }
        None => Ok(()),
    }
}

/// What was asked for, or the best there is.
pub(super) fn kind(name: Option<BackendName>) -> Kind {
    match name {
        Some(BackendName::Kvm) => Kind::Kvm,
        Some(BackendName::KvmLinux) => Kind::KvmLinux,
        Some(BackendName::Lguest) => Kind::Lguest,
        Some(BackendName::Native) => Kind::Native,
        None => Kind::best(),
    }
}

/// The CPUs that were asked for, or the best there are, once the backend is known to work; where it does
/// not, one of `others` may do as well.
pub(super) fn place(
    kind: Kind,
    args: &Cpus,
    options: &Options,
    others: &[Kind],
) -> Result<Placement> {
    // Before anything else is done.
    kind.make(options).map_err(|error| or_use(error, others))?;
    let allowed = cpu::allowed().context("cannot find out which CPUs there are")?;
    let check = |cpu: u32, option: &str| match allowed.contains(&cpu) {
        true => Ok(cpu),
        false => bail!("{option} {cpu}: this process may use CPU {}", listed(&allowed)),
    };
    let last = allowed.last().copied().unwrap_or(0);
    let guest_cpu = match args.guest_cpu {
        Some(cpu) => check(cpu, "--guest-cpu")?,
        None => {
            allowed.iter().copied().rfind(|cpu| Some(*cpu) != args.controller_cpu).unwrap_or(last)
        }
    };
    let controller_cpu = match args.controller_cpu {
        Some(cpu) => check(cpu, "--controller-cpu")?,
        None => allowed.iter().copied().find(|cpu| *cpu != guest_cpu).unwrap_or(guest_cpu),
    };
    Ok(Placement { guest_cpu: Some(guest_cpu), controller_cpu, fifo: args.fifo })
}

fn or_use(error: BackendError, others: &[Kind]) -> anyhow::Error {
    let other = match error {
        BackendError::NoKvm { .. } => Kind::Native,
        BackendError::Pvm => Kind::Kvm,
        _ => return error.into(),
    };
    if !others.contains(&other) {
        return error.into();
    }
    let line = format!("{error}, or use --backend {}", other.name());
    match error {
        BackendError::NoKvm { source: Some(source), .. } => {
            anyhow::Error::new(source).context(line)
        }
        _ => anyhow!(line),
    }
}

fn listed(cpus: &[u32]) -> String {
    cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
