//! What the kernel lab needs to try lgbench's files for kernels: the module in which they stand without a
//! hypervisor, and a program that is a guest of it. Built on this machine, in target/lgbench-kmod.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::deps;
use crate::run::Interrupt;
use crate::vgpu;
use crate::vm::kernel::Kernel;
use crate::workspace;

/// Where the module's sources are: they are built in one folder, as they would be by anybody.
const SOURCES: [&str; 2] = ["lgbench/lguest/kernel", "lgbench/lguest/stock"];
const MODULE: &str = "lgbench_stock";
/// The program, with the headers of [`SOURCES`].
const PROGRAM: (&str, &str) = ("guest", "tests/lgbench-kmod/programs");

/// Builds both for a kernel.
pub(crate) fn build(kernel: &Kernel, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    deps::ensure(vgpu::TOOLS)?;
    let folder = workspace::metadata()?.target_directory.join("lgbench-kmod");
    let to = folder.join(&kernel.release);
    fs::create_dir_all(&to).with_context(|| to.display().to_string())?;
    for sources in SOURCES {
        vgpu::copy_sources(sources, &to)?;
    }
    let mut make = vgpu::modules(kernel, &to);
    make.arg("W=1");
    let module = vgpu::made(make, kernel, to.join(format!("{MODULE}.ko")), interrupt)?;
    let (name, sources) = PROGRAM;
    Ok(vec![module, vgpu::program(&folder, name, sources, &SOURCES, interrupt)?])
}
