//! The running experiment's side of `lgbench ctl`: a line of words in, a line of text out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use daemonkit::client::{CallError, call};
use daemonkit::server::{Answer, Handler, Limits, Peer, Server};

use crate::controller::Mode;
use crate::controller::mailbox::Mailbox;

/// Longest line in either direction.
pub(super) const MAX_LINE: usize = 4096;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that begins so is an error.
pub(super) const REFUSAL: &str = "error: ";

/// The usual place of the socket.
pub(super) fn usual_path() -> PathBuf {
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let root = rustix::process::geteuid().is_root().then(|| PathBuf::from("/run"));
    let folder = run.filter(|run| run.is_dir()).or(root).unwrap_or_else(std::env::temp_dir);
    folder.join("lgbench.sock")
}

/// Listens. Refuses where another experiment does: two at once would disturb each other.
pub(super) fn listen(path: &Path, mailbox: Arc<Mailbox>, stop: Arc<AtomicBool>) -> Result<Server> {
    match call(path, "status", PATIENCE, MAX_LINE) {
        Err(CallError::Absent(_)) => {}
        Ok(_) => bail!(
            "another lgbench is measuring ({}); wait for its end, or give --control PATH",
            path.display()
        ),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("{} is in use; give --control PATH", path.display()));
        }
    }
    let limits = Limits { max_line: MAX_LINE, ..Limits::default() };
    let started = Server::start(path, limits, Words { mailbox, stop });
    started.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!(
            "cannot listen on {}: there is no such folder; give --control PATH",
            path.display()
        ),
        _ => anyhow::Error::new(error)
            .context(format!("cannot listen on {}; give --control PATH", path.display())),
    })
}

struct Words {
    mailbox: Arc<Mailbox>,
    stop: Arc<AtomicBool>,
}

impl Words {
    fn answer(&self, line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (about, mode, guests) = self.mailbox.status();
        match &words[..] {
            ["status"] => {
                let mode = mode.map_or_else(|| "between runs".to_owned(), |mode| mode.to_string());
                Ok(format!("{about}, {guests} guests, mode {mode}"))
            }
            ["stop"] => {
                self.stop.store(true, SeqCst);
                Ok("stopping".to_owned())
            }
            words => {
                let wish = Mode::from_words(words).map_err(|error| error.to_string())?;
                if let Mode::Once { first, .. } = wish
                    && first >= guests
                {
                    return Err(format!("there is no guest {}: {guests} run", first + 1));
                }
                self.mailbox.put(wish);
                Ok(format!("mode {wish}"))
            }
        }
    }
}

impl Handler for Words {
    fn line(&mut self, peer: &Peer, line: &[u8]) -> Answer {
        let answer = if peer.may_control() {
            let text = std::str::from_utf8(line).map_err(|_| "not text".to_owned());
            text.and_then(|line| self.answer(line))
        } else {
            Err("only the user who runs the experiment may change it".to_owned())
        };
        Answer::last(answer.unwrap_or_else(|why| self.refuse(&why)))
    }

    fn refuse(&mut self, reason: &str) -> String {
        format!("{REFUSAL}{reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_wishes() {
        let mailbox = Arc::new(Mailbox::default());
        let stop = Arc::new(AtomicBool::new(false));
        let words = Words { mailbox: Arc::clone(&mailbox), stop: Arc::clone(&stop) };
        mailbox.begin("fig6 alternate", 2);
        assert_eq!(words.answer("status").unwrap(), "fig6 alternate, 2 guests, mode between runs");
        assert_eq!(words.answer("alternate 4ms").unwrap(), "mode alternate 4ms");
        let interval = Duration::from_millis(4);
        assert_eq!(mailbox.take(), Some(Mode::Alternate { interval }));
        assert_eq!(words.answer("once 3 1s").unwrap_err(), "there is no guest 3: 2 run");
        assert!(words.answer("").unwrap_err().starts_with("there is no mode"));
        assert_eq!(mailbox.take(), None);
        words.answer("stop").unwrap();
        assert!(stop.load(SeqCst));
    }

    #[test]
    fn one_experiment_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listen = || listen(&path, Arc::default(), Arc::default());
        let server = listen().unwrap();
        assert!(listen().unwrap_err().to_string().starts_with("another lgbench is measuring"));
        drop(server);
        drop(listen().unwrap());
        let nowhere = dir.path().join("none/s");
        let error = super::listen(&nowhere, Arc::default(), Arc::default()).unwrap_err();
        assert!(error.to_string().contains("there is no such folder"), "{error}");
    }
}
