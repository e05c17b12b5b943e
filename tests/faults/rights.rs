//! Rights and limits that are missing.

use std::fs;

use e2e::{Disk, Lab, Said, need, tool};

/// Root, but without the right to real-time priorities.
const NO_NICE: [&str; 3] = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"];

#[test]
fn no_real_time_priority() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let add = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M"];
    let said = Said::of(lab.ublk_under(&NO_NICE).args(add));
    let out = said.ok();
    assert!(out.contains("\nnote: no SCHED_FIFO") && out.contains("ulimit -r"), "{out}");
    let listed = lab.list();
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["notes"][0].as_str().unwrap().contains("SCHED_FIFO"), "{listed:?}");
    let stats = lab.run(&["stats", "-n", "0"]).ok();
    assert!(stats.contains("SCHED_OTHER") && stats.contains("note: no SCHED_FIFO"), "{stats}");
    fs::read(lab.state().join("0000/disk")).unwrap();
    lab.run(&["del", "-n", "0"]).ok();

    let said = Said::of(lab.ublk_under(&NO_NICE).args(add).args(["--rt", "on"]));
    said.refused(&["--rt on", "SCHED_FIFO is not allowed", "ulimit -r"]);
    let said = Said::of(lab.ublk_under(&NO_NICE).args(add).args(["--rt", "off", "--json"]));
    let disk = Disk::of(&lab, &said.ok());
    assert_eq!(disk.stats()["timekeeping"]["scheduler"], "SCHED_OTHER");
    disk.del();
    lab.assert_nothing_left();

    // With the right it is used.
    let disk = lab.add(&["--back", "null", "--size", "1M", "--rt", "on"]);
    assert_eq!(disk.stats()["timekeeping"]["scheduler"], "SCHED_FIFO");
    disk.del();
}

/// Whatever the limit, it either works or says in one line why not, and leaves nothing.
#[test]
fn too_many_open_files() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    lab.image("lab.img", 1 << 20);
    let mut refusals = 0;
    let mut works = 0;
    for limit in (3..=15).chain([20, 24, 32, 64]) {
        let limit = format!("--nofile={limit}:{limit}");
        let mut command = lab.ublk_under(&["prlimit", &limit]);
        command.args(["add", "vpt", "quick.toml", "--image", "lab.img", "--loop", "--json"]);
        let said = Said::of(&mut command);
        said.says(&[]);
        if said.status.success() {
            works += 1;
            let disk = Disk::of(&lab, &said.out);
            fs::read(&disk.path).unwrap();
            let ended = disk.run("del", &["--force"]);
            assert!(ended.status.success(), "{limit}: {ended}");
        } else if !said.err.contains("error while loading shared libraries") {
            refusals += 1;
            assert_eq!(said.status.code(), Some(1), "{limit}: {said}");
            assert!(said.err.starts_with("ublk: "), "{limit}: {said}");
        }
        // Also what a command with too few of them could not clear away itself.
        lab.run(&["list"]).ok();
        lab.assert_nothing_left();
    }
    assert!(refusals > 0 && works > 0, "{refusals} refusals, {works} that worked");
}

#[test]
fn no_place_for_the_state() {
    need!(Root);
    let lab = Lab::new();
    let add = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M"];
    fs::write(lab.file("a-file"), "").unwrap();
    for state in ["a-file", "a-file/below"] {
        let said = Said::of(lab.ublk().env("UBLK_STATE_DIR", state).args(add));
        said.refused(&["state directory", state]);
    }
    let fixed = lab.folder("fixed");
    let path = fixed.to_str().unwrap();
    tool("mount", &["--bind", path, path]);
    tool("mount", &["-o", "remount,bind,ro", path]);
    for state in [fixed.clone(), fixed.join("below")] {
        let said = Said::of(lab.ublk().env("UBLK_STATE_DIR", &state).args(add));
        said.refused(&["state directory", path, "Read-only file system"]);
    }
    tool("umount", &[&fixed]);
}

/// What stands in a state directory is done with the rights of whoever runs the next command.
#[test]
fn a_state_directory_that_others_may_write() {
    need!(Root);
    let lab = Lab::new();
    let precious = lab.file("precious");
    fs::write(&precious, "precious").unwrap();
    let theirs = lab.folder("theirs");
    for name in [".lock", "0000.lock", "0000.log", "0000.json"] {
        std::os::unix::fs::symlink(&precious, theirs.join(name)).unwrap();
    }
    let refused = |words: &[&str]| {
        let add = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M"];
        for command in [&add[..], &["list"], &["del", "-a"]] {
            let said = Said::of(lab.ublk().env("UBLK_STATE_DIR", &theirs).args(command));
            said.refused(&[&["state directory", "theirs"], words].concat());
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 4);
    };
    fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    refused(&["may be written by other users (mode 1777)", "chmod go-w"]);
    fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&theirs, Some(65534), Some(65534)).unwrap();
    refused(&["belongs to user 65534", "UBLK_STATE_DIR"]);
}

/// A user without any right: it works where users may mount, and says what is missing where not.
#[test]
fn not_root() {
    need!(Fuse, Root);
    let lab = Lab::new();
    // Not below the state directory, which a test's end takes as root's.
    let home = lab.folder("home");
    std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(lab.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];
    // No setuid programs with that; with them only where users may open /dev/fuse at all.
    let open =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata("/dev/fuse").unwrap().permissions());
    let may = open & 0o006 == 0o006;
    let launcher = if may { &nobody[..4] } else { &nobody[..] };
    let program = lab.file("ublk");
    fs::copy(e2e::binary(), &program).unwrap(); // where it was built may be closed to others
    let user = |arguments: &[&str]| {
        let mut command = std::process::Command::new(launcher[0]);
        command.args(&launcher[1..]).arg(&program).args(arguments).current_dir(&home);
        Said::of(command.env("XDG_RUNTIME_DIR", &home).env_remove("UBLK_STATE_DIR"))
    };
    let add = ["add", "vpt", "../quick.toml", "--image", "lab.img", "--size", "1M", "--json"];
    if !may {
        user(&add).refused(&["FUSE cannot be used", "/dev/fuse", "Permission denied"]);
        assert!(!home.join("lab.img").exists());
        user(&["list"]).ok();
        let said = user(&["add", "vpt", "../quick.toml", "--image", "/etc/shadow"]);
        assert_eq!(said.status.code(), Some(1), "{said}");
    } else {
        let about = user(&add).ok();
        assert!(about.contains(home.to_str().unwrap()), "{about}");
        assert!(
            user(&["list"]).ok().contains("state LIVE owner: 65534".split(' ').next().unwrap())
        );
        user(&["del", "-n", "0"]).ok();
    }
    assert!(e2e::mounts_under(&home).is_empty());
    // Without a place to put its state it says which variable is missing.
    let mut command = std::process::Command::new(launcher[0]);
    command.args(&launcher[1..]).arg(&program).arg("list").current_dir(&home);
    let said = Said::of(command.env_remove("XDG_RUNTIME_DIR").env_remove("UBLK_STATE_DIR"));
    said.refused(&["no state directory", "XDG_RUNTIME_DIR"]);
}
