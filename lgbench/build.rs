//! Builds the guests' image with the compiler that builds everything else.

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
    println!("cargo::rerun-if-changed=payload/src");
    let target = variable("TARGET");
    if target != "x86_64-unknown-linux-gnu" {
        refuse(&format!(
            "lgbench measures x86-64 under Linux with glibc; it cannot be built for {target}"
        ));
    }
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("image");
    let image = PathBuf::from(variable("OUT_DIR")).join("payload.bin");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(folder.join("main.rs")).arg("-o").arg(&image).args([
        "--crate-name=payload",
        "--crate-type=bin",
        "--edition=2024",
        "--target=x86_64-unknown-linux-gnu",
        "-Copt-level=3",
        "-Ccodegen-units=1",
        "-Cpanic=abort",
        "-Crelocation-model=static",
        "-Cforce-unwind-tables=no",
        // Neither the C library's start-up code nor any library; what cannot be found must not be used.
        "-Clink-args=-nostartfiles -nostdlib -static -no-pie",
        "-Clink-args=-Wl,--oformat=binary,--build-id=none,--gc-sections",
    ]);
    rustc.arg(format!("-Clink-arg=-Wl,-T,{}", folder.join("image.ld").display()));
    // Flags for the host's programs, like sanitizers or coverage, have no place in the image.
    rustc.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
    match rustc.status() {
        Ok(status) if status.success() => {}
        Ok(_) => refuse(
            "the guests' image could not be built, see above; it needs rustc and what it links with \
             (Debian: gcc, binutils)",
        ),
        Err(error) => refuse(&format!("cannot start {}: {error}", variable("RUSTC"))),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| refuse(&format!("cargo gives no {name}")))
}
