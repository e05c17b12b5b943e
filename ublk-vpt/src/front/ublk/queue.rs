//! The device's queue: requests from the driver, answers to it, on the engine's thread.
#![allow(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};

use libublk::io::{UblkDev, UblkQueue};
use libublk::{UblkError, sys};
use vpt_model::{Op, SECTOR_BYTES};

use super::ring::{self, Ended, Ring};
use crate::engine::{Alarms, Completer, Completion, EngineHandle, Errno, IoRequest, Port, now};

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
    let largest = device.dev_info.max_io_buf_bytes as usize;
    ring::make(device).map_err(tell)?;
    let mut port = QueuePort {
        queue: UblkQueue::new(0, device).map_err(tell)?,
        ring: Ring::new(device, 0),
        engine,
        largest,
        buffers: std::iter::repeat_with(|| vec![0; largest]).take(depth).collect(),
        homes: Vec::new(),
        done: Arc::default(),
        answering: Vec::new(),
        answers: Vec::new(),
        arrived: Vec::new(),
        down: false,
        broken: None,
    };
    port.homes = port.buffers.iter().map(|buffer| buffer.as_ptr().addr()).collect();
    port.fetch_all();
    // The driver has the commands from here on.
    if port.down {
        return Err(port.broken.unwrap_or_else(|| "it is down already".into()));
    }
    device.notify_buffer_registration_complete(false); // libublk starts no device before
    ready();
    serve(&mut port);
    port.broken.map_or(Ok(()), Err)
}

/// Requests that are done and not yet answered.
type Done = Arc<Mutex<Vec<Finished>>>;

/// A request that is done.
struct Finished {
    answer: Box<Answer>,
    result: Result<(), Errno>,
    buf: Vec<u8>,
}

struct QueuePort<'a> {
    /// Before the buffers, so that it is gone when they go.
    queue: UblkQueue<'a>,
    ring: Ring,
    engine: EngineHandle,
    /// Bytes of every buffer that the driver is given.
    largest: usize,
    /// By tag, `largest` long: the driver may write here while it has the tag. Empty while the engine
    /// has it.
    buffers: Vec<Vec<u8>>,
    /// By tag: the address of its buffer, by which it is known again.
    homes: Vec<usize>,
    done: Done,
    /// What was taken out of `done`; only for its memory.
    answering: Vec<Finished>,
    /// For the next requests.
    #[allow(clippy::vec_box, reason = "they go out and come back as boxes")]
    answers: Vec<Box<Answer>>,
    arrived: Vec<u16>,
    /// Nothing more comes.
    down: bool,
    broken: Option<String>,
}

impl Port for QueuePort<'_> {
    fn watch(&mut self, alarms: Alarms<'_>) {
        self.ring.watch(alarms);
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
        let sent = self.ring.send();
        self.note(sent);
    }

    fn sleep(&mut self) -> bool {
        let slept = self.ring.sleep(&mut self.arrived);
        self.note(slept).unwrap_or(false)
    }
}

impl QueuePort<'_> {
    /// Gives the driver a command for each tag.
    fn fetch_all(&mut self) {
        for (tag, buffer) in (0..).zip(&self.buffers) {
            // SAFETY: see `commit`.
            if let Err(e) = unsafe { self.ring.fetch(tag, buffer.as_ptr()) } {
                self.note::<()>(Err(Ended::Broken(e)));
                return;
            }
        }
        self.send();
    }

    fn note<T>(&mut self, result: Result<T, Ended>) -> Option<T> {
        result
            .inspect_err(|ended| {
                self.down = true;
                if let Ended::Broken(e) = ended {
                    self.broken = Some(format!("the driver's queue broke ({e})"));
                }
            })
            .ok()
    }

    /// Puts answers in line for the driver. Whether there were any.
    fn answer(&mut self) -> bool {
        std::mem::swap(&mut self.answering, &mut *lock(&self.done));
        let mut done = std::mem::take(&mut self.answering);
        let answered = !done.is_empty();
        for Finished { answer, result, buf } in done.drain(..) {
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
        let buffer = self.buffers[usize::from(tag)].as_ptr();
        // SAFETY: the buffer is whole, and stays where it is until the driver gives the tag back: it is
        // only moved as a Vec, and looked at no earlier than in `take_in`. When the port goes with
        // commands inside, the driver has no use for them: it fills a buffer only for the thread that
        // serves the queue, when that thread enters its ring.
        let committed = unsafe { self.ring.commit(tag, buffer, result) };
        self.note(committed.map_err(Ended::Broken));
    }

    /// Hands one request to the engine.
    fn take_in(&mut self, tag: u16) {
        let request = *self.queue.get_iod(tag);
        let bytes = u64::from(request.nr_sectors) * SECTOR_BYTES;
        let op = operation(request.op_flags);
        let Some(op) = op else { return self.commit(tag, -libc::EOPNOTSUPP) };
        let moves_data = matches!(op, Op::Read | Op::Write { .. });
        if moves_data && bytes > self.largest as u64 {
            return self.commit(tag, -Errno::EINVAL.raw()); // the driver promised not to
        }
        let buf = if moves_data {
            let mut buf = std::mem::take(&mut self.buffers[usize::from(tag)]);
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
        let Completion { result, buf, .. } = done;
        let all = Arc::clone(&self.done);
        lock(&all).push(Finished { answer: self, result, buf });
    }
}

fn lock(done: &Done) -> std::sync::MutexGuard<'_, Vec<Finished>> {
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
