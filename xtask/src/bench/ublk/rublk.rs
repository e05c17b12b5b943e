//! rublk from cargo's registry, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run::{self, Interrupt};

/// The version that the figures are about.
pub(super) const VERSION: &str = "0.2.15";

/// Builds it into a folder of its own below target/bench, unless it is there.
pub(super) fn ensure(target: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    let root = target.join("bench/rublk");
    let program = root.join("bin/rublk");
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut install = Command::new(cargo);
        install.args(["install", "rublk", "--locked", "--version", VERSION, "--root"]).arg(&root);
        // What cargo needs to find its home and its compiler, and nothing of this workspace's.
        install.current_dir("/").env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        run::output(&mut install, Duration::from_secs(3600), interrupt)
            .with_context(|| format!("rublk {VERSION} cannot be built"))?;
    }
    Ok(program)
}
