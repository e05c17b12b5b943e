//! Compiles the disk files of the repository's `configs/disks` into the program, so that the names
//! work wherever the binary is copied to.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_dir = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let disks = Path::new(&crate_dir).join("../configs/disks");
    println!("cargo::rerun-if-changed={}", disks.display());
    let mut files = Vec::new();
    if disks.is_dir() {
        for entry in fs::read_dir(&disks)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                files.push(path.canonicalize()?);
            }
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(list, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("built_in_disks.rs"), list)
}
