//! The calls of `vgpu-kmod/include/uapi/linux/vgpu.h`, field by field. That header says what they mean.
//!
//! This is the only place that makes system calls on the card's file, apart from mapping it.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::ioctl::{self, Opcode, opcode};

pub(super) const API_VERSION: u64 = 1;
pub(super) const NAME_BYTES: usize = 32;
pub(super) const CREATE_INTX: u32 = 1 << 0;

pub(super) const MMAP_REGISTERS: u64 = 0;
pub(super) const MMAP_FRAMEBUFFER: u64 = 0x1_0000_0000;
pub(super) const MMAP_DMA: u64 = 0x2_0000_0000;

pub(super) const DMA_COHERENT: u32 = 1;
pub(super) const DMA_SINGLE: u32 = 2;
pub(super) const DMA_SG: u32 = 3;
pub(super) const DMA_MAY_READ: u32 = 1 << 0;
pub(super) const DMA_MAY_WRITE: u32 = 1 << 1;
pub(super) const DMA_READ: u32 = 1;
pub(super) const DMA_WRITE: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Create {
    pub(super) vendor: u16,
    pub(super) device: u16,
    pub(super) subsystem_vendor: u16,
    pub(super) subsystem_device: u16,
    pub(super) class_code: u32,
    pub(super) revision: u8,
    pub(super) msi_vectors: u8,
    pub(super) reserved0: u16,
    pub(super) flags: u32,
    pub(super) register_bytes: u32,
    pub(super) framebuffer_bytes: u32,
    pub(super) name: [u8; NAME_BYTES],
    pub(super) reserved: [u32; 7],
    pub(super) card: u32,
    pub(super) pci_domain: u32,
    pub(super) pci_bus: u8,
    pub(super) pci_devfn: u8,
    pub(super) reserved_out: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arm {
    pub(super) wake: u32,
    pub(super) events: u32,
    pub(super) pages: u32,
    pub(super) offset: u32,
    pub(super) reserved: [u32; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wait {
    pub(super) timeout_ns: i64,
    pub(super) events: u32,
    pub(super) pages: u32,
    pub(super) offset: u32,
    pub(super) reserved: [u32; 3],
    pub(super) kernel_writes: u64,
    pub(super) user_writes: u64,
    pub(super) mapping_changes: u64,
    pub(super) config_changes: u64,
    pub(super) driver_changes: u64,
    pub(super) dma_changes: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Status {
    pub(super) flags: u32,
    pub(super) command: u16,
    pub(super) power_state: u8,
    pub(super) reserved0: u8,
    pub(super) msi_vectors: u32,
    pub(super) kernel_mappings: u32,
    pub(super) user_mappings: u32,
    pub(super) dma_mappings: u32,
    pub(super) arms: u64,
    pub(super) interrupts: u64,
    pub(super) interrupts_refused: u64,
    pub(super) revocations: u64,
    pub(super) reserved: [u64; 8],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DmaMapping {
    pub(super) address: u64,
    pub(super) length: u64,
    pub(super) kind: u32,
    pub(super) access: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct DmaList {
    entries: u64,
    capacity: u32,
    count: u32,
    generation: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct DmaQuery {
    address: u64,
    reserved: u64,
    mapping: DmaMapping,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct DmaCopy {
    address: u64,
    buffer: u64,
    length: u32,
    direction: u32,
    copied: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Interrupt {
    vector: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Intx {
    level: u32,
    reserved: u32,
}

/// The type of all calls.
const TYPE: u8 = 0xA8;
const GET_API_VERSION: Opcode = opcode::read::<u64>(TYPE, 0x00);
const CREATE: Opcode = opcode::read_write::<Create>(TYPE, 0x01);
const PLUG: Opcode = opcode::none(TYPE, 0x02);
const UNPLUG: Opcode = opcode::none(TYPE, 0x03);
const ARM: Opcode = opcode::read_write::<Arm>(TYPE, 0x04);
const WAIT: Opcode = opcode::read_write::<Wait>(TYPE, 0x05);
const GET_STATUS: Opcode = opcode::read::<Status>(TYPE, 0x06);
const DMA_LIST: Opcode = opcode::read_write::<DmaList>(TYPE, 0x07);
const DMA_QUERY: Opcode = opcode::read_write::<DmaQuery>(TYPE, 0x08);
const DMA_COPY: Opcode = opcode::read_write::<DmaCopy>(TYPE, 0x09);
const INTERRUPT: Opcode = opcode::write::<Interrupt>(TYPE, 0x0a);
const INTX: Opcode = opcode::write::<Intx>(TYPE, 0x0b);

type Done<T> = Result<T, Errno>;

/// A structure that is nothing but numbers, so that whatever the kernel writes there is one.
trait Plain: Copy {}
impl Plain for u64 {}
impl Plain for Create {}
impl Plain for Arm {}
impl Plain for Wait {}
impl Plain for Status {}
impl Plain for DmaList {}
impl Plain for DmaQuery {}
impl Plain for DmaCopy {}
impl Plain for Interrupt {}
impl Plain for Intx {}

/// A call whose argument is a structure that the kernel reads and writes.
fn exchange<const CALL: Opcode, T: Plain>(file: BorrowedFd<'_>, argument: &mut T) -> Done<()> {
    // SAFETY: the kernel reads and writes size_of::<T>() bytes there, as CALL has the size of T in it
    // (a file of another kind refuses the number), and every bit pattern is a T. Other memory that the
    // structure names is the callers' matter; see `dma_list` and `dma_copy`.
    #[allow(unsafe_code)]
    unsafe {
        ioctl::ioctl(file, ioctl::Updater::<CALL, T>::new(argument))
    }
}

/// A call without an argument.
fn command<const CALL: Opcode>(file: BorrowedFd<'_>) -> Done<()> {
    // SAFETY: the kernel touches no memory for it.
    #[allow(unsafe_code)]
    unsafe {
        ioctl::ioctl(file, ioctl::NoArg::<CALL>::new())
    }
}

pub(super) fn api_version(file: BorrowedFd<'_>) -> Done<u64> {
    let mut version = 0;
    exchange::<GET_API_VERSION, _>(file, &mut version)?;
    Ok(version)
}

pub(super) fn create(file: BorrowedFd<'_>, create: &mut Create) -> Done<()> {
    exchange::<CREATE, _>(file, create)
}

pub(super) fn plug(file: BorrowedFd<'_>) -> Done<()> {
    command::<PLUG>(file)
}

pub(super) fn unplug(file: BorrowedFd<'_>) -> Done<()> {
    command::<UNPLUG>(file)
}

pub(super) fn arm(file: BorrowedFd<'_>, arm: &mut Arm) -> Done<()> {
    exchange::<ARM, _>(file, arm)
}

pub(super) fn wait(file: BorrowedFd<'_>, wait: &mut Wait) -> Done<()> {
    exchange::<WAIT, _>(file, wait)
}

pub(super) fn status(file: BorrowedFd<'_>) -> Done<Status> {
    let mut status = Status::default();
    exchange::<GET_STATUS, _>(file, &mut status)?;
    Ok(status)
}

/// Fills `entries` from the beginning; returns how many mappings there are, which may be more.
pub(super) fn dma_list(file: BorrowedFd<'_>, entries: &mut [DmaMapping]) -> Done<(usize, u64)> {
    let mut list = DmaList {
        // The slice is borrowed until the call is over, and the kernel stores at most `capacity`
        // entries in it, each nothing but numbers.
        entries: address(entries.as_mut_ptr().cast()),
        capacity: entries.len().try_into().unwrap_or(u32::MAX),
        ..DmaList::default()
    };
    exchange::<DMA_LIST, _>(file, &mut list)?;
    Ok((list.count as usize, list.generation))
}

pub(super) fn dma_query(file: BorrowedFd<'_>, address: u64) -> Done<DmaMapping> {
    let mut query = DmaQuery { address, ..DmaQuery::default() };
    exchange::<DMA_QUERY, _>(file, &mut query)?;
    Ok(query.mapping)
}

/// Fills `into` from the driver's memory. When it fails, some of it may have been filled.
pub(super) fn dma_read(file: BorrowedFd<'_>, from: u64, into: &mut [u8]) -> Done<()> {
    dma_copy(file, from, address(into.as_mut_ptr().cast()), into.len(), DMA_READ)
}

/// Writes `bytes` into the driver's memory.
pub(super) fn dma_write(file: BorrowedFd<'_>, to: u64, bytes: &[u8]) -> Done<()> {
    // The kernel only reads them.
    dma_copy(file, to, address(bytes.as_ptr().cast_mut().cast()), bytes.len(), DMA_WRITE)
}

/// The callers borrow the `length` bytes at `buffer` until this is over.
fn dma_copy(file: BorrowedFd<'_>, at: u64, buffer: u64, length: usize, way: u32) -> Done<()> {
    let length = u32::try_from(length).map_err(|_| Errno::INVAL)?;
    let mut copy = DmaCopy { address: at, buffer, length, direction: way, ..DmaCopy::default() };
    exchange::<DMA_COPY, _>(file, &mut copy)
}

pub(super) fn interrupt(file: BorrowedFd<'_>, vector: u32) -> Done<()> {
    exchange::<INTERRUPT, _>(file, &mut Interrupt { vector, reserved: 0 })
}

pub(super) fn intx(file: BorrowedFd<'_>, level: bool) -> Done<()> {
    exchange::<INTX, _>(file, &mut Intx { level: level.into(), reserved: 0 })
}

fn address(of: *mut c_void) -> u64 {
    of.expose_provenance() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = include_str!("../../../vgpu-kmod/include/uapi/linux/vgpu.h");

    /// What a `#define` of the header says, without its comment.
    fn defined(name: &str) -> &'static str {
        let lines = HEADER.lines().filter_map(|line| line.strip_prefix("#define "));
        let found = lines.filter_map(|line| line.split_once(char::is_whitespace));
        let value = found.into_iter().find(|(word, _)| *word == name).expect(name).1;
        value.split("/*").next().unwrap_or_default().trim()
    }

    fn number(name: &str) -> u64 {
        let text = defined(name).trim_end_matches(['U', 'L']);
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).expect(name),
            None => match text.trim_matches(['(', ')']).split_once("U << ") {
                Some((one, shift)) => {
                    one.parse::<u64>().expect(name) << shift.parse::<u32>().expect(name)
                }
                None => text.parse().expect(name),
            },
        }
    }

    #[test]
    fn numbers_are_the_header_s() {
        for (name, value) in [
            ("VGPU_IOCTL", TYPE.into()),
            ("VGPU_API_VERSION", API_VERSION),
            ("VGPU_NAME_BYTES", NAME_BYTES as u64),
            ("VGPU_CREATE_INTX", CREATE_INTX.into()),
            ("VGPU_MMAP_REGISTERS", MMAP_REGISTERS),
            ("VGPU_MMAP_FRAMEBUFFER", MMAP_FRAMEBUFFER),
            ("VGPU_MMAP_DMA", MMAP_DMA),
            ("VGPU_DMA_COHERENT", DMA_COHERENT.into()),
            ("VGPU_DMA_SINGLE", DMA_SINGLE.into()),
            ("VGPU_DMA_SG", DMA_SG.into()),
            ("VGPU_DMA_MAY_READ", DMA_MAY_READ.into()),
            ("VGPU_DMA_MAY_WRITE", DMA_MAY_WRITE.into()),
            ("VGPU_DMA_READ", DMA_READ.into()),
            ("VGPU_DMA_WRITE", DMA_WRITE.into()),
        ] {
            assert_eq!(number(name), value, "{name}");
        }
    }

    /// Each structure's fields in the header's order, as words of one size, are what ours has.
    #[test]
    fn structures_are_as_long_as_the_header_s() {
        for (name, bytes) in [
            ("vgpu_create", size_of::<Create>()),
            ("vgpu_arm", size_of::<Arm>()),
            ("vgpu_wait", size_of::<Wait>()),
            ("vgpu_status", size_of::<Status>()),
            ("vgpu_dma_mapping", size_of::<DmaMapping>()),
            ("vgpu_dma_list", size_of::<DmaList>()),
            ("vgpu_dma_query", size_of::<DmaQuery>()),
            ("vgpu_dma_copy", size_of::<DmaCopy>()),
            ("vgpu_interrupt", size_of::<Interrupt>()),
            ("vgpu_intx", size_of::<Intx>()),
        ] {
            assert_eq!(structure(name), bytes, "{name}");
        }
    }

    fn structure(name: &str) -> usize {
        let body = HEADER.split_once(&format!("struct {name} {{")).expect(name).1;
        let body = body.split_once("};").expect(name).0;
        body.split(';').map(str::trim).filter(|field| !field.is_empty()).map(field).sum()
    }

    fn field(text: &str) -> usize {
        let (kind, name) = text.rsplit_once(char::is_whitespace).expect(text);
        let one = match kind {
            "__u8" | "char" => 1,
            "__u16" => 2,
            "__u32" => 4,
            "__u64" | "__s64" => 8,
            "struct vgpu_dma_mapping" => structure("vgpu_dma_mapping"),
            other => panic!("a field of type {other}"),
        };
        let count =
            name.split_once('[').map_or(1, |(_, count)| match count.trim_end_matches(']') {
                "VGPU_NAME_BYTES" => NAME_BYTES,
                digits => digits.parse().expect(text),
            });
        one * count
    }

    #[test]
    fn calls_have_the_header_s_numbers() {
        for (name, call, number, structure) in [
            ("VGPU_GET_API_VERSION", GET_API_VERSION, 0x00, "__u64"),
            ("VGPU_CREATE", CREATE, 0x01, "struct vgpu_create"),
            ("VGPU_ARM", ARM, 0x04, "struct vgpu_arm"),
            ("VGPU_WAIT", WAIT, 0x05, "struct vgpu_wait"),
            ("VGPU_GET_STATUS", GET_STATUS, 0x06, "struct vgpu_status"),
            ("VGPU_DMA_LIST", DMA_LIST, 0x07, "struct vgpu_dma_list"),
            ("VGPU_DMA_QUERY", DMA_QUERY, 0x08, "struct vgpu_dma_query"),
            ("VGPU_DMA_COPY", DMA_COPY, 0x09, "struct vgpu_dma_copy"),
            ("VGPU_INTERRUPT", INTERRUPT, 0x0a, "struct vgpu_interrupt"),
            ("VGPU_INTX", INTX, 0x0b, "struct vgpu_intx"),
        ] {
            let way = ["_IO", "_IOW", "_IOR", "_IOWR"][(call >> 30) as usize];
            let said = format!("{way}(VGPU_IOCTL, {number:#04x}, {structure})");
            assert_eq!(defined(name), said, "{name}");
            assert_eq!(call & 0xffff, 0xa800 | number, "{name}");
        }
        assert_eq!(defined("VGPU_PLUG"), "_IO(VGPU_IOCTL, 0x02)");
        assert_eq!(defined("VGPU_UNPLUG"), "_IO(VGPU_IOCTL, 0x03)");
        assert_eq!([PLUG, UNPLUG], [0xa802, 0xa803]);
    }
}
