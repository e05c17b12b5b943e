//! What a browser that looks costs the thread that runs commands: a load of rendering, alone and with a
//! page that takes every frame it can get, in turns. Prints one line of JSON.
//!
//! `browser_rate [SECONDS]`: of each turn. The page is another thread here, so it takes its share of the
//! processor, too, as a browser on the same machine would.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tungstenite::Message;
use vcd_drm::screen::{Publisher, Screen, Size};
use vcd_drm::sink::Sink;
use vcd_drm::sink::browser::{Server, Settings};

/// Turns of each kind.
const TURNS: u32 = 3;
/// What a card would show a second.
const RATE: u32 = 60;
/// Pixels that one command fills.
const COMMAND: usize = 4096;

/// A card that draws all the time, and publishes at its rate.
struct Load {
    publisher: Publisher,
    memory: Vec<u32>,
    at: usize,
    color: u32,
}

impl Load {
    /// Runs commands for a time; how many.
    fn run(&mut self, time: Duration) -> u64 {
        let (begun, mut frames, mut commands) = (Instant::now(), 0, 0);
        while begun.elapsed() < time {
            let end = (self.at + COMMAND).min(self.memory.len());
            for (at, pixel) in self.memory[self.at..end].iter_mut().enumerate() {
                *pixel = (at as u32).wrapping_mul(0x9e37) ^ self.color;
            }
            self.at = if end == self.memory.len() { 0 } else { end };
            self.color = self.color.wrapping_add(0x01_0307);
            commands += 1;
            if begun.elapsed() >= Duration::from_secs(1) / RATE * frames {
                frames += 1;
                self.publish();
            }
        }
        commands
    }

    fn publish(&mut self) {
        let Some(size) = self.publisher.size() else { return };
        let width = size.width() as usize;
        self.publisher.publish_with(&[size.bounds()], |rect, pixels| {
            let lines = pixels.chunks_exact_mut(rect.width as usize);
            for (line, y) in lines.zip(rect.y as usize..) {
                let from = y * width + rect.x as usize;
                line.copy_from_slice(&self.memory[from..from + line.len()]);
            }
        });
    }
}

fn main() -> Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(3.0), |text| text.parse::<f64>())?;
    let time = Duration::from_secs_f64(seconds);
    let (mut publisher, screen) = Screen::new()?;
    let size = Size::new(640, 480).context("a size")?;
    publisher.set_mode(Some(size));
    let server = Server::start(&Settings::at("127.0.0.1:0".parse()?), &screen)?;
    let mut load = Load { publisher, memory: vec![0; size.pixels()], at: 0, color: 1 };
    let (mut alone, mut watched, mut frames, mut bytes) = (0, 0, 0, 0);
    for _ in 0..TURNS {
        alone += load.run(time);
        let page = Page::open(&server)?;
        let before = server.report();
        watched += load.run(time);
        let after = server.report();
        frames += after.frames - before.frames;
        bytes += after.bytes - before.bytes;
        page.close();
    }
    let each = seconds * f64::from(TURNS);
    println!(
        "{{\"width\":640,\"height\":480,\"frames_per_second\":{:.2},\"bytes_per_second\":{:.0},\
         \"commands_per_second_alone\":{:.1},\"commands_per_second_watched\":{:.1},\
         \"reduction\":{:.4}}}",
        frames as f64 / each,
        bytes as f64 / each,
        alone as f64 / each,
        watched as f64 / each,
        1.0 - watched as f64 / alone as f64
    );
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
