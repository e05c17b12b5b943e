//! Talking to a browser by its DevTools protocol: JSON over a WebSocket.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection to the browser.
pub(crate) struct DevTools {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// What pages have complained of.
    pub(crate) complaints: Vec<String>,
}

impl DevTools {
    pub(crate) fn connect(address: &str) -> Self {
        let rest = address.strip_prefix("ws://").unwrap();
        let socket = TcpStream::connect(rest.split('/').next().unwrap()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let (socket, _) = tungstenite::client(address, socket).unwrap();
        Self { socket, last: 0, complaints: Vec::new() }
    }

    /// Calls a method, of a page or of the browser itself; its result.
    #[track_caller]
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut call = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.socket.send(Message::text(call.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().expect("an answer") else { continue };
            let mut answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.notice(&answer);
        }
    }

    fn notice(&mut self, event: &Value) {
        let what = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => event["params"]["exceptionDetails"].to_string(),
            Some("Runtime.consoleAPICalled") if event["params"]["type"] == "error" => {
                event["params"]["args"].to_string()
            }
            // A policy that was broken, a file that was not there.
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => {
                event["params"]["entry"]["text"].to_string()
            }
            _ => return,
        };
        self.complaints.push(what);
    }
}
