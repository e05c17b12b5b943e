//! What fuzzing begins with, fuzz/corpus, as far as it is made by hand: the files are what is written
//! here, and reach what they are for. `UPDATE_EXPECT=1` writes the files anew.
//!
//! Files that fuzzing itself found may lie beside them.

mod nbd;
mod vhost;

use std::fs;
use std::path::Path;

/// Checks, or writes, the seeds of one target: name and content.
fn seeds(target: &str, seeds: &[(&str, Vec<u8>)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let accept = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
    if accept {
        fs::create_dir_all(&folder).expect("the corpus");
    }
    for (name, content) in seeds {
        let path = folder.join(name);
        if accept {
            fs::write(&path, content).expect("a seed");
        }
        let is = fs::read(&path).unwrap_or_default();
        assert!(is == *content, "{target}/{name} is out of date: run with UPDATE_EXPECT=1");
    }
}
