//! Many commands at once.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use daemonkit::lock::LockFile;
use serde_json::Value;
use ublk_vpt::state::{StateDir, Undo};

use super::fixture::Fixture;
use super::harness::{Skipped, Test};

const NOTHING: Undo =
    Undo { detach_loop: |_, _| Ok(()), find_ublk: |_| Ok(None), delete_ublk: |_| Ok(()) };

pub(crate) const TESTS: &[Test] = &[
    ("many_adds_at_once_get_different_numbers", many_adds_at_once_get_different_numbers),
    ("one_number_goes_to_one", one_number_goes_to_one),
    ("clearing_away_takes_no_number", clearing_away_takes_no_number),
    ("the_second_of_a_number_is_told_the_first", the_second_of_a_number_is_told_the_first),
];

fn at_once(f: &Fixture, count: usize, words: &str) -> Vec<std::process::Output> {
    let spawn = |_| f.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..count).map(spawn).collect();
    children.into_iter().map(|c| c.wait_with_output().unwrap()).collect()
}

fn many_adds_at_once_get_different_numbers() -> Result<(), Skipped> {
    let f = Fixture::new();
    // Lists all the while: looking must not take a number from anybody.
    let lists = std::thread::scope(|scope| {
        let lists = scope.spawn(|| at_once(&f, 12, "list"));
        let outputs = at_once(&f, 12, "add vpt plain.toml --image lab.img --json");
        let ids: BTreeSet<u64> = outputs
            .iter()
            .map(|o| {
                assert!(o.status.success(), "{o:?}");
                let about: Value = serde_json::from_slice(&o.stdout).unwrap();
                about["id"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(ids, (0..12).collect());
        lists.join().unwrap()
    });
    for list in lists {
        assert!(list.status.success() && list.stderr.is_empty(), "{list:?}");
    }
    assert_eq!(f.ublk("list").ok().matches("state LIVE").count(), 12);
    assert_eq!(f.ublk("del -a").ok().lines().count(), 12);
    f.assert_clean();
    Ok(())
}

fn one_number_goes_to_one() -> Result<(), Skipped> {
    let f = Fixture::new();
    let outputs = at_once(&f, 8, "add vpt plain.toml --image lab.img -n 5");
    let good = outputs.iter().filter(|o| o.status.success()).count();
    assert_eq!(good, 1, "{outputs:?}");
    for refused in outputs.iter().filter(|o| !o.status.success()) {
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("device 5 exists: process "), "{said}");
    }
    Ok(())
}

fn clearing_away_takes_no_number() -> Result<(), Skipped> {
    let f = Fixture::new();
    let state = StateDir::at(&f.path("state")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // What other commands do while they clear away device 5, over and over.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let Ok(directory) = LockFile::try_lock(&f.state(".lock")) else { continue };
                if let Ok(number) = LockFile::try_lock(&f.state("0005.lock")) {
                    pause(50);
                    number.remove().unwrap();
                }
                drop(directory);
                pause(50);
            }
        });
        let refused = (0..50)
            .find_map(|phase| {
                pause(phase);
                let claim = state.claim(Some(5), &NOTHING, |_| Ok(false));
                claim.map(|claim| claim.release(&NOTHING).unwrap()).err()
            })
            .map(|e| e.to_string());
        done.store(true, Ordering::Relaxed);
        assert_eq!(refused, None);
    });
    Ok(())
}

fn pause(turns: u32) {
    for _ in 0..turns {
        std::thread::yield_now();
    }
}

fn the_second_of_a_number_is_told_the_first() -> Result<(), Skipped> {
    let f = Fixture::new();
    let pid = f.add("plain", "-n 2");
    let said = f.ublk("add vpt plain.toml --image lab.img -n 2").failed();
    let image = f.path("lab.img");
    assert!(
        said.contains(&format!("device 2 exists: process {pid} serves {}", image.display())),
        "{said}"
    );
    assert!(said.contains("ublk del -n 2"), "{said}");
    Ok(())
}
