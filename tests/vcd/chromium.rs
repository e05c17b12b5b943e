//! Chromium without a window, and pages in it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use e2e::{soon, wait_until};
use serde_json::{Value, json};

use crate::devtools::DevTools;

/// What makes it one that draws without a display, a sandbox of users, or a look at what is behind what.
const ARGUMENTS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "about:blank",
];

/// The browser; ended when dropped.
pub(crate) struct Chromium {
    child: Child,
    tools: DevTools,
    _profile: tempfile::TempDir,
}

impl Chromium {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromium");
        command.arg(format!("--user-data-dir={}", profile.path().display())).args(ARGUMENTS);
        // What it keeps for a user goes with the profile.
        command.env("HOME", profile.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Read to the end, so that it never waits for somebody to read.
            for line in said.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut heard = Vec::new();
        let address = loop {
            // It starts cold, with a profile that it has to make first.
            let Ok(line) = lines.recv_timeout(soon() * 3) else { panic!("no browser: {heard:#?}") };
            if let Some(address) = line.strip_prefix("DevTools listening on ") {
                break address.trim().to_owned();
            }
            heard.push(line);
        };
        Self { child, tools: DevTools::connect(&address), _profile: profile }
    }

    /// Opens a page in a window of its own.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) -> Page {
        let blank = json!({"url": "about:blank", "newWindow": true, "width": 900, "height": 700});
        let target = self.tools.call(None, "Target.createTarget", blank)["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let attached = self.tools.call(None, "Target.attachToTarget", attach);
        let page = Page { session: attached["sessionId"].as_str().unwrap().to_owned() };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            self.call(&page, domain, json!({}));
        }
        self.call(&page, "Page.navigate", json!({"url": url}));
        page
    }

    #[track_caller]
    fn call(&mut self, page: &Page, method: &str, parameters: Value) -> Value {
        self.tools.call(Some(&page.session), method, parameters)
    }

    /// What an expression gives in a page.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, page: &Page, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call(page, "Runtime.evaluate", ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The text of an element.
    #[track_caller]
    pub(crate) fn text(&mut self, page: &Page, id: &str) -> String {
        let text =
            self.evaluate(page, &format!("document.getElementById('{id}')?.textContent ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element is this.
    #[track_caller]
    pub(crate) fn wait_text(&mut self, page: &Page, id: &str, text: &str) {
        wait_until(&format!("{id} is {text:?}"), soon(), || self.text(page, id) == text);
    }

    /// Presses a key that is a letter.
    #[track_caller]
    pub(crate) fn press(&mut self, page: &Page, key: &str) {
        let code = format!("Key{}", key.to_uppercase());
        for (kind, text) in [("keyDown", key), ("keyUp", "")] {
            let event = json!({"type": kind, "key": key, "code": code, "text": text});
            self.call(page, "Input.dispatchKeyEvent", event);
        }
    }

    /// Presses the tabulator, and tells the id of what has the focus then.
    #[track_caller]
    pub(crate) fn tab(&mut self, page: &Page) -> String {
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            self.call(page, "Input.dispatchKeyEvent", event);
        }
        self.evaluate(page, "document.activeElement.id").as_str().unwrap_or_default().to_owned()
    }

    /// Width, height and pixels of the page's canvas, read back from it; the highest byte is opacity.
    #[track_caller]
    pub(crate) fn canvas(&mut self, page: &Page) -> (u32, u32, Vec<u32>) {
        // Not before the page's script has made the canvas what it is.
        let read = "(() => { \
             const canvas = document.getElementById('screen'); \
             if (!canvas || !document.body.dataset.scale) return '0x0:'; \
             const { width, height } = canvas; \
             const data = canvas.getContext('2d').getImageData(0, 0, width, height).data; \
             let text = ''; \
             for (let at = 0; at < data.length; at += 0x8000) \
               text += String.fromCharCode.apply(null, data.subarray(at, at + 0x8000)); \
             return `${width}x${height}:${btoa(text)}`; })()";
        let said = self.evaluate(page, read);
        let (size, pixels) = said.as_str().unwrap().split_once(':').unwrap();
        let (width, height) = size.split_once('x').unwrap();
        let bytes = from_base64(pixels);
        let pixels = bytes.as_chunks::<4>().0.iter();
        let pixels = pixels.map(|pixel| u32::from_be_bytes(*pixel).rotate_right(8));
        (width.parse().unwrap(), height.parse().unwrap(), pixels.collect())
    }

    /// Waits until the page shows this.
    #[track_caller]
    pub(crate) fn wait_canvas(&mut self, page: &Page, wanted: &(u32, u32, Vec<u32>)) {
        wait_until("the picture on the page", soon(), || self.canvas(page) == *wanted);
    }

    /// Keeps a picture of the page, if VCD_SHOTS says where.
    #[track_caller]
    pub(crate) fn shoot(&mut self, page: &Page, name: &str) {
        let Some(folder) = std::env::var_os("VCD_SHOTS") else { return };
        let shot = self.call(page, "Page.captureScreenshot", json!({"format": "png"}));
        let bytes = from_base64(shot["data"].as_str().unwrap());
        std::fs::write(Path::new(&folder).join(name), bytes).unwrap();
    }

    /// What pages have complained of so far.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.tools.complaints
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Its other processes go with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One page.
pub(crate) struct Page {
    session: String,
}

fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').map(value).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let all = group.iter().fold(0_u32, |all, digit| all << 6 | u32::from(*digit));
        let all = all << (6 * (4 - group.len()));
        bytes.extend_from_slice(&all.to_be_bytes()[1..group.len()]);
    }
    bytes
}

#[test]
fn base64_is_read() {
    assert_eq!(from_base64("TWFu"), b"Man");
    assert_eq!(from_base64("TWE="), b"Ma");
    assert_eq!(from_base64("TQ=="), b"M");
}
