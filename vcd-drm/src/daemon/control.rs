//! What other commands ask a running card for, over its socket: a line of JSON, and a line back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use daemonkit::server::{Answer, Handler, Limits, Peer, Server};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::screen::{Bell, Screen};
use crate::sink::png;

/// Where sockets are by default.
pub const FOLDER: &str = "/run/vcd";
/// How long the card's thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A picture in an answer is not longer.
pub const MAX_ANSWER: usize = 256 << 20;

/// The socket of a card.
pub fn socket(number: u32) -> PathBuf {
    Path::new(FOLDER).join(format!("{number}.sock"))
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// What the card has done.
    Stats,
    /// The picture, as PNG, in hexadecimal digits.
    Shot,
}

/// A question for the card's thread.
#[derive(Debug)]
pub enum Order {
    /// Publish the picture as it is now, and say so.
    Refresh(Sender<()>),
    /// Tell what was done.
    Stats(Sender<Value>),
}

/// The card thread's end.
#[derive(Clone, Debug)]
pub struct Orders {
    /// None when nobody takes any more.
    queue: Arc<Mutex<Option<Vec<Order>>>>,
    bell: Arc<Bell>,
}

impl Orders {
    /// Without any.
    ///
    /// # Errors
    /// No event descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { queue: Arc::new(Mutex::new(Some(Vec::new()))), bell: Arc::new(Bell::new()?) })
    }

    /// Rings when there is something to be looked for.
    pub fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// All that have come.
    pub fn take(&self) -> Vec<Order> {
        self.queue().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// From now on whoever asks is told at once that there is no answer.
    pub fn close(&self) {
        *self.queue() = None;
    }

    fn queue(&self) -> MutexGuard<'_, Option<Vec<Order>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the card has done; `None` where its thread does not say.
    pub fn stats(&self) -> Option<Value> {
        self.ask(Order::Stats)
    }

    fn ask<T>(&self, order: impl FnOnce(Sender<T>) -> Order) -> Option<T> {
        let (sender, receiver): (_, Receiver<T>) = channel();
        self.queue().as_mut()?.push(order(sender));
        self.bell.ring();
        receiver.recv_timeout(PATIENCE).ok()
    }
}

/// Listens.
///
/// # Errors
/// The socket or its folder cannot be made.
pub fn listen(path: &Path, orders: Orders, screen: Screen) -> io::Result<Server> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Server::start(path, Limits::default(), Desk { orders, screen })
}

struct Desk {
    orders: Orders,
    screen: Screen,
}

impl Desk {
    fn answer(&self, line: &[u8]) -> Result<Value, String> {
        let request = serde_json::from_slice(line)
            .map_err(|e| format!("not understood ({e}): another version of vcd?"))?;
        let silent = || "the card's thread does not answer".to_owned();
        match request {
            Request::Stats => self.orders.stats().ok_or_else(silent),
            Request::Shot => {
                self.orders.ask(Order::Refresh).ok_or_else(silent)?;
                let (_, canvas) = self.screen.snapshot();
                let bytes = png::encode(&canvas).map_err(|e| e.to_string())?;
                Ok(Value::String(to_hex(&bytes)))
            }
        }
    }
}

impl Handler for Desk {
    fn line(&mut self, _peer: &Peer, line: &[u8]) -> Answer {
        Answer::last(match self.answer(line) {
            Ok(value) => json!({ "ok": value }).to_string(),
            Err(reason) => json!({ "error": reason }).to_string(),
        })
    }

    fn refuse(&mut self, reason: &str) -> String {
        json!({ "error": reason }).to_string()
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Reads hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_card_that_has_ended() {
        let orders = Orders::new().unwrap();
        let asked = std::thread::spawn({
            let orders = orders.clone();
            move || orders.stats()
        });
        while orders.queue().as_ref().is_some_and(Vec::is_empty) {
            std::thread::yield_now();
        }
        let begun = std::time::Instant::now();
        orders.close();
        assert_eq!(asked.join().unwrap(), None);
        assert_eq!(orders.stats(), None);
        assert!(begun.elapsed() < PATIENCE);
    }

    #[test]
    fn bytes_survive_their_digits() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&all)), Some(all));
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("012"), None);
    }
}
