//! What decides whether a browser may look, and what a page sends: nothing panics, and nobody gets in by
//! words that no page of this machine could have sent.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use vcd_drm::sink::Secret;
use vcd_drm::sink::browser::access::Asked;
use vcd_drm::sink::browser::message::acknowledged;

/// Whether a host, written small, is this machine's: found by trying, where the code under test takes the
/// words apart.
fn ways_home(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') =>
        {
            name
        }
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let address = bare.parse::<IpAddr>();
    matches!(name, "localhost" | "localhost.")
        || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(number) = acknowledged(text) {
        let digits = text.trim_start_matches("ack ").trim_start_matches('0');
        assert_eq!(digits, number.to_string().trim_start_matches('0'));
    }
    let mut lines = text.split('\n');
    let asked = Asked { host: lines.next(), origin: lines.next(), query: lines.next() };
    if asked.picture(None).is_ok() {
        let host = asked.host.unwrap_or_default().to_ascii_lowercase();
        assert!(ways_home(&host), "{host:?}");
        assert!(asked.origin.is_none_or(|origin| origin.to_ascii_lowercase().ends_with(&host)));
        assert!(asked.page(None).is_ok(), "the picture without the page");
    }
    if let Ok(token) = Secret::new("sesame-1")
        && asked.page(Some(&token)).is_ok()
    {
        assert!(asked.query.is_some_and(|query| query.contains("token=sesame-1")));
    }
});
