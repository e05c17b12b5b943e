//! Asking the devices: each from a thread of its own, so that one that hangs holds up nobody.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::board::{Answer, Present, Word};
use crate::commands::Failure;
use crate::control::{Client, ClientError};
use crate::state::{LifeState, Record, StateDir};

/// How long a daemon may take; then it is shown as silent, and asked again.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Where answers go; called from the askers' threads. False: nobody listens any more.
pub(super) type Deliver = Arc<dyn Fn(Answer) -> bool + Send + Sync>;

/// Finds the devices and asks them.
pub(super) struct Poller {
    state: StateDir,
    only: Option<u32>,
    deliver: Deliver,
    askers: BTreeMap<u32, Asker>,
}

struct Asker {
    present: Present,
    /// Whether with the history of k.
    asks: SyncSender<bool>,
}

impl Poller {
    /// Of the devices in `state`, or of one of them.
    pub(super) fn new(state: &StateDir, only: Option<u32>, deliver: Deliver) -> Self {
        Self { state: state.clone(), only, deliver, askers: BTreeMap::new() }
    }

    /// Asks every device, the one that is `selected` for the history of k too, and says which there are.
    /// Does not wait for answers.
    ///
    /// # Errors
    /// The state directory cannot be read, or no thread can be started.
    pub(super) fn look(&mut self, selected: Option<u32>) -> Result<Vec<Present>, Failure> {
        for id in self.state.ids()? {
            if self.only.is_none_or(|only| only == id)
                && let Some(present) = self.newcomer(id)?
            {
                let asker = self.asker(present).map_err(|e| {
                    Failure::Failed(format!("cannot start a thread for device {id}: {e}"))
                })?;
                self.askers.insert(id, asker);
            }
        }
        self.askers.retain(|&id, asker| {
            // One that is still busy with the last question is left alone; one that has found its
            // device ended is no longer there.
            let asked = asker.asks.try_send(selected == Some(id));
            !matches!(asked, Err(TrySendError::Disconnected(_)))
        });
        Ok(self.askers.values().map(|a| a.present.clone()).collect())
    }

    /// Device `id`, if it lives and is not the one already known.
    fn newcomer(&self, id: u32) -> Result<Option<Present>, Failure> {
        // A record that cannot be read is for `ublk list` to complain about.
        let Ok(Some(record)) = Record::read(&self.state.file(id, "json")) else { return Ok(None) };
        let pid = record.dev_info.ublksrv_pid;
        if self.askers.get(&id).is_some_and(|known| known.present.pid == pid) {
            return Ok(None);
        }
        // Looking at the lock holds it for a moment, so it is done once per device, not at every look.
        if self.state.living(id)?.is_none() {
            return Ok(None);
        }
        Ok(Some(Present { id, pid, disk: record.target.disk, front: record.target.front }))
    }

    fn asker(&self, present: Present) -> io::Result<Asker> {
        let (asks, questions) = sync_channel(1);
        let (state, deliver) = (self.state.clone(), Arc::clone(&self.deliver));
        let (id, pid) = (present.id, present.pid);
        // Nobody waits for these threads: they end with their device or with the program.
        thread::Builder::new()
            .name(format!("ask {id}"))
            .spawn(move || ask(&state, id, pid, &questions, &deliver))?;
        Ok(Asker { present, asks })
    }
}

/// Asks until the device has ended or there are no more questions.
fn ask(state: &StateDir, id: u32, pid: u32, questions: &Receiver<bool>, deliver: &Deliver) {
    let client = Client::new(state, id).patience(PATIENCE);
    for with_epochs in questions {
        let word = match client.stats(with_epochs) {
            Ok(report) => Word::Report(Box::new(report)),
            Err(e) => why(state, id, pid, &e),
        };
        let ended = matches!(word, Word::Dead | Word::Gone);
        if !deliver(Answer { id, pid, word }) || ended {
            return;
        }
    }
}

/// Why a device does not answer.
fn why(state: &StateDir, id: u32, pid: u32, error: &ClientError) -> Word {
    let record = Record::read(&state.file(id, "json")).ok().flatten();
    let record = record.filter(|r| r.dev_info.ublksrv_pid == pid);
    let alive = matches!(state.living(id), Ok(Some(_)));
    match record {
        None => Word::Gone,
        Some(_) if !alive => Word::Dead,
        Some(record)
            if record.dev_info.state == LifeState::Starting
                && matches!(error, ClientError::Absent { .. }) =>
        {
            Word::Starting
        }
        Some(_) => Word::Silent(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Instant;

    use daemonkit::lock::LockFile;

    use super::*;
    use crate::daemon::device::DeviceConfig;

    const STEP: Duration = Duration::from_secs(20);

    fn record(state: &StateDir, id: u32, life: LifeState) {
        let mut record = Record::starting(&DeviceConfig { id, ..DeviceConfig::default() });
        record.dev_info.state = life;
        record.target.disk = "Cheetah".into();
        record.write(&state.file(id, "json")).unwrap();
    }

    fn poller(state: &StateDir, only: Option<u32>) -> (Poller, Receiver<Answer>) {
        let (sender, answers) = channel();
        let deliver: Deliver = Arc::new(move |answer| sender.send(answer).is_ok());
        (Poller::new(state, only, deliver), answers)
    }

    #[test]
    fn a_device_that_never_answers_is_silent_and_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let _lock = LockFile::try_lock(&state.file(3, "lock")).unwrap();
        record(&state, 3, LifeState::Live);
        // Accepts by the kernel's queue, and never reads.
        let _socket = std::os::unix::net::UnixListener::bind(state.file(3, "sock")).unwrap();
        let (mut poller, answers) = poller(&state, None);
        let begun = Instant::now();
        for _ in 0..5 {
            assert_eq!(poller.look(Some(3)).unwrap().len(), 1);
        }
        assert!(begun.elapsed() < PATIENCE, "looking waited for an answer");
        let answer = answers.recv_timeout(STEP).unwrap();
        assert!(
            matches!(&answer.word, Word::Silent(why) if why.contains("device 3")),
            "{answer:?}"
        );
    }

    #[test]
    fn life_and_death_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let lock = LockFile::try_lock(&state.file(0, "lock")).unwrap();
        record(&state, 0, LifeState::Starting);
        record(&state, 7, LifeState::Live); // dead before we came: nobody holds its lock
        let (mut poller, answers) = poller(&state, None);
        let seen = poller.look(None).unwrap();
        assert_eq!(seen.iter().map(|p| p.id).collect::<Vec<_>>(), [0]);
        assert_eq!(seen[0].disk, "Cheetah");
        assert_eq!(answers.recv_timeout(STEP).unwrap().word, Word::Starting);
        drop(lock);
        poller.look(None).unwrap();
        assert_eq!(answers.recv_timeout(STEP).unwrap().word, Word::Dead);
        let until = Instant::now() + STEP;
        while !poller.look(None).unwrap().is_empty() {
            assert!(Instant::now() < until, "the dead device stays");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_deleted_device_is_gone_and_others_are_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let _locks = [1, 2].map(|id| LockFile::try_lock(&state.file(id, "lock")).unwrap());
        record(&state, 1, LifeState::Starting);
        record(&state, 2, LifeState::Starting);
        let (mut poller, answers) = poller(&state, Some(2));
        assert_eq!(poller.look(None).unwrap().len(), 1);
        assert_eq!(answers.recv_timeout(STEP).unwrap().id, 2);
        std::fs::remove_file(state.file(2, "json")).unwrap();
        poller.look(None).unwrap();
        assert_eq!(answers.recv_timeout(STEP).unwrap().word, Word::Gone);
    }
}
