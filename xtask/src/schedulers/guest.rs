//! What runs in the lab: a disk, and the same reads under each scheduler.

use std::path::Path;

use super::kinds::Kind;

/// Reads that fio has under way.
pub const DEPTH: u32 = 32;

/// `@name@` is put in by [`Load::script`]. The last line on standard error says what went wrong.
///
/// A device of depth 1 gives a scheduler two requests to choose from, unless `nr_requests` says more.
const SCRIPT: &str = r#"out=$VPT_LAB_OUT
fail() {
	echo "schedulers: $*" >&2
	exit 1
}
# Copied: it is started several times.
mkdir -p /run/lab-bin && cp '@ublk@' /run/lab-bin/ublk || fail "cannot copy ublk"
ublk=/run/lab-bin/ublk
modprobe ublk_drv || fail "this kernel has no ublk driver"
for module in mq-deadline bfq kyber-iosched; do
	modprobe -q "$module"
done
uname -r >"$out/kernel"
"$ublk" add vpt '@disk@' --image /tmp/disk.img --size 1G --front ublk -n 0 -d 1 \
	--mode fixed --k 1 >/dev/null 2>/tmp/said || fail "$(tail -n 1 /tmp/said)"
queue=/sys/block/ublkb0/queue
# Two reads that happen to be neighbours stay two.
echo 2 >"$queue/nomerges" || fail "merging cannot be turned off"
# NAME SCHEDULER [SETTING VALUE]
load() {
	grep -qw -- "$2" "$queue/scheduler" || return 0
	echo "schedulers: $1: @requests@ random reads" >&2
	# Through another one, which forgets what was set.
	echo none >"$queue/scheduler" && echo "$2" >"$queue/scheduler" || fail "$1: cannot be chosen"
	[ "$2" = none ] || echo 64 >"$queue/nr_requests" || fail "$1: nr_requests cannot be set"
	[ -z "$3" ] || echo "$4" >"$queue/iosched/$3" || fail "$1: $3 cannot be set"
	fio --name=random --filename=/dev/ublkb0 --rw=randread --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=@depth@ --number_ios=@requests@ --size=1G \
		--randrepeat=1 --randseed=1 --lat_percentiles=1 --percentile_list=99 \
		--write_iolog=/tmp/iolog --output-format=json --output=/tmp/fio ||
		fail "$1: fio failed"
	"$ublk" stats -n 0 --trace @requests@ >/tmp/trace || fail "$1: no trace"
	for kind in iolog trace fio; do
		mv "/tmp/$kind" "$out/$1.$kind" || fail "cannot keep the result"
	done
}
@loads@
"$ublk" del -n 0 || fail "the disk cannot be ended"
"#;

/// A run's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The program.
    pub ublk: &'a Path,
    /// The disk's description.
    pub disk: &'a Path,
    /// Reads under each scheduler.
    pub requests: u32,
}

impl Load<'_> {
    /// The script for `sh -c`.
    pub fn script(&self) -> String {
        // For between two quotes.
        let path = |path: &Path| path.to_string_lossy().replace('\'', r"'\''");
        SCRIPT
            .replace("@loads@", &Kind::ALL.map(load).join("\n"))
            .replace("@requests@", &self.requests.to_string())
            .replace("@depth@", &DEPTH.to_string())
            .replace("@ublk@", &path(self.ublk))
            .replace("@disk@", &path(self.disk))
    }
}

/// The line that measures a scheduler.
fn load(kind: Kind) -> String {
    let (setting, value) = kind.setting().unwrap_or_default();
    format!("load {} {} {setting} {value}", kind.name(), kind.in_kernel()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_understands_it_and_nothing_is_left_open() {
        let load = Load {
            ublk: Path::new("/it's here/ublk"),
            disk: Path::new("/tmp/disk.toml"),
            requests: 400,
        };
        let text = load.script();
        assert!(!text.contains('@'), "{text}");
        assert!(text.contains("--number_ios=400") && text.contains("\nload bfq bfq\n"));
        assert!(text.contains("\nload mq-deadline-patient mq-deadline read_expire 60000\n"));
        let checked = Command::new("sh").args(["-n", "-c", &text]).status().expect("sh");
        assert!(checked.success(), "{text}");
    }
}
