//! The ring of a queue's thread: commands to the driver, what comes back, and the alarms it waits for.
//!
//! libublk makes the queue and gives it a ring; its own loop sets a timer at each wait and counts what
//! it does, which a disk that takes no time would notice. So commands are put in and taken out here.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use libublk::UblkError;
use libublk::io::{UblkDev, ublk_init_task_ring, with_task_io_ring_mut};
use libublk::sys;

use crate::engine::Alarms;

/// Entries beside one for each tag: the alarms, set anew.
const SPARE_ENTRIES: u32 = 16;
/// Where libublk registers the driver's file of the device.
const DRIVER: types::Fixed = types::Fixed(0);
/// Tells an alarm's completion from a command's, which is its tag.
const IS_ALARM: u64 = 1 << 32;

/// Makes the thread's ring, before libublk does, which would make it of the plain kind.
pub(super) fn make(device: &UblkDev) -> Result<(), UblkError> {
    let entries = u32::from(device.dev_info.queue_depth) + SPARE_ENTRIES;
    let mut builder = IoUring::builder();
    builder.setup_cqsize(2 * entries);
    // Requests are put into the ring by this thread when it asks for them: nobody interrupts it, and a
    // burst arrives as one. Linux 6.1; before, what libublk does.
    let ring = builder
        .clone()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(entries)
        .or_else(|_| builder.setup_coop_taskrun().build(entries))
        .map_err(UblkError::IOError)?;
    ublk_init_task_ring(|cell| {
        // The thread is the engine's own and serves one device in its life.
        cell.set(ring.into()).map_err(|_| UblkError::OtherError(-libc::EEXIST))
    })
}

/// See the module. Belongs to the thread that called [`make`].
pub(super) struct Ring {
    queue: u16,
    fetch: u32,
    commit: u32,
    /// Commands that the driver has.
    inside: u32,
    /// The device is being stopped: what the driver gives back is not given to it again.
    stopping: bool,
    alarms: Vec<Alarm>,
}

/// A descriptor that is watched.
struct Alarm {
    fd: types::Fd,
    kind: AlarmKind,
    /// Whether the ring watches it.
    set: bool,
    /// It rang, and nobody was told.
    rang: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AlarmKind {
    Timer,
    Kick,
    Store,
}

/// A queue that is not to be served any more.
pub(super) enum Ended {
    /// It was stopped, and the driver has no command any more.
    Stopped,
    /// It does not work.
    Broken(io::Error),
}

impl Ring {
    pub(super) fn new(device: &UblkDev, queue: u16) -> Self {
        // Before Linux 6.4 commands were plain numbers.
        let encoded = device.dev_info.flags & u64::from(sys::UBLK_F_CMD_IOCTL_ENCODE) != 0;
        let command = |op: u32| if encoded { op } else { op & 0xff };
        Self {
            queue,
            fetch: command(sys::UBLK_U_IO_FETCH_REQ),
            commit: command(sys::UBLK_U_IO_COMMIT_AND_FETCH_REQ),
            inside: 0,
            stopping: false,
            alarms: Vec::new(),
        }
    }

    pub(super) fn watch(&mut self, alarms: Alarms<'_>) {
        let alarm = |kind, fd: BorrowedFd<'_>| {
            let fd = types::Fd(fd.as_raw_fd());
            Alarm { fd, kind, set: false, rang: false }
        };
        self.alarms =
            vec![alarm(AlarmKind::Timer, alarms.timer), alarm(AlarmKind::Kick, alarms.kick)];
        self.alarms.extend(alarms.store.map(|store| alarm(AlarmKind::Store, store)));
    }

    /// Has the driver bring the tag's requests, with the data of writes in `buffer`.
    ///
    /// # Safety
    /// From the time the command is sent until the tag comes back, the buffer is as long as the device's
    /// largest request, stays where it is, and is not looked at.
    pub(super) unsafe fn fetch(&mut self, tag: u16, buffer: *const u8) -> io::Result<()> {
        self.command(self.fetch, tag, buffer, 0)
    }

    /// Answers the tag's request, with the data of a read from `buffer`, and fetches the next. The
    /// result is what was moved, or a negative errno.
    ///
    /// # Safety
    /// As for [`Self::fetch`].
    pub(super) unsafe fn commit(
        &mut self,
        tag: u16,
        buffer: *const u8,
        result: i32,
    ) -> io::Result<()> {
        if self.stopping {
            return Ok(()); // the driver has ended its requests itself
        }
        self.command(self.commit, tag, buffer, result)
    }

    fn command(&mut self, op: u32, tag: u16, buffer: *const u8, result: i32) -> io::Result<()> {
        let command = io_command(self.queue, tag, result, buffer.expose_provenance() as u64);
        let entry = opcode::UringCmd16::new(DRIVER, op).cmd(command).build();
        let entry = entry.user_data(tag.into());
        // SAFETY: the memory it names is the buffer, of which the caller has promised what is needed.
        unsafe { push(&entry) }?;
        self.inside += 1;
        Ok(())
    }

    /// Has the ring watch what it does not watch.
    fn set_alarms(&mut self) {
        for (i, alarm) in self.alarms.iter_mut().enumerate().filter(|(_, alarm)| !alarm.set) {
            let entry = opcode::PollAdd::new(alarm.fd, libc::POLLIN as u32).multi(true).build();
            let entry = entry.user_data(IS_ALARM | i as u64);
            // SAFETY: the entry points to no memory. Of the descriptor the kernel keeps its own hold.
            alarm.set = unsafe { push(&entry) }.is_ok(); // the engine comes by again
        }
    }

    /// Sends what is in line and does not wait.
    pub(super) fn send(&mut self) -> Result<(), Ended> {
        let sent = with_task_io_ring_mut(|ring| {
            let nothing = ring.submission().is_empty();
            if nothing { Ok(()) } else { passing(ring.submit().map(drop)) }
        });
        sent.map_err(Ended::Broken)
    }

    /// Sends what is in line, sleeps until something comes, and notes the tags of new requests. True:
    /// the backing store has something.
    pub(super) fn sleep(&mut self, arrived: &mut Vec<u16>) -> Result<bool, Ended> {
        self.set_alarms();
        if self.stopping && self.inside == 0 {
            return Err(Ended::Stopped);
        }
        with_task_io_ring_mut(|ring| {
            let waited = passing(ring.submit_and_wait(1).map(drop));
            for entry in ring.completion() {
                self.note(&entry, arrived);
            }
            waited
        })
        .map_err(Ended::Broken)?;
        let mut store_ready = false;
        for alarm in &mut self.alarms {
            if std::mem::take(&mut alarm.rang) {
                match alarm.kind {
                    AlarmKind::Timer => {}
                    AlarmKind::Kick => read_count(alarm.fd),
                    AlarmKind::Store => store_ready = true,
                }
            }
        }
        Ok(store_ready)
    }

    fn note(&mut self, entry: &cqueue::Entry, arrived: &mut Vec<u16>) {
        let data = entry.user_data();
        if data & IS_ALARM != 0 {
            if let Some(alarm) = self.alarms.get_mut((data ^ IS_ALARM) as usize) {
                alarm.rang = true;
                alarm.set = cqueue::more(entry.flags());
            }
            return;
        }
        self.inside -= 1;
        match entry.result() {
            OK => arrived.push(data as u16), // as it was given
            sys::UBLK_IO_RES_ABORT => self.stopping = true,
            error => tracing::error!(
                "the driver refuses a command for request {data}: {}",
                io::Error::from_raw_os_error(-error)
            ),
        }
    }
}

/// What the driver says with a new request.
const OK: i32 = sys::UBLK_IO_RES_OK as i32;

/// The driver's `struct ublksrv_io_cmd`.
fn io_command(queue: u16, tag: u16, result: i32, address: u64) -> [u8; 16] {
    let mut command = [0; 16];
    command[0..2].copy_from_slice(&queue.to_ne_bytes());
    command[2..4].copy_from_slice(&tag.to_ne_bytes());
    command[4..8].copy_from_slice(&result.to_ne_bytes());
    command[8..16].copy_from_slice(&address.to_ne_bytes());
    command
}

/// Puts an entry in line; if there is no room, the line is sent first.
///
/// # Safety
/// The memory the entry names stays valid until its completion.
unsafe fn push(entry: &squeue::Entry) -> io::Result<()> {
    with_task_io_ring_mut(|ring| {
        // SAFETY: the caller's promise, here and below.
        if unsafe { ring.submission().push(entry) }.is_ok() {
            return Ok(());
        }
        passing(ring.submit().map(drop))?;
        // SAFETY: as above.
        unsafe { ring.submission().push(entry) }.map_err(io::Error::other)
    })
}

/// What passes by itself is no error: a signal; a full completion queue, which is emptied next.
fn passing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|e| match e.raw_os_error() {
        Some(libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
        _ => Err(e),
    })
}

/// Empties an event counter.
fn read_count(fd: types::Fd) {
    // SAFETY: the engine keeps its alarms open for as long as it uses the port, and only it calls here.
    let fd = unsafe { BorrowedFd::borrow_raw(fd.0) };
    let mut count = [0u8; 8];
    let _ = rustix::io::read(fd, &mut count); // EAGAIN when it was empty already
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_laid_out_as_the_driver_reads_it() {
        let ours = io_command(3, 0x1234, -5, 0x7fff_0000_1000);
        let theirs =
            sys::ublksrv_io_cmd { q_id: 3, tag: 0x1234, result: -5, addr: 0x7fff_0000_1000 };
        // SAFETY: both are 16 bytes without padding: 2 + 2 + 4 + 8.
        let theirs = unsafe { std::mem::transmute::<sys::ublksrv_io_cmd, [u8; 16]>(theirs) };
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_passes_is_no_error() {
        let error = |raw| Err(io::Error::from_raw_os_error(raw));
        assert!(passing(error(libc::EINTR)).is_ok());
        assert!(passing(error(libc::EBADF)).is_err());
    }
}
