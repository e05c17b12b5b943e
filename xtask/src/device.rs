//! A lab disk that is gone when we are, started and ended by the `ublk` command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{self, Interrupt, json};

/// How long `ublk` may take to bring a device up, to answer, or to end it.
const LIMIT: Duration = Duration::from_secs(60);

/// A running device; dropping it deletes it.
#[derive(Debug)]
pub struct Device {
    /// The program.
    pub ublk: PathBuf,
    /// The device's id.
    pub id: u64,
    /// What to open.
    pub path: String,
    /// How it is served.
    pub front: String,
    /// The daemon's process.
    pub pid: u64,
    /// Whether dropping it deletes it.
    ours: bool,
}

impl Device {
    /// Serves `image` as `disk`. When that fails or is interrupted half-way, a device that came up
    /// on the image all the same is deleted.
    pub fn add(ublk: &Path, disk: &str, image: &Path, interrupt: &Interrupt) -> Result<Self> {
        Self::add_with(ublk, disk, image, &[], interrupt)
    }

    /// The same with more arguments of `ublk add`.
    pub fn add_with(
        ublk: &Path,
        disk: &str,
        image: &Path,
        more: &[&str],
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut add = Command::new(ublk);
        add.args(["add", "vpt", disk, "--json", "--image"]).arg(image).args(more);
        let added = run::output(&mut add, LIMIT, interrupt).and_then(|text| {
            let value = json(&text, "ublk add")?;
            Self::read(ublk, &value)
        });
        if added.is_err() {
            delete_leftovers(ublk, image);
        }
        added
    }

    fn read(ublk: &Path, value: &Value) -> Result<Self> {
        let text = |name: &str| {
            let found = value.get(name).and_then(Value::as_str);
            found.map(str::to_owned).with_context(|| format!("ublk add --json gave no {name}"))
        };
        Ok(Self {
            ublk: ublk.to_owned(),
            id: value.get("id").and_then(Value::as_u64).context("ublk add --json gave no id")?,
            path: text("device").or_else(|_| text("path"))?,
            front: text("front")?,
            pid: value.get("pid").and_then(Value::as_u64).context("ublk add --json gave no pid")?,
            ours: true,
        })
    }

    /// Changes settings of the running device: `k=1`, `backing_delay_ms=40`, ...
    pub fn set(&self, settings: &[&str], interrupt: &Interrupt) -> Result<()> {
        let mut set = Command::new(&self.ublk);
        set.args(["set", "-n", &self.id.to_string()]).args(settings);
        run::output(&mut set, LIMIT, interrupt).map(drop)
    }

    /// What the device says about itself.
    pub fn stats(&self, interrupt: &Interrupt) -> Result<Value> {
        let mut stats = Command::new(&self.ublk);
        stats.args(["stats", "-n", &self.id.to_string(), "--json"]);
        json(&run::output(&mut stats, LIMIT, interrupt)?, "ublk stats")
    }

    /// Leaves the device when this is dropped.
    pub fn keep(&mut self) {
        self.ours = false;
    }

    /// Ends the device; fails when it is still there.
    pub fn delete(mut self) -> Result<()> {
        self.ours = false;
        delete(&self.ublk, self.id)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = delete(&self.ublk, self.id)
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// Not interruptible: it is what an interrupt leads to.
fn delete(ublk: &Path, id: u64) -> Result<()> {
    let mut del = Command::new(ublk);
    del.args(["del", "-n", &id.to_string()]);
    run::output(&mut del, LIMIT, &Interrupt::never()).map(drop).with_context(|| {
        format!("the device {id} may still be there; try: {} del -n {id}", ublk.display())
    })
}

/// Deletes the devices on an image, as `ublk list --json` knows them.
fn delete_leftovers(ublk: &Path, image: &Path) {
    // Devices write their image down without links and dots.
    let image = image.canonicalize().unwrap_or_else(|_| image.to_owned());
    let mut list = Command::new(ublk);
    list.args(["list", "--json"]);
    let ids = run::output(&mut list, LIMIT, &Interrupt::never())
        .and_then(|text| json(&text, "ublk list"))
        .map(|listed| ids_on(&listed, &image));
    for id in ids.unwrap_or_default() {
        if let Err(error) = delete(ublk, id) {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// The ids of all objects in a JSON value that name the image somewhere.
fn ids_on(listed: &Value, image: &Path) -> Vec<u64> {
    let devices = match listed {
        Value::Array(devices) => devices.as_slice(),
        Value::Object(object) => {
            object.values().find_map(|value| value.as_array()).map_or(&[][..], Vec::as_slice)
        }
        _ => &[],
    };
    let on_it = devices.iter().filter(|device| names(device, image));
    on_it.filter_map(|device| device.get("id").and_then(Value::as_u64)).collect()
}

fn names(value: &Value, image: &Path) -> bool {
    match value {
        Value::String(text) => Path::new(text) == image,
        Value::Array(values) => values.iter().any(|value| names(value, image)),
        Value::Object(object) => object.values().any(|value| names(value, image)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that behaves as `ublk` does and notes its arguments.
    fn fake(folder: &Path, add: &str) -> PathBuf {
        let path = folder.join("ublk");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {folder}/calls\ncase \"$1\" in\nadd) {add} ;;\n\
             list) echo '[{{\"id\": 7, \"image\": \"{folder}/a.img\"}}, {{\"id\": 8, \"image\": \"/b\"}}]' ;;\nesac\n",
            folder = folder.display()
        );
        std::fs::write(&path, script).expect("script");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("mode");
        path
    }

    fn calls(folder: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(folder.join("calls")).unwrap_or_default();
        text.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
    }

    const ADDED: &str = r#"echo '{"id": 3, "front": "fuse", "device": "/x/disk", "pid": 1}'"#;

    #[test]
    fn is_deleted_when_dropped_unless_kept() {
        let folder = tempfile::tempdir().expect("temp folder");
        let ublk = fake(folder.path(), ADDED);
        let image = folder.path().join("a.img");
        let add = || Device::add(&ublk, "disk", &image, &Interrupt::never()).expect("added");
        let device = add();
        assert_eq!((device.id, &*device.path, &*device.front), (3, "/x/disk", "fuse"));
        drop(device);
        add().keep();
        add().delete().expect("deleted");
        let expected = ["add vpt disk", "del -n 3", "add vpt disk", "add vpt disk", "del -n 3"];
        assert_eq!(calls(folder.path()), expected);
    }

    #[test]
    fn a_half_added_device_is_found_and_deleted() {
        let folder = tempfile::tempdir().expect("temp folder");
        let ublk = fake(folder.path(), "exit 1");
        let image = folder.path().join("a.img");
        Device::add(&ublk, "disk", &image, &Interrupt::never()).expect_err("fails");
        assert_eq!(calls(folder.path()), ["add vpt disk", "list --json", "del -n 7"]);
    }
}
