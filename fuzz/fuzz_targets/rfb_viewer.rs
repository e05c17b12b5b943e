//! What a VNC viewer sends, in whatever portions, with and without a password between it and the
//! picture: nothing panics, no message grows, and nothing is sent that was not asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcd_drm::sink::Secret;
use vcd_drm::sink::rfb::rehearse;

/// An update of all of the rehearsal's picture is not larger, and no answer of the handshake is.
const MOST_BYTES_OF_AN_UPDATE: usize = 64 * 64 * 4 + 4096;

fuzz_target!(|data: &[u8]| {
    let [how, portion, input @ ..] = data else { return };
    let password = (how & 1 != 0).then(|| Secret::new("sesame-1")).and_then(Result::ok);
    // The shortest way through the handshake is one that is not worth being found again and again.
    let hello: &[u8] = if how & 2 != 0 { b"RFB 003.008\n\x01\x01" } else { b"" };
    let said = [hello, input].concat();
    let portion = usize::from(*portion) + 1;
    let sent = rehearse(&said, portion, password.as_ref());
    // Not more than an update for each portion, in which requests add up.
    assert!(sent <= (said.len() / portion + 2) * MOST_BYTES_OF_AN_UPDATE);
});
