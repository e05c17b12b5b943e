//! Failed requests in the log.

use std::fs;
use std::os::unix::fs::FileExt;

use e2e::{Lab, need, wait_until};

/// Each has the number by which the trace knows it; a failing disk does not flood the log.
#[test]
fn failed_requests_are_named_and_then_counted() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "4M"]);
    disk.run("set", &["backing_fail_every=1"]).ok();
    let file = fs::File::open(&disk.path).unwrap();
    for i in 0..200 {
        file.read_at(&mut [0; 4096], i * 4096).unwrap_err();
    }
    let log = lab.state().join("0000.log");
    let told = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines()
            .filter(|line| line.contains(" failed: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    wait_until("failed requests in the log", std::time::Duration::from_secs(30), || {
        told().len() == 10
    });
    let traced = disk.trace(1000);
    let first = &traced[traced.len() - 200];
    let (id, sector) = (first["id"].as_u64().unwrap(), first["sector"].as_u64().unwrap());
    let line = told()[0].clone();
    assert!(
        line.contains(&format!("request {id} failed: read of 8 sectors at {sector}")),
        "{line}"
    );
    assert!(line.contains(&format!("request={id}")) && line.contains("errno=5"), "{line}");
    drop(file);
    disk.del();
    let text = fs::read_to_string(lab.state().join("0000.log.last")).unwrap();
    assert!(text.contains("190 more requests failed"), "{text}");
}
