//! The tables that hold an image together, looked at before it is written: where they are must be taken,
//! or the next cluster that is wanted would be laid over them. imago trusts them; with a refcount table
//! that does not know the header's own cluster it would even recurse without end.
//!
//! What the tables of the second level say is not looked at here: an entry that points anywhere costs
//! its own image only, and is an error when it is used.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::header::{Header, HeaderError};

/// The offset in an entry of the L1 table; other bits are reserved, but for the highest, which says
/// that the table it names is not shared.
const L1_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const L1_ALONE: u64 = 1 << 63;
/// In the refcount table all but the lowest bits are the offset.
const REF_OFFSET: u64 = !0x1ff;

/// Checks the tables of an image of `file_bytes`.
///
/// # Errors
/// Outside, what the kernel says; inside, what is wrong with the image.
pub(super) fn check(
    file: &File,
    header: &Header,
    file_bytes: u64,
) -> io::Result<Result<(), HeaderError>> {
    Checker { file, header, file_bytes, taken: HashSet::new(), blocks: HashMap::new() }.check()
}

struct Checker<'a> {
    file: &'a File,
    header: &'a Header,
    file_bytes: u64,
    /// Clusters of header and tables, by number.
    taken: HashSet<u64>,
    /// Blocks of refcounts that were needed, by their place in the refcount table.
    blocks: HashMap<u64, Vec<u8>>,
}

type Checked = Result<(), HeaderError>;

fn broken(what: &'static str) -> io::Result<Checked> {
    Ok(Err(HeaderError::Broken { what }))
}

impl Checker<'_> {
    fn check(mut self) -> io::Result<Checked> {
        let tables = self.header.tables;
        let reftable = self.entries(tables.reftable_offset, tables.reftable_bytes / 8)?;
        let l1 = self.entries(tables.l1_offset, tables.l1_entries)?;
        let whole = [
            (0, 1),
            (tables.reftable_offset, tables.reftable_bytes),
            (tables.l1_offset, tables.l1_entries * 8),
        ];
        for (offset, bytes) in whole {
            if !self.take(offset, bytes) {
                return broken("has tables that lie on each other");
            }
        }
        let blocks = reftable.iter().map(|entry| (*entry, REF_OFFSET, 0));
        let tables = l1.iter().map(|entry| (*entry, L1_OFFSET, L1_ALONE));
        for (entry, offset, flags) in blocks.chain(tables) {
            if entry & !(offset | flags) != 0 || !self.is_place(entry & offset) {
                return broken("has a table that points outside of the file");
            }
            if entry & offset != 0 && !self.take(entry & offset, 1) {
                return broken("has tables that lie on each other");
            }
        }
        let taken: Vec<u64> = self.taken.iter().copied().collect();
        for cluster in taken {
            if !self.is_counted(&reftable, cluster)? {
                return broken("does not count the clusters of its own tables");
            }
        }
        Ok(Ok(()))
    }

    /// Numbers in the file; beyond its end there are zeroes.
    fn entries(&self, offset: u64, count: u64) -> io::Result<Vec<u64>> {
        let bytes = self.bytes(offset, count * 8)?;
        let (numbers, _) = bytes.as_chunks::<8>();
        Ok(numbers.iter().map(|number| u64::from_be_bytes(*number)).collect())
    }

    fn bytes(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        let there = self.file_bytes.saturating_sub(offset).min(len) as usize;
        self.file.read_exact_at(&mut bytes[..there], offset)?;
        Ok(bytes)
    }

    /// Whether a table can be there: a cluster of the file, or nowhere.
    fn is_place(&self, offset: u64) -> bool {
        offset.is_multiple_of(self.header.cluster_bytes)
            && (offset == 0 || offset < self.file_bytes)
    }

    /// Notes the clusters of these bytes; `false` if one of them is something else's.
    fn take(&mut self, offset: u64, bytes: u64) -> bool {
        let first = offset / self.header.cluster_bytes;
        let count = bytes.div_ceil(self.header.cluster_bytes);
        (first..first + count).all(|cluster| self.taken.insert(cluster))
    }

    /// Whether a cluster's refcount is above 0.
    fn is_counted(&mut self, reftable: &[u64], cluster: u64) -> io::Result<bool> {
        let bits = 1_u64 << self.header.tables.refcount_order;
        let per_block = self.header.cluster_bytes * 8 / bits;
        let index = cluster / per_block;
        let entry = usize::try_from(index).ok().and_then(|index| reftable.get(index));
        let offset = entry.map_or(0, |entry| entry & REF_OFFSET);
        if offset == 0 {
            return Ok(false);
        }
        if !self.blocks.contains_key(&index) {
            let block = self.bytes(offset, self.header.cluster_bytes)?;
            self.blocks.insert(index, block);
        }
        let block = &self.blocks[&index];
        let bit = cluster % per_block * bits;
        let byte = (bit / 8) as usize;
        Ok(match bits {
            // Counts smaller than a byte stand in it from its lowest bits on.
            1..8 => block[byte] >> (bit % 8) & ((1_u8 << bits) - 1) != 0,
            _ => block[byte..byte + (bits / 8) as usize].iter().any(|&byte| byte != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: usize = 512;

    /// Header, refcount table, refcount block, L1 table of 64 entries (one cluster), an L2 table.
    fn image() -> (Vec<u8>, Header) {
        let mut image = vec![0; 5 * CLUSTER];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &0x5146_49fb_u32.to_be_bytes());
        put(4, &3_u32.to_be_bytes());
        put(20, &9_u32.to_be_bytes());
        put(24, &(1_u64 << 20).to_be_bytes());
        put(36, &64_u32.to_be_bytes());
        put(40, &(3 * CLUSTER as u64).to_be_bytes());
        put(48, &(CLUSTER as u64).to_be_bytes());
        put(56, &1_u32.to_be_bytes());
        put(96, &4_u32.to_be_bytes());
        put(100, &104_u32.to_be_bytes());
        put(CLUSTER, &(2 * CLUSTER as u64).to_be_bytes());
        put(2 * CLUSTER, &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        put(3 * CLUSTER, &((4 * CLUSTER as u64) | L1_ALONE).to_be_bytes());
        let header = Header::parse(&image, image.len() as u64).unwrap();
        (image, header)
    }

    fn said(image: &[u8], header: &Header) -> String {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(image, 0).unwrap();
        let checked = check(&file, header, image.len() as u64).unwrap();
        checked.map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn tables_are_in_the_file_apart_and_counted() {
        let (good, header) = image();
        assert_eq!(said(&good, &header), "");
        let at = |place: usize| (place * CLUSTER) as u64;
        for (place, entry, word) in [
            (CLUSTER, 0, "does not count"),
            (CLUSTER, at(2) + 1, "outside"),
            (CLUSTER, at(2) + 512 * 100, "outside"),
            (CLUSTER, u64::MAX, "outside"),
            (CLUSTER, at(1), "on each other"),
            (CLUSTER + 8, at(2), "on each other"),
            (3 * CLUSTER, at(3), "on each other"),
            (3 * CLUSTER, at(2) | L1_ALONE, "on each other"),
            (3 * CLUSTER + 8, at(4), "on each other"),
            (3 * CLUSTER, at(5), "outside"),
            (3 * CLUSTER, at(4) | 1 << 62, "outside"),
            (3 * CLUSTER, at(4) | 2, "outside"),
            (2 * CLUSTER, 0, "does not count"),
            (2 * CLUSTER, 0x0001_0001_0001_0000, "does not count"),
            (2 * CLUSTER + 2, 0x0001_0001_0001_0000, "does not count"),
        ] {
            let mut image = good.clone();
            image[place..place + 8].copy_from_slice(&entry.to_be_bytes());
            let said = said(&image, &header);
            assert!(said.contains(word), "{place} {entry:#x}: {said}");
        }
    }
}
