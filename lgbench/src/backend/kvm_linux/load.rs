//! A kernel in memory, as Linux's boot protocol for x86-64 wants it.
//!
//! ```text
//!   0x00500  descriptors          0x09000  page tables: the first 4 GiB one to one
//!   0x07000  boot parameters      0x20000  command line
//!   0x100000 the kernel           ...      initramfs, as high as the kernel allows
//! ```

use std::fs::File;
use std::io;
use std::path::Path;

use kvm_bindings::{kvm_regs, kvm_segment, kvm_sregs};
use linux_loader::loader::bootparam::{boot_e820_entry, boot_params, setup_header};
use linux_loader::loader::{BzImage, Elf, KernelLoader};
use vm_memory::{Address, ByteValued, Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use super::machine::WINDOW;
use super::ports::PROGRAM;
use crate::backend::BackendError;
use crate::linux::LinuxOptions;

const GDT: u64 = 0x500;
const ZERO_PAGE: u64 = 0x7000;
const PML4: u64 = 0x9000;
const PDPT: u64 = 0xa000;
const DIRECTORIES: u64 = 0xb000;
const COMMAND_LINE: u64 = 0x2_0000;
const COMMAND_LINE_BYTES: usize = 2048;
/// Where a PC's memory ends before its holes.
const LOW_END: u64 = 0x9_fc00;
const HIGH: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
const LARGE_PAGE: u64 = 0x20_0000;
const GIBS: u64 = 4;
const STACK: u64 = 0x8ff0;

/// Page tables: present, writable; a large page.
const LINK: u64 = 0x3;
const LARGE: u64 = 0x83;

/// The entry for 64 bits lies so far behind that for 32.
const ENTRY_64: u64 = 0x200;
const BOOT_FLAG: u16 = 0xaa55;
const HEADER: u32 = 0x5372_6448;
const UNKNOWN_LOADER: u8 = 0xff;
const ALIGNMENT: u32 = 0x20_0000;
const E820_RAM: u32 = 1;
/// xloadflags: it has an entry for 64 bits.
const HAS_ENTRY_64: u16 = 1;

const CR0_PE_PG: u64 = 0x8000_0001;
const CR4_PAE: u64 = 0x20;
const EFER_LME_LMA: u64 = 0x500;
const RFLAGS: u64 = 2;
const CODE: u16 = 0x10;
const DATA: u16 = 0x18;
const DESCRIPTOR_CODE: u64 = 0x00af_9b00_0000_ffff;
const DESCRIPTOR_DATA: u64 = 0x00cf_9300_0000_ffff;

/// What a kernel is told: where its console is; to give up at once, in a way that is noticed; not to wait
/// for what is not there; and that time in which it was held is no fault of its own.
const USUAL: &str = "console=ttyS0 quiet panic=-1 reboot=t nokaslr acpi=off pci=off i8042.noaux \
                     i8042.nomux i8042.nopnp i8042.dumbkbd nowatchdog \
                     rcupdate.rcu_cpu_stall_suppress=1";

/// Where to begin.
#[derive(Debug)]
pub(super) struct Loaded {
    entry: u64,
}

/// Whether there is a kernel.
pub(super) fn check(kernel: &Path) -> Result<(), BackendError> {
    File::open(kernel).map(|_| ()).map_err(|source| BackendError::NoKernel {
        kernel: kernel.to_owned(),
        why: io_reason(&source),
    })
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read; run as root".to_owned(),
        _ => error.to_string(),
    }
}

/// Puts everything into the memory.
pub(super) fn load(
    memory: &GuestMemoryMmap,
    options: &LinuxOptions,
    initramfs: &[u8],
    arguments: &str,
) -> Result<Loaded, BackendError> {
    let kernel = &options.kernel;
    let bad = |why: String| BackendError::NoKernel { kernel: kernel.clone(), why };
    let mut image = File::open(kernel).map_err(|error| bad(io_reason(&error)))?;
    let high = Some(GuestAddress(HIGH));
    let (entry, mut header) = match BzImage::load(memory, None, &mut image, high) {
        Ok(loaded) => {
            let header = loaded.setup_header.unwrap_or_default();
            if header.xloadflags & HAS_ENTRY_64 == 0 {
                return Err(bad("it is a kernel of 32 bits".to_owned()));
            }
            (loaded.kernel_load.raw_value() + ENTRY_64, header)
        }
        Err(not_compressed) => {
            let loaded = Elf::load(memory, None, &mut image, high).map_err(|error| {
                bad(format!("neither a bzImage ({not_compressed}) nor an ELF kernel ({error})"))
            })?;
            (loaded.kernel_load.raw_value(), setup_header::default())
        }
    };
    let full = |_| bad("the guest's memory is too small for it".to_owned());
    let end = memory.last_addr().raw_value() + 1;
    let below = match header.initrd_addr_max {
        0 => end,
        most => end.min(u64::from(most)),
    };
    let at = below.saturating_sub(initramfs.len() as u64) & !(PAGE - 1);
    memory.write_slice(initramfs, GuestAddress(at)).map_err(full)?;
    let line = command_line(options, arguments);
    if line.len() >= COMMAND_LINE_BYTES {
        return Err(BackendError::CommandLine { most: COMMAND_LINE_BYTES - 1 });
    }
    let mut bytes = line.into_bytes();
    bytes.push(0);
    memory.write_slice(&bytes, GuestAddress(COMMAND_LINE)).map_err(full)?;
    header.type_of_loader = UNKNOWN_LOADER;
    header.boot_flag = BOOT_FLAG;
    header.header = HEADER;
    header.cmd_line_ptr = COMMAND_LINE as u32;
    header.cmdline_size = COMMAND_LINE_BYTES as u32;
    header.ramdisk_image = u32::try_from(at).unwrap_or(u32::MAX);
    header.ramdisk_size = u32::try_from(initramfs.len()).unwrap_or(u32::MAX);
    if header.kernel_alignment == 0 {
        header.kernel_alignment = ALIGNMENT;
    }
    let parameters = Parameters(parameters(header, end));
    memory.write_obj(parameters, GuestAddress(ZERO_PAGE)).map_err(full)?;
    write_tables(memory).map_err(full)?;
    Ok(Loaded { entry })
}

/// The whole command line.
fn command_line(options: &LinuxOptions, arguments: &str) -> String {
    let mut line = USUAL.to_owned();
    if !options.append.trim().is_empty() {
        line.push(' ');
        line.push_str(options.append.trim());
    }
    format!("{line} -- {arguments} port={PROGRAM} window={WINDOW} from=/dev/ttyS1")
}

fn parameters(header: setup_header, end: u64) -> boot_params {
    let mut parameters = boot_params { hdr: header, ..boot_params::default() };
    let ram =
        |from: u64, to: u64| boot_e820_entry { addr: from, size: to - from, r#type: E820_RAM };
    parameters.e820_table[0] = ram(0, LOW_END);
    parameters.e820_table[1] = ram(HIGH, end.max(HIGH));
    parameters.e820_entries = 2;
    parameters
}

/// The structure, as bytes of the guest's memory.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Parameters(boot_params);

// SAFETY: a structure of the kernel's interface: numbers, and no padding, since it is packed.
#[allow(unsafe_code, reason = "the promise that a structure is plain bytes")]
unsafe impl ByteValued for Parameters {}

fn write_tables(memory: &GuestMemoryMmap) -> Result<(), vm_memory::GuestMemoryError> {
    let entry = |table: u64, at: u64, value: u64| {
        memory.write_obj(value.to_le(), GuestAddress(table + at * 8))
    };
    entry(PML4, 0, PDPT | LINK)?;
    for gib in 0..GIBS {
        let directory = DIRECTORIES + gib * PAGE;
        entry(PDPT, gib, directory | LINK)?;
        for page in 0..512 {
            entry(directory, page, ((gib * 512 + page) * LARGE_PAGE) | LARGE)?;
        }
    }
    entry(GDT, u64::from(CODE >> 3), DESCRIPTOR_CODE)?;
    entry(GDT, u64::from(DATA >> 3), DESCRIPTOR_DATA)
}

/// Changes what KVM gives a new vCPU into the state in which a kernel begins.
pub(super) fn set_system_registers(registers: &mut kvm_sregs) {
    registers.cr0 = CR0_PE_PG;
    registers.cr3 = PML4;
    registers.cr4 = CR4_PAE;
    registers.efer = EFER_LME_LMA;
    registers.gdt.base = GDT;
    registers.gdt.limit = 4 * 8 - 1;
    let flat = kvm_segment { limit: u32::MAX, present: 1, s: 1, g: 1, ..Default::default() };
    registers.cs = kvm_segment { selector: CODE, type_: 0xb, l: 1, ..flat };
    let data = kvm_segment { selector: DATA, type_: 3, db: 1, ..flat };
    for segment in [
        &mut registers.ds,
        &mut registers.es,
        &mut registers.fs,
        &mut registers.gs,
        &mut registers.ss,
    ] {
        *segment = data;
    }
}

/// The registers at the first instruction.
pub(super) fn registers(loaded: &Loaded) -> kvm_regs {
    kvm_regs { rip: loaded.entry, rsi: ZERO_PAGE, rsp: STACK, rflags: RFLAGS, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(kernel: &Path) -> LinuxOptions {
        LinuxOptions { kernel: kernel.to_owned(), append: " a=1 ".into(), pit_reinjection: true }
    }

    #[test]
    fn the_guests_arguments_come_after_the_kernels() {
        let line = command_line(&options(Path::new("k")), "payload=1");
        assert!(line.starts_with("console=ttyS0 "), "{line}");
        assert!(
            line.ends_with(" a=1 -- payload=1 port=760 window=3489660928 from=/dev/ttyS1"),
            "{line}"
        );
    }

    #[test]
    fn what_is_no_kernel_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 16 << 20)]).unwrap();
        let path = folder.path().join("kernel");
        assert!(check(&path).unwrap_err().to_string().contains("there is no such file"));
        for content in [b"".as_slice(), b"#!/bin/sh\n", &[0; 5000], b"\x7fELF\x02\x01\x01"] {
            std::fs::write(&path, content).unwrap();
            let error = load(&memory, &options(&path), b"", "").unwrap_err().to_string();
            assert!(error.contains("neither a bzImage"), "{error}");
        }
    }

    #[test]
    fn memory_is_told_without_a_pcs_hole() {
        let parameters = parameters(setup_header::default(), 64 << 20);
        let entries = parameters.e820_table;
        let (low, high) = (entries[0], entries[1]);
        assert_eq!(({ low.addr }, { low.size }), (0, LOW_END));
        assert_eq!(({ high.addr }, { high.size }), (HIGH, (64 << 20) - HIGH));
    }
}
