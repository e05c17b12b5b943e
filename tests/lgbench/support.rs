//! The program and its results.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use labstats::results::Results;

/// The program: LGBENCH_BIN where it is set, else built now beside this test.
pub(crate) fn lgbench() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| e2e::named_or_built("LGBENCH_BIN", "lgbench", "lgbench"));
    let mut command = Command::new(binary);
    command.stdin(Stdio::null());
    command
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
