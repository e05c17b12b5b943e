//! Messages of the vhost-user protocol to a device that listens: any order, any content, with real
//! files for memory and events. The device must go on serving.
#![no_main]

use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

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

struct Device {
    socket: PathBuf,
    memory: OwnedFd,
    event: OwnedFd,
    _served: (Engine, VhostFront),
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
        };
        let engine = Engine::start(EngineConfig { fifo: false, spin: Spin::Never }, core);
        let engine = engine.expect("an engine");
        let socket = std::env::temp_dir().join(format!("vhost-fuzz.{}", std::process::id()));
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
        let front = VhostFront::listen(options, engine.handle(), Box::new(|ended| {
            panic!("it ended by itself: {ended:?}");
        }));
        let memory = memfd_create("guest", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&memory, 1 << 16).expect("memory");
        Device {
            socket,
            memory,
            event: eventfd(0, EventfdFlags::CLOEXEC).expect("an event"),
            _served: (engine, front.expect("a device")),
        }
    })
}

// Each message: its code, how many files of which kind, and its body.
fuzz_target!(|messages: Vec<(u8, u8, Vec<u8>)>| {
    let device = device();
    let mut stream = UnixStream::connect(&device.socket).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    stream.set_nonblocking(true).expect("a socket");
    for (code, files, body) in messages.iter().take(64) {
        let mut message = u32::from(*code).to_le_bytes().to_vec();
        message.extend_from_slice(&1u32.to_le_bytes());
        message.extend_from_slice(&(body.len() as u32).to_le_bytes());
        message.extend_from_slice(body);
        let file = if files & 0x80 == 0 { device.memory.as_fd() } else { device.event.as_fd() };
        let some = [file; 8];
        let some = &some[..usize::from(files & 7)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !some.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(some));
        }
        if sendmsg(&stream, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL).is_err() {
            break; // cut off
        }
        // Answers must not fill its socket.
        let _ = stream.read(&mut [0; 8192]);
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    stream.set_nonblocking(false).expect("a socket");
    let mut rest = [0; 8192];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => panic!("the device hangs: {e}"),
        }
    }
});
