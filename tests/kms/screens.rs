//! One screen of each kind of driver: virtio-gpu is told what changes, bochs is shown another buffer.

use std::path::Path;

use e2e::display::{BOCHS, Monitor, Shown, VIRTIO, console_draws, drm_device};
use e2e::{need, soon, wait_until};

use crate::pattern::{Pattern, a_while, read};

/// Whether a monitor shows a picture, in the middle of whatever mode it is in.
fn shows(screen: &Shown, picture: &Shown) -> bool {
    if screen.width < picture.width || screen.height < picture.height {
        return false;
    }
    let (x, y) = ((screen.width - picture.width) / 2, (screen.height - picture.height) / 2);
    let mut rows = picture.pixels.chunks(picture.width).enumerate();
    rows.all(|(row, line)| screen.pixels[(y + row) * screen.width + x..][..picture.width] == *line)
}

fn still([module, driver, name]: [&str; 3]) {
    let device = drm_device(module, driver);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    let png = file.to_str().unwrap();
    let mut monitor = Monitor::connect();
    for (size, frame) in [("640x480", "0"), ("1024x768", "7"), ("500x300", "99")] {
        let pattern = Pattern::start(&device, &["--still", frame, "--size", size, "--png", png]);
        let picture = read(&file);
        wait_until("the picture on the screen", soon(), || shows(&monitor.screen(name), &picture));
        assert!(!console_draws());
        pattern.end();
        assert!(console_draws());
        wait_until("the console on the screen", soon(), || !shows(&monitor.screen(name), &picture));
    }
}

#[test]
fn bochs_shows_the_picture() {
    need!(Lab, Root);
    still(BOCHS);
}

#[test]
fn virtio_gpu_shows_the_picture() {
    need!(Lab, Root);
    still(VIRTIO);
}

/// While it moves, frame after frame; the last one stays.
fn moving([module, driver, name]: [&str; 3]) {
    let device = drm_device(module, driver);
    let mut monitor = Monitor::connect();
    let pattern = Pattern::start(&device, &["--rate", "20"]);
    let mut seen = Vec::new();
    wait_until("three different pictures", soon(), || {
        let now = monitor.screen(name);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        seen.len() >= 4
    });
    pattern.end();
}

#[test]
fn bochs_shows_movement() {
    need!(Lab, Root);
    moving(BOCHS);
}

#[test]
fn virtio_gpu_shows_movement() {
    need!(Lab, Root);
    moving(VIRTIO);
}

#[test]
fn the_console_is_back_after_a_kill() {
    need!(Lab, Root);
    let [module, driver, name] = VIRTIO;
    let device = drm_device(module, driver);
    let mut monitor = Monitor::connect();
    let text = monitor.screen(name);
    let pattern = Pattern::start(&device, &["--still", "5"]);
    wait_until("a picture", soon(), || monitor.screen(name) != text);
    assert!(!console_draws());
    let picture = monitor.screen(name);
    pattern.kill();
    wait_until("a console that draws", soon(), console_draws);
    wait_until("the console on the screen", soon(), || !shows(&monitor.screen(name), &picture));
    // Its supervisor has nothing more to do.
    wait_until("the end of the supervisor", soon(), || supervisors() == 0);
    Pattern::start(&device, &[]).end();
}

fn supervisors() -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let ours = |line: &Vec<u8>| {
        String::from_utf8_lossy(line).contains(vcd_drm::sink::kms::supervisor::ARGUMENT)
    };
    lines.filter(ours).count()
}

/// Two at one screen: the second says so in one line, and the first is not disturbed.
#[test]
fn a_screen_in_use_is_told() {
    need!(Lab, Root);
    let [module, driver, name] = BOCHS;
    let device = drm_device(module, driver);
    let mut monitor = Monitor::connect();
    let pattern = Pattern::start(&device, &["--still", "5"]);
    wait_until("no console", soon(), || !console_draws());
    let second = Pattern::run(&device, &["--frames", "1"]);
    assert!(!second.status.success());
    second.says(&["is in use: another program, such as a desktop, shows its picture there"]);
    let before = monitor.screen(name);
    a_while();
    assert!(monitor.screen(name) == before && !console_draws());
    pattern.end();
    let none = Pattern::run(Path::new("/dev/dri/card99"), &["--frames", "1"]);
    none.says(&["cannot open /dev/dri/card99", "no such screen"]);
}
