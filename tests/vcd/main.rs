//! The card's screen as people see it: the page in a real browser, the picture in a real VNC client.
//!
//! VCD_SHOTS=FOLDER keeps pictures of the page there.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod browser;
mod chromium;
mod devtools;
mod picture;
mod vnc;
