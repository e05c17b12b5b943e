//! Real clients: libnbd's programs, QEMU's, fio.

use std::fs;

use e2e::{Disk, Fio, Lab, need, pattern, tool};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// Serves an image over NBD at any free port.
pub(crate) fn serve<'lab>(lab: &'lab Lab, more: &[&str]) -> Disk<'lab> {
    lab.add(&[&["--front", "nbd", "--listen", "127.0.0.1:0"], more].concat())
}

/// The same, without any time taken.
pub(crate) fn serve_at_once<'lab>(lab: &'lab Lab, more: &[&str]) -> Disk<'lab> {
    lab.add_model("null", &[&["--front", "nbd", "--listen", "127.0.0.1:0"], more].concat())
}

pub(crate) fn uri<'a>(disk: &'a Disk<'_>) -> &'a str {
    disk.path.to_str().unwrap()
}

#[test]
fn nbdinfo_knows_the_disk() {
    need!(Libnbd);
    let lab = Lab::new();
    for (more, smallest, read_only) in
        [(&[][..], 512, false), (&["--block-size", "4096", "--read-only"], 4096, true)]
    {
        let disk = serve(&lab, &[&["--back", "null", "--size", "3M"], more].concat());
        let info: Value = serde_json::from_str(&tool("nbdinfo", &["--json", uri(&disk)])).unwrap();
        assert_eq!(info["protocol"], "newstyle-fixed");
        let export = &info["exports"][0];
        assert_eq!(export["export-name"], "vpt0");
        assert_eq!(export["export-size"], 3 * MIB);
        assert_eq!(export["description"], "lab disk quick");
        assert_eq!(export["is_read_only"], read_only);
        for what in ["is_rotational", "can_flush", "can_fua", "can_multi_conn", "can_trim"] {
            assert_eq!(export[what], true, "{what}: {export}");
        }
        let sizes = ["minimum", "preferred", "maximum"]
            .map(|which| export[format!("block_size_{which}")].as_u64());
        assert_eq!(sizes, [Some(smallest), Some(4096), Some(32 * MIB)]);
        let default = uri(&disk).strip_suffix("vpt0").unwrap();
        assert!(tool("nbdinfo", &["--list", default]).contains("export=\"vpt0\""));
        assert_eq!(tool("nbdinfo", &["--size", default]).trim(), (3 * MIB).to_string());
        let other = e2e::Said::of(
            std::process::Command::new("nbdinfo").arg(format!("{default}something-else")),
        );
        assert!(!other.status.success() && other.err.contains("something-else"), "{other}");
        disk.del();
    }
}

#[test]
fn nbdcopy_gets_back_what_it_gave() {
    need!(Libnbd);
    let lab = Lab::new();
    // Several connections, and requests that do not end with the disk.
    let source = lab.file("source");
    fs::write(&source, pattern(1, 24 * MIB as usize + 512 * 3)).unwrap();
    let bytes = fs::metadata(&source).unwrap().len();
    lab.image("lab.img", bytes);
    let disk = serve_at_once(&lab, &["--image", "lab.img"]);
    tool("nbdcopy", &["--flush", source.to_str().unwrap(), uri(&disk)]);
    tool("nbdcopy", &[uri(&disk), lab.file("back").to_str().unwrap()]);
    disk.del();
    let given = fs::read(source).unwrap();
    assert!(fs::read(lab.file("back")).unwrap() == given, "read back something else");
    assert!(fs::read(lab.file("lab.img")).unwrap() == given, "the image is something else");
}

#[test]
fn qemu_reads_writes_and_compares() {
    need!(QemuUtils);
    let lab = Lab::new();
    let source = lab.file("source");
    fs::write(&source, pattern(2, 8 * MIB as usize)).unwrap();
    let source = source.to_str().unwrap();
    lab.image("lab.img", 8 * MIB);
    let disk = serve_at_once(&lab, &["--image", "lab.img"]);
    tool("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", source, uri(&disk)]);
    let same = tool("qemu-img", &["compare", "-f", "raw", "-F", "raw", source, uri(&disk)]);
    assert!(same.contains("identical"), "{same}");
    let io = |commands: &[&str]| {
        let asked: Vec<&str> = commands.iter().flat_map(|command| ["-c", command]).collect();
        let out = tool("qemu-io", &[&["-f", "raw"], &asked[..], &[uri(&disk)]].concat());
        assert!(!out.contains("failed") && !out.contains("rror"), "{out}");
    };
    io(&["write -P 7 4k 64k", "flush", "read -P 7 4k 64k", "aio_write -P 9 1M 2M", "aio_flush"]);
    io(&["write -z 8k 4k", "read -P 0 8k 4k", "read -P 7 4k 4k", "read -P 7 12k 4k"]);
    io(&[
        "discard 1M 1M",
        "read -P 0 1M 1M",
        "read -P 9 2M 1M",
        "write -f -z 0 512",
        "write -f -P 3 0 1k",
    ]);
    assert_eq!(disk.stat("/write/errors") + disk.stat("/read/errors"), 0.0);
    assert!(disk.stat("/flush/requests") > 0.0);
    disk.del();
}

#[test]
fn fio_reads_back_what_it_wrote() {
    need!(Fio);
    let lab = Lab::new();
    for (depth, more) in [(1, &["--block-size", "4096"][..]), (32, &[]), (32, &["-d", "4"])] {
        let disk =
            serve(&lab, &[&["--image", "lab.img", "--size", "16M", "--k", "0.1"], more].concat());
        let job = Fio::nbd(&disk.path).verified().set("iodepth", depth).set("size", "16m");
        let job = job.set("io_size", "4m").run();
        assert_eq!(job.figure("/read/io_bytes"), job.figure("/write/io_bytes"));
        assert!(disk.stat("/write/requests") >= 1024.0);
        disk.del();
    }
}

/// Sizes from a sector to far more than a socket's buffer.
#[test]
fn fio_reads_back_mixed_sizes() {
    need!(Fio);
    let lab = Lab::new();
    let disk = serve_at_once(&lab, &["--image", "lab.img", "--size", "64M"]);
    let job = Fio::nbd(&disk.path).verified().set("iodepth", 16).set("size", "64m");
    job.set("bsrange", "512-8m").set("blockalign", 512).set("io_size", "64m").run();
    disk.del();
}
