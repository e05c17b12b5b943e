//! Where the picture is to be shown, as typed.

use std::net::SocketAddr;

use anyhow::Result;

use super::cli::LookArgs;
use crate::screen::Screen;
use crate::sink::{Secret, Settings, Sink, browser, kms, rfb};

/// Starts all that was asked for, and tells people where to look.
pub(super) fn start(args: &LookArgs, screen: &Screen) -> Result<Vec<Box<dyn Sink>>> {
    let mut all = Vec::new();
    if let Some(address) = args.browser {
        let token = secret(args, address, "token")?;
        all.push(Settings::Browser(browser::Settings { token, ..browser::Settings::at(address) }));
    }
    if let Some(address) = args.rfb {
        let password = secret(args, address, "password")?;
        all.push(Settings::Rfb(rfb::Settings { password, ..rfb::Settings::at(address) }));
    }
    if let Some(device) = &args.kms {
        all.push(Settings::Kms(kms::Settings::at(device)));
    }
    let mut sinks = Vec::new();
    for settings in all {
        let sink = settings.start(screen)?;
        eprintln!("vcd: {}: {}", sink.kind(), sink.place());
        sinks.push(sink);
    }
    Ok(sinks)
}

/// What viewers have to know.
fn secret(args: &LookArgs, address: SocketAddr, what: &str) -> Result<Option<Secret>> {
    if let Some(path) = &args.secret {
        return Ok(Some(Secret::read(path)?));
    }
    if address.ip().is_loopback() {
        return Ok(None);
    }
    let secret = Secret::random()?;
    eprintln!("vcd: {what} for {address}: {}", secret.text());
    Ok(Some(secret))
}
