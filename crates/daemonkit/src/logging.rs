//! Where messages go and how many of them.

use tracing_subscriber::EnvFilter;

/// How the messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line for people, with the time in UTC.
    Text,
    /// One line for people without a time: what collects them (journald) adds its own.
    Untimed,
}

/// Sends this process's messages to its standard error.
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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // An error here means only that somebody else was first.
    let _ = match shape {
        Shape::Text => builder.try_init().is_ok(),
        Shape::Untimed => builder.without_time().try_init().is_ok(),
    };
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}; using {default_level}");
    }
}
