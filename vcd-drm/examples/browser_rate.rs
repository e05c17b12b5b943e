//! What a browser that looks costs the card: triangles through a card in this process, alone and with a
//! page that takes every frame it can get, in turns; each frame differs everywhere. Prints one line of
//! JSON, for `cargo xtask bench vcd`.
//!
//! `browser_rate [SECONDS]`: of each turn. The page is another thread here, so it takes its share of the
//! processor, too, as a browser on the same machine would.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tungstenite::Message;
use vcd_drm::commands::card::layout;
use vcd_drm::commands::cli::CardArgs;
use vcd_drm::demo::scenes::{HEIGHT, Numbers, WIDTH, random_triangle};
use vcd_drm::demo::{Driver, Stream};
use vcd_drm::screen::{Publisher, Screen};
use vcd_drm::sink::Sink;
use vcd_drm::sink::browser::{Server, Settings};

/// Turns of each kind.
const TURNS: usize = 5;
/// What a card shows a second.
const RATE: u32 = 60;
/// Triangles of a command buffer, and their height.
const TRIANGLES: u32 = 64;
const TALL: u32 = 60;

/// A card that draws all the time, and publishes at its rate.
struct Load {
    driver: Driver,
    stream: Stream,
    publisher: Publisher,
    numbers: Numbers,
}

impl Load {
    fn new(mut publisher: Publisher) -> Result<Self> {
        let mut driver = Driver::new(layout(&CardArgs::default())?)?;
        driver.set_mode(WIDTH, HEIGHT, 0)?;
        driver.player().publish(&mut publisher, true);
        let stream = Stream::new(WIDTH, HEIGHT, 0);
        Ok(Self { driver, stream, publisher, numbers: Numbers::new(1) })
    }

    /// Draws for a time; how many triangles a second.
    fn run(&mut self, time: Duration) -> Result<f64> {
        let (begun, mut frames, mut triangles) = (Instant::now(), 0, 0);
        while begun.elapsed() < time {
            for _ in 0..TRIANGLES {
                let triangle = random_triangle(&mut self.numbers, TALL);
                self.stream.triangle(&mut self.driver, triangle)?;
            }
            self.stream.send(&mut self.driver)?;
            triangles += TRIANGLES;
            if begun.elapsed() >= Duration::from_secs(1) / RATE * frames {
                frames += 1;
                self.driver.player().publish(&mut self.publisher, false);
                // What comes next differs everywhere.
                let color = self.numbers.below(1 << 24);
                self.stream.fill(&mut self.driver, (0, 0), (WIDTH, HEIGHT), color)?;
            }
        }
        Ok(f64::from(triangles) / begun.elapsed().as_secs_f64())
    }
}

fn main() -> Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(3.0), |text| text.parse::<f64>())?;
    let time = Duration::from_secs_f64(seconds);
    let (publisher, screen) = Screen::new()?;
    let server = Server::start(&Settings::at("127.0.0.1:0".parse()?), &screen)?;
    let mut load = Load::new(publisher)?;
    let (mut alone, mut watched, mut frames, mut bytes) = ([0.0; TURNS], [0.0; TURNS], 0, 0);
    for turn in 0..TURNS {
        alone[turn] = load.run(time)?;
        let page = Page::open(&server)?;
        let before = server.report();
        watched[turn] = load.run(time)?;
        let after = server.report();
        frames += after.frames - before.frames;
        bytes += after.bytes - before.bytes;
        page.close();
    }
    let each = seconds * TURNS as f64;
    let told = json!({
        "width": WIDTH, "height": HEIGHT,
        "frames_per_second": frames as f64 / each, "bytes_per_second": bytes as f64 / each,
        "triangles_per_second_alone": alone, "triangles_per_second_watched": watched,
    });
    println!("{told}");
    Ok(())
}

/// What a page does: takes a frame, draws it, acknowledges it.
struct Page {
    socket: TcpStream,
    thread: std::thread::JoinHandle<()>,
}

impl Page {
    fn open(server: &Server) -> Result<Self> {
        let socket = TcpStream::connect(server.address())?;
        let address = format!("ws://{}/screen", server.address());
        let ours = socket.try_clone()?;
        let (mut socket, _) = tungstenite::client(address, socket)?;
        let thread = std::thread::spawn(move || {
            let mut drawn = Vec::new();
            while let Ok(message) = socket.read() {
                let Message::Binary(bytes) = message else { continue };
                if bytes.first() != Some(&2) {
                    continue;
                }
                drawn.clear();
                drawn.extend_from_slice(&bytes);
                std::hint::black_box(&drawn);
                let number = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
                if socket.send(Message::text(format!("ack {number}"))).is_err() {
                    return;
                }
            }
        });
        Ok(Self { socket: ours, thread })
    }

    fn close(self) {
        // It ends, whatever of the two fails: the server hangs up when it is hung up on.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.thread.join();
    }
}
