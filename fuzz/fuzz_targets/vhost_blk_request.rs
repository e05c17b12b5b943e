//! A guest's memory and a chain of descriptors in it, hostile: the parser must neither panic nor hang,
//! and what it makes of the chain must lie on the disk and be copied inside the memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ublk_vpt::front::vhost::blk::{
    Action, Chain, Config, LARGEST_REQUEST, Limits, Request, gather, scatter,
};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vpt_model::Op;

const MEMORY: usize = 64 << 10;

// Where the table is, its size, the head, the features, read-only; the rest is the memory from 0 on.
fuzz_target!(|input: (u16, u16, u16, u64, bool, &[u8])| {
    let (table, size, head, features, read_only, bytes) = input;
    let mem: GuestMemoryMmap =
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY)]).expect("memory");
    mem.write_slice(&bytes[..bytes.len().min(MEMORY)], GuestAddress(0)).expect("inside");
    let config = Config { bytes: 1 << 20, block_size: 512, queues: 1, read_only };
    let limits = Limits { config, features };
    let Ok(chain) = Chain::walk(&mem, GuestAddress(u64::from(table)), size, head) else { return };
    let Ok(request) = Request::parse(&mem, chain, &limits) else { return };
    let Action::Io { op, offset, len } = request.action else { return };
    if op == Op::Flush {
        return;
    }
    assert!(len > 0 && offset.checked_add(len).is_some_and(|end| end <= config.bytes));
    match op {
        Op::Read | Op::Write { .. } => {
            assert!(len <= u64::from(LARGEST_REQUEST));
            let mut buf = vec![0; len as usize];
            if op == Op::Read {
                let _ = scatter(&mem, &buf, &request.data);
            } else {
                assert!(!read_only);
                let _ = gather(&mem, &request.data, &mut buf);
            }
        }
        _ => assert!(!read_only),
    }
});
