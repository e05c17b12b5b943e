//! The state in which a guest begins: 64 bits, privilege level 3, paging one to one.
//!
//! | control | why |
//! | --- | --- |
//! | U=1 in every page table entry | level 3 may use it |
//! | CS 0x33, SS 0x2b, both DPL 3 | what a 64-bit program has under Linux, which PVM insists on |
//! | IOPL 3 | port I/O without a permission map: a port is how a guest leaves |
//! | a busy TSS | entering a guest checks it |
//! | no IDT | payloads have no faults; one that does ends as a shutdown, which is told |

use kvm_bindings::{kvm_regs, kvm_segment, kvm_sregs};
use lgbench_payload::abi::{self, LARGE_PAGE};

use crate::memory::{GuestMemory, MAX_BYTES};

const GDT: u64 = 0x1000;
const PML4: u64 = 0x2000;
const PDPT: u64 = 0x3000;
/// Page directories, one for each GiB.
const DIRECTORIES: u64 = 0x4000;
const TSS: u64 = 0x8000;

const PAGE: u64 = 0x1000;
const GIB: u64 = 1 << 30;
const ENTRIES: u64 = PAGE / 8;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;

const SELECTOR_CODE: u16 = 0x33;
const SELECTOR_DATA: u16 = 0x2b;
const SELECTOR_TSS: u16 = 0x40;

/// Descriptors of a flat data and a 64-bit code segment of level 3.
const DESCRIPTOR_DATA: u64 = 0x00cf_f300_0000_ffff;
const DESCRIPTOR_CODE: u64 = 0x00af_fb00_0000_ffff;
const GDT_ENTRIES: u64 = 10;

/// PE, MP, ET, NE, WP, AM, PG.
const CR0: u64 = 0x8005_0033;
/// PAE, OSFXSR, OSXMMEXCPT: SSE2, which is all that payloads use. Without OSXSAVE nothing has to be
/// exchanged at every switch that a guest without an operating system has no use for.
const CR4: u64 = 0x620;
/// SCE, LME, LMA, NXE.
const EFER: u64 = 0xd01;

/// Bit 1 is always set; interrupts on; IOPL 3.
const RFLAGS: u64 = 0x3202;

const TYPE_CODE: u8 = 11;
const TYPE_DATA: u8 = 3;
const TYPE_TSS_BUSY: u8 = 11;
/// Bytes of a TSS, less one.
const TSS_LIMIT: u32 = 0x67;

const _: () = assert!(DIRECTORIES + MAX_BYTES / GIB * PAGE <= TSS);

/// Writes page tables and descriptors.
pub fn write_tables(memory: &GuestMemory) {
    let entry =
        |table: u64, at: u64, value: u64| memory.write(table + at * 8, &value.to_le_bytes());
    let link = PRESENT | WRITABLE | USER;
    entry(PML4, 0, PDPT | link);
    for gib in 0..memory.len().div_ceil(GIB) {
        entry(PDPT, gib, (DIRECTORIES + gib * PAGE) | link);
    }
    for page in 0..memory.len() / LARGE_PAGE {
        let directory = DIRECTORIES + page / ENTRIES * PAGE;
        entry(directory, page % ENTRIES, (page * LARGE_PAGE) | link | LARGE);
    }
    entry(GDT, u64::from(SELECTOR_DATA >> 3), DESCRIPTOR_DATA);
    entry(GDT, u64::from(SELECTOR_CODE >> 3), DESCRIPTOR_CODE);
}

/// Changes what KVM gives a new vCPU into the state in which a guest begins.
pub fn set_system_registers(registers: &mut kvm_sregs) {
    registers.cr0 = CR0;
    registers.cr3 = PML4;
    registers.cr4 = CR4;
    registers.efer = EFER;
    registers.gdt.base = GDT;
    registers.gdt.limit = (GDT_ENTRIES * 8 - 1) as u16;
    registers.tr = kvm_segment {
        base: TSS,
        limit: TSS_LIMIT,
        selector: SELECTOR_TSS,
        type_: TYPE_TSS_BUSY,
        present: 1,
        ..kvm_segment::default()
    };
    let flat =
        kvm_segment { limit: u32::MAX, present: 1, dpl: 3, s: 1, g: 1, ..Default::default() };
    registers.cs = kvm_segment { selector: SELECTOR_CODE, type_: TYPE_CODE, l: 1, ..flat };
    let data = kvm_segment { selector: SELECTOR_DATA, type_: TYPE_DATA, db: 1, ..flat };
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

/// The registers at the first instruction: the stack as after a call.
pub fn registers() -> kvm_regs {
    kvm_regs { rip: abi::IMAGE, rsp: abi::STACK_TOP - 8, rflags: RFLAGS, ..kvm_regs::default() }
}
