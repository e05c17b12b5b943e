//! The manual's code compiles, as one file, against the header and just enough of a kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All blocks of C in a page, in order.
fn code(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```c" => inside = true,
            "```" => inside = false,
            _ if inside => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    text
}

#[test]
fn the_programming_guide_s_code_compiles() {
    if Command::new("gcc").arg("--version").output().is_err() {
        println!("SKIP: the_programming_guide_s_code_compiles: there is no gcc on this machine");
        return;
    }
    let page = fs::read_to_string(root().join("docs/base-card/programming.md")).expect("the guide");
    let code = code(&page);
    assert!(code.lines().count() > 150, "the guide has code");
    let folder = tempfile::tempdir().expect("a folder");
    let kernel = include_str!("manual/kernel.h");
    fs::write(folder.path().join("guide.c"), format!("{kernel}\n{code}")).expect("the code");
    let header = fs::copy(root().join("vcd-drm/driver/base/regs.h"), folder.path().join("regs.h"));
    header.expect("the header");
    let mut gcc = Command::new("gcc");
    gcc.current_dir(folder.path()).args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"]);
    // It is a guide: nothing calls most of it, and kernels compare their signs as they are.
    gcc.args(["-Wno-unused-function", "-Wno-unused-const-variable", "-Wno-sign-compare"]);
    gcc.arg("-Wno-unused-parameter");
    let output = gcc.args(["-fsyntax-only", "guide.c"]).output().expect("gcc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
