//! System calls of Linux, without a library: on x86-64, and on x86 for guests of 32 bits.
#![allow(unsafe_code, reason = "the instruction that enters the kernel")]

use core::arch::asm;

/// A call by the kernel's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call(usize);

macro_rules! calls {
    ($($name:ident: $about:literal = $wide:literal, $narrow:literal;)*) => {
        impl Call {
            $(#[doc = $about]
            pub const $name: Self = Self(if cfg!(target_arch = "x86_64") { $wide } else { $narrow });)*
        }
    };
}

calls! {
    READ: "read(2)" = 0, 3;
    WRITE: "write(2)" = 1, 4;
    OPEN: "open(2)" = 2, 5;
    CLOSE: "close(2)" = 3, 6;
    POLL: "poll(2)" = 7, 168;
    MMAP: "mmap(2), on x86 mmap2(2)" = 9, 192;
    IOCTL: "ioctl(2)" = 16, 54;
    MADVISE: "madvise(2)" = 28, 219;
    PAUSE: "pause(2)" = 34, 29;
    NANOSLEEP: "nanosleep(2)" = 35, 162;
    FORK: "fork(2)" = 57, 2;
    EXIT: "exit(2)" = 60, 1;
    KILL: "kill(2)" = 62, 37;
    WAIT4: "wait4(2)" = 61, 114;
    MOUNT: "mount(2)" = 165, 21;
    IOPERM: "ioperm(2)" = 173, 101;
    CLOCK_GETTIME: "clock_gettime(2)" = 228, 265;
    CLOCK_NANOSLEEP: "clock_nanosleep(2)" = 230, 267;
}

/// Most arguments.
const ARGUMENTS: usize = 6;

/// What the kernel returns for a failure: the last page of addresses.
const FAILURES: usize = 4095;

/// Calls the kernel; what it returns, or the number of the error.
///
/// # Safety
/// The kernel may read and write whatever the call's arguments name.
///
/// # Errors
/// The kernel's number of the error.
pub unsafe fn call<const N: usize>(call: Call, given: [usize; N]) -> Result<usize, usize> {
    let mut arguments = [0; ARGUMENTS];
    arguments.iter_mut().zip(given).for_each(|(argument, given)| *argument = given);
    // SAFETY: the caller's promise.
    let result = unsafe { enter(call.0, &arguments) };
    match result.wrapping_neg() {
        error @ 1..=FAILURES => Err(error),
        _ => Ok(result),
    }
}

/// # Safety
/// As for [`call`].
#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: usize, arguments: &[usize; ARGUMENTS]) -> usize {
    let result;
    // SAFETY: the caller's promise; beside that the kernel changes rax, rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// # Safety
/// As for [`call`].
#[cfg(target_arch = "x86")]
unsafe fn enter(number: usize, arguments: &[usize; ARGUMENTS]) -> usize {
    let result;
    // SAFETY: the caller's promise. The compiler keeps esi and ebp to itself, so they are put back; the
    // kernel changes eax only.
    unsafe {
        asm!(
            "push esi",
            "push ebp",
            "mov ebx, [edx]",
            "mov ecx, [edx + 4]",
            "mov esi, [edx + 12]",
            "mov edi, [edx + 16]",
            "mov ebp, [edx + 20]",
            "mov edx, [edx + 8]",
            "int 0x80",
            "pop ebp",
            "pop esi",
            inlateout("eax") number => result,
            inout("edx") arguments.as_ptr() => _,
            out("ebx") _,
            out("ecx") _,
            out("edi") _,
        );
    }
    result
}
