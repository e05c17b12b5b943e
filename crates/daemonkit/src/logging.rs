//! Where messages go and how many of them.

use rustix::fs::fstat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How the messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line for people on standard error, with the time in UTC.
    Text,
    /// To systemd's journal, each field of a message as a field of its own, `UBLK_` and its name in
    /// capitals; or, where that cannot be reached, as text without a time.
    Journal,
}

/// What the fields of our messages begin with in the journal.
const FIELD_PREFIX: &str = "UBLK";

/// Whether what this process writes to standard error ends in systemd's journal.
///
/// The variable alone does not say so: whatever a service starts inherits it, wherever its output goes.
pub fn goes_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Sends this process's messages to where `shape` says.
///
/// `variable` names the environment variable that overrides `default_level` (`info`, `debug`, or a
/// filter like `ublk_vpt=debug,warn`). A filter that cannot be read is reported and the default used.
/// The first call wins; later ones do nothing.
pub fn init(variable: &str, default_level: &str, shape: Shape) {
    let (filter, complaint) = match std::env::var(variable) {
        Err(_) => (EnvFilter::new(default_level), None),
        Ok(text) => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(e) => (EnvFilter::new(default_level), Some(format!("{variable}={text}: {e}"))),
        },
    };
    let journal = (shape == Shape::Journal).then(tracing_journald::layer).and_then(Result::ok);
    // An error here means only that somebody else was first.
    let _ = if let Some(journal) = journal {
        let journal = journal.with_field_prefix(Some(FIELD_PREFIX.to_owned()));
        tracing_subscriber::registry().with(filter).with(journal).try_init().is_ok()
    } else {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false);
        match shape {
            Shape::Text => builder.try_init().is_ok(),
            Shape::Journal => builder.without_time().try_init().is_ok(),
        }
    };
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}; using {default_level}");
    }
}
