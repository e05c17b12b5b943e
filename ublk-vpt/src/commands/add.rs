//! `ublk add`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use vpt_model::DiskSpec;

use super::{Failure, Outcome, Program, state_dir, surroundings};
use crate::cli::{AddArgs, AddOptions, format_size};
use crate::daemon::device::{Back, DeviceConfig, DiskText};
use crate::daemon::{Announcement, SpawnError, StartRequest, run_foreground, spawn};
use crate::disks::Catalogue;
use crate::state::StateDir;

pub(super) fn run(program: &Program, args: &AddArgs, out: &mut dyn Write) -> Outcome {
    let options = args.check().map_err(Failure::Usage)?;
    let disk = Catalogue::of_this_machine().find(&options.disk)?;
    let spec = (program.check_disk)(&disk).map_err(Failure::Failed)?;
    let state = state_dir(program)?;
    let image = Image::prepare(args, &options).map_err(Failure::Failed)?;
    let request = request(args, &options, disk, image.path.clone()).map_err(Failure::Failed)?;
    let teller = Teller { spec: &spec, args };
    // From the moment the device is live the image may hold somebody's data.
    let mut live = false;
    let outcome = if args.foreground {
        run_foreground(&surroundings(program, state), request, |about| {
            live = true;
            teller.tell(about, out)
        })
        .map_err(Failure::Failed)
    } else {
        start(program, &state, &options, &request).and_then(|about| {
            live = true;
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
            back: args.back,
            size_bytes: args.size.filter(|_| args.back != Back::File),
            disk,
            latency: args.latency,
            ncq: args.ncq.map(usize::from),
            front: args.front,
            mount: PathBuf::new(),
            loop_device: args.loop_device,
            mode: args.mode,
            k: args.k,
            k_min: args.k_min,
            k_max: args.k_max,
            depth: args.depth,
            queues: args.queues,
            read_only: args.read_only,
            seed: args.seed,
            rt: args.rt,
            spin: options.spin,
            trace: args.trace.as_deref().map(absolute).transpose()?,
        },
    })
}

/// The daemon works elsewhere, so relative paths must not reach it.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The image, which `add` may have made.
struct Image {
    path: Option<PathBuf>,
    made: bool,
}

impl Image {
    fn prepare(args: &AddArgs, options: &AddOptions) -> Result<Self, String> {
        let Some(image) = &options.image else { return Ok(Self { path: None, made: false }) };
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
            (Ok(_), _) => false,
            (Err(e), Some(size)) if e.kind() == io::ErrorKind::NotFound => {
                let file =
                    OpenOptions::new().write(true).create_new(true).open(&path).map_err(tell)?;
                if let Err(e) = file.set_len(size) {
                    // An empty file left behind would look like an image.
                    let _ = fs::remove_file(&path);
                    return Err(tell(e));
                }
                true
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
    fn give_up(&self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.made) {
            let _ = fs::remove_file(path);
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
