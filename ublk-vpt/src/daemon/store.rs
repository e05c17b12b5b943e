//! The backing store of a device.

use std::os::unix::fs::MetadataExt;

use super::device::{Back, DeviceConfig, DeviceError};
use crate::back::{Backend, Faults, FileBackend, Image, ImageOptions, NullBackend, SlowBackend};
use crate::front::Access;

/// The backing store, and who may use the disk.
pub(super) fn open(config: &DeviceConfig) -> Result<(Box<dyn Backend>, Access), DeviceError> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let root = uid.is_root();
    let mine = Access { uid: uid.as_raw(), gid: gid.as_raw(), mode: 0o600 };
    let memory = config.size_bytes.unwrap_or_default();
    let (store, access): (Box<dyn Backend>, _) = match (config.back, &config.image) {
        (Back::File, Some(path)) => {
            let options = ImageOptions { path: path.clone(), read_only: config.read_only };
            let image = Image::open(&options).map_err(|e| DeviceError(e.to_string()))?;
            let meta = image.file().metadata().map_err(|e| DeviceError(e.to_string()))?;
            if let Some(trace) = &config.trace
                && std::fs::metadata(trace)
                    .is_ok_and(|t| (t.dev(), t.ino()) == (meta.dev(), meta.ino()))
            {
                let trace = trace.display();
                return Err(DeviceError(format!(
                    "--trace {trace}: is the image: give another file"
                )));
            }
            // Whoever may use the image may use the disk, and nobody else. Only root can let others in.
            let access = if root && meta.is_file() {
                Access { uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o660 }
            } else {
                mine
            };
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
