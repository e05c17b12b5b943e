//! The process that runs a guest, its console in our hands.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::NamedTempFile;

use super::LguestOptions;
use crate::backend::{BackendError, Placement};
use crate::linux::inbox::Inbox;
use crate::linux::{self, Duties};
use crate::memory::GuestSpec;
use crate::sys::{cpu, policy};

/// What a kernel of lguest is told, beside what the user adds: where its console is, and to give up.
const USUAL: &str = "console=hvc0 quiet panic=-1";

/// Bytes that are read from a console at once.
const AT_ONCE: usize = 4096;

/// A guest's process, and those that it has started.
#[derive(Debug)]
pub(super) struct Launcher {
    /// Asked whether it has ended by whoever looks.
    child: Mutex<Child>,
    number: u32,
    inbox: Arc<Inbox>,
    questions: Option<Mutex<ChildStdin>>,
    /// Kept for as long as the guest may read it.
    _initramfs: NamedTempFile,
}

/// What starts guests, as far as it is the same for all of them.
#[derive(Debug)]
pub(super) struct Command {
    line: String,
    append: String,
    initramfs: Vec<u8>,
}

impl Command {
    /// Looks whether guests can be started at all.
    pub(super) fn new(options: LguestOptions) -> Result<Self, BackendError> {
        let Some(line) = &options.launcher else {
            return Err(BackendError::NoLauncher(
                "there is no command that starts a guest; give one with --launcher, like --launcher \
                 'lguest 512 vmlinux --initrd=$LGBENCH_INITRD $LGBENCH_ARGS'"
                    .into(),
            ));
        };
        let initramfs = linux::initramfs(&program(&options)?);
        Ok(Self { line: line.clone(), append: options.append, initramfs })
    }
}

fn program(options: &LguestOptions) -> Result<Vec<u8>, BackendError> {
    match (&options.program, linux::NARROW_PROGRAM) {
        (Some(path), _) => std::fs::read(path).map_err(|error| {
            BackendError::NoLauncher(format!("--guest-program {}: {error}", path.display()))
        }),
        (None, Some(program)) => Ok(program.to_vec()),
        (None, None) => Err(BackendError::NoLauncher(
            "this lgbench was built without a program for guests of 32 bits; build it again after \
             rustup target add i686-unknown-linux-gnu, or give one with --guest-program"
                .into(),
        )),
    }
}

impl Launcher {
    pub(super) fn start(
        command: &Command,
        spec: &GuestSpec,
        tick_cycles: u64,
        placement: Placement,
        guest: usize,
    ) -> Result<Self, BackendError> {
        let host = |what| move |source| BackendError::Host { what, guest, source };
        let mut initramfs = NamedTempFile::with_prefix("lgbench-initrd-")
            .map_err(host("make a file for the initramfs of"))?;
        initramfs.write_all(&command.initramfs).map_err(host("write the initramfs of"))?;
        let arguments =
            linux::arguments(spec, Duties { tick_cycles, hellos: 1, ..Duties::default() });
        let line = format!("{USUAL} {} -- {arguments}", command.append.trim());
        let mut shell = process::Command::new("/bin/sh");
        shell.arg("-c").arg(format!("exec {}", command.line));
        shell.env("LGBENCH_GUEST", guest.to_string());
        shell.env("LGBENCH_INITRD", initramfs.path());
        shell.env("LGBENCH_ARGS", line);
        // A group of its own: Ctrl-C is for us, and whatever the launcher starts ends with it.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        // It is where this thread is, from its beginning.
        if let Some(cpu) = placement.guest_cpu {
            cpu::pin(cpu).map_err(host("pin"))?;
        }
        let spawned = shell.spawn();
        cpu::pin(placement.controller_cpu).map_err(host("pin the controller of"))?;
        let mut child = spawned.map_err(host("start the launcher of"))?;
        let console = child.stdout.take();
        let inbox = Arc::new(Inbox::default());
        // From here on it is ended by an error, too.
        let this = Self::of(child, Arc::clone(&inbox), initramfs);
        if placement.fifo {
            policy::set_fifo_of(this.number, policy::GUEST).map_err(BackendError::Fifo)?;
        }
        if let Some(mut console) = console {
            let listen = move || {
                let mut bytes = [0; AT_ONCE];
                // The end, or an error: the launcher has gone.
                while let Ok(got @ 1..) = console.read(&mut bytes) {
                    inbox.take(&bytes[..got]);
                }
            };
            let thread = std::thread::Builder::new().name(format!("console {guest}"));
            thread.spawn(listen).map_err(host("listen to"))?;
        }
        Ok(this)
    }

    fn of(mut child: Child, inbox: Arc<Inbox>, initramfs: NamedTempFile) -> Self {
        let (number, questions) = (child.id(), child.stdin.take().map(Mutex::new));
        Self { child: Mutex::new(child), number, inbox, questions, _initramfs: initramfs }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Asks the guest's program.
    pub(super) fn ask(&self, question: u8) {
        if let Some(console) = &self.questions {
            let mut console = console.lock().unwrap_or_else(PoisonError::into_inner);
            // A launcher that has gone does not answer, which is noticed.
            let _ = console.write_all(&[question]).and_then(|()| console.flush());
        }
    }

    /// Why it has ended, if it has.
    pub(super) fn ending(&self) -> Option<String> {
        let ended: io::Result<_> =
            self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        let status = ended.ok().flatten()?;
        Some(self.inbox.why(&format!("its launcher has ended ({status})")))
    }

    fn end(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = i32::try_from(self.number).ok().and_then(Pid::from_raw) {
            // It fails only when nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.end();
    }
}
