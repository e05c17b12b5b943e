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
use vm_memory::{Address, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};
use vmm_sys_util::ioctl::ioctl_with_ref;
use vmm_sys_util::ioctl_io_nr;

use super::load::{self, Loaded};
use super::ports::{CONSOLE_IRQ, Did, Interrupt, PROGRAM_IRQ, Ports};
use crate::backend::BackendError;
use crate::backend::vcpu::file::{file, share_clock};
use crate::backend::vcpu::runner::{Inside, Left, told, unexpected};
use crate::linux::LinuxOptions;
use crate::memory::{GuestSpec, MAX_BYTES, MemoryError};

ioctl_io_nr!(KVM_REINJECT_CONTROL, kvm_bindings::KVMIO, 0x71);

/// Three pages below the end of 32 bits that older Intel processors need for themselves; guests'
/// memory ends far below.
const TSS_PAGES: usize = 0xfffb_d000;

/// Memory for a kernel and what it keeps for itself, beside a payload's.
const KERNEL_BYTES: u64 = 320 << 20;

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
        give_memory(&vm, &memory).map_err(refused("give memory to"))?;
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
        Ok(Self { vcpu, _vm: vm, ports, _memory: memory })
    }

    pub(super) fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }
}

fn memory(spec: &GuestSpec) -> Result<GuestMemoryMmap, BackendError> {
    // With it goes the log; what is for page tables and the like grows with the rest.
    let needed = spec.memory_bytes().saturating_add(spec.memory_bytes() / 32 + KERNEL_BYTES);
    let mib = needed >> 20;
    if needed > MAX_BYTES {
        return Err(MemoryError::TooLarge { needed_mib: mib }.into());
    }
    let whole = needed.next_multiple_of(lgbench_payload::abi::LARGE_PAGE);
    let bytes = usize::try_from(whole).unwrap_or(usize::MAX);
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), bytes)])
        .map_err(|error| MemoryError::Refused { mib, source: io::Error::other(error) }.into())
}

fn give_memory(vm: &VmFd, memory: &GuestMemoryMmap) -> Result<(), kvm_ioctls::Error> {
    let unknown = || kvm_ioctls::Error::new(libc::EFAULT);
    let at = memory.get_host_address(GuestAddress(0)).map_err(|_| unknown())?;
    let bytes = memory.last_addr().raw_value() + 1;
    let length = usize::try_from(bytes).map_err(|_| unknown())?;
    // Without large pages it works as well, if less evenly.
    // SAFETY: advice that changes no content, about the mapping that `memory` owns.
    let _ = unsafe { rustix::mm::madvise(at.cast(), length, rustix::mm::Advice::LinuxHugepage) };
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
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
