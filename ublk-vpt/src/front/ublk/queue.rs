//! The device's queue: requests from the driver, answers to it, on the engine's thread.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use io_uring::{IoUring, cqueue, opcode, types};
use libublk::helpers::IoBuf;
use libublk::io::{
    BufDesc, BufDescList, UblkDev, UblkIOCtx, UblkQueue, ublk_init_task_ring, with_task_io_ring_mut,
};
use libublk::{UblkError, UblkIORes, sys};
use vpt_model::{Op, SECTOR_BYTES};

use crate::engine::{Alarms, Completer, Completion, EngineHandle, Errno, IoRequest, Port, now};

/// Entries of the ring beside one for each tag: the watched alarms, set anew.
const SPARE_ENTRIES: u32 = 16;

/// Serves the queue until it is down or the engine ends; `ready` is called once commands are waiting in
/// the driver, so that the device can be started.
///
/// # Errors
/// One line: the queue could not be set up, or broke.
pub(super) fn serve(
    device: &UblkDev,
    engine: EngineHandle,
    serve: &mut dyn FnMut(&mut dyn Port),
    ready: impl FnOnce(),
) -> Result<(), String> {
    let tell = |e: UblkError| e.to_string();
    let depth = usize::from(device.dev_info.queue_depth);
    let first = device.alloc_queue_io_bufs();
    make_ring(u32::from(device.dev_info.queue_depth) + SPARE_ENTRIES).map_err(tell)?;
    let queue = UblkQueue::new(0, device).map_err(tell)?;
    let queue = queue.submit_fetch_commands_unified(BufDescList::Slices(Some(&first)));
    let mut port = QueuePort {
        queue: queue.map_err(tell)?,
        engine,
        largest: device.dev_info.max_io_buf_bytes as usize,
        buffers: std::iter::repeat_with(Vec::new).take(depth).collect(),
        homes: vec![0; depth],
        first: first.into_iter().map(Some).collect(),
        done: Arc::default(),
        answering: Vec::new(),
        answers: Vec::new(),
        arrived: Vec::new(),
        alarms: Vec::new(),
        down: false,
        broken: None,
    };
    // The driver has the commands from here on.
    port.enter(0);
    if port.down {
        return Err(port.broken.unwrap_or_else(|| "it is down already".into()));
    }
    ready();
    serve(&mut port);
    port.broken.map_or(Ok(()), Err)
}

/// Makes the thread's ring, before libublk does, which would make it of the plain kind.
fn make_ring(entries: u32) -> Result<(), UblkError> {
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

/// Requests that are done and not yet answered.
type Done = Arc<Mutex<Vec<(Box<Answer>, Completion)>>>;

struct QueuePort<'a> {
    queue: UblkQueue<'a>,
    engine: EngineHandle,
    /// Bytes of every buffer that the driver is given.
    largest: usize,
    /// By tag, `largest` long: the driver may write here while it has the tag. Empty while the engine
    /// has it, or when it was never used.
    buffers: Vec<Vec<u8>>,
    /// By tag: the address of its buffer, by which it is known again.
    homes: Vec<usize>,
    /// By tag: where the driver puts the data of the tag's first write. It has to be of libublk's own
    /// kind.
    first: Vec<Option<IoBuf<u8>>>,
    done: Done,
    /// What was taken out of `done`; only for its memory.
    answering: Vec<(Box<Answer>, Completion)>,
    /// For the next requests.
    #[allow(clippy::vec_box, reason = "they go out and come back as boxes")]
    answers: Vec<Box<Answer>>,
    arrived: Vec<u16>,
    alarms: Vec<Alarm>,
    /// Nothing more comes.
    down: bool,
    broken: Option<String>,
}

/// A descriptor that is watched by the ring.
struct Alarm {
    /// Says in the ring that it rang.
    data: u64,
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

impl Alarm {
    fn new(kind: AlarmKind, fd: BorrowedFd<'_>) -> Self {
        // Marked as not being one of the driver's commands.
        let data = UblkIOCtx::build_user_data(kind as u16, 0, 0, true);
        Self { data, fd: types::Fd(fd.as_raw_fd()), kind, set: false, rang: false }
    }

    fn note(&mut self, entry: &cqueue::Entry) {
        self.rang = true;
        self.set = cqueue::more(entry.flags());
    }
}

impl Port for QueuePort<'_> {
    fn watch(&mut self, alarms: Alarms<'_>) {
        self.alarms = vec![
            Alarm::new(AlarmKind::Timer, alarms.timer),
            Alarm::new(AlarmKind::Kick, alarms.kick),
        ];
        self.alarms.extend(alarms.store.map(|store| Alarm::new(AlarmKind::Store, store)));
    }

    fn pump(&mut self) -> bool {
        // A request that is answered at once has its answer among those of the next round.
        while !self.down && (self.answer() || !self.arrived.is_empty()) {
            let mut arrived = std::mem::take(&mut self.arrived);
            for tag in arrived.drain(..) {
                self.take_in(tag);
            }
            self.arrived = arrived;
        }
        !self.down
    }

    fn send(&mut self) {
        self.enter(0);
    }

    fn sleep(&mut self) -> bool {
        self.set_alarms();
        self.enter(1);
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
        store_ready
    }
}

impl QueuePort<'_> {
    /// Has the ring watch what it does not watch.
    fn set_alarms(&mut self) {
        for alarm in self.alarms.iter_mut().filter(|alarm| !alarm.set) {
            let entry = opcode::PollAdd::new(alarm.fd, libc::POLLIN as u32).multi(true).build();
            let entry = entry.user_data(alarm.data);
            // SAFETY: the entry points to no memory. Of the descriptor the kernel keeps its own hold.
            let push = |ring: &mut IoUring| unsafe { ring.submission().push(&entry) };
            // A full queue has room after the next submission; the engine comes by again.
            alarm.set = with_task_io_ring_mut(push).is_ok();
        }
    }

    /// Gives the driver what is in line for it, waits for so many completions, and notes what they are.
    fn enter(&mut self, wait_for: usize) {
        let (arrived, alarms) = (&mut self.arrived, &mut self.alarms);
        let note = |data, entry: &cqueue::Entry, _| {
            if let Some(alarm) = alarms.iter_mut().find(|alarm| alarm.data == data) {
                alarm.note(entry);
            } else if entry.result() == sys::UBLK_IO_RES_OK as i32 {
                arrived.push(UblkIOCtx::user_data_to_tag(data) as u16); // below the depth
            }
        };
        match self.queue.flush_and_wake_io_tasks(note, wait_for) {
            Ok(_) => {}
            Err(UblkError::QueueIsDown) => self.down = true,
            // A signal.
            Err(UblkError::IOError(e)) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => {
                self.broken = Some(format!("the driver's queue broke ({e})"));
                self.down = true;
            }
        }
    }

    /// Puts answers in line for the driver. Whether there were any.
    fn answer(&mut self) -> bool {
        std::mem::swap(&mut self.answering, &mut *lock(&self.done));
        let mut done = std::mem::take(&mut self.answering);
        let answered = !done.is_empty();
        for (answer, Completion { result, buf, .. }) in done.drain(..) {
            let tag = answer.tag;
            self.answers.push(answer);
            // What was moved; the driver looks at it for reads and writes only.
            let result = result.map_or_else(|e| -e.raw(), |()| buf.len() as i32);
            if buf.capacity() > 0 {
                let index = usize::from(tag);
                self.buffers[index] = whole(buf, self.homes[index], self.largest);
                self.homes[index] = self.buffers[index].as_ptr().addr();
            }
            self.commit(tag, result);
        }
        self.answering = done;
        answered
    }

    fn commit(&mut self, tag: u16, result: i32) {
        // The buffer stays where it is until the driver gives the tag back: it is only moved as a Vec,
        // and the queue is gone before it is freed.
        let buffer = BufDesc::Slice(&self.buffers[usize::from(tag)]);
        let answer = Ok(UblkIORes::Result(result));
        if let Err(e) = self.queue.complete_io_cmd_unified(tag, buffer, answer) {
            // Only for kinds of buffers and devices that are not asked for here.
            tracing::error!("request {tag} cannot be answered: {e}");
        }
    }

    /// Hands one request to the engine.
    fn take_in(&mut self, tag: u16) {
        let request = *self.queue.get_iod(tag);
        let bytes = u64::from(request.nr_sectors) * SECTOR_BYTES;
        let index = usize::from(tag);
        let op = operation(request.op_flags);
        if let Some(first) = self.first[index].take() {
            self.buffers[index] = vec![0; self.largest];
            self.homes[index] = self.buffers[index].as_ptr().addr();
            if matches!(op, Some(Op::Write { .. })) {
                let len = (bytes as usize).min(self.largest);
                self.buffers[index][..len].copy_from_slice(&first.as_slice()[..len]);
            }
        }
        let Some(op) = op else { return self.commit(tag, -libc::EOPNOTSUPP) };
        let moves_data = matches!(op, Op::Read | Op::Write { .. });
        if moves_data && bytes > self.largest as u64 {
            return self.commit(tag, -Errno::EINVAL.raw()); // the driver promised not to
        }
        let buf = if moves_data {
            let mut buf = std::mem::take(&mut self.buffers[index]);
            buf.truncate(bytes as usize); // at most `largest`
            buf
        } else {
            Vec::new()
        };
        let mut answer = self
            .answers
            .pop()
            .unwrap_or_else(|| Box::new(Answer { tag, done: Arc::clone(&self.done) }));
        answer.tag = tag;
        self.engine.submit(IoRequest {
            op,
            offset: if op == Op::Flush { 0 } else { request.start_sector * SECTOR_BYTES },
            len: if op == Op::Flush { 0 } else { bytes },
            buf,
            arrival: now(),
            completer: answer,
        });
    }
}

/// Empties an event counter.
fn read_count(fd: types::Fd) {
    // SAFETY: the engine keeps its alarms open for as long as it uses the port, and only it calls here.
    let fd = unsafe { BorrowedFd::borrow_raw(fd.0) };
    let mut count = [0u8; 8];
    let _ = rustix::io::read(fd, &mut count); // EAGAIN when it was empty already
}

/// Makes a buffer whole again that was cut to a request's length. `home` is where it was.
fn whole(buf: Vec<u8>, home: usize, largest: usize) -> Vec<u8> {
    let mut buf = buf;
    if buf.as_ptr().addr() == home && buf.capacity() >= largest {
        // SAFETY: inside the capacity; and it is the allocation that was cut, all of which was written
        // when it was made by `vec![0; largest]` or filled up below.
        unsafe { buf.set_len(largest) };
    } else {
        buf.resize(largest, 0); // another's buffer, from a store that has its own
    }
    buf
}

/// Remembers a finished request until the queue's thread answers it: mostly in the same breath, for
/// requests are finished on that thread.
struct Answer {
    tag: u16,
    done: Done,
}

impl Completer for Answer {
    fn complete(self: Box<Self>, done: Completion) {
        let all = Arc::clone(&self.done);
        lock(&all).push((self, done));
    }
}

fn lock(done: &Done) -> std::sync::MutexGuard<'_, Vec<(Box<Answer>, Completion)>> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the driver asks for; nothing for what a disk does not do.
fn operation(op_flags: u32) -> Option<Op> {
    match op_flags & 0xff {
        sys::UBLK_IO_OP_READ => Some(Op::Read),
        sys::UBLK_IO_OP_WRITE => Some(Op::Write { fua: op_flags & sys::UBLK_IO_F_FUA != 0 }),
        sys::UBLK_IO_OP_FLUSH => Some(Op::Flush),
        sys::UBLK_IO_OP_DISCARD => Some(Op::Discard),
        sys::UBLK_IO_OP_WRITE_ZEROES => Some(Op::WriteZeroes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_from_their_flags() {
        assert_eq!(operation(0), Some(Op::Read));
        assert_eq!(operation(1), Some(Op::Write { fua: false }));
        assert_eq!(operation(1 | 1 << 13 | 1 << 8), Some(Op::Write { fua: true }));
        assert_eq!(operation(2), Some(Op::Flush));
        assert_eq!(operation(4), None);
        assert_eq!(operation(5), Some(Op::WriteZeroes));
    }

    #[test]
    fn a_buffer_becomes_whole_with_its_contents() {
        let mut cut = vec![7_u8; 8192];
        cut.truncate(512);
        let place = cut.as_ptr();
        let full = whole(cut, place.addr(), 8192);
        assert_eq!((full.len(), full.as_ptr()), (8192, place));
        assert_eq!(full[..512], [7; 512]);
        assert_eq!(whole(vec![3; 512], place.addr(), 8192).len(), 8192);
    }
}
