//! The guests' image, which `build.rs` made.

use lgbench_payload::abi;

/// Code and data, to be laid at [`abi::IMAGE`], where its first byte is to be executed first.
pub const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/payload.bin"));

const _: () = assert!((IMAGE.len() as u64) < abi::IMAGE_MAX);
