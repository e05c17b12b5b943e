//! One queue, seen from the driver: three descriptors for each request, in a place of their own.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::EventFd;

/// Room for the data of one request.
const SLOT_BYTES: u64 = 64 << 10;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
/// Descriptors of a request: header, data, status.
const EACH: u16 = 3;
/// From the queue's start: descriptors, then these rings, then headers, then data.
const AVAILABLE: u64 = 0x8000;
const USED: u64 = 0xa000;
const HEADERS: u64 = 0x10000;
const DATA: u64 = 0x20000;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What.
    pub kind: u32,
    /// Where, in units of 512 bytes.
    pub sector: u64,
    /// What the device reads.
    pub out: &'a [u8],
    /// How much it may write.
    pub room: u32,
}

/// See the module.
pub struct Ring {
    mem: GuestMemoryMmap,
    base: u64,
    /// Descriptors.
    pub size: u16,
    event_idx: bool,
    /// Our index in the available ring.
    pub next: u16,
    seen: u16,
    /// To the device.
    pub kick: EventFd,
    /// From the device.
    pub call: EventFd,
    calls: Epoll,
    /// Kicks that were sent.
    pub kicks: u64,
}

impl Ring {
    /// Bytes of memory for a ring of that size.
    pub fn bytes(size: u16) -> u64 {
        DATA + u64::from(size / EACH) * SLOT_BYTES
    }

    pub(super) fn new(mem: GuestMemoryMmap, base: u64, size: u16, event_idx: bool) -> Self {
        let event = || EventFd::new(nix::libc::EFD_NONBLOCK).expect("an event descriptor");
        let (kick, call) = (event(), event());
        let calls = Epoll::new().expect("an epoll descriptor");
        calls
            .ctl(ControlOperation::Add, call.as_raw_fd(), EpollEvent::new(EventSet::IN, 0))
            .expect("to watch an event descriptor");
        Self { mem, base, size, event_idx, next: 0, seen: 0, kick, call, calls, kicks: 0 }
    }

    /// How many requests fit.
    pub fn slots(&self) -> u16 {
        self.size / EACH
    }

    /// Where descriptors, available ring and used ring are.
    pub fn parts(&self) -> [u64; 3] {
        [self.base, self.base + AVAILABLE, self.base + USED]
    }

    /// Where a slot's data is.
    pub fn data(&self, slot: u16) -> u64 {
        self.base + DATA + u64::from(slot) * SLOT_BYTES
    }

    fn header(&self, slot: u16) -> u64 {
        self.base + HEADERS + u64::from(slot) * 32
    }

    /// Writes a descriptor.
    pub fn describe(&self, index: u16, addr: u64, len: u32, flags: u16, next: u16) {
        let at = self.base + u64::from(index) * 16;
        self.put(at, addr);
        self.put(at + 8, len);
        self.put(at + 12, flags);
        self.put(at + 14, next);
    }

    /// Puts a value into the guest's memory.
    pub fn put<T: vm_memory::ByteValued>(&self, at: u64, value: T) {
        self.mem.write_obj(value, GuestAddress(at)).expect("inside");
    }

    /// Makes a request without telling the device.
    pub fn prepare(&mut self, slot: u16, ask: Ask<'_>) {
        let (header, data) = (self.header(slot), self.data(slot));
        self.put(header, ask.kind);
        self.put(header + 4, 0u32);
        self.put(header + 8, ask.sector);
        self.put(header + 16, 0xffu8);
        self.mem.write_slice(ask.out, GuestAddress(data)).expect("inside");
        let head = slot * EACH;
        let status = |ring: &Self, at| ring.describe(at, header + 16, 1, WRITE, 0);
        if ask.out.is_empty() && ask.room == 0 {
            self.describe(head, header, 16, NEXT, head + 2);
        } else {
            self.describe(head, header, 16, NEXT, head + 1);
            let (bytes, flags) =
                if ask.room > 0 { (ask.room, NEXT | WRITE) } else { (ask.out.len() as u32, NEXT) };
            self.describe(head + 1, data, bytes, flags, head + 2);
        }
        status(self, head + 2);
        self.offer(head);
    }

    /// Puts a chain into the available ring.
    pub fn offer(&mut self, head: u16) {
        let at = self.base + AVAILABLE;
        self.put(at + 4 + u64::from(self.next % self.size) * 2, head);
        self.next = self.next.wrapping_add(1);
        self.mem.store(self.next, GuestAddress(at + 2), Ordering::SeqCst).expect("inside");
    }

    /// Tells the device, unless it does not want to be told. `since` is where `next` was when it was
    /// last told.
    pub fn notify(&mut self, since: u16) {
        std::sync::atomic::fence(Ordering::SeqCst);
        let used = self.base + USED;
        let wanted = if self.event_idx {
            let event = used + 4 + u64::from(self.size) * 8;
            let event: u16 = self.mem.load(GuestAddress(event), Ordering::SeqCst).expect("inside");
            let (behind, new) = (self.next.wrapping_sub(event), self.next.wrapping_sub(since));
            behind.wrapping_sub(1) < new
        } else {
            let flags: u16 = self.mem.load(GuestAddress(used), Ordering::SeqCst).expect("inside");
            flags & 1 == 0
        };
        if wanted {
            self.kick.write(1).expect("a kick");
            self.kicks += 1;
        }
    }

    /// Makes a request.
    pub fn submit(&mut self, slot: u16, ask: Ask<'_>) {
        let since = self.next;
        self.prepare(slot, ask);
        self.notify(since);
    }

    /// The used ring's index.
    pub fn used(&self) -> u16 {
        self.mem.load(GuestAddress(self.base + USED + 2), Ordering::SeqCst).expect("inside")
    }

    /// The next chain that came back, and how many bytes were written into it.
    pub fn reap(&mut self) -> Option<(u16, u32)> {
        if self.used() == self.seen {
            return None;
        }
        let at = self.base + USED + 4 + u64::from(self.seen % self.size) * 8;
        let get = |at| self.mem.read_obj::<u32>(GuestAddress(at)).expect("inside");
        let (head, written) = (get(at) as u16, get(at + 4));
        self.seen = self.seen.wrapping_add(1);
        Some((head / EACH, written))
    }

    /// Waits for an interrupt, unless something has come back. False: nothing within the time.
    pub fn wait(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            if self.event_idx {
                // Tell us about the next one.
                let event = self.base + AVAILABLE + 4 + u64::from(self.size) * 2;
                self.mem.store(self.seen, GuestAddress(event), Ordering::SeqCst).expect("inside");
                std::sync::atomic::fence(Ordering::SeqCst);
            }
            if self.used() != self.seen {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // Rounded up, or the last part of a millisecond would be spent spinning.
            let left = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
            let _ = self.calls.wait(left, &mut [EpollEvent::default()]);
            let _ = self.call.read();
        }
    }

    /// A slot's status byte; 255 before there is one.
    pub fn status(&self, slot: u16) -> u8 {
        self.mem.read_obj(GuestAddress(self.header(slot) + 16)).expect("inside")
    }

    /// A slot's data.
    pub fn bytes_of(&self, slot: u16, bytes: usize) -> Vec<u8> {
        let mut data = vec![0; bytes];
        self.mem.read_slice(&mut data, GuestAddress(self.data(slot))).expect("inside");
        data
    }

    /// Makes a request in slot 0, waits for it, and returns status and data.
    ///
    /// # Panics
    /// When it does not come back in 30 s.
    #[track_caller]
    pub fn ask(&mut self, ask: Ask<'_>) -> (u8, Vec<u8>) {
        self.submit(0, ask);
        assert!(self.wait(Duration::from_secs(30)), "no answer to {ask:?}");
        let (slot, _) = self.reap().expect("waited for");
        assert_eq!(slot, 0);
        (self.status(0), self.bytes_of(0, ask.room as usize))
    }
}
