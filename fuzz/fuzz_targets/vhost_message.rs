//! Messages of the vhost-user protocol to a device that listens: any order, any content, with real
//! files for memory and events. The device must go on serving.
//!
//! An input is the guest's memory (its length as 2 bytes, then that many), then messages. Each is a
//! byte for its code, one for its files, one for its body's length, and the body. The files: as many as
//! the lowest 3 bits say, of the guest's memory, or with the highest bit an event that is signalled.
//! Numbers are little-endian.
#![no_main]

use std::io::{ErrorKind, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use ublk_vpt::back::NullBackend;
use ublk_vpt::engine::{self, CoreConfig, Engine, EngineConfig, Spin};
use ublk_vpt::front::Access;
use ublk_vpt::front::vhost::{VhostFront, VhostOptions};
use vpt_model::{Disk, DiskSpec, KController, KSettings, Sectors};

const BYTES: u64 = 1 << 20;
const MEMORY_BYTES: usize = 64 << 10;

/// Serves until the process ends.
struct Device {
    socket: PathBuf,
    _served: Mutex<(Engine, VhostFront)>,
}

fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let spec = DiskSpec::null();
        let core = CoreConfig {
            disk: Disk::new(&spec, Sectors::holding(BYTES)).expect("a disk"),
            scale: KController::new(KSettings::default(), engine::now()).expect("a scale"),
            backend: Box::new(NullBackend::new(BYTES)),
            read_only: false,
            trace: None,
            undelayed: false,
        };
        let engine = Engine::start(EngineConfig { fifo: false, spin: Spin::Never }, core);
        let engine = engine.expect("an engine");
        let socket = std::env::temp_dir().join(format!("vhost.{}", std::process::id()));
        let options = VhostOptions {
            socket: socket.clone(),
            access: Access { uid: 0, gid: 0, mode: 0o600 },
            id: 0,
            bytes: BYTES,
            block_size: 512,
            queues: 2,
            depth: 8,
            read_only: false,
            fifo: false,
        };
        let front = VhostFront::listen(
            options,
            engine.handle(),
            Box::new(|ended| panic!("it ended by itself: {ended:?}")),
        );
        Device { socket, _served: Mutex::new((engine, front.expect("a device"))) }
    })
}

/// libFuzzer's timer may interrupt.
fn connect(socket: &Path) -> UnixStream {
    loop {
        match UnixStream::connect(socket) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            connected => return connected.expect("a connection"),
        }
    }
}

/// The guest's memory, with these bytes at its begin.
fn memory(bytes: &[u8]) -> OwnedFd {
    let memory = memfd_create("guest", MemfdFlags::CLOEXEC).expect("memory");
    ftruncate(&memory, MEMORY_BYTES as u64).expect("memory");
    let written = rustix::io::pwrite(&memory, &bytes[..bytes.len().min(MEMORY_BYTES)], 0);
    written.expect("memory");
    memory
}

/// The first `len` bytes, or all, and the rest.
fn split(bytes: &[u8], len: usize) -> (&[u8], &[u8]) {
    bytes.split_at(len.min(bytes.len()))
}

fuzz_target!(|input: &[u8]| {
    let Some((&length, input)) = input.split_first_chunk::<2>() else { return };
    let (content, mut messages) = split(input, usize::from(u16::from_le_bytes(length)));
    let memory = memory(content);
    let event = eventfd(1, EventfdFlags::CLOEXEC).expect("an event");
    let mut stream = connect(&device().socket);
    stream.set_nonblocking(true).expect("a socket");
    while let Some((&[code, files, length], rest)) = messages.split_first_chunk::<3>() {
        let (body, rest) = split(rest, usize::from(length));
        messages = rest;
        let head = [u32::from(code), 1, body.len() as u32].map(u32::to_le_bytes);
        let message = [head.as_flattened(), body].concat();
        let file = if files & 0x80 == 0 { memory.as_fd() } else { event.as_fd() };
        let some = [file; 8];
        let some = &some[..usize::from(files & 7)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !some.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(some));
        }
        let sent = sendmsg(&stream, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL);
        if sent.is_err() {
            break; // cut off, or it takes no more
        }
        // Answers must not fill its socket.
        let _ = stream.read(&mut [0; 8192]);
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    stream.set_nonblocking(false).expect("a socket");
    // A device that hangs is noticed by libFuzzer's time limit, whose timer interrupts.
    loop {
        match stream.read(&mut [0; 8192]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
            Err(e) => panic!("no end of the connection: {e}"),
        }
    }
});
