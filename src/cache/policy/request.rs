//! May the cache be used for a request (RFC 9111 4), and what does the client ask of it (5.2.1)?

use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_UNMODIFIED_SINCE, PRAGMA, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method};

use super::cache_control::{MaxStale, RequestCacheControl};
use super::list;
use crate::config::model::{RequestDirectives, SiteCache};

/// What the client asks of the cache, as far as the site lets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// Validate before use.
    pub no_cache: bool,
    /// Do not store the answer. A stored one may still be used.
    pub no_store: bool,
    /// Answer from the store or with 504.
    pub only_if_cached: bool,
    /// Oldest age that is welcome.
    pub max_age: Option<Duration>,
    /// Staleness that is welcome.
    pub max_stale: Option<MaxStale>,
    /// Freshness that must be left.
    pub min_fresh: Option<Duration>,
    /// Staleness that is welcome when the origin fails.
    pub stale_if_error: Option<Duration>,
}

/// Why a request goes past the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BypassReason {
    /// The site does not cache.
    Disabled,
    /// Neither GET nor HEAD.
    Method,
    /// CONNECT.
    Connect,
    /// Upgrade, such as WebSocket.
    Upgrade,
    /// gRPC.
    Grpc,
    /// `If-Match` or `If-Unmodified-Since`: only the origin knows the current representation.
    Precondition,
    /// A GET with a body: what it means is between client and origin.
    Body,
    /// A rule of the site's preset.
    Preset(&'static str),
}

impl BypassReason {
    /// Token for `Cache-Status` details, logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Method => "method",
            Self::Connect => "connect",
            Self::Upgrade => "upgrade",
            Self::Grpc => "grpc",
            Self::Precondition => "precondition",
            Self::Body => "body",
            Self::Preset(rule) => rule,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDecision {
    /// Look it up, with these wishes.
    Lookup(Directives),
    /// Forward it; neither look up nor store.
    Bypass(BypassReason),
}

/// Decides over a normalised request. `preset_bypass` names the preset's rule against caching, if one
/// matched. Requests with `Range` and with `If-None-Match`/`If-Modified-Since` are looked up: they are
/// answered from the whole stored representation.
#[must_use]
pub fn request_decision(
    method: &Method,
    headers: &HeaderMap,
    site: &SiteCache,
    preset_bypass: Option<&'static str>,
) -> RequestDecision {
    match bypass(method, headers, site, preset_bypass) {
        Some(reason) => RequestDecision::Bypass(reason),
        None => RequestDecision::Lookup(directives(headers, site.request_directives)),
    }
}

fn bypass(
    method: &Method,
    headers: &HeaderMap,
    site: &SiteCache,
    preset_bypass: Option<&'static str>,
) -> Option<BypassReason> {
    if !site.enabled {
        return Some(BypassReason::Disabled);
    }
    if method == Method::CONNECT {
        return Some(BypassReason::Connect);
    }
    if method != Method::GET && method != Method::HEAD {
        return Some(BypassReason::Method);
    }
    if asks_for_upgrade(headers) {
        return Some(BypassReason::Upgrade);
    }
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| is_grpc(kind.as_bytes()))
    {
        return Some(BypassReason::Grpc);
    }
    if has_body(headers) {
        return Some(BypassReason::Body);
    }
    if headers.contains_key(IF_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE) {
        return Some(BypassReason::Precondition);
    }
    preset_bypass.map(BypassReason::Preset)
}

/// Whether the client would rather have 504 than an answer from past the cache: `only-if-cached`
/// (RFC 9111 5.2.1.7), where a cache might have answered at all.
#[must_use]
pub fn wants_no_bypass(method: &Method, headers: &HeaderMap, reason: BypassReason) -> bool {
    (method == Method::GET || method == Method::HEAD)
        && reason != BypassReason::Disabled
        && directives(headers, RequestDirectives::Ignore).only_if_cached
}

/// `Upgrade: h2c` alone is an offer that may be ignored: it must not cost its sender the cache.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let mut found = false;
    list::each(headers, &UPGRADE, |member| {
        found |= !member.eq_ignore_ascii_case(b"h2c")
    });
    found
}

fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type
        .get(..GRPC.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes().iter().any(|digit| *digit != b'0'))
}

/// The request's directives; `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111 5.4).
#[must_use]
pub fn directives(headers: &HeaderMap, honoured: RequestDirectives) -> Directives {
    let asked = match list::joined(headers, &CACHE_CONTROL) {
        Some(value) => RequestCacheControl::parse(&value),
        None => RequestCacheControl {
            no_cache: pragma_no_cache(headers),
            ..RequestCacheControl::default()
        },
    };
    let always = Directives {
        no_store: asked.no_store,
        only_if_cached: asked.only_if_cached,
        ..Directives::default()
    };
    match honoured {
        RequestDirectives::Ignore => always,
        RequestDirectives::Honour => Directives {
            no_cache: asked.no_cache,
            max_age: asked.max_age,
            max_stale: asked.max_stale,
            min_fresh: asked.min_fresh,
            stale_if_error: asked.stale_if_error,
            ..always
        },
    }
}

fn pragma_no_cache(headers: &HeaderMap) -> bool {
    let mut found = false;
    list::each(headers, &PRAGMA, |member| {
        found |= member.eq_ignore_ascii_case(b"no-cache")
    });
    found
}

#[cfg(test)]
mod tests;
