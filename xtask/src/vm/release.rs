//! Choosing among the kernels a Debian mirror offers, by their packages' names.

use anyhow::{Result, bail};

/// The architecture the lab knows.
pub const ARCHITECTURE: &str = "amd64";

/// One kernel, and the packages it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// As `uname -r` says it: `6.12.9+deb12-amd64`.
    pub name: String,
    /// Image, headers, common headers and build tools.
    pub packages: Vec<String>,
}

/// The newest kernel of a version (`6.12`) of which image, headers and build tools are all offered.
pub fn newest(names: &[String], version: &str) -> Result<Release> {
    let has = |name: &str| names.iter().any(|known| known == name);
    let mut bodies: Vec<&str> =
        names.iter().filter_map(|name| body(name)).filter(|body| is_of(body, version)).collect();
    bodies.sort_by_key(|body| std::cmp::Reverse(numbers(body)));
    for body in &bodies {
        let signed = format!("linux-image-{body}-{ARCHITECTURE}");
        let image = if has(&signed) { signed } else { format!("{signed}-unsigned") };
        let headers = format!("linux-headers-{body}-{ARCHITECTURE}");
        let common = format!("linux-headers-{body}-common");
        let tools = [format!("linux-kbuild-{body}"), format!("linux-kbuild-{version}")];
        let tools = tools.into_iter().find(|name| has(name));
        if let (true, true, Some(tools)) = (has(&headers), has(&common), tools) {
            return Ok(Release {
                name: format!("{body}-{ARCHITECTURE}"),
                packages: vec![image, headers, common, tools],
            });
        }
    }
    if bodies.is_empty() {
        bail!("the machine's Debian mirror has no kernel {version}; try --kernel 6.1 or 6.12")
    }
    bail!("the machine's Debian mirror has kernel {version}, but no headers for it: {}", bodies[0])
}

/// `6.12.9+deb12` of `linux-image-6.12.9+deb12-amd64` and of its unsigned twin.
fn body(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("linux-image-")?;
    let rest = rest.strip_suffix("-unsigned").unwrap_or(rest);
    let body = rest.strip_suffix(ARCHITECTURE)?.strip_suffix('-')?;
    // Other flavours: 6.1.0-9-cloud, 6.1.0-9-rt.
    let flavour = body.rsplit('-').next()?;
    flavour.starts_with(|c: char| c.is_ascii_digit()).then_some(body)
}

/// Whether a full release belongs to a version: 6.12.9+deb12 and 6.1.0-9, but neither the
/// meta-package 6.12 nor 6.120.1.
fn is_of(body: &str, version: &str) -> bool {
    body.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
}

/// The numbers of a release, for comparing.
fn numbers(body: &str) -> Vec<u64> {
    let words = body.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    const OFFERED: &str = "linux-image-6.12-amd64 linux-image-6.12.9+deb12-amd64 \
        linux-image-6.12.10+deb12-amd64-unsigned linux-image-6.12.11+deb12-cloud-amd64 \
        linux-image-6.12.12+deb12-rt-amd64 linux-image-6.12.13+deb12-amd64-dbg \
        linux-image-6.12.14+deb12-amd64 linux-image-6.120.1-amd64 \
        linux-headers-6.12.9+deb12-amd64 linux-headers-6.12.9+deb12-common \
        linux-headers-6.12.10+deb12-amd64 linux-headers-6.12.10+deb12-common \
        linux-kbuild-6.12.9+deb12 linux-kbuild-6.12.10+deb12 \
        linux-image-6.1.0-47-amd64 linux-image-6.1.0-9-amd64 linux-image-6.1.0-48-amd64-unsigned \
        linux-headers-6.1.0-47-amd64 linux-headers-6.1.0-47-common linux-kbuild-6.1 \
        linux-headers-6.1.0-9-amd64 linux-headers-6.1.0-9-common";

    #[test]
    fn the_newest_that_is_complete() {
        let release = newest(&names(OFFERED), "6.12").expect("one");
        assert_eq!(release.name, "6.12.10+deb12-amd64");
        assert_eq!(
            release.packages,
            names(
                "linux-image-6.12.10+deb12-amd64-unsigned linux-headers-6.12.10+deb12-amd64 \
                 linux-headers-6.12.10+deb12-common linux-kbuild-6.12.10+deb12"
            )
        );
    }

    #[test]
    fn an_older_naming_scheme() {
        let release = newest(&names(OFFERED), "6.1").expect("one");
        assert_eq!(release.name, "6.1.0-47-amd64");
        assert_eq!(release.packages[0], "linux-image-6.1.0-47-amd64");
        assert_eq!(release.packages[3], "linux-kbuild-6.1");
    }

    #[test]
    fn says_what_is_not_there() {
        let error = newest(&names(OFFERED), "6.7").expect_err("none").to_string();
        assert!(error.contains("no kernel 6.7"), "{error}");
        let error = newest(&names("linux-image-6.5.1-amd64"), "6.5").expect_err("none").to_string();
        assert!(error.contains("no headers"), "{error}");
    }
}
