//! Builds what guests run with the compiler that builds everything else.

use std::env;
use std::path::PathBuf;
use std::process::{Command, exit};

/// Ends the build with one line that says why.
fn refuse(why: &str) -> ! {
    println!("cargo::error={why}");
    exit(1)
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=image");
    println!("cargo::rerun-if-changed=guest");
    println!("cargo::rerun-if-changed=payload/src");
    let target = match variable("TARGET").as_str() {
        WIDE => WIDE,
        NARROW => NARROW,
        other => refuse(&format!(
            "lgbench measures x86 under Linux with glibc; it cannot be built for {other}"
        )),
    };
    if target == WIDE {
        build(Program {
            what: "the guests' image",
            source: "image/main.rs",
            name: "payload.bin",
            target: WIDE,
            link: "-Wl,--oformat=binary,--build-id=none,--gc-sections,-T,image/image.ld",
        });
        build(guest(WIDE, "guest"));
    }
    // For lguest, whose guests have 32 bits: where the compiler can make it.
    println!("cargo::rustc-check-cfg=cfg(has_narrow_guest)");
    if has_target(NARROW) {
        build(guest(NARROW, "guest32"));
        println!("cargo::rustc-cfg=has_narrow_guest");
    }
}

const WIDE: &str = "x86_64-unknown-linux-gnu";
const NARROW: &str = "i686-unknown-linux-gnu";

/// A program without a library.
struct Program {
    what: &'static str,
    source: &'static str,
    name: &'static str,
    target: &'static str,
    link: &'static str,
}

/// The first program of guests that run Linux. Below it there is the memory that `abi` lays out.
fn guest(target: &'static str, name: &'static str) -> Program {
    let link = "-Wl,--build-id=none,--gc-sections,-T,guest/guest.ld";
    Program { what: "the guests' program", source: "guest/main.rs", name, target, link }
}

fn build(program: Program) {
    let out = PathBuf::from(variable("OUT_DIR")).join(program.name);
    let mut rustc = Command::new(variable("RUSTC"));
    // The linker script's path is relative to it.
    rustc.current_dir(variable("CARGO_MANIFEST_DIR"));
    rustc.arg(program.source).arg("-o").arg(&out).args([
        "--crate-name=payload",
        "--crate-type=bin",
        "--edition=2024",
        "-Copt-level=3",
        "-Ccodegen-units=1",
        "-Cpanic=abort",
        "-Crelocation-model=static",
        "-Cforce-unwind-tables=no",
        "-Cstrip=symbols",
        // Neither the C library's start-up code nor any library; what cannot be found must not be used.
        "-Clink-args=-nostartfiles -nostdlib -static -no-pie",
    ]);
    rustc.arg(format!("--target={}", program.target));
    rustc.arg(format!("-Clink-args={}", program.link));
    // Flags for the host's programs, like sanitizers or coverage, have no place in it.
    rustc.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
    let what = program.what;
    match rustc.status() {
        Ok(status) if status.success() => {}
        Ok(_) => refuse(&format!(
            "{what} could not be built, see above; it needs rustc and what it links with \
             (Debian: gcc, binutils)"
        )),
        Err(error) => refuse(&format!("cannot start {}: {error}", variable("RUSTC"))),
    }
}

/// Whether the compiler has what every program for a target needs.
fn has_target(target: &str) -> bool {
    let mut rustc = Command::new(variable("RUSTC"));
    let said = rustc.args(["--print", "target-libdir", "--target", target]).output();
    said.is_ok_and(|said| {
        let folder = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        std::fs::read_dir(folder).is_ok_and(|mut files| {
            files.any(|file| {
                file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
            })
        })
    })
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| refuse(&format!("cargo gives no {name}")))
}
