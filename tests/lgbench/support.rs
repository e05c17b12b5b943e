//! The program and its results.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use labstats::results::Results;

/// The program: LGBENCH_BIN where it is set, else built now beside this test.
pub(crate) fn lgbench() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| match std::env::var_os("LGBENCH_BIN") {
        Some(named) => named.into(),
        None => build(),
    });
    let mut command = Command::new(binary);
    command.stdin(Stdio::null());
    command
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().to_owned();
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "lgbench", "--bin", "lgbench"]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "cargo cannot build lgbench");
    folder.join("lgbench")
}

/// A run with small arrays whose results and socket are in a folder.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = lgbench();
    command.args(["run", "--quick", "--array", "1M", "--watchdog", "60s"]).args(arguments);
    command.arg("--out").arg(folder.join("out")).arg("--control").arg(folder.join("ctl"));
    command
}

pub(crate) fn results(folder: &Path) -> Results {
    let path = folder.join("out/results.json");
    Results::from_json("results.json", &std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
