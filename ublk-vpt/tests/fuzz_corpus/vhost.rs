//! Chains of descriptors in a guest's memory, and messages of a virtual machine about its rings.

use ublk_vpt::front::vhost::blk::{Action, Chain, Config, Limits, Malformed, Request, Status};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vpt_model::Op;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// In the memory: a table of so many descriptors, the header, the status byte, data, a second table.
const DESCRIPTORS: u16 = 8;
const HEADER: u64 = 0x100;
const STATUS: u64 = 0x180;
const DATA: u64 = 0x200;
const SECOND: u64 = 0x600;

/// Address, length, flags, next.
type Descriptor = (u64, u32, u16, u16);

/// Memory with these descriptors, a request's header and data.
fn memory(table: &[Descriptor], kind: u32, sector: u64, data: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; 0x700];
    let mut put = |at: u64, bytes: &[u8]| {
        memory[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    };
    for (at, descriptor) in (0..).step_by(16).zip(table) {
        put(at, &encoded(*descriptor));
    }
    put(HEADER, &kind.to_le_bytes());
    put(HEADER + 8, &sector.to_le_bytes());
    put(STATUS, &[0xff]);
    put(DATA, data);
    memory
}

fn encoded((at, len, flags, next): Descriptor) -> Vec<u8> {
    let (at, len) = (at.to_le_bytes(), len.to_le_bytes());
    [&at[..], &len, &flags.to_le_bytes(), &next.to_le_bytes()].concat()
}

/// Header, data, status.
fn chain(len: u32, flags: u16) -> [Descriptor; 3] {
    [(HEADER, 16, NEXT, 1), (DATA, len, NEXT | flags, 2), (STATUS, 1, WRITE, 0)]
}

/// What the target makes of a seed, which see.
fn parsed(seed: &[u8]) -> Result<Action, Malformed> {
    let number = |at: usize| u16::from_le_bytes([seed[at], seed[at + 1]]);
    let features = u64::from_le_bytes(seed[6..14].try_into().expect("8 bytes"));
    let config =
        Config { bytes: 1 << 20, block_size: 512, queues: 1, read_only: seed[14] & 1 != 0 };
    let mem: GuestMemoryMmap =
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 1 << 16)]).expect("memory");
    mem.write_slice(&seed[15..], GuestAddress(0)).expect("inside");
    let chain = Chain::walk(&mem, GuestAddress(number(0).into()), number(2), number(4))?;
    Request::parse(&mem, chain, &Limits { config, features }).map(|request| request.action)
}

#[test]
fn descriptor_chains() {
    // Table, its size, head; all features; not read-only.
    let seed = |memory: Vec<u8>| {
        let numbers = [0, DESCRIPTORS, 0].map(u16::to_le_bytes);
        [numbers.as_flattened(), &u64::MAX.to_le_bytes(), &[0], &memory].concat()
    };
    let range = [&64u64.to_le_bytes()[..], &8u32.to_le_bytes(), &0u32.to_le_bytes()].concat();
    let mut indirect = memory(&[(SECOND, 48, INDIRECT, 0)], 0, 8, &[]);
    let second: Vec<u8> = chain(512, WRITE).into_iter().flat_map(encoded).collect();
    indirect[SECOND as usize..][..second.len()].copy_from_slice(&second);
    let circle = [(HEADER, 16, NEXT, 1), (DATA, 512, NEXT, 0)];
    let order = [(HEADER, 16, NEXT, 1), (DATA, 512, WRITE | NEXT, 2), (STATUS, 1, 0, 0)];
    let flush = [(HEADER, 16, NEXT, 1), (STATUS, 1, WRITE, 0)];
    let outside = [(HEADER, 16, NEXT, 1), (u64::MAX - 4, 512, NEXT | WRITE, 2), chain(0, 0)[2]];
    let io = |op, offset, len| Ok(Action::Io { op, offset, len });
    let cases = [
        ("read", memory(&chain(512, WRITE), 0, 8, &[]), io(Op::Read, 4096, 512)),
        ("write", memory(&chain(512, 0), 1, 8, &[7; 512]), io(Op::Write { fua: false }, 4096, 512)),
        ("flush", memory(&flush, 4, 0, &[]), io(Op::Flush, 0, 0)),
        ("identify", memory(&chain(20, WRITE), 8, 0, &[]), Ok(Action::Identify)),
        ("discard", memory(&chain(16, 0), 11, 0, &range), io(Op::Discard, 32768, 4096)),
        ("zeroes", memory(&chain(16, 0), 13, 0, &range), io(Op::WriteZeroes, 32768, 4096)),
        ("beyond", memory(&chain(512, 0), 1, 2048, &[]), Ok(Action::Refuse(Status::IoError))),
        ("outside", memory(&outside, 0, 8, &[]), io(Op::Read, 4096, 512)),
        ("indirect", indirect, io(Op::Read, 4096, 512)),
        ("circle", memory(&circle, 1, 0, &[]), Err(Malformed::Endless)),
        ("order", memory(&order, 0, 0, &[]), Err(Malformed::Order)),
    ];
    let files = cases.map(|(name, memory, expected)| {
        let seed = seed(memory);
        assert_eq!(parsed(&seed), expected, "{name}");
        (name, seed)
    });
    super::seeds("vhost_blk_request", &files);
}

/// Messages as the target takes them: code, files, length of the body, body.
fn message(code: u8, files: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&[code, files, u8::try_from(body.len()).expect("short")], &body[..]].concat()
}

/// One file: an event.
const EVENT: u8 = 0x81;
/// One file: the guest's memory.
const MEMORY: u8 = 1;
const AVAILABLE: u64 = 0x400;
const USED: u64 = 0x500;
/// Where the virtual machine has the memory, by its own addresses.
const THEIRS: u64 = 0x7f00_0000_0000;
const BYTES: u64 = 64 << 10;
/// VERSION_1, the protocol's own, FLUSH.
const FEATURES: u64 = 1 << 32 | 1 << 30 | 1 << 9;

fn pair(index: u32, value: u32) -> [u8; 8] {
    let mut body = [0; 8];
    body[..4].copy_from_slice(&index.to_le_bytes());
    body[4..].copy_from_slice(&value.to_le_bytes());
    body
}

/// Features and memory, as a virtual machine begins.
fn negotiation() -> Vec<Vec<u8>> {
    let quads = |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
    vec![
        message(1, 0, &[]),                                                 // GET_FEATURES
        message(15, 0, &[]),                                                // GET_PROTOCOL_FEATURES
        message(16, 0, &[&(1u64 | 1 << 9).to_le_bytes()]), // SET_: several queues, configuration
        message(17, 0, &[]),                               // GET_QUEUE_NUM
        message(3, 0, &[]),                                // SET_OWNER
        message(24, 0, &[&pair(0, 60), &[0; 4], &[0; 60]]), // GET_CONFIG
        message(2, 0, &[&FEATURES.to_le_bytes()]),         // SET_FEATURES
        message(5, MEMORY, &[&pair(1, 0), &quads(&[0, BYTES, THEIRS, 0])]), // SET_MEM_TABLE
    ]
}

/// A ring from its size to its start.
fn ring(index: u32) -> Vec<Vec<u8>> {
    let places = [THEIRS, THEIRS + USED, THEIRS + AVAILABLE, 0].map(u64::to_le_bytes);
    let number = u64::from(index).to_le_bytes();
    vec![
        message(8, 0, &[&pair(index, DESCRIPTORS.into())]), // SET_VRING_NUM
        message(10, 0, &[&pair(index, 0)]),                 // SET_VRING_BASE
        message(9, 0, &[&pair(index, 0), places.as_flattened()]), // SET_VRING_ADDR
        message(13, EVENT, &[&number]),                     // SET_VRING_CALL
        message(12, EVENT, &[&number]),                     // SET_VRING_KICK
        message(18, 0, &[&pair(index, 1)]),                 // SET_VRING_ENABLE
    ]
}

#[test]
fn messages() {
    // One chain is available.
    let mut content = memory(&chain(512, WRITE), 0, 8, &[]);
    content[AVAILABLE as usize + 2] = 1;
    let seed = |messages: &[Vec<u8>]| {
        let length = u16::try_from(content.len()).expect("short").to_le_bytes();
        [&length[..], &content, &messages.concat()].concat()
    };
    let stop = |index| message(11, 0, &[&pair(index, 0)]); // GET_VRING_BASE
    let session = [negotiation(), ring(0), vec![stop(0)]].concat();
    let two = [negotiation(), ring(0), ring(1), vec![stop(1), stop(0)]].concat();
    // Without a memory, and a ring that was not described.
    let early = [ring(0), negotiation()].concat();
    // One page more than the file has.
    let mut beyond = negotiation();
    beyond[7][3 + 16..][..8].copy_from_slice(&(BYTES + 4096).to_le_bytes());
    // What was in flight is kept in a file: asked for, and given back.
    let inflight =
        |bytes: u64| [&bytes.to_le_bytes()[..], &[0; 8], &[1, 0, 8, 0], &[0; 4]].concat();
    let shm = message(16, 0, &[&(1u64 | 1 << 9 | 1 << 12).to_le_bytes()]);
    let mut kept = negotiation();
    kept[2] = shm;
    kept.push(message(31, 0, &[&inflight(0)])); // GET_INFLIGHT_FD
    kept.push(message(32, MEMORY, &[&inflight(4096)])); // SET_INFLIGHT_FD
    let kept = [kept, ring(0), vec![stop(0)]].concat();
    super::seeds(
        "vhost_message",
        &[
            ("session", seed(&session)),
            ("two-queues", seed(&two)),
            ("early", seed(&early)),
            ("memory-beyond-its-file", seed(&beyond)),
            ("in-flight", seed(&kept)),
        ],
    );
}
