//! `vcd run`.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use daemonkit::metrics::{MetricsAddress, MetricsServer};

use super::cli::RunArgs;
use super::{card, looks};
use crate::daemon::Cycle;
use crate::daemon::control::{self, Orders};
use crate::daemon::metrics;
use crate::play::{KernelMachine, Player};
use crate::screen::Screen;
use crate::sink::{Settings, png};
use crate::trace::Recorder;

pub(super) fn run(args: &RunArgs) -> Result<()> {
    daemonkit::logging::init("VCD_LOG", "info", daemonkit::logging::Shape::Text, &[]);
    let layout = card::layout(&args.card)?;
    let (publisher, screen) = Screen::new().context("no screen")?;
    let orders = Orders::new().context("no event descriptor")?;
    let ended = Arc::new(AtomicBool::new(false));
    let _signals = daemonkit::signals::StopSignals::install({
        let (ended, bell) = (Arc::clone(&ended), Arc::clone(orders.bell()));
        move |_| {
            ended.store(true, Ordering::Release);
            bell.ring();
        }
    })
    .context("signals")?;
    let machine = KernelMachine::new(&layout)?;
    let mut player = Player::new(layout, machine);
    player.set_threads(args.threads.start()?);
    let failure = match &args.trace {
        None => None,
        Some(path) => {
            let name = || path.display().to_string();
            let file = BufWriter::new(File::create(path).with_context(name)?);
            let (recorder, failure) =
                Recorder::new(file, player.card().layout()).with_context(name)?;
            player.set_listener(Some(Box::new(recorder)));
            Some(failure)
        }
    };
    let mut sinks = looks::start(&args.looks, &screen)?;
    if let Some(path) = &args.png {
        sinks.push(Settings::Png(png::Settings::to(path)).start(&screen)?);
    }
    let (number, address) = {
        let card = player.machine().card();
        (card.number(), card.address())
    };
    let socket = args.socket.clone().unwrap_or_else(|| control::socket(number));
    let server = control::listen(&socket, orders.clone(), screen)
        .with_context(|| socket.display().to_string())?;
    let metrics =
        args.metrics.as_ref().map(|address| serve_metrics(address, &orders)).transpose()?;
    println!("card {number} at {address}, control socket {}", socket.display());
    let mut ready = daemonkit::ready::Readiness::foreground();
    ready.ready(&serde_json::json!({ "card": number }), "playing").context("readiness")?;
    let played = Cycle::new(player, publisher, sinks, orders).run(|| ended.load(Ordering::Acquire));
    daemonkit::ready::stopping();
    server.stop();
    drop(metrics);
    if let (Some(error), Some(path)) = (failure.and_then(|failure| failure.take()), &args.trace) {
        return Err(error).with_context(|| path.display().to_string());
    }
    Ok(played?)
}

fn serve_metrics(address: &MetricsAddress, orders: &Orders) -> Result<MetricsServer> {
    let orders = orders.clone();
    let figures = move || orders.stats().as_ref().map(metrics::render).unwrap_or_default();
    let server =
        MetricsServer::start(address, figures).with_context(|| format!("--metrics {address}"))?;
    if address.is_open() {
        tracing::warn!("metrics can be read by other machines: {address}");
    }
    Ok(server)
}
