//! The control protocol, version 1.
//!
//! A request is `{"v":1,"cmd":"stats","epochs":true}`; a reply `{"v":1,"ok":...}` or
//! `{"v":1,"error":"one line"}`. Commands: `about`, `stats`, `set`, `trace`, `stop`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::daemon::device::{DeviceInfo, DiskText, Settings};

/// The version both sides must speak.
pub const VERSION: u64 = 1;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "kebab-case")]
pub enum Request {
    /// What the device is; answered with [`About`].
    About,
    /// What it did; answered with a `StatsReport`.
    Stats {
        /// With the history of k.
        #[serde(default)]
        epochs: bool,
    },
    /// Change settings; answered with null. Only for the same user and root.
    Set {
        /// The changes.
        settings: Settings,
    },
    /// The last finished requests; answered with a list of `TraceRecord`.
    Trace {
        /// At most so many.
        max: usize,
    },
    /// End it; answered with null at once, before it has ended. Only for the same user and root.
    Stop {
        /// Even if something is mounted from it.
        #[serde(default)]
        force: bool,
    },
}

/// What a daemon says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Device number.
    pub id: u32,
    /// The daemon's process.
    pub pid: u32,
    /// The device.
    pub info: DeviceInfo,
    /// The description of the disk that it models.
    pub disk: DiskText,
}

/// The line for a request, without its end.
pub(super) fn format_request(request: &Request) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(request)?;
    value["v"] = json!(VERSION);
    Ok(value.to_string())
}

/// Reads a request.
///
/// # Errors
/// One line for the client: no JSON, another version, an unknown command, a wrong field.
pub fn parse_request(line: &[u8]) -> Result<Request, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|e| format!("not a line of JSON: {e}"))?;
    match value.get("v").map(Value::as_u64) {
        Some(Some(VERSION)) => {}
        Some(_) => {
            let theirs = &value["v"];
            return Err(format!(
                "the request is of protocol version {theirs}, this daemon speaks {VERSION}: \
                 use the ublk it was started with"
            ));
        }
        None => return Err(r#"no version: a request begins {"v":1,"cmd":...}"#.into()),
    }
    serde_json::from_value(value).map_err(|e| format!("not a request: {e}"))
}

/// The line that carries an answer.
pub fn reply_ok(answer: &impl Serialize) -> String {
    match serde_json::to_value(answer) {
        Ok(value) => json!({"v": VERSION, "ok": value}).to_string(),
        Err(e) => reply_error(&format!("the answer cannot be written as JSON: {e}")),
    }
}

/// The line that carries a refusal.
pub fn reply_error(reason: &str) -> String {
    json!({"v": VERSION, "error": reason}).to_string()
}

/// Reads a reply: the answer, or the daemon's refusal, or what is wrong with the reply.
///
/// # Errors
/// One line for people.
pub fn parse_reply<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Reply {
        v: u64,
        #[serde(default)]
        ok: Value,
        error: Option<String>,
    }
    let reply: Reply = serde_json::from_str(line).map_err(|e| format!("odd answer: {e}"))?;
    if let Some(reason) = reply.error {
        return Err(reason);
    }
    if reply.v != VERSION {
        return Err(format!(
            "the daemon speaks protocol version {}, this ublk {VERSION}: use the ublk it was started with",
            reply.v
        ));
    }
    serde_json::from_value(reply.ok).map_err(|e| format!("odd answer: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_survives_the_wire() {
        let settings = Settings { k: Some(1.5), ..Settings::default() };
        for request in [
            Request::About,
            Request::Stats { epochs: true },
            Request::Set { settings },
            Request::Trace { max: 7 },
            Request::Stop { force: true },
        ] {
            let line = format_request(&request).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(parse_request(line.as_bytes()).unwrap(), request);
        }
    }

    #[test]
    fn garbage_is_refused_with_a_reason() {
        let reason = |line: &[u8]| parse_request(line).unwrap_err();
        assert!(reason(b"\xff\x00").contains("not a line of JSON"));
        assert!(reason(b"[]").contains("no version"));
        assert!(reason(br#"{"v":2,"cmd":"stop"}"#).contains("protocol version 2"));
        assert!(reason(br#"{"v":"x","cmd":"stop"}"#).contains("protocol version"));
        assert!(reason(br#"{"v":1,"cmd":"fly"}"#).contains("fly"));
        assert!(reason(br#"{"v":1,"cmd":"trace","max":-1}"#).contains("not a request"));
        // Deep nesting must not eat the stack.
        assert!(reason(&b"[".repeat(60_000)).contains("not a line of JSON"));
    }

    #[test]
    fn replies_carry_the_answer_or_the_reason() {
        assert_eq!(parse_reply::<u32>(&reply_ok(&5)), Ok(5));
        assert_eq!(parse_reply::<()>(&reply_ok(&())), Ok(()));
        assert_eq!(parse_reply::<u32>(&reply_error("no")), Err("no".into()));
        assert!(parse_reply::<u32>(r#"{"v":9,"ok":5}"#).unwrap_err().contains("version 9"));
        assert!(parse_reply::<u32>("{").unwrap_err().contains("odd answer"));
    }
}
