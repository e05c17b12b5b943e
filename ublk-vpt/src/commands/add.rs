//! `ublk add`.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vpt_model::DiskSpec;
use vpt_model::config::DiskConfig;

use super::eventfd::Caller;
use super::{Failure, Outcome, Program, state_dir, surroundings};
use crate::back::{Image as OpenImage, ImageError, ImageOptions, SMALLEST_IMAGE};
use crate::cli::{AddArgs, AddOptions, format_size};
use crate::daemon::device::{Back, DeviceConfig, DiskText, Front};
use crate::daemon::{Announcement, SpawnError, StartRequest, run_foreground, spawn};
use crate::disks::Catalogue;
use crate::state::StateDir;

/// How long a device that did not come up may take to let go of its image.
const CLOSING_PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn run(program: &Program, args: &AddArgs, out: &mut dyn Write) -> Outcome {
    let mut caller = Caller::new(args.eventfd)?;
    let outcome = add(program, args, &mut caller, out);
    caller.ended(outcome)
}

fn add(program: &Program, args: &AddArgs, caller: &mut Caller, out: &mut dyn Write) -> Outcome {
    let disk = match Catalogue::of_this_machine().find(&args.disk().map_err(Failure::Usage)?) {
        Ok(disk) => disk,
        // Without a disk's file there is no table that could mend wrong usage.
        Err(unknown) => {
            args.check().map_err(Failure::Usage)?;
            return Err(unknown.into());
        }
    };
    let DiskConfig { spec, serve, .. } = (program.check_disk)(&disk).map_err(Failure::Failed)?;
    let mut args = args.clone();
    if let Some(serve) = &serve {
        args.take_defaults(serve).map_err(|e| Failure::Failed(format!("{}: {e}", disk.origin)))?;
    }
    let args = &args;
    let options = args.check().map_err(Failure::Usage)?;
    let state = state_dir(program)?;
    let image = Image::prepare(args, &options).map_err(Failure::Failed)?;
    let request = request(args, &options, disk, image.path.clone()).map_err(Failure::Failed)?;
    let teller = Teller { spec: &spec, args };
    // From the moment the device is live the image may hold somebody's data.
    let mut live = false;
    let outcome = if args.foreground {
        run_foreground(&surroundings(program, state), request, |about| {
            live = true;
            caller.live(about.id)?;
            teller.tell(about, out)
        })
        .map_err(Failure::Failed)
    } else {
        start(program, &state, &options, &request).and_then(|about| {
            live = true;
            caller.live(about.id)?;
            Ok(teller.tell(&about, out)?)
        })
    };
    if !live {
        image.give_up();
    }
    outcome
}

fn start(
    program: &Program,
    state: &StateDir,
    options: &AddOptions,
    request: &StartRequest,
) -> Result<Announcement, Failure> {
    match spawn(request, options.patience) {
        Ok(about) => Ok(about),
        Err(e) => {
            if !matches!(e, SpawnError::Failed(_)) {
                // It could not clear away by itself.
                super::reap(state, program);
            }
            Err(Failure::Failed(e.to_string()))
        }
    }
}

fn request(
    args: &AddArgs,
    options: &AddOptions,
    disk: DiskText,
    image: Option<PathBuf>,
) -> Result<StartRequest, String> {
    Ok(StartRequest {
        id: options.id,
        mount: args.mount.as_deref().map(absolute).transpose()?,
        device: DeviceConfig {
            id: 0,
            image,
            format: args.format,
            allow_backing: args
                .allow_backing
                .iter()
                .map(|p| absolute(p))
                .collect::<Result<_, _>>()?,
            back: args.back,
            size_bytes: args.size.filter(|_| args.back != Back::File),
            disk,
            latency: args.latency,
            ncq: args.ncq.map(usize::from),
            front: args.front,
            listen: args.listen.as_deref().map(|text| listen(args.front, text)).transpose()?,
            socket: PathBuf::new(),
            mount: PathBuf::new(),
            loop_device: args.loop_device,
            mode: args.mode,
            k: args.k,
            k_min: args.k_min,
            k_max: args.k_max,
            depth: args.depth,
            queues: args.queues,
            block_size: args.block_size,
            recovery: args.wants_recovery(),
            unprivileged: args.unprivileged,
            recover: false,
            read_only: args.read_only,
            seed: args.seed,
            rt: args.rt,
            spin: options.spin,
            trace: args.trace.as_deref().map(absolute).transpose()?,
            metrics: args.metrics.as_deref().map(str::parse).transpose()?,
            confine: args.confine,
        },
    })
}

/// A socket's path has a slash, everything else is a host with a port; vhost-user-blk has sockets only.
fn listen(front: Front, text: &str) -> Result<String, String> {
    if front != Front::VhostUserBlk && !text.contains('/') {
        return Ok(text.to_owned());
    }
    let path = absolute(Path::new(text))?;
    path.into_os_string().into_string().map_err(|_| format!("--listen {text}: not in UTF-8"))
}

/// The daemon works elsewhere, so relative paths must not reach it.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The image, which `add` may have made.
struct Image {
    path: Option<PathBuf>,
    /// What it was like when it was made here.
    made: Option<Made>,
}

/// Tells an image that is as it was made from one that was replaced or written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    file: (u64, u64),
    modified: (i64, i64),
}

impl Made {
    fn of(meta: &Metadata) -> Self {
        Self { file: (meta.dev(), meta.ino()), modified: (meta.mtime(), meta.mtime_nsec()) }
    }
}

impl Image {
    fn prepare(args: &AddArgs, options: &AddOptions) -> Result<Self, String> {
        let Some(image) = &options.image else { return Ok(Self { path: None, made: None }) };
        let path = absolute(image)?;
        let tell = |e: io::Error| format!("image {}: {e}", image.display());
        let made = match (fs::metadata(&path), args.size) {
            (Ok(meta), _) if meta.is_dir() => {
                return Err(format!("image {}: is a directory", image.display()));
            }
            (Ok(meta), Some(size)) if meta.is_file() && meta.len() != size => {
                return Err(format!(
                    "image {}: exists, with {} bytes and not {size}; --size only makes missing images",
                    image.display(),
                    meta.len()
                ));
            }
            (Ok(_), _) => None,
            (Err(e), Some(size)) if e.kind() == io::ErrorKind::NotFound => {
                if size < SMALLEST_IMAGE {
                    return Err(format!(
                        "image {}: --size {size} is too small for a disk: give at least 1M",
                        image.display()
                    ));
                }
                Some(make(&path, size).map_err(tell)?)
            }
            (Err(e), None) if e.kind() == io::ErrorKind::NotFound => {
                return Err(format!(
                    "image {}: no such file; to make it, add for example --size 1G",
                    image.display()
                ));
            }
            (Err(e), _) => return Err(tell(e)),
        };
        Ok(Self { path: Some(path), made })
    }

    /// The device did not come up: an image made for it, still untouched, goes too.
    ///
    /// Another `ublk add` may have found the image meanwhile and serve it, or have served it and
    /// ended. So it is removed only under the lock that every daemon takes, and only as it was made.
    fn give_up(&self) {
        let (Some(path), Some(made)) = (&self.path, self.made) else { return };
        let options = ImageOptions { path: path.clone(), read_only: false };
        let end = Instant::now() + CLOSING_PATIENCE;
        let lock = loop {
            match OpenImage::open(&options) {
                Ok(image) => break image,
                Err(ImageError::InUse { .. }) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(_) => return,
            }
        };
        if lock.file().metadata().is_ok_and(|meta| Made::of(&meta) == made) {
            // Best effort: why the device did not come up is what is told.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a sparse image, for its owner only: it will hold what a disk holds.
fn make(path: &Path, size: u64) -> io::Result<Made> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    match file.set_len(size).and_then(|()| file.metadata()) {
        Ok(meta) => Ok(Made::of(&meta)),
        Err(e) => {
            // An empty file left behind would look like an image.
            let _ = fs::remove_file(path);
            Err(e)
        }
    }
}

struct Teller<'a> {
    spec: &'a DiskSpec,
    args: &'a AddArgs,
}

impl Teller<'_> {
    fn tell(&self, about: &Announcement, out: &mut dyn Write) -> io::Result<()> {
        if self.args.json {
            writeln!(out, "{}", serde_json::to_string(about)?)?;
            return out.flush();
        }
        let over = match (&about.image, self.args.back) {
            (Some(image), _) => {
                image.file_name().unwrap_or(image.as_os_str()).to_string_lossy().into_owned()
            }
            (None, Back::Null) => "nothing".into(),
            (None, _) => "memory".into(),
        };
        writeln!(
            out,
            "disk {}: {}  ({} over {over}, {}, front {}, k = {} {})",
            about.id,
            about.device.display(),
            self.spec.name,
            format_size(about.size_bytes),
            about.front,
            about.k,
            about.mode,
        )?;
        for note in &about.notes {
            writeln!(out, "note: {note}")?;
        }
        if self.args.foreground {
            writeln!(out, "stop it with: Ctrl-C, or ublk del -n {}", about.id)?;
        } else {
            writeln!(out, "stop it with: ublk del -n {}", about.id)?;
        }
        out.flush()
    }
}
