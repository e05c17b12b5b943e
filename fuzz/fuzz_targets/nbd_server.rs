//! A client that says anything: handshake, options, requests. Nothing may panic, what the disk is asked
//! is inside it, and how the bytes are cut into packets makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ublk_vpt::front::nbd::export::{Export, LONGEST_DATA};
use ublk_vpt::front::nbd::rehearse;
use vpt_model::Op;

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let export = Export {
        name: "vpt0".into(),
        description: "lab disk".into(),
        bytes: 1 << 20,
        block_bytes: if kind & 1 == 0 { 512 } else { 4096 },
        read_only: kind & 2 != 0,
    };
    let whole = rehearse(&export, bytes);
    assert!(whole.taken <= bytes.len());
    for command in whole.commands() {
        let len = u64::from(command.len);
        assert!(command.offset + len <= export.bytes);
        assert_eq!((command.offset | len) % u64::from(export.block_bytes), 0);
        assert!(command.op == Op::Flush || len > 0);
        assert!(!export.read_only || matches!(command.op, Op::Read | Op::Flush));
        assert!(!matches!(command.op, Op::Read | Op::Write { .. }) || command.len <= LONGEST_DATA);
    }
    let cut = usize::from(kind) * bytes.len() / 256;
    let part = rehearse(&export, &bytes[..cut]);
    assert!(whole.said.starts_with(&part.said));
    assert_eq!(part.judged[..], whole.judged[..part.judged.len()]);
});
