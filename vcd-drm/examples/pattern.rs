//! A moving test pattern, on any of the sinks: what a card's screen would look like there.
//!
//! `pattern --browser 127.0.0.1:8000 --rfb 127.0.0.1:5900 --png out.png --kms /dev/dri/card0`, with as
//! many of these as are wanted. Ctrl-C ends it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use vcd_drm::screen::{Publisher, Rect, Screen, Size};
use vcd_drm::sink::{Secret, Settings, Sink, browser, kms, png, rfb};

#[derive(Parser)]
struct Options {
    /// Where browsers connect
    #[arg(long, value_name = "ADDRESS:PORT")]
    browser: Option<SocketAddr>,
    /// Where VNC viewers connect
    #[arg(long, value_name = "ADDRESS:PORT")]
    rfb: Option<SocketAddr>,
    /// A file with what browsers and VNC viewers have to know; required beyond loopback
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// A file for the picture
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// The machine's own screen
    #[arg(long, value_name = "DEVICE")]
    kms: Option<PathBuf>,
    /// Pixels across and down
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x480", value_parser = size)]
    size: Size,
    /// Frames per second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Only this frame, standing still
    #[arg(long, value_name = "FRAME")]
    still: Option<u32>,
    /// End after so many frames
    #[arg(long)]
    frames: Option<u32>,
}

fn size(text: &str) -> Result<Size, String> {
    let parse =
        |(width, height): (&str, &str)| Size::new(width.parse().ok()?, height.parse().ok()?);
    let size = text.split_once('x').and_then(parse);
    size.ok_or_else(|| format!("{text}: no size such as 640x480, at most {0}x{0}", Size::MOST))
}

impl Options {
    fn sinks(&self) -> Result<Vec<Settings>> {
        let secret = self.secret.as_deref().map(Secret::read).transpose()?;
        let mut sinks = Vec::new();
        if let Some(address) = self.browser {
            sinks.push(Settings::Browser(browser::Settings { address, token: secret.clone() }));
        }
        if let Some(address) = self.rfb {
            let name = "vcd test pattern".into();
            sinks.push(Settings::Rfb(rfb::Settings { address, password: secret, name }));
        }
        sinks.extend(self.png.clone().map(|path| Settings::Png(png::Settings::to(path))));
        sinks.extend(self.kms.clone().map(|device| Settings::Kms(kms::Settings::at(device))));
        Ok(sinks)
    }
}

fn main() -> Result<()> {
    kms::supervisor::run_if_asked();
    let options = Options::parse();
    daemonkit::logging::init("VCD_LOG", "info", daemonkit::logging::Shape::Text, &[]);
    let (sender, ends) = channel();
    let _signals = daemonkit::signals::StopSignals::install(move |signal| {
        let _ = sender.send(signal);
    })?;
    let (mut publisher, screen) = Screen::new()?;
    publisher.set_mode(Some(options.size));
    let first = options.still.unwrap_or(0);
    draw(&mut publisher, first);
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    for settings in options.sinks()? {
        sinks.push(settings.start(&screen).context("no picture there")?);
    }
    for sink in &sinks {
        println!("{} {}", sink.kind(), sink.place());
    }
    let begun = Instant::now();
    let interval = Duration::from_secs(1) / options.rate;
    for frame in first.. {
        if options.frames.is_some_and(|frames| frame - first >= frames) {
            break;
        }
        let next = begun + interval * (frame - first + 1);
        let ended = match options.still {
            Some(_) => ends.recv().map_err(|_| RecvTimeoutError::Disconnected),
            None => ends.recv_timeout(next.saturating_duration_since(Instant::now())),
        };
        if !matches!(ended, Err(RecvTimeoutError::Timeout)) {
            break;
        }
        draw(&mut publisher, frame + 1);
    }
    for sink in &sinks {
        let report = sink.report();
        println!("{} frames {} viewers {}", sink.kind(), report.frames, report.viewers_ever);
    }
    Ok(())
}

/// Bars that stand still, a wedge that changes everywhere, and a square that moves.
fn draw(publisher: &mut Publisher, frame: u32) {
    let Some(size) = publisher.size() else { return };
    let side = size.width().min(size.height()) / 6 + 1;
    let path = |room: u32, step: u32| {
        let way = room.saturating_sub(side).max(1);
        let at = frame * step % (way * 2);
        if at < way { at } else { way * 2 - at }
    };
    let square =
        Rect { x: path(size.width(), 5), y: path(size.height(), 3), width: side, height: side };
    publisher.publish_with(&[size.bounds()], |rect, pixels| {
        for (y, row) in (rect.y..).zip(pixels.chunks_exact_mut(rect.width as usize)) {
            for (x, pixel) in (rect.x..).zip(row) {
                let inside = x.wrapping_sub(square.x) < side && y.wrapping_sub(square.y) < side;
                *pixel = if inside { 0xff_ffff } else { ground(size, x, y, frame) };
            }
        }
    });
}

fn ground(size: Size, x: u32, y: u32, frame: u32) -> u32 {
    const BARS: [u32; 8] =
        [0xbf_bfbf, 0xbf_bf00, 0x00_bfbf, 0x00_bf00, 0xbf_00bf, 0xbf_0000, 0x00_00bf, 0x10_1010];
    if y * 3 < size.height() {
        return BARS[(x * 8 / size.width()) as usize];
    }
    let level = |pixel: u32, of: u32| (pixel * 255 / of + frame) & 0xff;
    level(x, size.width()) << 16 | level(y, size.height()) << 8 | (x ^ y) & 0xff
}
