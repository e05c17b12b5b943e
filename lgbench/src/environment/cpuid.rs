//! What the processor says of itself.

#[cfg(target_arch = "x86")]
use std::arch::x86::__cpuid;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__cpuid;

/// Set when a hypervisor is below.
const ECX_HYPERVISOR: u32 = 1 << 31;
/// Where that hypervisor signs.
const LEAF_HYPERVISOR: u32 = 0x4000_0000;
/// The emulator's signature.
const TCG: &str = "TCGTCGTCGTCG";

/// The signature of the hypervisor that this machine runs on.
pub fn hypervisor() -> Option<String> {
    if __cpuid(1).ecx & ECX_HYPERVISOR == 0 {
        return None;
    }
    let leaf = __cpuid(LEAF_HYPERVISOR);
    let bytes: Vec<u8> =
        [leaf.ebx, leaf.ecx, leaf.edx].into_iter().flat_map(u32::to_le_bytes).collect();
    Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
}

/// Whether the processor itself is emulated, so that no time means anything.
pub fn is_emulated() -> bool {
    hypervisor().as_deref() == Some(TCG)
}
