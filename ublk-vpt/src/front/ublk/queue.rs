//! The device's queue: requests from the driver, answers to it, on the engine's thread.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use io_uring::cqueue;
use libublk::helpers::IoBuf;
use libublk::io::{BufDesc, BufDescList, UblkDev, UblkIOCtx, UblkQueue, with_task_io_ring_mut};
use libublk::{UblkError, UblkIORes, sys};
use vpt_model::{Op, SECTOR_BYTES};

use crate::engine::{Completer, Completion, EngineHandle, Errno, IoRequest, Port, now};

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
        arrived: Vec::new(),
        broken: None,
    };
    // The driver has the commands from here on.
    if !port.sweep() {
        return Err(port.broken.unwrap_or_else(|| "it is down already".into()));
    }
    ready();
    serve(&mut port);
    port.broken.map_or(Ok(()), Err)
}

/// Requests that are done and not yet answered.
type Done = Arc<Mutex<Vec<(u16, Completion)>>>;

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
    arrived: Vec<u16>,
    broken: Option<String>,
}

impl Port for QueuePort<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the ring is this thread's own, which `self` cannot leave, and is not closed before
        // the thread ends.
        unsafe { BorrowedFd::borrow_raw(self.queue.as_raw_fd()) }
    }

    fn pump(&mut self) -> bool {
        loop {
            let answered = self.answer();
            let news = with_task_io_ring_mut(|ring| !ring.completion().is_empty());
            // A queue that is stopping says only when it is asked that it is down.
            if !answered && !news && !self.queue.is_stopping() {
                return true;
            }
            if !self.sweep() {
                return false;
            }
            let came = !self.arrived.is_empty();
            for tag in std::mem::take(&mut self.arrived) {
                self.take_in(tag);
            }
            if !answered && !came {
                return true;
            }
        }
    }
}

impl QueuePort<'_> {
    /// Gives the driver what is in line for it, and notes what it has for us. False: it is down.
    fn sweep(&mut self) -> bool {
        let arrived = &mut self.arrived;
        let note = |data, entry: &cqueue::Entry, _| {
            if entry.result() == sys::UBLK_IO_RES_OK as i32 {
                arrived.push(UblkIOCtx::user_data_to_tag(data) as u16); // below the depth
            }
        };
        match self.queue.flush_and_wake_io_tasks(note, 0) {
            Ok(_) => true,
            Err(UblkError::QueueIsDown) => false,
            Err(e) => {
                self.broken = Some(format!("the driver's queue broke ({e})"));
                false
            }
        }
    }

    /// Puts answers in line for the driver. Whether there were any.
    fn answer(&mut self) -> bool {
        let done = std::mem::take(&mut *lock(&self.done));
        let answered = !done.is_empty();
        for (tag, Completion { result, buf, .. }) in done {
            // What was moved; the driver looks at it for reads and writes only.
            let result = result.map_or_else(|e| -e.raw(), |()| buf.len() as i32);
            if buf.capacity() > 0 {
                let index = usize::from(tag);
                self.buffers[index] = whole(buf, self.homes[index], self.largest);
                self.homes[index] = self.buffers[index].as_ptr().addr();
            }
            self.commit(tag, result);
        }
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
        self.engine.submit(IoRequest {
            op,
            offset: if op == Op::Flush { 0 } else { request.start_sector * SECTOR_BYTES },
            len: if op == Op::Flush { 0 } else { bytes },
            buf,
            arrival: now(),
            completer: Box::new(Answer { tag, done: Arc::clone(&self.done) }),
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
        lock(&self.done).push((self.tag, done));
    }
}

fn lock(done: &Done) -> std::sync::MutexGuard<'_, Vec<(u16, Completion)>> {
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
