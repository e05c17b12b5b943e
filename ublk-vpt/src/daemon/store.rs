//! The backing store of a device.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::device::{Back, DeviceConfig, DeviceError, Format, RealTime};
use crate::back::qcow2::{ChainOptions, ImageFormat, Qcow2Backend};
use crate::back::{Backend, Faults, FileBackend, Image, ImageOptions, NullBackend, SlowBackend};
use crate::front::Access;

/// The backing store, and who may use the disk.
pub(super) fn open(config: &DeviceConfig) -> Result<(Box<dyn Backend>, Access), DeviceError> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let mine = Access { uid: uid.as_raw(), gid: gid.as_raw(), mode: 0o600 };
    let memory = config.size_bytes.unwrap_or_default();
    let (store, access): (Box<dyn Backend>, _) = match (config.back, &config.image) {
        (Back::File, Some(path)) if config.format == Format::Qcow2 => {
            let (store, meta) = qcow2(config, path)?;
            check_trace(config, &meta)?;
            (Box::new(store), access_of(&meta, mine))
        }
        (Back::File, Some(path)) => {
            let options = ImageOptions { path: path.clone(), read_only: config.read_only };
            let image = Image::open(&options).map_err(|e| DeviceError(e.to_string()))?;
            let meta = image.file().metadata().map_err(|e| DeviceError(e.to_string()))?;
            check_trace(config, &meta)?;
            let access = access_of(&meta, mine);
            let store = FileBackend::new(image, config.depth.saturating_mul(2));
            let store = store.map_err(|e| DeviceError(format!("image {}: {e}", path.display())))?;
            (Box::new(store), access)
        }
        (Back::File, None) => return Err(DeviceError("no image given: use --image FILE".into())),
        (Back::Mem, _) => {
            let store = Image::in_memory(memory)
                .and_then(|image| FileBackend::new(image, config.depth.saturating_mul(2)))
                .map_err(|e| DeviceError(format!("--size {memory}: {e}")))?;
            (Box::new(store), mine)
        }
        (Back::Null, _) => (Box::new(NullBackend::new(memory)), mine),
    };
    check_blocks(config, store.capacity())?;
    // Everything can be slowed down and broken while it runs; untouched, that costs two comparisons.
    Ok((Box::new(SlowBackend::new(store, Faults::default())), access))
}

/// An image with what is below it, and what its file is.
fn qcow2(config: &DeviceConfig, path: &Path) -> Result<(Qcow2Backend, Metadata), DeviceError> {
    let options = ChainOptions {
        path: path.to_owned(),
        format: ImageFormat::Qcow2,
        read_only: config.read_only,
        lock: true,
        allow: config.allow_backing.clone(),
        depth: usize::MAX,
    };
    let depth = config.depth.saturating_mul(2);
    Qcow2Backend::open(&options, depth, config.rt != RealTime::Off)
        .map_err(|e| DeviceError(e.to_string()))
}

fn check_trace(config: &DeviceConfig, image: &Metadata) -> Result<(), DeviceError> {
    match &config.trace {
        Some(trace)
            if std::fs::metadata(trace)
                .is_ok_and(|t| (t.dev(), t.ino()) == (image.dev(), image.ino())) =>
        {
            let trace = trace.display();
            Err(DeviceError(format!("--trace {trace}: is the image: give another file")))
        }
        _ => Ok(()),
    }
}

/// Whoever may use the image may use the disk, and nobody else. Only root can let others in.
fn access_of(image: &Metadata, mine: Access) -> Access {
    if rustix::process::geteuid().is_root() && image.is_file() {
        Access { uid: image.uid(), gid: image.gid(), mode: image.mode() & 0o660 }
    } else {
        mine
    }
}

/// A disk has no broken block at its end.
fn check_blocks(config: &DeviceConfig, bytes: u64) -> Result<(), DeviceError> {
    let block = config.block_size;
    if bytes.is_multiple_of(block.into()) {
        return Ok(());
    }
    Err(DeviceError(match &config.image {
        Some(path) => {
            let path = path.display();
            format!(
                "image {path}: {bytes} bytes are not whole blocks of {block}: \
                 `truncate -s %{block} {path}` rounds it up, or leave --block-size out"
            )
        }
        None => format!("--size {bytes}: not whole blocks of {block}: give a multiple of it"),
    }))
}
