//! `ublk list`.

use std::fs::FileType;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Outcome, Program, complain, expect_living, state_dir};
use crate::cli::ListArgs;
use crate::control::{Client, ClientError};
use crate::state::{LifeState, Record, StateDir};

/// For the k of each device; a daemon that hangs must not make `list` hang.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn run(program: &Program, args: &ListArgs, out: &mut dyn Write) -> Outcome {
    let state = state_dir(program)?;
    let ids = match args.id {
        Some(id) if state.file(id, "json").exists() => vec![id],
        Some(id) => {
            expect_living(&state, id)?;
            vec![id]
        }
        None => state.ids()?,
    };
    let mut devices = Vec::new();
    for id in ids {
        match Record::read(&state.file(id, "json")) {
            Ok(Some(record)) => devices.push(Listed::of(program, &state, id, record)?),
            // Its number is taken, but it is not yet written down; or it has just ended.
            Ok(None) => {}
            Err(_) if Record::is_foreign(&state.file(id, "json")) => {}
            Err(e) => complain(&format!("warning: {e}")),
        }
    }
    if args.json {
        let all: Vec<Value> = devices.iter().map(|d| d.json(&state)).collect();
        writeln!(out, "{}", Value::from(all))?;
        return Ok(());
    }
    for device in &devices {
        write!(out, "{}", device.text())?;
        if args.verbose {
            write!(out, "{}", device.more(&state))?;
        }
    }
    Ok(())
}

struct Listed {
    id: u32,
    record: Record,
    life: LifeState,
    k: Option<f64>,
}

impl Listed {
    fn of(
        program: &Program,
        state: &StateDir,
        id: u32,
        record: Record,
    ) -> Result<Self, super::Failure> {
        let life = match state.living(id)? {
            Some(_) => record.dev_info.state,
            None if matches!(state.waiting(id, &program.undo), Ok(Some(_))) => LifeState::Quiesced,
            None => LifeState::Dead,
        };
        let mut k = None;
        if life == LifeState::Live {
            match Client::new(state, id).patience(PATIENCE).stats(false) {
                Ok(stats) => k = Some(stats.scale.k),
                Err(ClientError::Absent { .. }) => {} // just ending
                Err(e) => complain(&format!("warning: {e}")),
            }
        }
        Ok(Self { id, record, life, k })
    }

    /// The shape of ublksrv's `ublk list`, which other people's scripts take apart.
    fn text(&self) -> String {
        let dev = &self.record.dev_info;
        let target = &self.record.target;
        let block = numbers(&target.path, FileTypeExt::is_block_device).unwrap_or((0, 0));
        let queue_node = Path::new("/dev").join(format!("ublkc{}", self.id));
        let on_ublk = self.record.cleanup.ublk;
        let char = on_ublk.then(|| numbers(&queue_node, FileTypeExt::is_char_device)).flatten();
        let char = char.unwrap_or((0, 0));
        let mut text = format!(
            "dev id {}: nr_hw_queues {} queue_depth {} block size {} dev_capacity {}\n\
             \tmax rq size {} daemon pid {} flags 0x{:x} state {}\n\
             \tublkc: {}:{} ublkb: {}:{} owner: {}:{}\n",
            self.id,
            dev.nr_hw_queues,
            dev.queue_depth,
            target.block_size,
            target.size_bytes / vpt_model::SECTOR_BYTES,
            dev.max_io_buf_bytes,
            dev.ublksrv_pid,
            dev.flags,
            self.life.name(),
            char.0,
            char.1,
            block.0,
            block.1,
            dev.owner_uid,
            dev.owner_gid,
        );
        for queue in &self.record.queues {
            let cpus = affinity(dev.ublksrv_pid, queue.tid);
            text += &format!("\tqueue {}: tid {} affinity({cpus})\n", queue.qid, queue.tid);
        }
        text += &format!("\ttarget {}\n", self.target());
        text
    }

    fn target(&self) -> Value {
        let target = &self.record.target;
        json!({
            "type": target.kind, "disk": target.disk, "image": target.image,
            "front": target.front, "path": target.path, "k": self.k,
        })
    }

    fn more(&self, state: &StateDir) -> String {
        let mount = self.record.cleanup.mount.display().to_string();
        let mut text =
            if mount.is_empty() { String::new() } else { format!("\tmounted on {mount}\n") };
        text += &format!("\tread only {}\n", self.record.target.read_only);
        for (what, ending) in [("record", "json"), ("socket", "sock"), ("log", "log")] {
            text += &format!("\t{what} {}\n", state.file(self.id, ending).display());
        }
        for note in &self.record.notes {
            text += &format!("\tnote: {note}\n");
        }
        text
    }

    fn json(&self, state: &StateDir) -> Value {
        let dev = &self.record.dev_info;
        let target = &self.record.target;
        json!({
            "id": self.id, "state": self.life.name(), "pid": dev.ublksrv_pid,
            "device": target.path, "front": target.front, "disk": target.disk,
            "image": target.image, "size_bytes": target.size_bytes,
            "block_size": target.block_size, "queues": dev.nr_hw_queues,
            "depth": dev.queue_depth, "read_only": target.read_only, "k": self.k,
            "mount": self.record.cleanup.mount, "owner_uid": dev.owner_uid,
            "socket": state.file(self.id, "sock"), "log": state.file(self.id, "log"),
            "notes": self.record.notes,
        })
    }
}

/// Major and minor number, if it is a node of the wanted kind.
fn numbers(path: &Path, wanted: fn(&FileType) -> bool) -> Option<(u32, u32)> {
    // Only names under /dev are looked at: a file of a stopped daemon would not answer.
    let meta = path.starts_with("/dev").then(|| path.metadata().ok()).flatten()?;
    let number = meta.rdev();
    wanted(&meta.file_type()).then(|| (rustix::fs::major(number), rustix::fs::minor(number)))
}

/// The CPUs a thread may run on: `0 1 4`.
fn affinity(pid: u32, tid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status"));
    let status = status.unwrap_or_default(); // ended meanwhile
    let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap_or("");
    cpus(list).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// `0-2,5` to its members.
fn cpus(list: &str) -> Vec<u32> {
    list.trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists() {
        assert_eq!(cpus("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(cpus(""), [0_u32; 0]);
        assert!(!affinity(std::process::id(), std::process::id()).is_empty());
    }

    #[test]
    fn block_numbers_only_of_block_devices() {
        let block = FileTypeExt::is_block_device;
        assert_eq!(numbers(Path::new("/dev/null"), block), None);
        assert_eq!(numbers(Path::new("/dev/null"), FileTypeExt::is_char_device), Some((1, 3)));
        assert_eq!(numbers(Path::new("/proc/self/exe"), block), None);
    }
}
