//! The picture in a file: once, or again whenever it has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use super::counts::Counts;
use super::{Error, Report, Sink};
use crate::screen::{Bell, Canvas, Screen, Viewer, Watch};

/// The file, and how often it may be written.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its path.
    pub path: PathBuf,
    /// Least time from one writing to the next.
    pub interval: Duration,
}

impl Settings {
    /// At most every second.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), interval: Duration::from_secs(1) }
    }
}

/// Bits of the file's mode: all may look at it, less the umask.
const MODE: u32 = 0o666;

/// The picture as it is now, as a file's bytes.
///
/// # Errors
/// None that depends on the picture.
pub fn encode(canvas: &Canvas) -> io::Result<Vec<u8>> {
    let size = canvas.size();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width(), size.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let pixels = canvas.pixels().iter();
    let rgb: Vec<u8> =
        pixels.flat_map(|pixel| [pixel >> 16, pixel >> 8, *pixel].map(|c| c as u8)).collect();
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(bytes)
}

/// Writes the picture as it is now: a reader of the file sees the old picture or this one.
///
/// # Errors
/// The file cannot be written.
pub fn snapshot(screen: &Screen, path: &Path) -> Result<(), Error> {
    write(path, &screen.snapshot().1).map(|_| ())
}

fn write(path: &Path, canvas: &Canvas) -> Result<usize, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let bytes = encode(canvas).map_err(failed)?;
    daemonkit::atomic::write(path, &bytes, MODE).map_err(failed)?;
    Ok(bytes.len())
}

/// The sink: writes when the picture has changed, and what there is in the end.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    counts: Arc<Counts>,
    stop: Bell,
    thread: Option<JoinHandle<()>>,
}

const BELL: u64 = 0;
const STOP: u64 = 1;

impl File {
    /// Writes the picture, and begins to watch it.
    ///
    /// # Errors
    /// The file cannot be written, or there is no thread.
    pub fn start(settings: &Settings, screen: &Screen) -> Result<Self, Error> {
        snapshot(screen, &settings.path)?;
        let failed = Error::start("png");
        let (watch, stop) = (Watch::new().map_err(&failed)?, Bell::new().map_err(&failed)?);
        watch.bell(screen, BELL).map_err(&failed)?;
        watch.add(&stop, STOP, EventFlags::IN).map_err(&failed)?;
        let counts = Arc::new(Counts::default());
        let writer = Writer {
            settings: settings.clone(),
            viewer: screen.viewer(),
            counts: Arc::clone(&counts),
        };
        let thread = std::thread::Builder::new().name("png".into());
        let thread = thread.spawn(move || writer.run(&watch)).map_err(&failed)?;
        let path = settings.path.clone();
        Ok(Self { path, counts, stop, thread: Some(thread) })
    }
}

impl Sink for File {
    fn kind(&self) -> &'static str {
        "png"
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn report(&self) -> Report {
        self.counts.report()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was reported by its own message
        }
    }
}

struct Writer {
    settings: Settings,
    viewer: Viewer,
    counts: Arc<Counts>,
}

impl Writer {
    fn run(mut self, watch: &Watch) {
        let mut next = Instant::now();
        loop {
            let pause = next.saturating_duration_since(Instant::now());
            // Until the next writing is due, changes only add up.
            let time = (!pause.is_zero()).then_some(pause);
            let stopped = match watch.wait(time) {
                Ok(woken) => woken.by(STOP),
                Err(error) => {
                    self.counts.set_broken(Some(format!("cannot wait: {error}")));
                    return;
                }
            };
            if stopped || Instant::now() >= next {
                if !self.viewer.take().is_none() {
                    self.write();
                    next = Instant::now() + self.settings.interval;
                }
                if stopped {
                    return;
                }
            }
        }
    }

    /// A full disk may have room again: whatever goes wrong, the next change is another try.
    fn write(&self) {
        let written = write(&self.settings.path, self.viewer.canvas());
        match written {
            Ok(bytes) => {
                self.counts.frame(bytes);
                self.counts.set_broken(None);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let why = format!("{error}: {}", cause.unwrap_or_default());
                if self.counts.report().broken.is_none() {
                    tracing::warn!("{why}");
                }
                self.counts.set_broken(Some(why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Size;

    fn read(path: &Path) -> (u32, u32, Vec<u8>) {
        let file = io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn the_file_is_the_picture_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.png");
        let (mut publisher, screen) = Screen::new().unwrap();
        let sink = File::start(&Settings::to(&path), &screen).unwrap();
        assert_eq!(read(&path).2, vec![0; 640 * 480 * 3], "black at first");
        let size = Size::new(33, 7).unwrap();
        publisher.set_mode(Some(size));
        for color in [1, 2, 0x12_3456] {
            publisher.publish_with(&[size.bounds()], |_, pixels| pixels.fill(color));
        }
        drop(sink);
        assert_eq!(read(&path), (33, 7, [0x12, 0x34, 0x56].repeat(33 * 7)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn it_is_written_while_the_picture_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.png");
        let (mut publisher, screen) = Screen::new().unwrap();
        let interval = Duration::from_millis(1);
        let sink = File::start(&Settings { path: path.clone(), interval }, &screen).unwrap();
        publisher.set_mode(Size::new(64, 64));
        let end = Instant::now() + Duration::from_secs(60);
        while sink.report().frames == 0 || read(&path).0 != 64 {
            assert!(Instant::now() < end, "the change was not written");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_the_start() {
        let (_publisher, screen) = Screen::new().unwrap();
        let refused = File::start(&Settings::to("/no/such/folder/x.png"), &screen).unwrap_err();
        assert_eq!(refused.to_string(), "cannot write /no/such/folder/x.png");
    }
}
