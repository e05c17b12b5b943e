//! The image: a file with data in every block, told apart by their numbers.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::Interrupt;

/// Written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Every block begins with its number.
const BLOCK_BYTES: usize = 4096;

/// Writes an image of `bytes` bytes (whole MiB) and waits until the disk has it: what is still on its
/// way would disturb the measurement.
pub fn write(path: &Path, bytes: u64, interrupt: &Interrupt) -> Result<()> {
    let told = || format!("cannot write the image {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let space = rustix::fs::statvfs(folder).with_context(told)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < bytes {
        bail!("{}: {} MiB wanted, {} MiB free", told(), bytes >> 20, free >> 20);
    }
    let mut file = File::create_new(path).with_context(told)?;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let blocks = (CHUNK_BYTES / BLOCK_BYTES) as u64;
    for first in (0..bytes / BLOCK_BYTES as u64).step_by(CHUNK_BYTES / BLOCK_BYTES) {
        interrupt.check()?;
        for (number, block) in (first..first + blocks).zip(chunk.chunks_exact_mut(BLOCK_BYTES)) {
            block[..8].copy_from_slice(&number.to_le_bytes());
        }
        file.write_all(&chunk).with_context(told)?;
    }
    file.sync_all().with_context(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_holds_its_number() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("a.img");
        write(&path, 3 << 20, &Interrupt::never()).expect("written");
        let data = std::fs::read(&path).expect("read");
        assert_eq!(data.len(), 3 << 20);
        for (number, block) in data.chunks(BLOCK_BYTES).enumerate() {
            assert_eq!(block[..8], (number as u64).to_le_bytes());
        }
        assert!(write(&path, 1 << 20, &Interrupt::never()).is_err(), "never over a file");
    }

    #[test]
    fn says_when_there_is_no_room() {
        let folder = tempfile::tempdir().expect("temp folder");
        let error = write(&folder.path().join("a.img"), 1 << 60, &Interrupt::never());
        assert!(error.expect_err("too large").to_string().contains("MiB free"));
    }
}
