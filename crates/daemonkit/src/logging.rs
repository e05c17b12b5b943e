//! Where messages go and how many of them.

use std::fmt::{Debug, Write};

use rustix::fs::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

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
/// Messages whose whole text is one of `normal` are dropped: what a library takes for a fault and its
/// caller knows to be none. The first call wins; later ones do nothing.
pub fn init(variable: &str, default_level: &str, shape: Shape, normal: &'static [&'static str]) {
    let (filter, complaint) = match std::env::var(variable) {
        Err(_) => (EnvFilter::new(default_level), None),
        Ok(text) => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(e) => (EnvFilter::new(default_level), Some(format!("{variable}={text}: {e}"))),
        },
    };
    let journal = (shape == Shape::Journal).then(tracing_journald::layer).and_then(Result::ok);
    let all = tracing_subscriber::registry().with(filter).with(Normal(normal));
    let text = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // An error here means only that somebody else was first.
    let _ = match (journal, shape) {
        (Some(journal), _) => {
            all.with(journal.with_field_prefix(Some(FIELD_PREFIX.to_owned()))).try_init()
        }
        (None, Shape::Text) => all.with(text).try_init(),
        (None, Shape::Journal) => all.with(text.without_time()).try_init(),
    };
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}; using {default_level}");
    }
}

/// Keeps messages with these texts from every layer.
struct Normal(&'static [&'static str]);

impl<S: Subscriber> Layer<S> for Normal {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let mut text = Text::default();
        if !self.0.is_empty() {
            event.record(&mut text);
        }
        !self.0.contains(&text.0.as_str())
    }
}

/// The text of a message.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Writes down the texts of what reaches it.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }

    #[test]
    fn drops_what_is_normal_and_nothing_else() {
        let heard = Heard::default();
        let all = tracing_subscriber::registry().with(Normal(&["as ever", "7 of 8"]));
        tracing::subscriber::with_default(all.with(heard.clone()), || {
            tracing::error!("as ever");
            tracing::error!("{} of {}", 7, 8);
            tracing::error!(cause = "as ever", "not as ever");
            tracing::error!("as ever, or nearly");
            tracing::info!(cause = 3);
        });
        let heard = heard.0.lock().unwrap();
        assert_eq!(*heard, ["not as ever", "as ever, or nearly", ""]);
    }
}
