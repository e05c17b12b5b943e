//! The base card as its users have it: `vcd run` plays it, its own driver is bound to it, programs draw.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::process::Command;

use e2e::display::{BOCHS, Monitor, Shown, console_draws, drm_device, read_png};
use e2e::{Said, need, scrape, soon, wait_until};

use crate::shim::{Modules, file, iomem, setpci, wait_no_card};
use crate::vcd::Vcd;

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
    let metrics = folder.path().join("metrics");
    let vcd =
        Vcd::start(&["--trace", trace.to_str().unwrap(), "--metrics", metrics.to_str().unwrap()]);
    vcd.wait_driver();
    program("triangles", &["300"]);
    let figures = scrape(UnixStream::connect(&metrics).unwrap());
    for wanted in ["vcd_driver_bound{card=\"0\"} 1\n", "vcd_faults_total{card=\"0\"} 0\n"] {
        assert!(figures.contains(wanted), "{figures}");
    }
    assert!(!figures.contains("vcd_fetches_total{card=\"0\"} 0\n"), "{figures}");
    let shot = vcd.shot();
    vcd.end();
    wait_no_card();
    let picture = folder.path().join("again.png");
    Said::of(
        Command::new(file("vcd")).args(["trace", "play"]).arg(&trace).arg("--png").arg(&picture),
    )
    .ok();
    let (_, _, bytes) = read_png(&picture);
    assert!(bytes == shot.2, "another picture");
}

/// What a monitor shows is what the driver's programs have drawn; and when the daemon is killed, the
/// console is shown again.
#[test]
fn the_machine_s_screen_shows_what_was_drawn_and_the_console_after_a_kill() {
    need!(Lab, Root);
    let [module, driver, screen] = BOCHS;
    let device = drm_device(module, driver);
    let mut monitor = Monitor::connect();
    let mut modules = Modules::shim();
    modules.load("bgc", &[]);
    let vcd = Vcd::start(&["--kms", device.to_str().unwrap()]);
    vcd.wait_driver();
    assert!(console_draws(), "no picture yet");
    program("triangles", &["500"]);
    let (width, height, bytes) = vcd.shot();
    let drawn = Shown::rgb(width as usize, height as usize, &bytes);
    assert!(drawn.pixels.iter().filter(|pixel| **pixel != 0).count() > 100_000);
    wait_until("the picture on the screen", soon(), || monitor.screen(screen) == drawn);
    assert!(!console_draws());
    drop(vcd); // kill -9
    wait_until("a console that draws", soon(), console_draws);
    wait_until("the console on the screen", soon(), || monitor.screen(screen) != drawn);
    wait_no_card();
}
