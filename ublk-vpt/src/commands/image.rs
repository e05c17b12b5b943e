//! `ublk image`.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Failure, Outcome};
use crate::back::qcow2::chain::{self, backing_path};
use crate::back::qcow2::{
    CLUSTER_BYTES, ChainOptions, ImageFormat, Layer, NewImage, create as make,
};
use crate::cli::{CloneArgs, CreateArgs, ImageArgs, ImageCommand, InfoArgs, format_size};
use crate::daemon::device::Format;

pub(super) fn run(args: &ImageArgs, out: &mut dyn Write) -> Outcome {
    match &args.command {
        ImageCommand::Create(args) => create(args, out),
        ImageCommand::Clone(args) => clone(args, out),
        ImageCommand::Info(args) => info(args, out),
    }
}

fn failed(e: impl std::fmt::Display) -> Failure {
    Failure::Failed(e.to_string())
}

fn format(format: Format) -> ImageFormat {
    match format {
        Format::Raw => ImageFormat::Raw,
        Format::Qcow2 => ImageFormat::Qcow2,
    }
}

fn create(args: &CreateArgs, out: &mut dyn Write) -> Outcome {
    let format = format(args.format);
    if let (ImageFormat::Raw, Some(_)) = (format, args.cluster_size) {
        return Err(Failure::Usage("--cluster-size is for --format qcow2".into()));
    }
    let image = NewImage {
        path: args.file.clone(),
        format,
        size_bytes: args.size,
        cluster_bytes: args.cluster_size.unwrap_or(CLUSTER_BYTES),
        backing: None,
    };
    make(&image).map_err(failed)?;
    let (path, size) = (args.file.display(), format_size(args.size));
    writeln!(out, "{path}: {}, {size}", format.name())?;
    writeln!(out, "serve it with: ublk add vpt DISK --image {path} --format {}", format.name())?;
    Ok(())
}

fn clone(args: &CloneArgs, out: &mut dyn Write) -> Outcome {
    // What is below the master is not needed to know its size.
    let master = look(&args.master, args.master_format, &[], 1)?;
    let [Layer { size_bytes, .. }] = master.as_slice() else { return Err(Failure::Told) };
    let path = args.master.canonicalize();
    let path = path.map_err(|e| failed(format!("image {}: {e}", args.master.display())))?;
    let named = if args.relative { seen_from(&args.clone, &path)? } else { path.clone() };
    let Some(name) = named.to_str().filter(|name| !name.chars().any(char::is_control)) else {
        let named = named.display();
        return Err(failed(format!(
            "image {named}: its path is no text, and cannot be written into a clone: rename it"
        )));
    };
    if name.len() > 1023 {
        return Err(failed(format!(
            "image {name}: its path has more than 1023 bytes, and cannot be written into a clone: \
             move it"
        )));
    }
    // A name with a colon before any slash would be taken for a protocol.
    let name = if name.starts_with('/') { name.to_owned() } else { format!("./{name}") };
    let image = NewImage {
        path: args.clone.clone(),
        format: ImageFormat::Qcow2,
        size_bytes: *size_bytes,
        cluster_bytes: args.cluster_size.unwrap_or(CLUSTER_BYTES),
        backing: Some((name, format(args.master_format))),
    };
    make(&image).map_err(failed)?;
    let (clone, master) = (args.clone.display(), path.display());
    let size = format_size(*size_bytes);
    writeln!(out, "{clone}: qcow2, {size}, a clone of {master}")?;
    writeln!(
        out,
        "serve it with: ublk add vpt DISK --image {clone} --format qcow2 --allow-backing {master}"
    )?;
    writeln!(out, "note: {master} must not be written any more: its clones would break")?;
    Ok(())
}

/// A file's path relative to the directory that `from` is in.
fn seen_from(from: &Path, file: &Path) -> Result<PathBuf, Failure> {
    let folder = from.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize();
    let folder = folder.map_err(|e| failed(format!("image {}: {e}", from.display())))?;
    let shared = folder.iter().zip(file.iter()).take_while(|(a, b)| a == b).count();
    let up = folder.iter().skip(shared).map(|_| Path::new(".."));
    Ok(up.chain(file.iter().skip(shared).map(Path::new)).collect())
}

/// Opens without locking, so an image in use can be looked at too; what it says may be changing.
fn look(
    path: &Path,
    format_: Format,
    allow: &[PathBuf],
    depth: usize,
) -> Result<Vec<Layer>, Failure> {
    let path = std::path::absolute(path).map_err(|e| failed(format!("{}: {e}", path.display())))?;
    let allow = allow.to_vec();
    let format = format(format_);
    let options = ChainOptions { path, format, read_only: true, lock: false, allow, depth };
    chain::open(&options).map_err(failed)
}

fn info(args: &InfoArgs, out: &mut dyn Write) -> Outcome {
    let depth = if args.chain { usize::MAX } else { 1 };
    let layers = look(&args.file, args.format, &args.allow_backing, depth)?;
    let layers: Vec<About> = layers.iter().map(About::of).collect::<Result<_, _>>()?;
    if args.json {
        let all: Vec<Value> = layers.iter().map(About::json).collect();
        let value = if args.chain { json!({ "chain": all }) } else { json!(all[0]) };
        writeln!(out, "{value}")?;
        return Ok(());
    }
    for about in &layers {
        write!(out, "{}", about.text())?;
    }
    Ok(())
}

/// One file, for people and programs.
struct About<'a> {
    layer: &'a Layer,
    allocated_bytes: u64,
}

impl<'a> About<'a> {
    fn of(layer: &'a Layer) -> Result<Self, Failure> {
        let meta = layer.file.metadata();
        let meta = meta.map_err(|e| failed(format!("image {}: {e}", layer.path.display())))?;
        Ok(Self { layer, allocated_bytes: meta.blocks() * 512 })
    }

    fn text(&self) -> String {
        let Self { layer, allocated_bytes } = self;
        let mut text = format!(
            "{}: {}, {} ({} bytes), takes {}\n",
            layer.path.display(),
            layer.format.name(),
            format_size(layer.size_bytes),
            layer.size_bytes,
            format_size(*allocated_bytes),
        );
        let Some(header) = &layer.header else { return text };
        let (version, cluster) = (header.version, format_size(header.cluster_bytes));
        text += &format!("\tversion {version}, clusters of {cluster}\n");
        if header.snapshots > 0 {
            text += &format!("\tsnapshots inside {}\n", header.snapshots);
        }
        if let Some(backing) = &header.backing {
            let format = backing.format.as_deref().unwrap_or("of a format that is not said");
            let path = backing_path(&layer.path, &backing.name);
            text += &format!("\tbacking file {} ({format})\n", path.display());
        }
        text
    }

    fn json(&self) -> Value {
        let Self { layer, allocated_bytes } = self;
        let header = layer.header.as_ref();
        let backing = header.and_then(|header| header.backing.as_ref());
        json!({
            "file": layer.path, "format": layer.format.name(),
            "size_bytes": layer.size_bytes, "allocated_bytes": allocated_bytes,
            "version": header.map(|h| h.version), "cluster_bytes": header.map(|h| h.cluster_bytes),
            "snapshots": header.map(|h| h.snapshots),
            "backing": backing.map(|b| b.name.as_str()),
            "backing_format": backing.and_then(|b| b.format.as_deref()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_seen_from_its_clone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("home/alice")).unwrap();
        let master = root.join("masters/m.img");
        for (clone, wanted) in
            [("home/alice/c.img", "../../masters/m.img"), ("c.img", "masters/m.img")]
        {
            assert_eq!(seen_from(&root.join(clone), &master).unwrap(), Path::new(wanted));
        }
        assert!(seen_from(&root.join("none/c.img"), &master).is_err());
    }
}
