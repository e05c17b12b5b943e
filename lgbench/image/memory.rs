//! What the compiler expects of a C library: copying, filling, comparing and measuring memory.

use core::arch::asm;

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: the caller's promise, passed on to the instruction.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("rep movsb", inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
    // SAFETY: as above. The compiler keeps esi to itself, so it is put back.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!("xchg esi, eax", "rep movsb", "mov esi, eax", inout("ecx") bytes => _,
            inout("edi") to => _, inout("eax") from => _, options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // SAFETY: the caller's promise, passed on to the instruction.
    unsafe {
        asm!("rep stosb", inout("cx") bytes => _, inout("di") to => _, in("al") value as u8,
            options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for at in 0..bytes {
        // SAFETY: the caller promises that both have as many bytes.
        let (one, other) = unsafe { (*one.add(at), *other.add(at)) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

/// # Safety
/// As the C library's: memcmp(), of which nobody asks which is larger.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    // SAFETY: the caller's promise, passed on.
    unsafe { memcmp(one, other, bytes) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller promises that there is a zero, and nothing is read behind it.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    length
}

/// Named by core's tables for unwinding, which the image does not have: never called.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
