//! What the cache did with a request, told to clients: `X-Cache` and `Cache-Status` (RFC 9211).
//!
//! `X-Cache` in three words each: HIT from the store; STALE from the store after its time; REVALIDATED
//! from the store after a 304; EXPIRED fetched anew because what was stored did not do; MISS fetched,
//! nothing stored; BYPASS by a rule about the request; DYNAMIC not for a cache at all: the site does not
//! cache, or the answer may not be stored.

use std::fmt::Write as _;
use std::time::SystemTime;

use http::header::HeaderValue;
use http::{HeaderMap, HeaderName};

use super::entry::Times;
use super::policy::request::BypassReason;
use super::policy::reuse::RevalidateReason;
use super::policy::storable::RefuseReason;
use super::policy::{list, structured};

/// RFC 9211.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// The short form.
pub const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// [`CacheStatus::member`] of a hit, up to its ttl.
pub const HIT_WITH_TTL: &str = "popgate; hit; ttl=";

/// This cache's name in `Cache-Status`.
const NAME: &str = "popgate";

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered from the store, fresh.
    Hit,
    /// Answered from the store, stale.
    Stale(StaleReason),
    /// Answered from the store after the origin said 304.
    Revalidated(Cause),
    /// Something was stored, but the origin sent a new answer.
    Expired(Cause),
    /// Nothing usable was stored.
    Miss(MissReason),
    /// `only-if-cached` and nothing usable: 504, the origin was not asked.
    Unsatisfied,
    /// The cache was not asked.
    Bypass(BypassReason),
    /// Looked up in vain, and the answer could not be stored.
    Dynamic(DynamicReason),
}

/// Why a stale answer was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StaleReason {
    /// It is refreshed in the background.
    WhileRevalidate,
    /// The origin failed.
    OnError,
    /// The client's `max-stale`.
    Accepted,
}

/// Why a stored answer was not used as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its freshness was over.
    Stale,
    /// A soft purge ended its freshness.
    Purged,
    /// The client asked for validation.
    Request(RevalidateReason),
}

/// Why nothing usable was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MissReason {
    /// Nothing under this key.
    Uri,
    /// Only other variants.
    Vary,
    /// A hard purge removed it.
    Purged,
}

/// Why an answer is not for a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DynamicReason {
    /// It may not be stored.
    Refused(RefuseReason),
    /// Larger than the largest object.
    TooLarge,
    /// An earlier answer under this key could not be stored, so this request did not wait for others.
    Remembered,
    /// A check of the site's preset on the answer.
    Preset(&'static str),
}

impl Outcome {
    /// Value of `X-Cache`.
    #[must_use]
    pub fn x_cache(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale(_) => "STALE",
            Self::Revalidated(_) => "REVALIDATED",
            Self::Expired(_) => "EXPIRED",
            Self::Miss(_) | Self::Unsatisfied => "MISS",
            Self::Bypass(BypassReason::Disabled) | Self::Dynamic(_) => "DYNAMIC",
            Self::Bypass(_) => "BYPASS",
        }
    }

    /// Value of the metric label `cache`: [`Self::x_cache`] in lower case.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self.x_cache() {
            "HIT" => "hit",
            "STALE" => "stale",
            "REVALIDATED" => "revalidated",
            "EXPIRED" => "expired",
            "MISS" => "miss",
            "BYPASS" => "bypass",
            _ => "dynamic",
        }
    }

    /// The reason in one token, for logs and `detail`; `None` where the outcome says it all.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Hit | Self::Revalidated(Cause::Stale) | Self::Expired(Cause::Stale) => None,
            Self::Stale(StaleReason::WhileRevalidate) => Some("while-revalidate"),
            Self::Stale(StaleReason::OnError) => Some("origin-error"),
            Self::Stale(StaleReason::Accepted) => Some("max-stale"),
            Self::Revalidated(Cause::Purged) | Self::Expired(Cause::Purged) => Some("purged"),
            Self::Revalidated(Cause::Request(reason)) | Self::Expired(Cause::Request(reason)) => {
                Some(reason.as_str())
            }
            Self::Miss(MissReason::Uri | MissReason::Vary) => None,
            Self::Miss(MissReason::Purged) => Some("purged"),
            Self::Unsatisfied => Some("only-if-cached"),
            Self::Bypass(BypassReason::Method) => None,
            Self::Bypass(reason) => Some(reason.as_str()),
            Self::Dynamic(DynamicReason::Refused(reason)) => Some(reason.as_str()),
            Self::Dynamic(DynamicReason::TooLarge) => Some("too-large"),
            Self::Dynamic(DynamicReason::Remembered) => Some("uncacheable-lately"),
            Self::Dynamic(DynamicReason::Preset(rule)) => Some(rule),
        }
    }

    /// RFC 9211 2.2: why the request went forward; `None` for hits and when it did not.
    fn forwarded(self, before: Before) -> Option<&'static str> {
        match self {
            Self::Hit | Self::Stale(_) | Self::Unsatisfied => None,
            Self::Revalidated(cause) | Self::Expired(cause) => Some(cause.forwarded()),
            Self::Miss(MissReason::Uri | MissReason::Purged) => Some("uri-miss"),
            Self::Miss(MissReason::Vary) => Some("vary-miss"),
            Self::Bypass(BypassReason::Method) => Some("method"),
            Self::Bypass(_) => Some("bypass"),
            Self::Dynamic(DynamicReason::Remembered) => Some("miss"),
            Self::Dynamic(_) => Some(match before {
                Before::Nothing => "uri-miss",
                Before::OtherVariants => "vary-miss",
                Before::Unusable(cause) => cause.forwarded(),
            }),
        }
    }
}

impl Cause {
    fn forwarded(self) -> &'static str {
        match self {
            Self::Stale | Self::Purged => "stale",
            Self::Request(_) => "request",
        }
    }
}

/// What the store had for a request before it went forward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Before {
    /// Nothing under its key.
    #[default]
    Nothing,
    /// Answers to requests that differ in fields of `Vary`.
    OtherVariants,
    /// An answer that could not be used as it was.
    Unusable(Cause),
}

/// One request's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    /// What happened.
    pub outcome: Outcome,
    /// What was stored before.
    pub before: Before,
    /// Freshness left in seconds, negative when stale; `None` when nothing is stored.
    pub ttl: Option<i64>,
    /// The origin's answer was stored.
    pub stored: bool,
    /// This request waited for another's fetch. With [`Outcome::Hit`] it is told as a forward that was
    /// collapsed (RFC 9211 2.6): nothing was stored when it came.
    pub collapsed: bool,
    /// Status that the origin answered with, if it differs from the one that is sent.
    pub fwd_status: Option<u16>,
}

impl CacheStatus {
    /// A report with nothing but its outcome.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            before: Before::Nothing,
            ttl: None,
            stored: false,
            collapsed: false,
            fwd_status: None,
        }
    }

    /// This cache's member of `Cache-Status`.
    #[must_use]
    pub fn member(&self) -> String {
        let mut text = String::with_capacity(48);
        text.push_str(NAME);
        let waited_for = (self.collapsed && self.outcome == Outcome::Hit).then_some("uri-miss");
        match self.outcome.forwarded(self.before).or(waited_for) {
            Some(why) => {
                text.push_str("; fwd=");
                text.push_str(why);
            }
            None if self.outcome != Outcome::Unsatisfied => text.push_str("; hit"),
            None => {}
        }
        if let Some(status) = self.fwd_status {
            // Writing to a String cannot fail.
            let _ = write!(text, "; fwd-status={status}");
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        if let Some(detail) = self.outcome.reason() {
            text.push_str("; detail=");
            push_item(&mut text, detail);
        }
        text
    }

    /// Appends our member behind those of the caches before us, replacing an older one of ours, as one
    /// line; and sets `X-Cache`.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        let mut line = others(headers);
        if !line.is_empty() {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(self.member().as_bytes());
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            headers.insert(CACHE_STATUS, value);
        }
        headers.insert(X_CACHE, HeaderValue::from_static(self.outcome.x_cache()));
    }
}

/// Freshness left at `now` in whole seconds, rounded down; negative when stale.
#[must_use]
pub fn ttl(times: &Times, now: SystemTime) -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match times.fresh_until.duration_since(now) {
        Ok(left) => seconds(left),
        Err(over) => {
            let over = over.duration();
            -seconds(over) - i64::from(over.subsec_nanos() > 0)
        }
    }
}

/// Removes our member from `Cache-Status`, leaving those of other caches.
pub fn remove_own(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_STATUS) {
        return;
    }
    let line = others(headers);
    headers.remove(CACHE_STATUS);
    if !line.is_empty()
        && let Ok(value) = HeaderValue::from_bytes(&line)
    {
        headers.insert(CACHE_STATUS, value);
    }
}

/// Members of other caches.
fn others(headers: &HeaderMap) -> Vec<u8> {
    let mut line = Vec::new();
    list::each(headers, &CACHE_STATUS, |member| {
        let name = member.split(|byte| *byte == b';').next().unwrap_or_default();
        let name = list::trim(name);
        if name != NAME.as_bytes() && name != b"\"popgate\"" {
            if !line.is_empty() {
                line.extend_from_slice(b", ");
            }
            line.extend_from_slice(member);
        }
    });
    line
}

/// As a token where it is one, else as a string.
fn push_item(text: &mut String, value: &str) {
    let token = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.bytes().all(structured::is_token);
    if token {
        text.push_str(value);
        return;
    }
    text.push('"');
    for character in value.chars().filter(|character| matches!(character, ' '..='~')) {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests;
