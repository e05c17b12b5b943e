//! A qcow2 header read strictly, before anything else looks at the image: what is malformed, unknown or
//! unreasonably large ends here with one line. Pure: bytes in, header or error out.
//!
//! Source of the layout: "QCOW2 image format", docs/interop/qcow2.txt of QEMU. The limits are QEMU's.

use std::ops::RangeInclusive;

use thiserror::Error;
use vpt_model::SECTOR_BYTES;

/// Bytes at the beginning of a file that can hold a header: the largest cluster.
pub const LARGEST_HEADER: u64 = 2 << 20;

/// Cluster sizes as powers of two: 512 bytes to 2 MiB.
pub const CLUSTER_BITS: RangeInclusive<u32> = 9..=21;

/// The largest table of the first level, bytes.
pub const LARGEST_L1: u64 = 32 << 20;

/// The largest refcount table, bytes.
const LARGEST_REFTABLE: u64 = 8 << 20;

const MAGIC: u32 = 0x5146_49fb;
const V2_LENGTH: u64 = 72;
const V3_LENGTH: u64 = 104;
const LONGEST_NAME: u32 = 1023;

const EXTENSION_END: u32 = 0;
const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;
const EXTENSION_DATA_FILE: u32 = 0x4441_5441;
const EXTENSION_ENCRYPTION: u32 = 0x0537_be77;

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const SUBCLUSTERS: u64 = 1 << 4;
const KNOWN: u64 = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | SUBCLUSTERS;

/// Why a header is not accepted: the end of a line that names the image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Something else than a qcow2.
    #[error("is no qcow2 image: say how it is written down with --format raw, if it is raw")]
    NotQcow2,
    /// It ends too early.
    #[error(
        "is a truncated qcow2 image: {what} ends beyond byte {file_bytes}, where the file ends"
    )]
    Truncated {
        /// Which part.
        what: &'static str,
        /// The file's length.
        file_bytes: u64,
    },
    /// A number that no qcow2 has.
    #[error("has a malformed qcow2 header: {what} is {value}, and must be {expected}")]
    Malformed {
        /// Which field.
        what: &'static str,
        /// What it says.
        value: u64,
        /// What would do.
        expected: String,
    },
    /// A name that cannot be read.
    #[error("has a malformed qcow2 header: {what} is no text")]
    NoText {
        /// Which one.
        what: &'static str,
    },
    /// Something that is not served here.
    #[error("{what}, which is not supported: {remedy}")]
    Unsupported {
        /// What.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Left in the middle of something.
    #[error("{what}: repair it first with `qemu-img check -r all`, on a copy if the data matters")]
    Broken {
        /// What its header says.
        what: &'static str,
    },
}

/// The file below an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// Its name as the header has it.
    pub name: String,
    /// How it is written down; some headers do not say.
    pub format: Option<String>,
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// Bytes of the disk.
    pub size_bytes: u64,
    /// Bytes of a cluster.
    pub cluster_bytes: u64,
    /// The file below, if any.
    pub backing: Option<Backing>,
    /// States kept inside the image.
    pub snapshots: u32,
    /// Where its tables are.
    pub tables: Tables,
}

/// Where the tables of an image are, all of it inside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The first byte of the L1 table.
    pub l1_offset: u64,
    /// Its entries, of 8 bytes.
    pub l1_entries: u64,
    /// The first byte of the refcount table.
    pub reftable_offset: u64,
    /// Its bytes: whole clusters.
    pub reftable_bytes: u64,
    /// Bits of a refcount, as a power of two.
    pub refcount_order: u32,
}

/// The fields that every version has, as they stand.
struct Fields<'a> {
    bytes: &'a [u8],
    file_bytes: u64,
}

impl<'a> Fields<'a> {
    fn part(&self, at: u64, len: u64, what: &'static str) -> Result<&'a [u8], HeaderError> {
        let truncated = HeaderError::Truncated { what, file_bytes: self.file_bytes };
        let range =
            usize::try_from(at).ok().zip(at.checked_add(len).and_then(|e| e.try_into().ok()));
        let (from, to): (usize, usize) = range.ok_or_else(|| truncated.clone())?;
        self.bytes.get(from..to).ok_or(truncated)
    }

    fn u32(&self, at: u64) -> Result<u32, HeaderError> {
        let part = self.part(at, 4, "the header")?;
        Ok(part.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    fn u64(&self, at: u64) -> Result<u64, HeaderError> {
        let part = self.part(at, 8, "the header")?;
        Ok(part.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn text(&self, at: u64, len: u64, what: &'static str) -> Result<String, HeaderError> {
        let part = self.part(at, len, what)?;
        let text = std::str::from_utf8(part).map_err(|_| HeaderError::NoText { what })?;
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(HeaderError::NoText { what });
        }
        Ok(text.to_owned())
    }
}

fn malformed(what: &'static str, value: u64, expected: impl Into<String>) -> HeaderError {
    HeaderError::Malformed { what, value, expected: expected.into() }
}

fn unsupported(what: &str, remedy: &'static str) -> HeaderError {
    HeaderError::Unsupported { what: what.to_owned(), remedy }
}

impl Header {
    /// Reads a header from the beginning of a file (all of it, or [`LARGEST_HEADER`] bytes) that is
    /// `file_bytes` long.
    ///
    /// # Errors
    /// One of [`HeaderError`].
    pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, HeaderError> {
        let fields = Fields { bytes, file_bytes };
        if bytes.len() < 4 || fields.u32(0)? != MAGIC {
            return Err(HeaderError::NotQcow2);
        }
        let version = fields.u32(4)?;
        if !(2..=3).contains(&version) {
            return Err(malformed("its version", version.into(), "2 or 3"));
        }
        let cluster_bits = fields.u32(20)?;
        if !CLUSTER_BITS.contains(&cluster_bits) {
            let bits = format!("from {} to {}", CLUSTER_BITS.start(), CLUSTER_BITS.end());
            return Err(malformed("the cluster size's power of two", cluster_bits.into(), bits));
        }
        let cluster_bytes = 1 << cluster_bits;
        let length = if version == 2 { V2_LENGTH } else { length(&fields, cluster_bytes)? };
        features(&fields, version)?;
        let tables = tables(&fields, version, cluster_bytes)?;
        let size_bytes = size(&fields, cluster_bytes)?;
        let format = extensions(&fields, length, cluster_bytes)?;
        let backing = backing_name(&fields, length, cluster_bytes)?;
        let backing = backing.map(|name| Backing { name, format });
        let snapshots = fields.u32(60)?;
        Ok(Self { version, size_bytes, cluster_bytes, backing, snapshots, tables })
    }
}

/// The length of a version 3 header.
fn length(fields: &Fields<'_>, cluster_bytes: u64) -> Result<u64, HeaderError> {
    let length = u64::from(fields.u32(100)?);
    if length < V3_LENGTH || length > cluster_bytes || !length.is_multiple_of(8) {
        let fits = format!("a multiple of 8 from {V3_LENGTH} to {cluster_bytes}");
        return Err(malformed("its own length", length, fits));
    }
    fields.part(0, length, "the header")?;
    Ok(length)
}

fn features(fields: &Fields<'_>, version: u32) -> Result<(), HeaderError> {
    if fields.u32(32)? != 0 {
        return Err(unsupported("is encrypted", "decrypt it with `qemu-img convert`"));
    }
    let set = if version == 2 { 0 } else { fields.u64(72)? };
    let convert = "convert it with `qemu-img convert -O qcow2`";
    if set & CORRUPT != 0 {
        return Err(HeaderError::Broken { what: "is marked as corrupt" });
    }
    if set & DIRTY != 0 {
        return Err(HeaderError::Broken { what: "was not closed properly and has lazy refcounts" });
    }
    if set & DATA_FILE != 0 {
        return Err(unsupported("keeps its data in another file", convert));
    }
    if set & COMPRESSION != 0 {
        return Err(unsupported("uses another compression than zlib", convert));
    }
    if set & SUBCLUSTERS != 0 {
        return Err(unsupported("has extended L2 entries (subclusters)", convert));
    }
    if set & !KNOWN != 0 {
        let bits: Vec<_> = (0..64).filter(|b| (set & !KNOWN) >> b & 1 == 1).collect();
        return Err(unsupported(&format!("needs unknown features (bits {bits:?})"), convert));
    }
    Ok(())
}

/// Where the tables are: aligned, inside the file, and not larger than anybody needs.
fn tables(fields: &Fields<'_>, version: u32, cluster_bytes: u64) -> Result<Tables, HeaderError> {
    let refcount_order = if version == 3 { fields.u32(96)? } else { 4 };
    if refcount_order > 6 {
        let order = refcount_order.into();
        return Err(malformed("the refcounts' power of two", order, "from 0 to 6"));
    }
    let l1_bytes = u64::from(fields.u32(36)?) * 8;
    if l1_bytes > LARGEST_L1 {
        return Err(malformed("the L1 table's size", l1_bytes, format!("up to {LARGEST_L1}")));
    }
    let reftable_bytes = u64::from(fields.u32(56)?) * cluster_bytes;
    if !(1..=LARGEST_REFTABLE).contains(&reftable_bytes) {
        let fits = format!("from one cluster to {LARGEST_REFTABLE}");
        return Err(malformed("the refcount table's size", reftable_bytes, fits));
    }
    place(fields, 40, l1_bytes, cluster_bytes, "the L1 table's offset", "the L1 table")?;
    let reftable = ("the refcount table's offset", "the refcount table");
    place(fields, 48, reftable_bytes, cluster_bytes, reftable.0, reftable.1)?;
    Ok(Tables {
        l1_offset: fields.u64(40)?,
        l1_entries: l1_bytes / 8,
        reftable_offset: fields.u64(48)?,
        reftable_bytes,
        refcount_order,
    })
}

fn place(
    fields: &Fields<'_>,
    field: u64,
    len: u64,
    cluster_bytes: u64,
    offset_name: &'static str,
    name: &'static str,
) -> Result<(), HeaderError> {
    let offset = fields.u64(field)?;
    if len == 0 && offset == 0 {
        return Ok(());
    }
    if offset == 0 || !offset.is_multiple_of(cluster_bytes) {
        let fits = format!("a multiple of {cluster_bytes} above 0");
        return Err(malformed(offset_name, offset, fits));
    }
    // The last cluster of a file need not be there to its end.
    let end = fields.file_bytes.next_multiple_of(cluster_bytes);
    match offset.checked_add(len) {
        Some(to) if offset < fields.file_bytes && to <= end => Ok(()),
        _ => Err(HeaderError::Truncated { what: name, file_bytes: fields.file_bytes }),
    }
}

fn size(fields: &Fields<'_>, cluster_bytes: u64) -> Result<u64, HeaderError> {
    let size = fields.u64(24)?;
    if i64::try_from(size).is_err() || !size.is_multiple_of(SECTOR_BYTES) {
        let fits = format!("a multiple of {SECTOR_BYTES} below 8 EiB");
        return Err(malformed("the disk's size", size, fits));
    }
    let held = u64::from(fields.u32(36)?).saturating_mul(entry_bytes(cluster_bytes));
    if size > held {
        return Err(malformed("the disk's size", size, format!("at most {held}: its L1 table's")));
    }
    Ok(size)
}

/// Bytes of the disk that one entry of the L1 table stands for.
pub fn entry_bytes(cluster_bytes: u64) -> u64 {
    cluster_bytes * (cluster_bytes / 8)
}

/// Looks at all header extensions; the backing file's format is one of them.
fn extensions(
    fields: &Fields<'_>,
    length: u64,
    cluster_bytes: u64,
) -> Result<Option<String>, HeaderError> {
    let what = "a header extension";
    let (mut at, mut format) = (length, None);
    loop {
        let (kind, len) = (fields.u32(at)?, u64::from(fields.u32(at + 4)?));
        if kind == EXTENSION_END {
            return Ok(format);
        }
        at += 8;
        if at + len > cluster_bytes {
            let room = cluster_bytes.saturating_sub(at);
            return Err(malformed("a header extension's length", len, format!("up to {room}")));
        }
        fields.part(at, len, what)?;
        match kind {
            EXTENSION_BACKING_FORMAT => {
                let said = fields.text(at, len, "the backing file's format")?;
                if format.as_ref().is_some_and(|other| *other != said) {
                    return Err(malformed("the number of backing formats", 2, "1"));
                }
                format = Some(said);
            }
            EXTENSION_DATA_FILE => {
                let remedy = "convert it with `qemu-img convert -O qcow2`";
                return Err(unsupported("names a file for its data", remedy));
            }
            EXTENSION_ENCRYPTION => {
                return Err(unsupported("is encrypted", "decrypt it with `qemu-img convert`"));
            }
            // Names of features, bitmaps, what others have put there: nothing that has to be known.
            _ => {}
        }
        at += len.next_multiple_of(8);
    }
}

fn backing_name(
    fields: &Fields<'_>,
    length: u64,
    cluster_bytes: u64,
) -> Result<Option<String>, HeaderError> {
    let (offset, len) = (fields.u64(8)?, fields.u32(16)?);
    if offset == 0 {
        return Ok(None);
    }
    if len == 0 || len > LONGEST_NAME {
        let fits = format!("from 1 to {LONGEST_NAME}");
        return Err(malformed("the length of the backing file's name", len.into(), fits));
    }
    let end = offset.checked_add(len.into());
    if offset < length || end.is_none_or(|end| end > cluster_bytes) {
        let fits = format!("inside the first cluster, from {length} to {cluster_bytes}");
        return Err(malformed("the place of the backing file's name", offset, fits));
    }
    fields.text(offset, len.into(), "the backing file's name").map(Some)
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
