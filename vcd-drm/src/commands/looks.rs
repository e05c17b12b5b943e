//! Where the picture is to be shown, as typed.

use std::net::SocketAddr;

use anyhow::Result;

use super::cli::LookArgs;
use crate::screen::Screen;
use crate::sink::{Secret, Settings, Sink, browser, kms, rfb};

/// Starts all that was asked for, and tells people where to look.
pub(super) fn start(args: &LookArgs, screen: &Screen) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks = Vec::new();
    let mut add = |settings: Settings, made_up: Option<Secret>| {
        let sink = settings.start(screen)?;
        eprintln!("vcd: {}: {}", sink.kind(), sink.place());
        if let Some(secret) = made_up {
            eprintln!("vcd: {}: the secret is {}", sink.kind(), secret.text());
        }
        sinks.push(sink);
        Ok::<(), anyhow::Error>(())
    };
    if let Some(address) = args.browser {
        let (token, _) = secret(args, address)?; // is in the place
        add(
            Settings::Browser(browser::Settings { token, ..browser::Settings::at(address) }),
            None,
        )?;
    }
    if let Some(address) = args.rfb {
        let (password, made_up) = secret(args, address)?;
        add(Settings::Rfb(rfb::Settings { password, ..rfb::Settings::at(address) }), made_up)?;
    }
    if let Some(device) = &args.kms {
        add(Settings::Kms(kms::Settings::at(device)), None)?;
    }
    Ok(sinks)
}

/// What viewers have to know, and the same again if nobody knows it yet.
fn secret(args: &LookArgs, address: SocketAddr) -> Result<(Option<Secret>, Option<Secret>)> {
    if let Some(path) = &args.secret {
        return Ok((Some(Secret::read(path)?), None));
    }
    if address.ip().is_loopback() {
        return Ok((None, None));
    }
    let secret = Secret::random()?;
    Ok((Some(secret.clone()), Some(secret)))
}
