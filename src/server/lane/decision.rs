//! Is a request ordinary? Decided over its parsed head alone, before anything is looked up.
//!
//! The lane says no wherever it is not sure: the proxy answers what it leaves. So every rule here may be
//! stricter than the proxy's, and none may be laxer.

use std::borrow::Cow;

use crate::config::Limits;
use crate::proxy::normalise::host_and_port;
use crate::server::head::Request;
use crate::server::stream::Gate;

/// What the lane makes of a head.
#[derive(Debug, PartialEq, Eq)]
pub enum LaneDecision<'b> {
    /// Worth a look-up.
    Ordinary(Ordinary<'b>),
    /// The proxy's.
    Pass(Pass),
}

/// A GET or HEAD that asks for nothing but a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Ordinary<'b> {
    /// HEAD.
    pub head_only: bool,
    /// Lower case, no port, no trailing dot.
    pub host: Cow<'b, str>,
    /// The port that the client named.
    pub port: Option<u16>,
    /// Target as sent.
    pub target: &'b str,
    /// Its path.
    pub path: &'b str,
    /// Its query, without `?`.
    pub query: Option<&'b str>,
    /// The client wants the connection closed.
    pub close: bool,
    /// Fields that later decisions read.
    pub marks: Marks,
}

/// Which fields are there that later decisions read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// `If-None-Match`, `If-Modified-Since`.
    pub condition: bool,
    /// `Cache-Control`, `Pragma`.
    pub directive: bool,
    /// Some that a preset reads: `Cookie` and the like.
    pub preset: bool,
    /// `Cookie`.
    pub cookie: bool,
}

macro_rules! passes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why a request is left to the proxy.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Pass { $($(#[doc = $doc])+ $name,)+ }

        impl Pass {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Label value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

passes! {
    /// `lane: false`.
    Off = "off",
    /// A body follows, or may.
    Body = "body",
    /// Neither GET nor HEAD.
    Method = "method",
    /// Not HTTP/1.1.
    Version = "version",
    /// Not a plain path and query.
    Target = "target",
    /// No host, several, or a malformed one.
    Host = "host",
    /// More than the configuration allows: the proxy refuses it.
    Limits = "limits",
    /// `Connection` says more than whether to keep it.
    Connection = "connection",
    /// A field that only the proxy knows how to heed: a range, a precondition, credentials, an upgrade.
    Field = "field",
    /// Several `Cookie` lines.
    Cookies = "cookies",
    /// A purge, or a call of a purge API.
    Purge = "purge",
    /// No site for host and path.
    UnknownSite = "unknown_site",
    /// A site without an origin.
    NoOrigin = "no_origin",
    /// A filter answers, or changes what the lane cannot follow.
    Filter = "filter",
    /// A native endpoint.
    Endpoint = "endpoint",
    /// Policy or preset say that it is not looked up.
    Bypass = "bypass",
    /// Varies by a field that filters change, or by a cookie that this client has.
    Vary = "vary",
    /// Not in memory.
    Absent = "absent",
    /// A purge hit it.
    Purged = "purged",
    /// Another popgate has stored something else since: Redis is looked at first.
    Superseded = "superseded",
    /// Not fresh, or not fresh enough for this client.
    NotFresh = "not_fresh",
    /// Stored in a form that the lane does not send.
    Form = "form",
}

/// Decides over a head.
#[must_use]
pub fn decide<'b>(request: &Request<'_, 'b>, limits: &Limits) -> LaneDecision<'b> {
    match ordinary(request, limits) {
        Ok(ordinary) => LaneDecision::Ordinary(ordinary),
        Err(pass) => LaneDecision::Pass(pass),
    }
}

fn ordinary<'b>(request: &Request<'_, 'b>, limits: &Limits) -> Result<Ordinary<'b>, Pass> {
    let head_only = match request.method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Pass::Method),
    };
    if request.version != 1 {
        return Err(Pass::Version);
    }
    if request.gate != Gate::Closed {
        return Err(Pass::Body);
    }
    if !is_plain(request.target) {
        return Err(Pass::Target);
    }
    let mut seen = Seen::default();
    let mut bytes = 0;
    for field in request.fields {
        bytes += field.name.len() + field.value.len() + 4;
        seen.note(field.name, field.value)?;
    }
    if bytes > limits.header_bytes
        || request.fields.len() > limits.headers
        || request.target.len() > limits.uri_bytes
    {
        return Err(Pass::Limits);
    }
    let (host, port) = seen.host.and_then(host_and_port).ok_or(Pass::Host)?;
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target, None),
    };
    Ok(Ordinary {
        head_only,
        host,
        port,
        target: request.target,
        path,
        query,
        close: seen.connection == Some(true),
        marks: seen.marks,
    })
}

/// Whether a target is origin-form in characters that no parser reads in two ways (RFC 3986 without
/// brackets and fragment). A second slash in front may be taken for an authority.
#[must_use]
pub fn is_plain(target: &str) -> bool {
    target.starts_with('/') && !target.starts_with("//") && target.bytes().all(is_plain_byte)
}

/// Whether a byte may be in such a target.
#[must_use]
pub fn is_plain_byte(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut at = 0;
    while at < 128 {
        plain[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    let others = b"-._~!$&'()*+,;=:@/?%";
    let mut at = 0;
    while at < others.len() {
        plain[others[at] as usize] = true;
        at += 1;
    }
    plain
};

/// What the fields seen so far say.
#[derive(Default)]
struct Seen<'b> {
    host: Option<&'b str>,
    /// `close`?
    connection: Option<bool>,
    marks: Marks,
}

impl<'b> Seen<'b> {
    fn note(&mut self, name: &str, value: &'b [u8]) -> Result<(), Pass> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        // Most names are told apart by their length.
        match name.len() {
            4 if is("host") => {
                let host = std::str::from_utf8(value).map_err(|_| Pass::Host)?;
                if self.host.replace(host).is_some() {
                    return Err(Pass::Host);
                }
            }
            6 if is("cookie") => {
                if std::mem::replace(&mut self.marks.cookie, true) {
                    return Err(Pass::Cookies);
                }
                self.marks.preset = true;
            }
            10 if is("connection") => {
                let close = value.eq_ignore_ascii_case(b"close");
                if !close && !value.eq_ignore_ascii_case(b"keep-alive") {
                    return Err(Pass::Connection);
                }
                if self.connection.replace(close).is_some() {
                    return Err(Pass::Connection);
                }
            }
            6 if is("pragma") => self.marks.directive = true,
            13 if is("cache-control") => self.marks.directive = true,
            13 if is("if-none-match") => self.marks.condition = true,
            17 if is("if-modified-since") => self.marks.condition = true,
            6 if is("origin") => self.marks.preset = true,
            10 if is("x-wp-nonce") => self.marks.preset = true,
            length if needs_the_proxy(length, is) => return Err(Pass::Field),
            _ => {}
        }
        Ok(())
    }
}

/// Fields that change what is answered in ways that only the proxy knows.
fn needs_the_proxy(length: usize, is: impl Fn(&str) -> bool) -> bool {
    match length {
        2 => is("te"),
        5 => is("range"),
        6 => is("expect"),
        7 => is("upgrade") || is("trailer"),
        8 => is("if-match") || is("if-range"),
        12 => is("content-type"),
        13 => is("authorization"),
        14 => is("content-length"),
        17 => is("transfer-encoding"),
        18 => is("popgate-background"),
        19 => is("if-unmodified-since"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
