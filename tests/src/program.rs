//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The `ublk` binary: UBLK_VPT_BIN where it is set (`cargo xtask test` sets it), else built now.
///
/// # Panics
/// When it cannot be built, or UBLK_VPT_BIN names no file: no test can go on.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let Some(named) = std::env::var_os("UBLK_VPT_BIN").map(PathBuf::from) else {
            return build();
        };
        assert!(named.is_file(), "UBLK_VPT_BIN is {}, which is no file", named.display());
        named
    })
}

/// A command that runs it, without input.
pub fn ublk() -> Command {
    let mut command = Command::new(binary());
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end with arguments.
///
/// # Panics
/// When it cannot be started.
pub fn run(arguments: &[&str]) -> Output {
    match ublk().args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {}: {error}", binary().display()),
    }
}

/// Builds the program beside this test: the test lies in PROFILE/deps, the program in PROFILE.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "ublk-vpt", "--bin", "ublk"]);
    let test = std::env::current_exe().unwrap_or_default();
    let folder = test.ancestors().nth(2).unwrap_or(Path::new("")).to_owned();
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).status();
    assert!(built.is_ok_and(|status| status.success()), "cargo cannot build ublk");
    let program = folder.join("ublk");
    assert!(program.is_file(), "cargo built ublk, but not as {}", program.display());
    program
}
