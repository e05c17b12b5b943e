//! The ports of a machine: two serial ports, and nothing behind the others.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lgbench_payload::wire::MARK;
use vm_superio::Serial;
use vm_superio::Trigger;
use vm_superio::serial::NoEvents;
use vmm_sys_util::eventfd::EventFd;

use crate::linux::inbox::Inbox;

/// The console: ttyS0.
const CONSOLE: u16 = 0x3f8;
/// Its interrupt.
pub(super) const CONSOLE_IRQ: u32 = 4;
/// What the guest's program writes to and is asked by: ttyS1.
pub(super) const PROGRAM: u16 = 0x2f8;
/// Its interrupt.
pub(super) const PROGRAM_IRQ: u32 = 3;
/// Registers of a serial port; the first one is for data.
const REGISTERS: u16 = 8;

/// The clock chip's index and data.
const CMOS_DATA: u16 = 0x71;
/// The keyboard controller: a kernel that restarts a machine tells it.
const KEYBOARD: u16 = 0x64;
const RESET: u8 = 0xfe;

/// An interrupt that the kernel's KVM takes from an eventfd.
#[derive(Debug)]
pub(super) struct Interrupt(EventFd);

impl Interrupt {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)?))
    }

    pub(super) fn event(&self) -> &EventFd {
        &self.0
    }
}

impl Trigger for Interrupt {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

/// What a serial port's bytes become.
#[derive(Debug)]
struct Mail(Arc<Inbox>);

impl Write for Mail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Port(Serial<Interrupt, NoEvents, Mail>);

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Port")
    }
}

/// The ports of one machine.
#[derive(Debug)]
pub(super) struct Ports {
    inbox: Arc<Inbox>,
    console: Mutex<Port>,
    program: Mutex<Port>,
}

/// What a guest did with a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// Nothing out of the ordinary.
    Nothing,
    /// It has begun a line, before which it may have read its clock.
    Begun,
    /// It told its clock.
    Greeted(u64),
    /// It wants to start again.
    Reset,
}

impl Ports {
    /// Ports that raise two interrupts: the console's and the program's.
    pub(super) fn new(console: Interrupt, program: Interrupt) -> Self {
        let inbox = Arc::new(Inbox::default());
        let port = |interrupt| Mutex::new(Port(Serial::new(interrupt, Mail(Arc::clone(&inbox)))));
        let (console, program) = (port(console), port(program));
        Self { inbox, console, program }
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Asks the guest's program.
    pub(super) fn ask(&self, question: u8) {
        // The port holds one question; nobody asks a second before the first is answered.
        let _ = lock(&self.program).0.enqueue_raw_bytes(&[question]);
    }

    /// The guest has written to a port, perhaps a whole string.
    pub(super) fn write(&self, port: u16, bytes: &[u8]) -> Did {
        if port == KEYBOARD && bytes.last() == Some(&RESET) {
            return Did::Reset;
        }
        if let Some((serial, register)) = self.register(port) {
            for byte in bytes {
                // The interrupt's eventfd is full only when nobody has looked for ages.
                let _ = lock(serial).0.write(register, *byte);
            }
        }
        match port {
            PROGRAM => match self.inbox.greeting() {
                Some(cycles) => Did::Greeted(cycles),
                None if bytes.contains(&MARK) => Did::Begun,
                None => Did::Nothing,
            },
            _ => Did::Nothing,
        }
    }

    /// The guest reads from a port.
    pub(super) fn read(&self, port: u16, bytes: &mut [u8]) {
        match self.register(port) {
            Some((serial, register)) => {
                bytes.iter_mut().for_each(|byte| *byte = lock(serial).0.read(register));
            }
            // A clock that is never in the middle of an update; else nobody answers.
            None => bytes.fill(if port == CMOS_DATA { 0 } else { 0xff }),
        }
    }

    fn register(&self, port: u16) -> Option<(&Mutex<Port>, u8)> {
        let within = |base: u16| port.checked_sub(base).filter(|at| *at < REGISTERS);
        let at = |register: u16| u8::try_from(register).unwrap_or_default();
        let console = within(CONSOLE).map(|register| (&self.console, at(register)));
        console.or_else(|| within(PROGRAM).map(|register| (&self.program, at(register))))
    }
}

fn lock(port: &Mutex<Port>) -> MutexGuard<'_, Port> {
    port.lock().unwrap_or_else(PoisonError::into_inner)
}
