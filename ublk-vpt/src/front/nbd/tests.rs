//! The conversation without a socket: what clients may say, and what they are told.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use vpt_model::Op;

use super::export::{Command, Export, Judgement, LONGEST_DATA};
use super::handshake::{Handshake, Turn};
use super::rehearse;
use super::wire::codes::{CHUNK, NbdError, OPTION, OPTION_REPLY, cmd, flag, info, opt, rep};
use super::wire::reply;
use super::wire::request::Request;

const DISK: u64 = 1 << 30;

fn export() -> Export {
    Export {
        name: "vpt3".into(),
        description: "lab disk x".into(),
        bytes: DISK,
        block_bytes: 512,
        read_only: false,
    }
}

fn option(code: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let head = [&OPTION.to_be_bytes()[..], &code.to_be_bytes(), &len.to_be_bytes()];
    [&head.concat(), data].concat()
}

fn choose(code: u32, name: &str, about: &[u16]) -> Vec<u8> {
    let mut data = u32::try_from(name.len()).unwrap().to_be_bytes().to_vec();
    data.extend(name.as_bytes());
    data.extend(u16::try_from(about.len()).unwrap().to_be_bytes());
    about.iter().for_each(|about| data.extend(about.to_be_bytes()));
    option(code, &data)
}

fn client(flags: u32, options: &[Vec<u8>]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &options.concat()].concat()
}

fn request(command: u16, offset: u64, len: u32) -> Request {
    Request { flags: 0, command, cookie: 7, offset, len }
}

/// The answers behind the greeting: option, kind, data.
fn answers(said: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
    let mut rest = &said[18..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        assert_eq!(rest[..8], OPTION_REPLY.to_be_bytes());
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        let end = 20 + number(16) as usize;
        found.push((number(8), number(12), rest[20..end].to_vec()));
        rest = &rest[end..];
    }
    found
}

#[test]
fn a_modern_client_gets_the_disk() {
    let bytes = client(
        3,
        &[
            option(99, b"what is this"),
            option(opt::STRUCTURED_REPLY, b""),
            option(opt::LIST, b""),
            choose(opt::INFO, "nothing", &[]),
            choose(opt::GO, "vpt3", &[info::NAME, info::DESCRIPTION, 77]),
        ],
    );
    let done = rehearse(&export(), &bytes);
    assert_eq!((done.structured, done.taken), (Some(true), bytes.len()));
    let said = answers(&done.said);
    let kinds: Vec<_> = said.iter().map(|(option, kind, _)| (*option, *kind)).collect();
    assert_eq!(
        kinds,
        [
            (99, rep::ERR_UNSUP),
            (opt::STRUCTURED_REPLY, rep::ACK),
            (opt::LIST, rep::SERVER),
            (opt::LIST, rep::ACK),
            (opt::INFO, rep::ERR_UNKNOWN),
            (opt::GO, rep::INFO),
            (opt::GO, rep::INFO),
            (opt::GO, rep::INFO),
            (opt::GO, rep::INFO),
            (opt::GO, rep::ACK),
        ]
    );
    assert_eq!(said[2].2, b"\0\0\0\x04vpt3lab disk x");
    // 1 GiB; flags, flush, FUA, rotational, trim, zeroes, DF, several connections.
    assert_eq!(said[5].2, [0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0x01, 0xfd]);
    assert_eq!(said[6].2, [0, 3, 0, 0, 2, 0, 0, 0, 16, 0, 2, 0, 0, 0]);
    assert_eq!(said[7].2, b"\0\x01vpt3");
    assert_eq!(said[8].2, b"\0\x02lab disk x");
}

#[test]
fn an_old_client_gets_the_disk() {
    for (flags, zeroes) in [(1, 124), (3, 0)] {
        let bytes = client(flags, &[option(opt::EXPORT_NAME, b"")]);
        let done = rehearse(&export(), &bytes);
        assert_eq!(done.structured, Some(false));
        let said = &done.said[18..];
        assert_eq!(said.len(), 10 + zeroes);
        assert_eq!(said[..10], [0, 0, 0, 0, 0x40, 0, 0, 0, 0x01, 0x7d]);
    }
    let read_only = Export { read_only: true, ..export() };
    let done = rehearse(&read_only, &client(3, &[option(opt::EXPORT_NAME, b"vpt3")]));
    assert_eq!(done.said[26..], [0x01, 0x7f]);
}

#[test]
fn a_handshake_that_is_none_ends() {
    let long = [&OPTION.to_be_bytes()[..], &[0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]].concat();
    let abort = option(opt::ABORT, b"");
    for (bytes, last) in [
        (client(4, &[]), None),
        (client(1 << 31, &[]), None),
        (client(3, &[b"GET / HTTP/1.1\r\n".to_vec()]), None),
        (client(3, &[option(opt::EXPORT_NAME, b"vpt4")]), None),
        (client(3, &[long]), Some((7, rep::ERR_TOO_BIG))),
        (client(3, &[abort]), Some((opt::ABORT, rep::ACK))),
    ] {
        let more = [bytes.clone(), choose(opt::GO, "", &[])].concat();
        let done = rehearse(&export(), &more);
        assert_eq!(done.structured, None, "{bytes:?}");
        let last_said = answers(&done.said).last().map(|(option, kind, _)| (*option, *kind));
        assert_eq!(last_said, last, "{bytes:?}");
    }
    let many = vec![option(99, b""); 1000];
    assert_eq!(answers(&rehearse(&export(), &client(3, &many)).said).len(), 64);
}

#[test]
fn wrong_data_of_an_option_is_said_and_forgiven() {
    for wrong in [
        option(opt::LIST, b"x"),
        option(opt::STRUCTURED_REPLY, b"x"),
        option(opt::GO, b""),
        option(opt::GO, &[0xff; 4]),
        option(opt::GO, b"\0\0\0\x04vp"),
        option(opt::INFO, b"\0\0\0\0\0\x02\0\0"),
        option(opt::INFO, b"\0\0\0\0\0\x01\0\0\0"),
    ] {
        let done = rehearse(&export(), &client(3, &[wrong.clone(), choose(opt::GO, "", &[])]));
        assert_eq!(answers(&done.said)[0].1, rep::ERR_INVALID, "{wrong:?}");
        assert_eq!(done.structured, Some(false), "{wrong:?}");
    }
}

#[test]
fn bytes_may_come_one_by_one() {
    let bytes = client(3, &[option(opt::LIST, b""), choose(opt::GO, "vpt3", &[info::NAME])]);
    let export = export();
    let (mut handshake, mut out) = (Handshake::new(&export), Vec::new());
    let (mut start, mut turn) = (0, Turn::More);
    for end in 1..=bytes.len() {
        loop {
            let taken;
            (taken, turn) = handshake.step(&bytes[start..end], &mut out);
            start += taken;
            if turn != Turn::Next {
                break;
            }
        }
    }
    assert_eq!((start, turn), (bytes.len(), Turn::Serve { structured: false }));
    assert_eq!(out, rehearse(&export, &bytes).said[18..]);
}

#[test]
fn requests_are_judged() {
    use NbdError::{Inval, NoSpc, Overflow, Perm};
    let export = export();
    let mib = 1 << 20;
    let refused = |request: Request, structured| match export.judge(&request, structured) {
        Judgement::Refuse { error, dropped, .. } => Some((error, dropped)),
        _ => None,
    };
    for (command, offset, len, error) in [
        (cmd::READ, DISK - 512, 512, None),
        (cmd::READ, DISK, 512, Some(Inval)),
        (cmd::READ, u64::MAX - 511, 1024, Some(Inval)),
        (cmd::READ, 0, 0, Some(Inval)),
        (cmd::READ, 1, 512, Some(Inval)),
        (cmd::READ, 0, 513, Some(Inval)),
        (cmd::READ, 0, 32 * mib, None),
        (cmd::READ, 0, 32 * mib + 512, Some(Inval)),
        (cmd::WRITE, DISK - 512, 1024, Some(NoSpc)),
        (cmd::WRITE, 0, 32 * mib + 512, Some(Inval)),
        (cmd::TRIM, 0, 512 * mib, None),
        (cmd::TRIM, DISK, 512, Some(Inval)),
        (cmd::WRITE_ZEROES, 0, 512 * mib, None),
        (cmd::WRITE_ZEROES, DISK, 512, Some(NoSpc)),
        (cmd::FLUSH, 0, 0, None),
        (5, 0, 512, Some(Inval)),
        (7, 0, 512, Some(Inval)),
        (u16::MAX, 0, 512, Some(Inval)),
    ] {
        let dropped = if command == cmd::WRITE { len } else { 0 };
        let expected = error.map(|error| (error, dropped));
        let request = request(command, offset, len);
        assert_eq!(refused(request, true), expected, "{request:?}");
    }
    let flags = |flags, request| Request { flags, ..request };
    let read = request(cmd::READ, 0, 512);
    assert_eq!(refused(flags(flag::DF, read), true), None);
    assert_eq!(refused(flags(flag::DF, read), false), Some((Inval, 0)));
    assert_eq!(
        refused(flags(flag::DF, request(cmd::READ, 0, 64 << 20)), true),
        Some((Overflow, 0))
    );
    assert_eq!(refused(flags(1 << 4, request(cmd::WRITE_ZEROES, 0, 512)), true), Some((Inval, 0)));
    assert_eq!(refused(flags(1 << 9, request(cmd::WRITE, 0, 512)), true), Some((Inval, 512)));
    let read_only = Export { read_only: true, ..export.clone() };
    for (command, is_refused) in
        [(cmd::READ, false), (cmd::FLUSH, false), (cmd::WRITE, true), (cmd::TRIM, true)]
    {
        let judged = read_only.judge(&request(command, 0, 512), true);
        let perm = matches!(judged, Judgement::Refuse { error: Perm, .. });
        assert_eq!(perm, is_refused, "{command}");
    }
    assert!(matches!(export.judge(&request(cmd::WRITE, 0, u32::MAX), true), Judgement::Cut(_)));
    assert_eq!(export.judge(&request(cmd::DISC, 0, 0), true), Judgement::End);
}

#[test]
fn fua_reaches_the_disk() {
    let export = export();
    for (command, op, then_flush) in [
        (cmd::WRITE, Op::Write { fua: true }, false),
        (cmd::TRIM, Op::Discard, true),
        (cmd::WRITE_ZEROES, Op::WriteZeroes, true),
        (cmd::READ, Op::Read, false),
    ] {
        let request = Request { flags: flag::FUA, ..request(command, 512, 1024) };
        let command = Command { op, offset: 512, len: 1024, then_flush };
        assert_eq!(export.judge(&request, false), Judgement::Do(command));
    }
}

/// A write whose data does not all come is no write.
#[test]
fn half_a_write_is_none() {
    let go = client(3, &[choose(opt::GO, "", &[])]);
    let write =
        |len| [&request(cmd::WRITE, 0, len).to_bytes()[..], &vec![1; len as usize]].concat();
    let whole = [&go[..], &write(512), &write(1024)].concat();
    assert_eq!(rehearse(&export(), &whole).commands().count(), 2);
    for missing in 1..=1024 {
        let done = rehearse(&export(), &whole[..whole.len() - missing]);
        assert_eq!(done.commands().count(), 1, "{missing} bytes missing");
    }
}

#[test]
fn replies_are_as_the_protocol_has_them() {
    let simple = [0x67, 0x44, 0x66, 0x98, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    assert_eq!(reply::done(7).bytes(), simple);
    assert_eq!(reply::data(7, false, 512, 1024).bytes(), simple);
    let (head, text) = reply::error(7, false, NbdError::NoSpc, "full");
    assert_eq!((head.bytes()[4..8].to_vec(), text), (vec![0, 0, 0, 28], 0));

    let head = reply::data(7, true, 512, 1024);
    let chunk = [&CHUNK.to_be_bytes()[..], &[0, 1, 0, 1], &7_u64.to_be_bytes()].concat();
    let offset = [&1032_u32.to_be_bytes()[..], &512_u64.to_be_bytes()].concat();
    assert_eq!(head.bytes(), [chunk, offset].concat());
    let (head, text) = reply::error(7, true, NbdError::Io, "broken");
    let chunk = [&CHUNK.to_be_bytes()[..], &[0, 1, 0x80, 1], &7_u64.to_be_bytes()].concat();
    assert_eq!(head.bytes(), [&chunk[..], &[0, 0, 0, 12, 0, 0, 0, 5, 0, 6]].concat());
    assert_eq!(text, 6);
    assert_eq!(reply::error(7, true, NbdError::Io, &"x".repeat(70_000)).1, 65_535);
}

#[test]
fn errors_have_numbers() {
    for (raw, error) in [
        (libc::EROFS, NbdError::Perm),
        (libc::EDQUOT, NbdError::NoSpc),
        (libc::EINVAL, NbdError::Inval),
        (libc::EREMOTEIO, NbdError::Io),
    ] {
        assert_eq!(NbdError::of_errno(raw), error);
    }
}

/// A conversation as a client might hold it, up to some damage.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let any_option = prop_oneof![
        Just(choose(opt::GO, "vpt3", &[info::NAME])),
        Just(option(opt::STRUCTURED_REPLY, b"")),
        (0..12_u32, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(o, d)| option(o, &d)),
    ];
    let any_request = (any::<u16>(), 0..9_u16, any::<u64>(), 0..3000_u32, any::<bool>()).prop_map(
        |(flags, command, offset, len, sane)| {
            let (flags, offset) = if sane { (0, (offset % DISK) & !511) } else { (flags, offset) };
            let len = if sane { len & !511 } else { len };
            let data = if command == cmd::WRITE { vec![3; len as usize] } else { Vec::new() };
            [&Request { flags, command, cookie: offset, offset, len }.to_bytes()[..], &data]
                .concat()
        },
    );
    let parts = (
        prop::collection::vec(any_option, 0..6),
        prop::collection::vec(any_request, 0..6),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    );
    parts.prop_map(|(options, requests, damage)| {
        let go = choose(opt::GO, "", &[]);
        let mut bytes = [client(3, &options), go, requests.concat()].concat();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// What holds whatever a client says.
fn check(export: &Export, bytes: &[u8]) {
    let done = rehearse(export, bytes);
    assert!(done.taken <= bytes.len());
    assert!(done.said.len() < 1 << 20);
    for command in done.commands() {
        let len = u64::from(command.len);
        assert!(command.offset + len <= export.bytes, "{command:?}");
        assert!(command.op == Op::Flush || len > 0, "{command:?}");
        assert_eq!((command.offset | len) % u64::from(export.block_bytes), 0, "{command:?}");
        let carries = matches!(command.op, Op::Read | Op::Write { .. });
        assert!(!carries || command.len <= LONGEST_DATA, "{command:?}");
        assert!(!export.read_only || matches!(command.op, Op::Read | Op::Flush), "{command:?}");
    }
    // However the bytes arrive, the same is said and done.
    let half = rehearse(export, &bytes[..bytes.len() / 2]);
    assert!(done.said.starts_with(&half.said));
    assert_eq!(half.judged[..], done.judged[..half.judged.len()]);
}

proptest! {
    #[test]
    fn any_conversation(bytes in conversation(), read_only: bool, block in 0..2_u32) {
        check(&Export { read_only, block_bytes: 512 << (3 * block), ..export() }, &bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&export(), &bytes);
    }

    #[test]
    fn a_request_is_what_was_sent(
        flags: u16, command: u16, cookie: u64, offset: u64, len: u32,
    ) {
        let request = Request { flags, command, cookie, offset, len };
        let bytes = request.to_bytes();
        prop_assert_eq!(Request::parse(&bytes), Some(request));
        for cut in 0..bytes.len() {
            prop_assert_eq!(Request::parse(&bytes[..cut]), None);
        }
    }
}
