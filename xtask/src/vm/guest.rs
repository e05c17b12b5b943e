//! The script that runs in the guest: makes its root usable, then runs the command.

use std::path::Path;

use anyhow::Result;

use super::LabRun;
use super::kernel::{Kernel, write_program};
use super::place::{Place, RunFolder};
use super::rootfs::Root;

/// What both kinds of guest begin with. `@run@` and the like are put in by [`write`].
const BEGIN: &str = r#"#!/bin/sh
# Made by `cargo xtask vm` for one run.
run=@run@

# Without udev nobody gives the ports their names.
port() {
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name")" = "$1" ] && echo "/dev/${port##*/}"
	done
}

fail() {
	echo "setup $*" >"$run/status"
	finish 1
}

"#;

/// With the host's root, which is read-only over 9p: lays writable layers in memory over what
/// programs write to, keeps the workspace visible where such a layer covers it, and gives the kernel
/// its modules.
const PREPARE_HOST: &str = r#"modules=@modules@
finish() {
	exit "$1"
}

modprobe -d @root@ overlay || fail "cannot load the overlay module"
mkdir -p /run/lab || fail "cannot write /run"

# A layer would cover these.
count=0
for kept in @kept@; do
	count=$((count + 1))
	mkdir -p "/run/lab/kept$count" && mount --bind "$kept" "/run/lab/kept$count" ||
		fail "cannot keep $kept visible"
done
for folder in /etc /usr/lib /var /home /root /opt /srv; do
	[ -d "$folder" ] || continue
	layer=/run/lab/layer$folder
	mkdir -p "$layer/upper" "$layer/work" &&
		mount -t overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work,xino=off" \
			lab "$folder" || fail "cannot make $folder writable"
done
mount -t tmpfs -o mode=1777 lab /tmp || fail "cannot make /tmp writable"
count=0
for kept in @kept@; do
	count=$((count + 1))
	mkdir -p "$kept" && mount --bind "/run/lab/kept$count" "$kept" ||
		fail "cannot make $kept visible again"
done
cd @workspace@ || fail "there is no @workspace@"

mkdir -p /lib/modules && mount -t tmpfs -o mode=755 lab /lib/modules &&
	ln -s "$modules" "/lib/modules/$(uname -r)" || fail "cannot show the modules"
# Without udev nobody makes the nodes that would load these.
modprobe -q -a fuse loop virtio_blk
[ -e /dev/fuse ] && chmod 666 /dev/fuse
ip link set lo up 2>/dev/null || busybox ip link set lo up 2>/dev/null
ulimit -n 65536
ulimit -l unlimited

"#;

/// With a root image: shows workspace and results where they are outside.
const PREPARE_IMAGE: &str = r#"run=/run/lab/run
finish() {
	systemctl --no-block poweroff
	exit "$1"
}

show() {
	mkdir -p "$2" && mount --bind "$1" "$2" || fail "cannot show $2"
}
show /run/lab/tree @workspace@
show /run/lab/target @target@
show /run/lab/run @run@
cd @workspace@ || fail "there is no @workspace@"
boots=$(cat "$run/boots" 2>/dev/null || echo 0)
export VPT_LAB_BOOT=$((boots + 1))
echo "$VPT_LAB_BOOT" >"$run/boots"

"#;

/// Runs the command and brings its status out.
///
/// Its output goes through pipes, since a port can be opened only once, and /dev/stdout is. Something
/// it left running may hold them open; that is not waited for.
const COMMAND: &str = r#"mkfifo /run/lab/out /run/lab/err || fail "cannot make pipes"
cat /run/lab/out >"$(port labout)" &
out=$!
cat /run/lab/err >"$(port laberr)" &
err=$!
@command@ </dev/null >/run/lab/out 2>/run/lab/err
code=$?
(
	sleep 5
	kill $out $err 2>/dev/null
) &
wait $out $err
sync
echo "$code" >"$run/status"
finish "$code"
"#;

/// A shell on the console; its status is the run's.
const SHELL: &str = r#"echo "lab: $(uname -sr); the root is this machine's, changes to it are forgotten; $run/out is kept"
bash -i
code=$?
sync
echo "$code" >"$run/status"
poweroff -f 2>/dev/null || busybox poweroff -f
"#;

/// Writes the script of a run.
pub fn write(place: &Place, folder: &RunFolder, kernel: &Kernel, run: &LabRun) -> Result<()> {
    let text = script(place, folder.path(), kernel, run);
    write_program(&folder.script(), &text)
}

fn script(place: &Place, folder: &Path, kernel: &Kernel, run: &LabRun) -> String {
    let path = |path: &Path| quoted(&path.to_string_lossy());
    let kept = [&place.workspace, &place.target].map(|path| quoted(&path.to_string_lossy()));
    let kept = format!("{} {}", kept.join(" "), path(folder));
    let prepare = if run.root == Root::Host { PREPARE_HOST } else { PREPARE_IMAGE };
    let mut text = [BEGIN, prepare]
        .concat()
        .replace("@run@", &path(folder))
        .replace("@root@", &path(&kernel.root))
        .replace("@modules@", &path(&kernel.modules()))
        .replace("@kept@", &kept)
        .replace("@target@", &path(&place.target))
        .replace("@workspace@", &path(&place.workspace));
    for (name, value) in environment(place, folder, run) {
        text.push_str(&format!("export {name}={}\n", quoted(&value)));
    }
    if run.command.is_empty() {
        text.push_str(SHELL);
    } else {
        let words: Vec<_> = run.command.iter().map(|word| quoted(word)).collect();
        text.push_str(&COMMAND.replace("@command@", &words.join(" ")));
    }
    text
}

/// What a command finds in its environment.
fn environment(place: &Place, folder: &Path, run: &LabRun) -> Vec<(String, String)> {
    // This machine's programs, where it is the root.
    let host = std::env::var("PATH").ok().filter(|_| run.root == Root::Host);
    let path = host.map_or_else(String::new, |path| path + ":");
    let mut all = vec![
        (
            "PATH".to_owned(),
            format!("{path}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ),
        ("HOME".to_owned(), "/root".to_owned()),
        ("TMPDIR".to_owned(), "/tmp".to_owned()),
        ("VPT_LAB".to_owned(), "1".to_owned()),
        ("VPT_LAB_OUT".to_owned(), folder.join("out").to_string_lossy().into_owned()),
    ];
    let binary = place.target.join("debug/ublk");
    if binary.is_file() {
        all.push(("UBLK_VPT_BIN".to_owned(), binary.to_string_lossy().into_owned()));
    }
    if run.disk_bytes.is_some() {
        // A root image is the first disk.
        let disk = if run.root == Root::Host { "/dev/vda" } else { "/dev/vdb" };
        all.push(("VPT_LAB_DISK".to_owned(), disk.to_owned()));
    }
    for (name, value) in &run.env {
        all.retain(|(known, _)| known != name);
        all.push((name.clone(), value.clone()));
    }
    all
}

/// A word as a shell takes it literally.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn made(run: &LabRun) -> String {
        let place = Place { workspace: "/w/it's here".into(), target: "/w/target".into() };
        let kernel = Kernel { release: "6.12.9-amd64".into(), root: "/w/k".into() };
        script(&place, Path::new("/w/run/1"), &kernel, run)
    }

    #[test]
    fn a_shell_understands_it_and_nothing_is_left_open() {
        let mut run = LabRun::new(["echo", "it's", "$HOME", "a b"]);
        run.env.push(("VPT_LAB".into(), "mine".into()));
        let image = LabRun { root: Root::Debian, ..run.clone() };
        for run in [run, image, LabRun::new::<&str>([])] {
            let text = made(&run);
            assert!(!text.contains('@'), "{text}");
            let checked = Command::new("sh").args(["-n", "-c", &text]).status().expect("sh");
            assert!(checked.success(), "{text}");
        }
    }

    #[test]
    fn words_arrive_as_they_are() {
        let words = ["it's", "$HOME", "a b", "", "\\n\"", "*"];
        let quoted: Vec<_> = words.iter().map(|word| super::quoted(word)).collect();
        let script = format!("printf '%s|' {}", quoted.join(" "));
        let said = Command::new("sh").args(["-c", &script]).output().expect("sh");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "it's|$HOME|a b||\\n\"|*|");
    }

    #[test]
    fn a_run_s_own_environment_wins() {
        let mut run = LabRun::new(["true"]);
        run.disk_bytes = Some(1);
        run.env.push(("VPT_LAB".into(), "mine".into()));
        let text = made(&run);
        assert!(text.contains("export VPT_LAB='mine'\n") && !text.contains("VPT_LAB='1'"));
        assert!(text.contains("export VPT_LAB_DISK='/dev/vda'\n"));
        assert!(!made(&LabRun::new(["true"])).contains("VPT_LAB_DISK"));
    }
}
