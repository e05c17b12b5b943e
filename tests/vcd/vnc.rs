//! The picture in a VNC client that many use: gvnccapture takes one and writes it to a file.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use e2e::{Said, need};
use vcd_drm::screen::{Screen, Size};
use vcd_drm::sink::rfb::{Server, Settings};

use crate::picture::{draw, screen, shown};

/// The port of display 0.
const FIRST_PORT: u16 = 5900;

fn capture(server: &Server, to: &Path) -> Said {
    // Displays are ports, counted from the first.
    let port = server.address().port();
    let display = port.checked_sub(FIRST_PORT).expect("a port beyond those of displays");
    let mut command = std::process::Command::new("gvnccapture");
    command.arg("--quiet").arg(format!("127.0.0.1:{display}")).arg(to);
    Said::of(&mut command)
}

fn read(path: &Path) -> (u32, u32, Vec<u32>) {
    let mut reader =
        png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let samples = info.color_type.samples();
    let pixels = bytes[..info.buffer_size()].chunks_exact(samples);
    let pixels = pixels.map(|p| u32::from_be_bytes([0xff, p[0], p[1], p[2]]));
    (info.width, info.height, pixels.collect())
}

fn serve(screen: &Screen) -> Server {
    Server::start(&Settings::at("127.0.0.1:0".parse().unwrap()), screen).unwrap()
}

#[test]
fn gvnccapture_sees_the_picture() {
    need!(Gvnc);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shot.png");
    let (mut publisher, screen) = screen(640, 480);
    let server = serve(&screen);
    for (width, height) in [(640, 480), (333, 77), (1280, 1024)] {
        publisher.set_mode(Size::new(width, height));
        draw(&mut publisher, height);
        capture(&server, &file).ok();
        assert!(read(&file) == shown(&screen), "{width}x{height}");
    }
}
