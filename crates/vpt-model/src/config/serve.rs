//! `[serve]`: what a machine serves this disk from, and how it becomes visible there.
//!
//! Nothing in it changes the disk. A service reads it, and `ublk add` takes it for defaults.

use toml::de::DeValue;

use super::limits::{MAX_DEPTH, MAX_DISK_BYTES, MAX_NUMBER, MAX_QUEUES};
use super::table::{Placed, Table};
use super::tables;
use crate::units::SECTOR_BYTES;

pub(super) const KEYS: &[&str] = &[
    "image",
    "format",
    "size",
    "back",
    "front",
    "listen",
    "mount",
    "loop",
    "number",
    "queues",
    "depth",
    "block_size",
    "read_only",
    "recovery",
    "unprivileged",
    "rt",
    "spin",
    "trace",
    "metrics",
    "confine",
];

/// How images may be written down.
pub const FORMATS: [&str; 2] = ["raw", "qcow2"];
/// Where the data may be.
pub const BACKS: [&str; 3] = ["file", "mem", "null"];
/// What may make the disk visible.
pub const FRONTS: [&str; 5] = ["auto", "ublk", "fuse", "nbd", "vhost-user-blk"];
/// Whether a thing is done: when it can be, always, never.
pub const SWITCHES: [&str; 3] = ["auto", "on", "off"];

/// The `[serve]` table. `None`: not said, so the program's own default holds.
///
/// Every field means what the option of `ublk add` of that name means; paths are whole ones, from `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeDefaults {
    /// File or block device with the data.
    pub image: Option<String>,
    /// One of [`FORMATS`].
    pub format: Option<&'static str>,
    /// Size to make a missing image with, or of a disk in memory; a multiple of 512.
    pub size_bytes: Option<u64>,
    /// One of [`BACKS`].
    pub back: Option<&'static str>,
    /// One of [`FRONTS`].
    pub front: Option<&'static str>,
    /// `HOST:PORT` or a socket's path, for the front ends that listen.
    pub listen: Option<String>,
    /// Where the FUSE file system goes.
    pub mount: Option<String>,
    /// A loop device on the FUSE file.
    pub loop_device: Option<bool>,
    /// Device number.
    pub number: Option<u32>,
    /// Hardware queues.
    pub queues: Option<u32>,
    /// Most requests inside.
    pub depth: Option<u32>,
    /// 512 or 4096.
    pub block_size: Option<u32>,
    /// Writes are refused.
    pub read_only: Option<bool>,
    /// A ublk device that outlives a killed daemon.
    pub recovery: Option<bool>,
    /// A ublk device without root's rights.
    pub unprivileged: Option<bool>,
    /// SCHED_FIFO: one of [`SWITCHES`].
    pub rt: Option<&'static str>,
    /// Spinning before a deadline.
    pub spin: Option<bool>,
    /// A file for one line of JSON per request.
    pub trace: Option<String>,
    /// Where metrics are given out: `HOST:PORT` or a socket's path.
    pub metrics: Option<String>,
    /// Seccomp and Landlock: one of [`SWITCHES`].
    pub confine: Option<&'static str>,
}

/// The table; `None` if the file has none.
pub(super) fn read(table: &Table<'_>) -> Option<ServeDefaults> {
    if !table.is_present() {
        return None;
    }
    let back = choice(table, "back", &BACKS);
    let front = choice(table, "front", &FRONTS);
    let serve = ServeDefaults {
        image: path(table, "image"),
        format: choice(table, "format", &FORMATS),
        size_bytes: size(table),
        back,
        front,
        listen: text(table, "listen", "write \"127.0.0.1:10809\" or a socket's path"),
        mount: path(table, "mount"),
        loop_device: table.boolean("loop"),
        number: small(table, "number", 0, MAX_NUMBER),
        queues: small(table, "queues", 1, MAX_QUEUES),
        depth: small(table, "depth", 1, MAX_DEPTH),
        block_size: block_size(table),
        read_only: table.boolean("read_only"),
        recovery: table.boolean("recovery"),
        unprivileged: table.boolean("unprivileged"),
        rt: choice(table, "rt", &SWITCHES),
        spin: table.boolean("spin"),
        trace: path(table, "trace"),
        metrics: text(table, "metrics", "write a socket's path or \"127.0.0.1:9100\""),
        confine: choice(table, "confine", &SWITCHES),
    };
    check_data(table, back);
    check_front(table, front, &serve);
    Some(serve)
}

/// Data in a file needs the file; data elsewhere needs a size and has no use for a file.
fn check_data(table: &Table<'_>, back: Option<&'static str>) {
    match back {
        None if table.has("back") => {} // wrong, and said so
        None | Some("file") => {
            if !table.has("image") {
                table.missing("image", "write image = \"/srv/lab.img\", or back = \"mem\"");
            }
        }
        Some(other) => {
            table.refuse("image", &format!("back = \"{other}\" uses none; remove one of them"));
            if !table.has("size") {
                table.missing("size", &format!("back = \"{other}\" has no size of its own"));
            }
        }
    }
}

/// Refuses what the named front end has no use for. What `auto` will be is known on the machine only.
fn check_front(table: &Table<'_>, front: Option<&'static str>, serve: &ServeDefaults) {
    let Some(front) = front.filter(|front| *front != "auto") else { return };
    let fuse = ("fuse", front == "fuse");
    let ublk = ("ublk", front == "ublk");
    let listens = ("nbd\" or \"vhost-user-blk", matches!(front, "nbd" | "vhost-user-blk"));
    for (key, given, (wants, has)) in [
        ("loop", serve.loop_device == Some(true), fuse),
        ("mount", serve.mount.is_some(), fuse),
        ("recovery", serve.recovery == Some(true), ublk),
        ("unprivileged", serve.unprivileged == Some(true), ublk),
        ("listen", serve.listen.is_some(), listens),
    ] {
        if given && !has {
            let message = format!(
                "has no use with front = \"{front}\"; remove it, or write front = \"{wants}\""
            );
            table.refuse(key, &message);
        }
    }
}

fn choice(table: &Table<'_>, key: &str, names: &[&'static str]) -> Option<&'static str> {
    let all: Vec<(&str, &'static str)> = names.iter().map(|&name| (name, name)).collect();
    table.choice(key, &all).map(|placed| placed.value)
}

/// A number of a range that fits.
fn small(table: &Table<'_>, key: &str, least: u64, most: u64) -> Option<u32> {
    table.integer(key, least..=most).and_then(|placed| u32::try_from(placed.value).ok())
}

fn block_size(table: &Table<'_>) -> Option<u32> {
    let Placed { value, at } = table.integer("block_size", 512..=4096)?;
    if value != 512 && value != 4096 {
        table.complain(at, "block_size", format!("{value} is no block size; write 512 or 4096"));
        return None;
    }
    u32::try_from(value).ok()
}

/// A size in bytes, or a text such as "1 GiB".
fn size(table: &Table<'_>) -> Option<u64> {
    const MUST: &str = "write size = \"1 GiB\", a multiple of 512 bytes";
    let raw = table.raw("size")?;
    let bytes = match raw.get_ref() {
        DeValue::String(text) => tables::size(text),
        _ => table.integer("size", 1..=MAX_DISK_BYTES).map(|placed| Some(placed.value))?,
    };
    match bytes {
        Some(bytes) if (1..=MAX_DISK_BYTES).contains(&bytes) && bytes % SECTOR_BYTES == 0 => {
            Some(bytes)
        }
        _ => {
            table.complain(raw.span(), "size", format!("is no size of a disk; {MUST}"));
            None
        }
    }
}

/// A text that says something.
fn text(table: &Table<'_>, key: &str, remedy: &str) -> Option<String> {
    let Placed { value, at } = table.text(key)?;
    if value.trim().is_empty() {
        table.complain(at, key, format!("is empty; {remedy}, or leave it out"));
        return None;
    }
    Some(value)
}

/// A whole path: a service stands in no folder that its user would think of.
fn path(table: &Table<'_>, key: &str) -> Option<String> {
    let Placed { value, at } = table.text(key)?;
    if !value.starts_with('/') {
        let message = "is no whole path; write it from / on, such as \"/srv/lab.img\"";
        table.complain(at, key, message);
        return None;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{dump_disk, parse_disk};

    const DISK: &str = "[disk]\nname = \"served\"\n[seek]\nfamily = \"none\"\n";

    #[test]
    fn every_key_is_read() {
        let text = format!(
            "{DISK}[serve]\nimage = \"/a\"\nformat = \"qcow2\"\nsize = \"1 GiB\"\nback = \"file\"\n\
             front = \"auto\"\nlisten = \"[::1]:1\"\nmount = \"/m\"\nloop = true\nnumber = 0\n\
             queues = 2\ndepth = 32\nblock_size = 4096\nread_only = true\nrecovery = true\n\
             unprivileged = false\nrt = \"on\"\nspin = false\ntrace = \"/t\"\nmetrics = \"/s\"\n\
             confine = \"off\"\n"
        );
        let config = parse_disk("x", &text).unwrap_or_else(|e| panic!("{e:#}"));
        let wanted = ServeDefaults {
            image: Some("/a".into()),
            format: Some("qcow2"),
            size_bytes: Some(1 << 30),
            back: Some("file"),
            front: Some("auto"),
            listen: Some("[::1]:1".into()),
            mount: Some("/m".into()),
            loop_device: Some(true),
            number: Some(0),
            queues: Some(2),
            depth: Some(32),
            block_size: Some(4096),
            read_only: Some(true),
            recovery: Some(true),
            unprivileged: Some(false),
            rt: Some("on"),
            spin: Some(false),
            trace: Some("/t".into()),
            metrics: Some("/s".into()),
            confine: Some("off"),
        };
        assert_eq!(config.serve.as_ref(), Some(&wanted));
        assert_eq!(KEYS.iter().filter(|key| !text.contains(&format!("\n{key} = "))).count(), 0);
        assert!(!dump_disk(&config).contains("[serve]"));
    }

    #[test]
    fn a_disk_alone_serves_nothing() {
        assert_eq!(parse_disk("x", DISK).unwrap().serve, None);
    }
}
