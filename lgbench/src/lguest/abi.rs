//! What lguest/kernel/lgbench_abi.h says, field by field; that header says what it means.
//!
//! This is the only place that makes calls on the device's file, but for reading it.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::ioctl::{self, Opcode, opcode};

pub(super) const VERSION: u32 = 1;
pub(super) const GUESTS_MAX: u32 = 16;
pub(super) const NOBODY: u32 = u32::MAX;
pub(super) const FREE: u32 = 0;
pub(super) const ONCE: u32 = 1;
pub(super) const ALTERNATE: u32 = 2;
pub(super) const INTERVAL_MIN_NS: u64 = 20_000;
pub(super) const INTERVAL_MAX_NS: u64 = 3_600_000_000_000;

/// At the beginning of what is read: version, bytes of a sample, samples that follow, samples lost.
pub(super) const HEADER_BYTES: usize = 24;
/// One sample: since, out, in; from, to.
pub(super) const SAMPLE_BYTES: usize = 32;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    pub(super) mode: u32,
    pub(super) first: u32,
    pub(super) interval_ns: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Info {
    pub(super) version: u32,
    pub(super) tsc_khz: u32,
    pub(super) mode: u32,
    pub(super) turn: u32,
    pub(super) guests: u32,
    pub(super) held: u32,
    pub(super) inside: u32,
    pub(super) reserved: u32,
    pub(super) entries: u64,
    pub(super) switches: u64,
    pub(super) expiries: u64,
    pub(super) missed: u64,
    pub(super) gated: u64,
    pub(super) switch_min: u64,
    pub(super) switch_sum: u64,
    pub(super) switch_max: u64,
}

/// The type of all calls.
const TYPE: u8 = b'l';
const INFO: Opcode = opcode::read::<Info>(TYPE, 0xb0);
const SET_MODE: Opcode = opcode::write::<Mode>(TYPE, 0xb1);
const HOLD: Opcode = opcode::write::<u32>(TYPE, 0xb2);
const LET: Opcode = opcode::write::<u32>(TYPE, 0xb3);
const CLEAR: Opcode = opcode::none(TYPE, 0xb4);
/// Of a thread that is a guest: lguest/stock/lgbench_guest.h.
const RUN: Opcode = opcode::none(TYPE, 0xc0);

type Done<T> = Result<T, Errno>;

/// A structure that is nothing but numbers, so that whatever the kernel writes there is one.
trait Plain: Copy {}
impl Plain for u32 {}
impl Plain for Mode {}
impl Plain for Info {}

/// A call whose argument is a structure that the kernel reads or writes.
fn exchange<const CALL: Opcode, T: Plain>(file: BorrowedFd<'_>, argument: &mut T) -> Done<()> {
    // SAFETY: the kernel reads or writes size_of::<T>() bytes there, as CALL has the size of T in it
    // (a file of another kind refuses the number), and every bit pattern is a T.
    #[allow(unsafe_code)]
    unsafe {
        ioctl::ioctl(file, ioctl::Updater::<CALL, T>::new(argument))
    }
}

pub(super) fn info(file: BorrowedFd<'_>) -> Done<Info> {
    let mut info = Info::default();
    exchange::<INFO, _>(file, &mut info)?;
    Ok(info)
}

pub(super) fn set_mode(file: BorrowedFd<'_>, mut mode: Mode) -> Done<()> {
    exchange::<SET_MODE, _>(file, &mut mode)
}

pub(super) fn hold(file: BorrowedFd<'_>, mut guest: u32) -> Done<()> {
    exchange::<HOLD, _>(file, &mut guest)
}

pub(super) fn let_go(file: BorrowedFd<'_>, mut guest: u32) -> Done<()> {
    exchange::<LET, _>(file, &mut guest)
}

pub(super) fn clear(file: BorrowedFd<'_>) -> Done<()> {
    // SAFETY: the kernel touches no memory for it.
    #[allow(unsafe_code)]
    unsafe {
        ioctl::ioctl(file, ioctl::NoArg::<CLEAR>::new())
    }
}

pub(super) fn run(file: BorrowedFd<'_>) -> Done<()> {
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe {
        ioctl::ioctl(file, ioctl::NoArg::<RUN>::new())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::mem::offset_of;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// What a C compiler makes of expressions, with the header.
    fn compiled(expressions: &[&str]) -> Vec<u64> {
        let mut text = String::from("#include <stddef.h>\n#include <stdio.h>\n");
        text.push_str(
            "#include \"lgbench_abi.h\"\n#include \"lgbench_guest.h\"\nint main(void)\n{\n",
        );
        for expression in expressions {
            writeln!(text, "printf(\"%llu\\n\", (unsigned long long)({expression}));").unwrap();
        }
        text.push_str("return 0;\n}\n");
        let folder = tempfile::tempdir().unwrap();
        let (source, program) = (folder.path().join("abi.c"), folder.path().join("abi"));
        std::fs::write(&source, text).unwrap();
        let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("lguest");
        let mut compiler = Command::new("cc");
        compiler.arg("-I").arg(headers.join("kernel")).arg("-I").arg(headers.join("stock"));
        compiler.arg("-o").arg(&program).arg(source);
        assert!(compiler.status().unwrap().success(), "cc");
        let output = Command::new(program).output().unwrap().stdout;
        String::from_utf8(output).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn all_is_as_the_header_has_it() {
        let mut pairs: Vec<(String, u64)> = Vec::new();
        let mut add = |name: &str, value: u64| pairs.push((name.to_owned(), value));
        add("LGB_ABI_VERSION", VERSION.into());
        add("LGB_GUESTS_MAX", GUESTS_MAX.into());
        add("LGB_NOBODY", NOBODY.into());
        add("LGB_FREE", FREE.into());
        add("LGB_ONCE", ONCE.into());
        add("LGB_ALTERNATE", ALTERNATE.into());
        add("LGB_INTERVAL_MIN", INTERVAL_MIN_NS);
        add("LGB_INTERVAL_MAX", INTERVAL_MAX_NS);
        add("LGB_INFO", INFO.into());
        add("LGB_SET_MODE", SET_MODE.into());
        add("LGB_HOLD", HOLD.into());
        add("LGB_LET", LET.into());
        add("LGB_CLEAR", CLEAR.into());
        add("LGB_RUN", RUN.into());
        add("sizeof(struct lgb_header)", HEADER_BYTES as u64);
        add("sizeof(struct lgb_sample)", SAMPLE_BYTES as u64);
        add("sizeof(struct lgb_mode)", size_of::<Mode>() as u64);
        add("sizeof(struct lgb_info)", size_of::<Info>() as u64);
        let fields = [("version", 0), ("sample_bytes", 4), ("samples", 8), ("lost", 16)];
        for (field, offset) in fields {
            add(&format!("offsetof(struct lgb_header, {field})"), offset);
        }
        for (field, offset) in [("since", 0), ("out", 8), ("in", 16), ("from", 24), ("to", 28)] {
            add(&format!("offsetof(struct lgb_sample, {field})"), offset);
        }
        macro_rules! fields {
            ($ours:ident, $theirs:literal, $($field:ident),+) => {$(
                let name = concat!("offsetof(struct ", $theirs, ", ", stringify!($field), ")");
                add(name, offset_of!($ours, $field) as u64);
            )+};
        }
        fields!(Mode, "lgb_mode", mode, first, interval_ns);
        fields!(Info, "lgb_info", version, tsc_khz, mode, turn, guests, held, inside);
        fields!(Info, "lgb_info", reserved, entries, switches);
        fields!(Info, "lgb_info", expiries, missed, gated, switch_min, switch_sum, switch_max);
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let theirs = names.iter().map(|name| (*name).to_owned()).zip(compiled(&names));
        assert_eq!(theirs.collect::<Vec<_>>(), pairs);
    }
}
