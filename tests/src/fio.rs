//! The load generator.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Running, Said};

/// One fio job. Direct I/O, 4 KiB blocks, random reads, unless told otherwise.
#[derive(Debug)]
pub struct Fio(Vec<String>);

impl Fio {
    /// A job on a file or device.
    pub fn on(file: &Path) -> Self {
        let job = Self(vec!["--name=job".into(), "--output-format=json".into()]);
        job.set("filename", file.display())
            .set("rw", "randread")
            .set("bs", "4k")
            .set("direct", 1)
            .set("ioengine", "libaio")
            // Threads and no shared state: many of these run at once.
            .set("thread", 1)
            .set("fallocate", "none")
            // The same requests in every run, and another order than that of the model's seeds.
            .set("randseed", 20_251_120)
    }

    /// A job on an NBD server, by its URI.
    pub fn nbd(uri: &Path) -> Self {
        let Self(mut arguments) = Self::on(uri);
        arguments.retain(|argument| !argument.starts_with("--filename="));
        Self(arguments).set("ioengine", "nbd").set("uri", uri.display())
    }

    /// Sets an option.
    #[must_use]
    pub fn set(mut self, option: &str, value: impl std::fmt::Display) -> Self {
        self.0.push(format!("--{option}={value}"));
        self
    }

    /// Writes at random and reads all of it back, comparing checksums; stops at the first wrong one.
    #[must_use]
    pub fn verified(self) -> Self {
        self.set("rw", "randwrite")
            .set("verify", "crc32c")
            .set("verify_fatal", 1)
            .set("do_verify", 1)
    }

    /// Runs it.
    ///
    /// # Panics
    /// When it reports any error.
    #[track_caller]
    pub fn run(self) -> Job {
        Job::of(Said::of(&mut self.command()))
    }

    /// Starts it beside the test.
    #[track_caller]
    pub fn start(self) -> Running {
        Running::start(&mut self.command())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("fio");
        // It writes files of verification state where it stands.
        command.current_dir(std::env::temp_dir()).arg("--verify_state_save=0").args(&self.0);
        command
    }
}

/// What fio reports of its job.
#[derive(Debug)]
pub struct Job(Value);

impl Job {
    /// Of a run that ended well.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn of(said: Said) -> Self {
        assert!(said.status.success(), "{said}");
        // It may print notes before the object.
        let text = said.out.find('{').map_or("", |at| &said.out[at..]);
        let report: Value = serde_json::from_str(text).expect("fio prints JSON");
        let job = report["jobs"][0].clone();
        assert_eq!(job["error"], 0, "{said}");
        Self(job)
    }

    /// A figure by its path, such as `/read/iops`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn figure(&self, path: &str) -> f64 {
        let figure = self.0.pointer(path).and_then(Value::as_f64);
        figure.unwrap_or_else(|| panic!("fio reports no {path}"))
    }
}
