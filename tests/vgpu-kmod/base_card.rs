//! The base card as its users have it: `vcd run` plays it, its own driver is bound to it, programs draw.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::{Said, need, soon, wait_until};

use crate::shim::{Modules, driver_of, file, iomem, setpci, wait_no_card};

/// `vcd run`; killed when dropped.
struct Vcd {
    child: Child,
    address: String,
    socket: PathBuf,
    folder: tempfile::TempDir,
}

impl Vcd {
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("vcd.sock");
        let mut command = Command::new(file("vcd"));
        command.arg("run").arg("--socket").arg(&socket).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // card 0 at 10000:00:00.0, control socket ...
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(line.starts_with("card "), "{line}");
        let address = words[3].trim_end_matches(',').to_owned();
        Self { child, address, socket, folder }
    }

    #[track_caller]
    fn wait_driver(&self) {
        wait_until("the driver bgc", soon(), || {
            driver_of(&self.address).is_some_and(|name| name == "bgc")
        });
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(file("vcd"));
        command.arg(what).arg("--socket").arg(&self.socket);
        command
    }

    #[track_caller]
    fn stats(&self) -> serde_json::Value {
        let said = Said::of(self.command("stats").arg("--json")).ok();
        serde_json::from_str(&said).unwrap()
    }

    /// The screen's picture, as RGB.
    #[track_caller]
    fn shot(&self) -> (u32, u32, Vec<u8>) {
        let path = self.folder.path().join("shot.png");
        Said::of(self.command("shot").arg(&path)).ok();
        let mut reader = png::Decoder::new(BufReader::new(std::fs::File::open(path).unwrap()))
            .read_info()
            .unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        bytes.truncate(info.buffer_size());
        (info.width, info.height, bytes)
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = wait_until("the end of vcd", soon(), || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
        assert!(!self.socket.exists(), "the control socket is left");
    }
}

impl Drop for Vcd {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn program(name: &str, arguments: &[&str]) -> String {
    Said::of(Command::new(file(name)).arg("/dev/bgc0").args(arguments)).ok()
}

/// Pairs of a name and a number, as the programs print them.
#[track_caller]
fn numbers(line: &str) -> BTreeMap<String, f64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.chunks_exact(2);
    pairs.map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect()
}

/// With MSI and single buffers, with the pin, with the ring: the same picture, and an event for each
/// submission.
#[test]
fn programs_draw_by_buffers_and_by_the_ring_with_messages_and_with_the_pin() {
    need!(Lab, Root);
    let before = iomem();
    let mut pictures = Vec::new();
    for options in [&["ring=0"][..], &["ring=0", "msi=0"], &["ring=1"], &["ring=1", "msi=0"]] {
        let mut modules = Modules::shim();
        modules.load("bgc", options);
        let vcd = Vcd::start(&[]);
        vcd.wait_driver();
        let told = numbers(&program("triangles", &["5000", "30", "7"]));
        // 20 words for a triangle, and 16376 words in a submission at most.
        assert_eq!(told["submissions"], 7.0, "{options:?}: {told:?}");
        let events = if options.contains(&"ring=1") { "syncs" } else { "buffers" };
        assert_eq!(told[events], told["submissions"], "{options:?}: {told:?}");
        assert!((1.0..=7.0).contains(&told["interrupts"]), "{options:?}: {told:?}");
        let stats = vcd.stats();
        assert_eq!(stats["card"]["faults"], 0, "{stats}");
        assert_eq!(stats["bound"], true, "{stats}");
        pictures.push(vcd.shot());
        vcd.end();
        wait_no_card();
        drop(modules);
    }
    let (width, height, pixels) = &pictures[0];
    assert_eq!((*width, *height), (640, 480));
    let drawn = pixels.chunks_exact(3).filter(|pixel| *pixel != [0, 0, 0]).count();
    assert!(drawn > 200_000, "{drawn} pixels");
    assert!(pictures.iter().all(|other| other == &pictures[0]), "the pictures differ");
    assert_eq!(iomem(), before);
}

#[test]
fn pixels_of_the_aperture_the_cursor_and_a_moving_scene_are_seen() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    let vcd = Vcd::start(&[]);
    vcd.wait_driver();
    program("demo2d", &[]);
    let (width, _, pixels) = vcd.shot();
    let pixel = |x: usize, y: usize| &pixels[(y * width as usize + x) * 3..][..3];
    assert_eq!(pixel(5, 5), [0x20, 0x30, 0x40], "the ground");
    assert_eq!(pixel(20 + 3, 200 + 1), [3, 4, 252], "written through the aperture");
    assert_eq!(pixel(320 + 2, 400 + 10), [255, 255, 255], "the cursor");
    assert_eq!(pixel(470, 330), [0xdf, 0xcf, 0x40], "two rectangles by exclusive-or");
    program("scene", &["5"]);
    let stats = vcd.stats();
    assert!(stats["card"]["interrupts"].as_u64().unwrap() >= 10, "{stats}");
    vcd.end();
    wait_no_card();
}

#[test]
fn a_driver_that_may_not_do_dma_is_told_and_the_daemon_stays() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    let vcd = Vcd::start(&[]);
    vcd.wait_driver();
    program("triangles", &["10"]);
    setpci(&vcd.address, "COMMAND=2:4"); // memory, but no bus mastering
    let said = Said::of(Command::new(file("triangles")).args(["/dev/bgc0", "10"]));
    assert!(said.err.contains("the card has found a mistake"), "{said}");
    setpci(&vcd.address, "COMMAND=6:4");
    program("triangles", &["10"]);
    assert_eq!(vcd.stats()["card"]["faults"], 1);
    vcd.end();
    wait_no_card();
}

#[test]
fn programs_and_driver_survive_the_end_of_the_daemon() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    for _ in 0..5 {
        let vcd = Vcd::start(&[]);
        vcd.wait_driver();
        let drawing =
            e2e::Running::start(Command::new(file("triangles")).args(["/dev/bgc0", "50000000"]));
        wait_until("commands that are read", soon(), || {
            vcd.stats()["card"]["fetches"].as_u64().unwrap() > 3
        });
        drop(vcd); // kill -9
        wait_no_card();
        let said = drawing.end();
        assert!(!said.status.success(), "{said}");
    }
}

#[test]
fn a_trace_gives_the_same_picture() {
    need!(Lab, Root);
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let vcd = Vcd::start(&["--trace", trace.to_str().unwrap()]);
    vcd.wait_driver();
    program("triangles", &["300"]);
    let shot = vcd.shot();
    vcd.end();
    wait_no_card();
    let picture = folder.path().join("again.png");
    Said::of(
        Command::new(file("vcd")).args(["trace", "play"]).arg(&trace).arg("--png").arg(&picture),
    )
    .ok();
    let mut reader = png::Decoder::new(BufReader::new(std::fs::File::open(picture).unwrap()))
        .read_info()
        .unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    assert!(bytes == shot.2, "another picture");
}
