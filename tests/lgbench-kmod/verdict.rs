//! What the kernel's checkers have to say after all of it. Its log is looked at from outside.

use std::fs;
use std::path::Path;

use e2e::{need, skip};

#[test]
fn the_kernel_has_not_warned() {
    need!(Lab, Root);
    let tainted: u64 =
        fs::read_to_string("/proc/sys/kernel/tainted").unwrap().trim().parse().unwrap();
    // TAINT_DIE, TAINT_WARN, TAINT_SOFTLOCKUP.
    assert_eq!(tainted & (1 << 7 | 1 << 9 | 1 << 14), 0, "tainted: {tainted}");
}

#[test]
fn lockdep_has_gone_on_to_the_end() {
    need!(Lab, Root);
    let Ok(stats) = fs::read_to_string("/proc/lockdep_stats") else {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let release = release.trim();
        assert!(!release.ends_with("-debug"), "{release} has no lockdep");
        skip!("{release} has no lockdep; VPT_LAB_KERNEL=debug has");
    };
    let on = stats.lines().find_map(|line| line.trim().strip_prefix("debug_locks:"));
    assert_eq!(on.map(str::trim), Some("1"), "{stats}");
}

#[test]
fn nothing_is_leaked() {
    need!(Lab, Root);
    let leaks = Path::new("/sys/kernel/debug/kmemleak");
    if !leaks.exists() {
        skip!("this kernel has no kmemleak; VPT_LAB_KERNEL=debug has");
    }
    // What is found once may only be on its way.
    for _ in 0..2 {
        fs::write(leaks, "scan").unwrap();
    }
    let found = fs::read_to_string(leaks).unwrap();
    assert!(!found.contains("lgb_") && !found.contains("stock_"), "{found}");
}
