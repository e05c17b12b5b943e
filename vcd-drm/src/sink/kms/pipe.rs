//! Setting a mode and showing a buffer: by atomic commits where the driver has them, else by the older
//! calls.

use std::io;

use drm::control::atomic::AtomicModeReq;
use drm::control::property::{self, Value};
use drm::control::{
    AtomicCommitFlags, Device as _, Mode, PageFlipFlags, ResourceHandle, connector, crtc,
    framebuffer, plane,
};
use drm::{ClientCapability, Device as _};

use super::card::{Card, Output};

/// The way to one monitor.
#[derive(Debug)]
pub(super) struct Pipe<'a> {
    card: &'a Card,
    connector: connector::Handle,
    crtc: crtc::Handle,
    mode: Mode,
    atomic: Option<Atomic>,
}

/// The properties that atomic commits set.
#[derive(Debug)]
struct Atomic {
    plane: plane::Handle,
    plane_fb: property::Handle,
    plane_crtc: property::Handle,
    /// x, y, width and height of the part of the buffer, in 1/65536, and of the place on the screen.
    source: [property::Handle; 4],
    place: [property::Handle; 4],
    crtc_mode: property::Handle,
    crtc_active: property::Handle,
    connector_crtc: property::Handle,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(card: &'a Card, output: &Output, mode: Mode) -> Self {
        let atomic = Atomic::find(card, output);
        Self { card, connector: output.connector, crtc: output.crtc, mode, atomic }
    }

    /// Sets the mode, with a buffer to show. A driver may refuse a commit that it takes by the older
    /// call, as one that has a plane of its own for the console.
    pub(super) fn set_mode(&mut self, buffer: framebuffer::Handle) -> io::Result<()> {
        if let Some(atomic) = &self.atomic {
            if self.commit_mode(atomic, buffer).is_ok() {
                return Ok(());
            }
            self.atomic = None;
        }
        self.card.set_crtc(self.crtc, Some(buffer), (0, 0), &[self.connector], Some(self.mode))
    }

    fn commit_mode(&self, atomic: &Atomic, buffer: framebuffer::Handle) -> io::Result<()> {
        let (width, height) = self.mode.size();
        let sides = [0, 0, u64::from(width), u64::from(height)];
        let blob = self.card.create_property_blob(&self.mode)?;
        let mut request = AtomicModeReq::new();
        request.add_property(self.connector, atomic.connector_crtc, Value::CRTC(Some(self.crtc)));
        request.add_property(self.crtc, atomic.crtc_mode, blob);
        request.add_property(self.crtc, atomic.crtc_active, Value::Boolean(true));
        let plane = atomic.plane;
        request.add_property(plane, atomic.plane_fb, Value::Framebuffer(Some(buffer)));
        request.add_property(plane, atomic.plane_crtc, Value::CRTC(Some(self.crtc)));
        for (at, side) in sides.into_iter().enumerate() {
            request.add_property(plane, atomic.source[at], Value::UnsignedRange(side << 16));
            request.add_property(plane, atomic.place[at], Value::UnsignedRange(side));
        }
        let done = self.card.atomic_commit(AtomicCommitFlags::ALLOW_MODESET, request);
        if let Value::Blob(blob) = blob {
            // The mode that is set keeps what it needs.
            let _ = self.card.destroy_property_blob(blob);
        }
        done
    }

    /// Shows another buffer from the next frame on; an event tells when.
    pub(super) fn flip(&self, buffer: framebuffer::Handle) -> io::Result<()> {
        let Some(atomic) = &self.atomic else {
            return self.card.page_flip(self.crtc, buffer, PageFlipFlags::EVENT, None);
        };
        let mut request = AtomicModeReq::new();
        request.add_property(atomic.plane, atomic.plane_fb, Value::Framebuffer(Some(buffer)));
        let flags = AtomicCommitFlags::PAGE_FLIP_EVENT | AtomicCommitFlags::NONBLOCK;
        self.card.atomic_commit(flags, request)
    }
}

impl Atomic {
    fn find(card: &Card, output: &Output) -> Option<Self> {
        card.set_client_capability(ClientCapability::UniversalPlanes, true).ok()?;
        card.set_client_capability(ClientCapability::Atomic, true).ok()?;
        let plane = primary(card, output.crtc)?;
        let on_plane = |name: &str| property(card, plane, name).map(|(handle, _)| handle);
        let on_crtc = |name: &str| property(card, output.crtc, name).map(|(handle, _)| handle);
        let four = |names: [&str; 4]| {
            let [x, y, width, height] = names.map(on_plane);
            Some([x?, y?, width?, height?])
        };
        Some(Self {
            plane,
            plane_fb: on_plane("FB_ID")?,
            plane_crtc: on_plane("CRTC_ID")?,
            source: four(["SRC_X", "SRC_Y", "SRC_W", "SRC_H"])?,
            place: four(["CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H"])?,
            crtc_mode: on_crtc("MODE_ID")?,
            crtc_active: on_crtc("ACTIVE")?,
            connector_crtc: property(card, output.connector, "CRTC_ID")?.0,
        })
    }
}

/// The number of a primary plane among the kinds of planes.
const PRIMARY: u64 = 1;

/// The plane that has a CRTC's picture.
fn primary(card: &Card, crtc: crtc::Handle) -> Option<plane::Handle> {
    let resources = card.resource_handles().ok()?;
    card.plane_handles().ok()?.into_iter().find(|plane| {
        let reaches = card
            .get_plane(*plane)
            .is_ok_and(|info| resources.filter_crtcs(info.possible_crtcs()).contains(&crtc));
        reaches && property(card, *plane, "type").is_some_and(|(_, value)| value == PRIMARY)
    })
}

/// A property and its value, by name.
fn property<T: ResourceHandle>(card: &Card, of: T, name: &str) -> Option<(property::Handle, u64)> {
    let all = card.get_properties(of).ok()?;
    all.iter().map(|(handle, value)| (*handle, *value)).find(|(handle, _)| {
        card.get_property(*handle).is_ok_and(|info| info.name().to_bytes() == name.as_bytes())
    })
}
