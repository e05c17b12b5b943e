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
    BINARY.get_or_init(|| named_or_built("UBLK_VPT_BIN", "ublk-vpt", "ublk"))
}

/// A package's program: the one that an environment variable names, else built now.
///
/// # Panics
/// As [`binary`].
pub fn named_or_built(variable: &str, package: &str, program: &str) -> PathBuf {
    let Some(named) = std::env::var_os(variable).map(PathBuf::from) else {
        return build(package, program);
    };
    assert!(named.is_file(), "{variable} is {}, which is no file", named.display());
    named
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
fn build(package: &str, program: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", package, "--bin", program]);
    let test = std::env::current_exe().unwrap_or_default();
    let folder = test.ancestors().nth(2).unwrap_or(Path::new("")).to_owned();
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).status();
    assert!(built.is_ok_and(|status| status.success()), "cargo cannot build {program}");
    let built = folder.join(program);
    assert!(built.is_file(), "cargo built {program}, but not as {}", built.display());
    built
}
