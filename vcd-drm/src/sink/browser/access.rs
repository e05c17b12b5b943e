//! Who may look: decided from a request's own words, before anything else is done with it.
//!
//! Loopback alone does not keep strange web pages out: they run in the browser of somebody on this
//! machine. A browser says in `Origin` which page opens a WebSocket, and in `Host` by which name it found
//! the server. A page that has made its own name point here (DNS rebinding) is told by that name.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::sink::Secret;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Without a token, only this machine's own names are taken.
    #[error("open this page as http://localhost or http://127.0.0.1, with its port")]
    Host,
    /// The token is missing or wrong.
    #[error("the address of this page ends in ?token=, and the token is missing or wrong")]
    Token,
    /// Another page wants to look.
    #[error("this is not for pages of another origin")]
    Origin,
}

/// What a request says that matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The header `Host`.
    pub host: Option<&'a str>,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
    /// What follows the question mark.
    pub query: Option<&'a str>,
}

impl Asked<'_> {
    /// Whether the page may be had.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn page(&self, token: Option<&Secret>) -> Result<(), Denied> {
        match token {
            Some(token) => {
                let mut given = self.query.unwrap_or_default().rsplit('&');
                let given = given.find_map(|pair| pair.strip_prefix("token="));
                let right = given.is_some_and(|given| token.is(given.as_bytes()));
                if right { Ok(()) } else { Err(Denied::Token) }
            }
            None if self.host.is_some_and(is_this_machine) => Ok(()),
            None => Err(Denied::Host),
        }
    }

    /// Whether the picture may be had.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn picture(&self, token: Option<&Secret>) -> Result<(), Denied> {
        self.page(token)?;
        // Programs that are no browsers say no origin, and do no page's bidding.
        let Some(origin) = self.origin else { return Ok(()) };
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let same = place.zip(self.host).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
        if same { Ok(()) } else { Err(Denied::Origin) }
    }
}

/// Whether a `Host` names this machine by a name that no page can have: loopback, in whatever form.
fn is_this_machine(host: &str) -> bool {
    let (own, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            let address = address.parse::<Ipv6Addr>();
            (address.is_ok_and(|ip| ip.to_canonical().is_loopback()), port)
        }
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            let address = name.parse::<Ipv4Addr>();
            let name = name.strip_suffix('.').unwrap_or(name);
            let own = address.is_ok_and(|ip| ip.is_loopback());
            (own || name.eq_ignore_ascii_case("localhost"), port)
        }
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    own && (port.is_empty() || port.strip_prefix(':').is_some_and(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(host: &'a str, origin: Option<&'a str>, query: Option<&'a str>) -> Asked<'a> {
        Asked { host: Some(host), origin, query }
    }

    #[test]
    fn without_a_token_only_this_machine_s_names_are_taken() {
        for host in
            ["localhost", "LocalHost:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:80", "[::1]"]
        {
            assert_eq!(asked(host, None, None).page(None), Ok(()), "{host}");
        }
        for host in [
            "evil.example:8000",
            "192.0.2.1:8000",
            "localhost.evil.example",
            "[::1",
            "",
            "[localhost]",
            "localhost:x",
        ] {
            assert_eq!(asked(host, None, None).page(None), Err(Denied::Host), "{host}");
        }
        assert_eq!(Asked::default().page(None), Err(Denied::Host));
    }

    #[test]
    fn with_a_token_it_is_the_token_that_counts() {
        let token = Secret::new("sesame-1").unwrap();
        let ask = |query| asked("lab7:8000", None, query).page(Some(&token));
        assert_eq!(ask(Some("token=sesame-1")), Ok(()));
        assert_eq!(ask(Some("a=b&token=sesame-1")), Ok(()));
        for wrong in [None, Some(""), Some("token="), Some("token=sesame-2"), Some("sesame-1")] {
            assert_eq!(ask(wrong), Err(Denied::Token));
        }
        let own = asked("localhost:8000", None, None);
        assert_eq!(own.picture(Some(&token)), Err(Denied::Token), "also on this machine");
    }

    #[test]
    fn pages_of_others_get_no_picture() {
        let picture = |origin| asked("localhost:8000", origin, None).picture(None);
        assert_eq!(picture(None), Ok(()));
        assert_eq!(picture(Some("http://localhost:8000")), Ok(()));
        assert_eq!(picture(Some("https://localhost:8000")), Ok(()), "behind a proxy");
        for other in [
            "http://evil.example",
            "http://localhost:9000",
            "http://127.0.0.1:8000",
            "null",
            "file://",
            "localhost:8000",
        ] {
            assert_eq!(picture(Some(other)), Err(Denied::Origin), "{other}");
        }
        // By rebinding, the name is the stranger's own, and so is the origin.
        let rebound = asked("evil.example:8000", Some("http://evil.example:8000"), None);
        assert_eq!(rebound.picture(None), Err(Denied::Host));
    }
}
