//! A viewer without a socket or a thread, for tests and fuzzing: whatever it sends, nothing may panic,
//! and the server's side may not grow.

use super::auth;
use super::encode::Encoder;
use super::session::{LONGEST, Session};
use crate::screen::{Screen, Size};
use crate::sink::Secret;

/// Most pixels of an update here.
const MOST_PIXELS: usize = 64 * 64;

/// Lets a viewer say `input` in portions of `portion` bytes, and answers all it asks for. Returns how
/// many bytes it was sent.
///
/// # Panics
/// When the server's side does what it must not.
pub fn rehearse(input: &[u8], portion: usize, password: Option<&Secret>) -> usize {
    let Ok((mut publisher, screen)) = Screen::new() else { return 0 };
    let size = Size::new(70, 67);
    publisher.set_mode(size);
    let mut viewer = screen.viewer();
    viewer.take();
    let canvas = viewer.canvas();
    let mut out = Vec::new();
    let challenge = [0x5a; auth::BYTES];
    let mut session =
        Session::new(password.cloned(), challenge, canvas.size(), "rehearsal", &mut out);
    let mut encoder = Encoder::new();
    let mut sent = 0;
    let mut waiting = Vec::new();
    for bytes in input.chunks(portion.max(1)) {
        waiting.extend_from_slice(bytes);
        let taken = session.receive(&waiting, &mut out);
        let Ok(taken) = taken else { break };
        waiting.drain(..taken);
        assert!(waiting.len() < LONGEST, "a message that is not taken: {} bytes", waiting.len());
        if let Some(request) = session.take_request() {
            assert!(session.is_ready(), "a request before the handshake is over");
            let rect = request.rect.intersect(session.size().bounds());
            let some = rect.pixels() <= MOST_PIXELS && !rect.is_empty();
            Encoder::begin(some.into(), &mut out);
            if some {
                encoder.rect(canvas, rect, session.format(), session.encoding(), &mut out);
            }
        }
        sent += out.len();
        out.clear();
    }
    sent
}
