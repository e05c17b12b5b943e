//! Headers, made by hand and broken field by field.

use proptest::prelude::*;

use super::*;

const CLUSTER: u64 = 65_536;

/// A small valid image: header, refcount table, refcount block, L1 table.
fn image() -> Vec<u8> {
    let mut image = vec![0; 4 * CLUSTER as usize];
    put(&mut image, 0, &MAGIC.to_be_bytes());
    put(&mut image, 4, &3_u32.to_be_bytes());
    put(&mut image, 20, &16_u32.to_be_bytes());
    put(&mut image, 24, &(1_u64 << 30).to_be_bytes());
    put(&mut image, 36, &2_u32.to_be_bytes());
    put(&mut image, 40, &(3 * CLUSTER).to_be_bytes());
    put(&mut image, 48, &CLUSTER.to_be_bytes());
    put(&mut image, 56, &1_u32.to_be_bytes());
    put(&mut image, 96, &4_u32.to_be_bytes());
    put(&mut image, 100, &104_u32.to_be_bytes());
    image
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

fn with(at: usize, bytes: &[u8]) -> Result<Header, HeaderError> {
    let mut image = image();
    put(&mut image, at, bytes);
    Header::parse(&image, image.len() as u64)
}

fn with_backing(name: &[u8], format: Option<&[u8]>) -> Vec<u8> {
    let mut image = image();
    if let Some(format) = format {
        put(&mut image, 104, &EXTENSION_BACKING_FORMAT.to_be_bytes());
        put(&mut image, 108, &(format.len() as u32).to_be_bytes());
        put(&mut image, 112, format);
    }
    put(&mut image, 8, &512_u64.to_be_bytes());
    put(&mut image, 16, &(name.len() as u32).to_be_bytes());
    put(&mut image, 512, name);
    image
}

#[test]
fn a_plain_one() {
    let header = with(0, &[]).unwrap();
    let plain = Header {
        version: 3,
        size_bytes: 1 << 30,
        cluster_bytes: CLUSTER,
        backing: None,
        snapshots: 0,
        tables: Tables {
            l1_offset: 3 * CLUSTER,
            l1_entries: 2,
            reftable_offset: CLUSTER,
            reftable_bytes: CLUSTER,
            refcount_order: 4,
        },
    };
    assert_eq!(header, plain);
}

#[test]
fn one_with_a_backing_file() {
    let image = with_backing(b"master.img", Some(b"raw"));
    let header = Header::parse(&image, image.len() as u64).unwrap();
    let backing = Backing { name: "master.img".into(), format: Some("raw".into()) };
    assert_eq!(header.backing, Some(backing));
    let image = with_backing(b"master.img", None);
    let header = Header::parse(&image, image.len() as u64).unwrap();
    assert_eq!(header.backing.unwrap().format, None);
}

#[test]
fn version_2_has_extensions_too() {
    let mut image = with_backing(b"m", None);
    put(&mut image, 4, &2_u32.to_be_bytes());
    image[72..512].fill(0);
    put(&mut image, 72, &EXTENSION_BACKING_FORMAT.to_be_bytes());
    put(&mut image, 76, &5_u32.to_be_bytes());
    put(&mut image, 80, b"qcow2");
    let header = Header::parse(&image, image.len() as u64).unwrap();
    assert_eq!(header.backing.unwrap().format.as_deref(), Some("qcow2"));
}

#[test]
fn every_wrong_field_is_named() {
    for (at, bytes, word) in [
        (0, &b"QFI"[..], ""),
        (0, b"conn", "is no qcow2 image"),
        (4, &[0, 0, 0, 4], "its version is 4"),
        (20, &[0, 0, 0, 8], "power of two is 8"),
        (20, &[0, 0, 0, 22], "power of two is 22"),
        (24, &[0x80, 0, 0, 0, 0, 0, 0, 0], "the disk's size"),
        (24, &[0, 0, 0, 0, 0, 0, 2, 1], "multiple of 512"),
        (24, &[0, 0, 1, 0, 0, 0, 0, 0], "its L1 table's"),
        (32, &[0, 0, 0, 1], "is encrypted"),
        (36, &[0xff, 0, 0, 0], "the L1 table's size"),
        (40, &[0, 0, 0, 0, 0, 0, 2, 0], "the L1 table's offset"),
        (40, &[0, 0, 1, 0, 0, 0, 0, 0], "the L1 table ends beyond"),
        (48, &[0, 0, 0, 0, 0, 0, 0, 0], "the refcount table's offset"),
        (48, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], "the refcount table ends beyond"),
        (56, &[0, 0, 0, 0], "the refcount table's size"),
        (56, &[0, 0, 0xff, 0], "the refcount table's size"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 1], "was not closed properly"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 2], "marked as corrupt"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 4], "data in another file"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 8], "compression"),
        (72, &[0, 0, 0, 0, 0, 0, 0, 16], "subclusters"),
        (72, &[0x80, 0, 0, 0, 0, 0, 0, 0], "bits [63]"),
        (96, &[0, 0, 0, 7], "the refcounts' power of two is 7"),
        (100, &[0, 0, 0, 103], "its own length is 103"),
        (100, &[0, 1, 0, 8], "its own length is 65544"),
        (104, &[0x44, 0x41, 0x54, 0x41], "names a file for its data"),
        (104, &[0x05, 0x37, 0xbe, 0x77], "is encrypted"),
        (104, &[1, 1, 1, 1, 0, 1, 0, 0], "a header extension's length"),
    ] {
        let said = with(at, bytes).map_or_else(|e| e.to_string(), |_| String::new());
        assert!(
            said.contains(word) && said.is_empty() == word.is_empty(),
            "{at} {bytes:?}: {said}"
        );
        assert_eq!(said.lines().count(), usize::from(!word.is_empty()), "{said}");
    }
}

#[test]
fn names_are_text_and_in_their_place() {
    let said = |image: Vec<u8>| Header::parse(&image, image.len() as u64).unwrap_err().to_string();
    assert!(said(with_backing(b"a\x1b[2Jb", Some(b"raw"))).contains("name is no text"));
    assert!(said(with_backing(b"\xff\xfe", Some(b"raw"))).contains("name is no text"));
    assert!(said(with_backing(b"a", Some(b"r\nw"))).contains("format is no text"));
    assert!(said(with_backing(b"", Some(b"raw"))).contains("length of the backing file's name"));
    let mut image = with_backing(b"a", Some(b"raw"));
    put(&mut image, 8, &CLUSTER.to_be_bytes());
    assert!(said(image).contains("inside the first cluster"));
    let mut image = with_backing(b"a", Some(b"raw"));
    put(&mut image, 8, &u64::MAX.to_be_bytes());
    assert!(said(image).contains("inside the first cluster"));
}

#[test]
fn every_cut_is_an_error() {
    let image = with_backing(b"master", Some(b"qcow2"));
    for cut in (0..600).chain([CLUSTER as usize, 2 * CLUSTER as usize, 3 * CLUSTER as usize]) {
        let said = Header::parse(&image[..cut], cut as u64).unwrap_err().to_string();
        assert_eq!(said.lines().count(), 1, "{cut}: {said}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        changes in prop::collection::vec((0_usize..640, any::<u8>()), 0..24),
        cut in 0_usize..262_144,
    ) {
        let mut image = with_backing(b"master", Some(b"qcow2"));
        for (at, byte) in changes {
            image[at] = byte;
        }
        let _ = Header::parse(&image[..cut], cut as u64);
        let _ = Header::parse(&image, image.len() as u64);
    }
}
