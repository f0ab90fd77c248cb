//! Host patterns and Host headers.

use super::super::model::HostPattern;
use super::{Wrong, quoted, split_host_port};

/// `blog.example`, `*.blog.example` or `*`, lower-cased; names in punycode.
pub(crate) fn host_pattern(text: &str) -> Result<HostPattern, Wrong> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    if let Some(suffix) = text.strip_prefix("*.") {
        return Ok(HostPattern::Wildcard(host_name(suffix, text)?));
    }
    if text.contains('*') {
        return Err(Wrong::new(
            format!("{} has a `*` inside", quoted(text)),
            "write `*.name` for every name below, `*` alone for any host",
        ));
    }
    host_name(text, text).map(HostPattern::Exact)
}

/// A host with an optional port, as a `Host` header carries it.
pub(crate) fn host_header(text: &str) -> Result<String, Wrong> {
    match split_host_port(text) {
        Some((host, port)) => Ok(format!("{}:{port}", host_name(host, text)?)),
        None => host_name(text, text),
    }
}

/// Checks one name (or address in its URL form) and lower-cases it; `whole` is what was written.
fn host_name(name: &str, whole: &str) -> Result<String, Wrong> {
    let wrong = |what: &str, mend: String| Err(Wrong::new(format!("{} {what}", quoted(whole)), mend));
    if let Some((_, rest)) = whole.split_once("://") {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return wrong("is a URL", format!("write the host alone: {}", quoted(host)));
    }
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(address) => Ok(format!("[{address}]")),
            Err(_) => wrong("is no IPv6 address", "write it as `[2001:db8::1]`".to_owned()),
        };
    }
    if name.parse::<std::net::Ipv6Addr>().is_ok() {
        return wrong("is an IPv6 address without brackets", format!("write `[{name}]`"));
    }
    if name.contains('/') {
        return wrong(
            "has a path",
            "write the host alone, and the path under `path`".to_owned(),
        );
    }
    if let Some((host, _)) = name.split_once(':') {
        return wrong("has a port", format!("leave the port out: {}", quoted(host)));
    }
    if !name.is_ascii() {
        return wrong("is not ASCII", punycode_mend(name, whole));
    }
    if let Some(plain) = name.strip_suffix('.').filter(|plain| !plain.is_empty()) {
        return wrong("ends in a dot", format!("leave the dot out: {}", quoted(plain)));
    }
    let name = name.to_ascii_lowercase();
    let good = name.len() <= 253 && name.split('.').all(good_label);
    if !good {
        let mend = "write labels of letters, digits, `-` and `_`, at most 63 each, with single dots between"
            .to_owned();
        return wrong("is no host name", mend);
    }
    Ok(name)
}

fn good_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn punycode_mend(name: &str, whole: &str) -> String {
    let star = if whole.starts_with("*.") { "*." } else { "" };
    match idna::domain_to_ascii(name) {
        Ok(ascii) => format!("write it in punycode: `{star}{ascii}`"),
        Err(_) => "write it in punycode (`xn--…`)".to_owned(),
    }
}
