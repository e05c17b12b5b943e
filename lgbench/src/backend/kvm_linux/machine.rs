//! A virtual machine that a kernel can boot in.
#![allow(
    unsafe_code,
    reason = "giving memory to a guest, and one call that kvm-ioctls does not have"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use kvm_bindings::{
    CpuId, KVM_MAX_CPUID_ENTRIES, KVM_PIT_SPEAKER_DUMMY, kvm_pit_config, kvm_reinject_control,
    kvm_userspace_memory_region,
};
use kvm_ioctls::{Cap, Kvm, VcpuExit, VcpuFd, VmFd};
use lgbench_payload::wire::{PORT_WINDOW, WINDOW_BYTES};
use vm_memory::{
    Address, Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion,
};
use vmm_sys_util::ioctl::ioctl_with_ref;
use vmm_sys_util::ioctl_io_nr;

use super::load::{self, Loaded};
use super::ports::{CONSOLE_IRQ, Did, Interrupt, PROGRAM_IRQ, Ports};
use crate::backend::BackendError;
use crate::backend::vcpu::TSS_PAGES;
use crate::backend::vcpu::file::{file, share_clock};
use crate::backend::vcpu::runner::{Inside, Left, told, unexpected};
use crate::linux::{self, LinuxOptions};
use crate::memory::{GuestSpec, MAX_BYTES, MemoryError};

ioctl_io_nr!(KVM_REINJECT_CONTROL, kvm_bindings::KVMIO, 0x71);

/// Where the window for the program's lines is: behind any memory, and before what a PC has there.
pub(super) const WINDOW: u64 = 0xd000_0000;
const _: () = assert!(WINDOW >= MAX_BYTES);

/// CPUID leaf 1: in ecx, a hypervisor is below; a timer by the time stamp counter; in ebx, the number.
const HYPERVISOR: u32 = 1 << 31;
const TSC_DEADLINE: u32 = 1 << 24;
const OWN_NUMBER: u32 = 0xff << 24;

/// A machine with a kernel in it. Fields are dropped in this order: memory last.
#[derive(Debug)]
pub(super) struct Machine {
    vcpu: VcpuFd,
    /// Kept for as long as its vCPU.
    _vm: VmFd,
    ports: Arc<Ports>,
    /// What the guest's program has written for us.
    window: GuestMemoryMmap,
    /// As above.
    _memory: GuestMemoryMmap,
}

impl Machine {
    /// A machine that is about to boot, for `spec`.
    pub(super) fn new(
        kvm: &Kvm,
        options: &LinuxOptions,
        spec: &GuestSpec,
        initramfs: &[u8],
        arguments: &str,
        guest: usize,
    ) -> Result<Self, BackendError> {
        let refused = |what| {
            move |error: kvm_ioctls::Error| BackendError::Kvm {
                what,
                guest,
                source: io::Error::from_raw_os_error(error.errno()),
            }
        };
        let host = |what| move |source| BackendError::Host { what, guest, source };
        let memory = memory(spec)?;
        let loaded = load::load(&memory, options, initramfs, arguments)?;
        let vm = kvm.create_vm().map_err(refused("create"))?;
        if kvm.check_extension(Cap::SetTssAddr) {
            vm.set_tss_address(TSS_PAGES).map_err(refused("reserve three pages for"))?;
        }
        vm.create_irq_chip().map_err(refused("make interrupt controllers for"))?;
        let pit = kvm_pit_config { flags: KVM_PIT_SPEAKER_DUMMY, ..Default::default() };
        vm.create_pit2(pit).map_err(refused("make a timer for"))?;
        reinject(&vm, options.pit_reinjection).map_err(refused("set the timer of"))?;
        let window = mapped(WINDOW, WINDOW_BYTES as u64)?;
        for (slot, memory) in [(0, &memory), (1, &window)] {
            give_memory(&vm, slot, memory).map_err(refused("give memory to"))?;
        }
        let interrupt = || Interrupt::new().map_err(host("make an interrupt for"));
        let (console, program) = (interrupt()?, interrupt()?);
        for (interrupt, line) in [(&console, CONSOLE_IRQ), (&program, PROGRAM_IRQ)] {
            vm.register_irqfd(interrupt.event(), line).map_err(refused("wire an interrupt of"))?;
        }
        let vcpu = vm.create_vcpu(0).map_err(refused("create the vCPU of"))?;
        let features = kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES);
        let mut features = features.map_err(refused("tell the CPU's features to"))?;
        complete(&mut features, kvm.check_extension(Cap::TscDeadlineTimer));
        vcpu.set_cpuid2(&features).map_err(refused("set the CPU's features for"))?;
        begin(&vcpu, &loaded).map_err(refused("set the state of"))?;
        share_clock(&vcpu);
        let ports = Arc::new(Ports::new(console, program));
        Ok(Self { vcpu, _vm: vm, ports, window, _memory: memory })
    }

    pub(super) fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }
}

fn memory(spec: &GuestSpec) -> Result<GuestMemoryMmap, BackendError> {
    let payload = spec.memory_bytes();
    let needed = payload.saturating_add(linux::own_bytes(payload));
    let mib = needed >> 20;
    if needed > MAX_BYTES {
        return Err(MemoryError::TooLarge { needed_mib: mib }.into());
    }
    mapped(0, needed.next_multiple_of(lgbench_payload::abi::LARGE_PAGE))
}

fn mapped(at: u64, bytes: u64) -> Result<GuestMemoryMmap, BackendError> {
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    GuestMemoryMmap::from_ranges(&[(GuestAddress(at), length)]).map_err(|error| {
        MemoryError::Refused { mib: bytes >> 20, source: io::Error::other(error) }.into()
    })
}

/// Gives the guest a memory of one region.
fn give_memory(vm: &VmFd, slot: u32, memory: &GuestMemoryMmap) -> Result<(), kvm_ioctls::Error> {
    let unknown = || kvm_ioctls::Error::new(libc::EFAULT);
    let region = memory.iter().next().ok_or_else(unknown)?;
    let (guest_phys_addr, bytes) = (region.start_addr().raw_value(), region.len());
    let at = memory.get_host_address(region.start_addr()).map_err(|_| unknown())?;
    let length = usize::try_from(bytes).map_err(|_| unknown())?;
    // Without large pages it works as well, if less evenly.
    // SAFETY: advice that changes no content, about the mapping that `memory` owns.
    let _ = unsafe { rustix::mm::madvise(at.cast(), length, rustix::mm::Advice::LinuxHugepage) };
    let region = kvm_userspace_memory_region {
        slot,
        flags: 0,
        guest_phys_addr,
        memory_size: bytes,
        userspace_addr: at.addr() as u64,
    };
    // SAFETY: the region is that mapping, which the machine keeps for longer than it runs.
    unsafe { vm.set_user_memory_region(region) }
}

fn reinject(vm: &VmFd, on: bool) -> Result<(), kvm_ioctls::Error> {
    let control = kvm_reinject_control { pit_reinject: u8::from(on), ..Default::default() };
    // SAFETY: the call reads the structure.
    match unsafe { ioctl_with_ref(&vm.as_raw_fd(), KVM_REINJECT_CONTROL(), &control) } {
        0 => Ok(()),
        _ => Err(kvm_ioctls::Error::last()),
    }
}

/// What a processor says of itself, completed for one that is alone.
fn complete(features: &mut CpuId, has_deadline_timer: bool) {
    for entry in features.as_mut_slice() {
        match entry.function {
            1 => {
                entry.ebx &= !OWN_NUMBER;
                entry.ecx |= HYPERVISOR;
                if has_deadline_timer {
                    entry.ecx |= TSC_DEADLINE;
                }
            }
            // Its number among the host's.
            0xb | 0x1f => entry.edx = 0,
            _ => {}
        }
    }
}

fn begin(vcpu: &VcpuFd, loaded: &Loaded) -> Result<(), kvm_ioctls::Error> {
    let mut system = vcpu.get_sregs()?;
    load::set_system_registers(&mut system);
    vcpu.set_sregs(&system)?;
    vcpu.set_regs(&load::registers(loaded))
}

impl Inside for Machine {
    fn file(&self) -> BorrowedFd<'_> {
        file(&self.vcpu)
    }

    fn enter(&mut self) -> Left {
        let exit = match self.vcpu.run() {
            Ok(VcpuExit::IoOut(PORT_WINDOW, bytes)) => {
                let length = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                let mut lines = vec![0; WINDOW_BYTES.min(length as usize)];
                // It is no longer than the window is.
                let _ = self.window.read_slice(&mut lines, GuestAddress(WINDOW));
                return self.ports.inbox().take_whole(&lines).map_or(Left::Served, Left::Hello);
            }
            Ok(VcpuExit::IoOut(port, bytes)) => match self.ports.write(port, bytes) {
                Did::Nothing => return Left::Served,
                Did::Begun => return Left::Begun,
                Did::Greeted(cycles) => return Left::Hello(cycles),
                Did::Reset => Ok("it has started again".to_owned()),
            },
            Ok(VcpuExit::IoIn(port, bytes)) => {
                self.ports.read(port, bytes);
                return Left::Served;
            }
            Ok(VcpuExit::MmioRead(_, bytes)) => {
                // Nobody is there.
                bytes.fill(0xff);
                return Left::Served;
            }
            Ok(VcpuExit::MmioWrite(..)) => return Left::Served,
            Ok(VcpuExit::Intr) => return Left::Interrupted,
            Ok(other) => Ok(told(&other)),
            Err(error) => Err(error),
        };
        unexpected(&self.vcpu, exit)
    }
}
