//! The DRM device, and what is attached to it.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use drm::Device as _;
use drm::control::{Device as _, Mode, connector, crtc};
use rustix::io::Errno;

use super::Error;

/// The device, of which this process is the master.
#[derive(Debug)]
pub(super) struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

/// A connected monitor and what drives it.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) connector: connector::Handle,
    pub(super) crtc: crtc::Handle,
    pub(super) modes: Vec<Mode>,
}

impl Card {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let card = Self(file.map_err(|cause| Error::Open { path: path.to_owned(), cause })?);
        // Whoever opens it first is master already, and this changes nothing.
        card.acquire_master_lock().map_err(|cause| match Errno::from_io_error(&cause) {
            Some(Errno::BUSY | Errno::ACCESS | Errno::PERM | Errno::INVAL) => {
                Error::Busy(path.to_owned())
            }
            _ => Error::Call { what: "let us be its master", cause },
        })?;
        Ok(card)
    }

    /// The monitor at a connector, or the first there is.
    pub(super) fn output(&self, path: &Path, wanted: Option<&str>) -> Result<Output, Error> {
        let failed = Error::call("tell what is attached");
        let resources = self.resource_handles().map_err(&failed)?;
        let mut names = Vec::new();
        for &handle in resources.connectors() {
            let found = self.get_connector(handle, true).map_err(&failed)?;
            let name = found.to_string();
            let monitor = found.state() == connector::State::Connected && !found.modes().is_empty();
            let chosen = monitor && wanted.is_none_or(|wanted| wanted == name);
            names.push(name);
            if !chosen {
                continue;
            }
            let mut encoders: Vec<_> = found.current_encoder().into_iter().collect();
            encoders.extend(found.encoders());
            for encoder in encoders {
                let encoder = self.get_encoder(encoder).map_err(&failed)?;
                let possible = resources.filter_crtcs(encoder.possible_crtcs());
                if let Some(crtc) = encoder.crtc().or_else(|| possible.first().copied()) {
                    return Ok(Output { connector: handle, crtc, modes: found.modes().to_vec() });
                }
            }
        }
        let path = path.to_owned();
        Err(match wanted {
            None => Error::NoMonitor(path),
            Some(connector) => {
                let there = if names.is_empty() { "none".into() } else { names.join(", ") };
                Error::NoConnector { path, connector: connector.to_owned(), there }
            }
        })
    }
}
