//! A whole conversation with the NBD server.

use ublk_vpt::front::nbd::export::{Export, Judgement};
use ublk_vpt::front::nbd::rehearse;
use ublk_vpt::front::nbd::wire::codes::{OPTION, REQUEST, cmd, flag, info, opt};
use vpt_model::Op;

fn option(code: u32, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    [&OPTION.to_be_bytes()[..], &code.to_be_bytes(), &len.to_be_bytes(), data].concat()
}

fn choose(code: u32, name: &str, about: &[u16]) -> Vec<u8> {
    let about_bytes: Vec<u8> = about.iter().flat_map(|about| about.to_be_bytes()).collect();
    let (name_len, count) = (name.len() as u32, about.len() as u16);
    let name = [&name_len.to_be_bytes()[..], name.as_bytes()].concat();
    option(code, &[&name[..], &count.to_be_bytes(), &about_bytes].concat())
}

fn request(command: u16, flags: u16, (offset, len): (u64, u32), data: &[u8]) -> Vec<u8> {
    let head = [&REQUEST.to_be_bytes()[..], &flags.to_be_bytes(), &command.to_be_bytes()].concat();
    let place = [&7u64.to_be_bytes()[..], &offset.to_be_bytes(), &len.to_be_bytes()].concat();
    [&head[..], &place, data].concat()
}

/// Every option and every request that is understood, and some that are not.
fn whole() -> Vec<u8> {
    let client = 3u32.to_be_bytes();
    let options = [
        option(99, b"what is this"),
        option(opt::LIST, b""),
        option(opt::STRUCTURED_REPLY, b""),
        choose(opt::INFO, "nothing", &[]),
        choose(opt::INFO, "vpt0", &[info::BLOCK_SIZE]),
        choose(opt::GO, "vpt0", &[info::NAME, info::DESCRIPTION, info::BLOCK_SIZE, 77]),
    ];
    let requests = [
        request(cmd::WRITE, flag::FUA, (8192, 512), &[0x5a; 512]),
        request(cmd::READ, flag::DF, (8192, 512), &[]),
        request(cmd::FLUSH, 0, (0, 0), &[]),
        request(cmd::TRIM, flag::FUA, (0, 65536), &[]),
        request(cmd::WRITE_ZEROES, flag::NO_HOLE, (65536, 65536), &[]),
        request(cmd::READ, 0, ((1 << 20) - 512, 1024), &[]),
        request(cmd::WRITE, 0, (1 << 20, 512), &[1; 512]),
        request(cmd::READ, 0, (1, 3), &[]),
        request(5, 0, (0, 512), &[]),
        request(cmd::DISC, 0, (0, 0), &[]),
    ];
    [&client[..], &options.concat(), &requests.concat()].concat()
}

#[test]
fn a_whole_conversation() {
    // The first byte says what disk it is: 0, one of 512-byte blocks that can be written.
    super::seeds("nbd_server", &[("whole", [&[0], &whole()[..]].concat())]);
    let export = Export {
        name: "vpt0".into(),
        description: "lab disk".into(),
        bytes: 1 << 20,
        block_bytes: 512,
        read_only: false,
    };
    let done = rehearse(&export, &whole());
    assert_eq!((done.structured, done.taken), (Some(true), whole().len()));
    let ops: Vec<_> = done.commands().map(|command| command.op).collect();
    let write = Op::Write { fua: true };
    assert_eq!(ops, [write, Op::Read, Op::Flush, Op::Discard, Op::WriteZeroes]);
    assert!(matches!(done.judged.last(), Some((_, Judgement::End))), "{:?}", done.judged);
}
