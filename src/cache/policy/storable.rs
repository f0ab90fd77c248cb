//! May an answer be stored (RFC 9111 3), and for how long?

use std::time::{Duration, SystemTime};

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, COOKIE, ETAG, LAST_MODIFIED, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::freshness::{self, Policy, Source};
use super::vary::{self, Vary};
use crate::cache::Times;
use crate::config::model::SiteCache;

/// The request behind an answer, as far as storing depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Method that was sent to the origin: a HEAD that fills from a GET is a GET here.
    pub method: &'a Method,
    /// The client's request fields, which choose the variant.
    pub request: &'a HeaderMap,
    /// The client said `no-store`.
    pub no_store: bool,
    /// When the request went to the origin.
    pub requested_at: SystemTime,
}

/// What a preset knows better than the header of one answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides<'a> {
    /// Instead of the site's `ttl`, for answers that say nothing.
    pub ttl: Option<Duration>,
    /// Cap on freshness and stale windows together (an expiring nonce in the page).
    pub life_max: Option<Duration>,
    /// `Surrogate-Control` counts, after the targeted fields and before `Cache-Control`.
    pub surrogate_control: bool,
    /// `Vary` members that do not count, because the preset's own rules stand in for them.
    pub vary_ignore: &'a [HeaderName],
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreDecision {
    /// Store it with this life.
    Store(Times),
    /// Pass it on and forget it.
    Refuse(RefuseReason),
}

/// Why an answer is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefuseReason {
    /// Only answers to GET are stored.
    Method,
    /// The request said `no-store` (5.2.1.5).
    RequestNoStore,
    /// Informational, 206, 304, or bound to the one request it answers.
    Status,
    /// A status that this cache does not understand, under `must-understand` (5.2.2.3).
    MustUnderstand,
    /// `Content-Range` in what claims to be whole.
    ContentRange,
    /// A transfer coding or length that leaves the end of the body in doubt.
    Framing,
    /// `no-store` (5.2.2.5).
    NoStore,
    /// `private` (5.2.2.7).
    Private,
    /// The request had credentials and the answer does not permit sharing (3.5).
    Authorization,
    /// The answer sets a cookie.
    SetCookie,
    /// `Vary: *` (4.1).
    VaryAny,
    /// `Vary` names more fields than are kept.
    VaryTooMany,
    /// `Vary: Cookie` and the request had cookies: one variant per visitor.
    VaryCookie,
    /// Varies by `Accept-Encoding` and came in a coding that this request did not offer.
    Coding,
    /// `no-cache` without a validator (5.2.2.4).
    NoCache,
    /// Neither freshness nor a way to validate.
    NoFreshness,
    /// Already stale on arrival, without validator or stale window.
    Expired,
}

impl RefuseReason {
    /// Token for `Cache-Status` details, logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request-no-store",
            Self::Status => "status",
            Self::MustUnderstand => "must-understand",
            Self::ContentRange => "content-range",
            Self::Framing => "framing",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::VaryAny => "vary-any",
            Self::VaryTooMany => "vary-too-many",
            Self::VaryCookie => "vary-cookie",
            Self::Coding => "coding",
            Self::NoCache => "no-cache",
            Self::NoFreshness => "no-freshness",
            Self::Expired => "expired",
        }
    }

    /// Whether it comes from the one request rather than from the URL: remembering it for the URL would
    /// let one client turn the cache off for all.
    #[must_use]
    pub fn is_of_the_request(self) -> bool {
        matches!(
            self,
            Self::Method | Self::RequestNoStore | Self::Authorization | Self::VaryCookie | Self::Coding
        )
    }
}

/// Decides over an answer that arrived at `now`. `headers` is the header as the origin sent it or, after
/// a 304, as [`super::validate::merge_304`] made it, with the stored status. [`Exchange::method`] is then
/// GET as well.
#[must_use]
pub fn store_decision(
    exchange: &Exchange<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    site: &SiteCache,
    overrides: &Overrides<'_>,
    now: SystemTime,
) -> StoreDecision {
    let policy = Policy::of(headers, overrides.surrogate_control);
    let refused = by_exchange(exchange, status, headers)
        .or_else(|| by_directives(exchange, &policy, status))
        .or_else(|| by_content(exchange, headers, site, overrides));
    if let Some(reason) = refused {
        return StoreDecision::Refuse(reason);
    }
    let lifetime = freshness::lifetime(&policy, status, headers, site, overrides, now);
    let windows = freshness::windows(&policy, status, lifetime, site);
    let times = freshness::times(
        headers,
        lifetime,
        windows,
        overrides.life_max,
        exchange.requested_at,
        now,
    );
    let validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    if lifetime.source == Source::Nothing {
        // A validator alone permits storing, but says nothing about whose page it is: with cookies in
        // play an origin may answer 304 by date for a page that it made for somebody else.
        let shared = freshness::heuristic_status(status) || policy.directives.public;
        if !validator || !shared || exchange.request.contains_key(COOKIE) {
            return StoreDecision::Refuse(RefuseReason::NoFreshness);
        }
    }
    if validator || now < times.dead_at(Duration::ZERO) {
        StoreDecision::Store(times)
    } else if lifetime.source == Source::NoCache {
        StoreDecision::Refuse(RefuseReason::NoCache)
    } else {
        StoreDecision::Refuse(RefuseReason::Expired)
    }
}

fn by_exchange(exchange: &Exchange<'_>, status: StatusCode, headers: &HeaderMap) -> Option<RefuseReason> {
    if exchange.method != Method::GET {
        return Some(RefuseReason::Method);
    }
    if exchange.no_store {
        return Some(RefuseReason::RequestNoStore);
    }
    if !storable_status(status) {
        return Some(RefuseReason::Status);
    }
    if headers.contains_key(CONTENT_RANGE) {
        return Some(RefuseReason::ContentRange);
    }
    (!framing_is_sound(headers)).then_some(RefuseReason::Framing)
}

fn by_directives(exchange: &Exchange<'_>, policy: &Policy, status: StatusCode) -> Option<RefuseReason> {
    let directives = &policy.directives;
    if directives.must_understand {
        if !understood(status) {
            return Some(RefuseReason::MustUnderstand);
        }
    } else if directives.no_store {
        return Some(RefuseReason::NoStore);
    }
    if directives.private.is_whole() {
        return Some(RefuseReason::Private);
    }
    let shared = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    (exchange.request.contains_key(AUTHORIZATION) && !shared).then_some(RefuseReason::Authorization)
}

fn by_content(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
    site: &SiteCache,
    overrides: &Overrides<'_>,
) -> Option<RefuseReason> {
    if headers.contains_key(SET_COOKIE) && !site.store_set_cookie {
        return Some(RefuseReason::SetCookie);
    }
    match vary::of(exchange.request, headers, overrides.vary_ignore) {
        Vary::Any => Some(RefuseReason::VaryAny),
        Vary::TooMany => Some(RefuseReason::VaryTooMany),
        Vary::Names(names) if names.contains(&COOKIE) && exchange.request.contains_key(COOKIE) => {
            Some(RefuseReason::VaryCookie)
        }
        Vary::Names(names) => {
            (!vary::coding_is_offered(&names, exchange.request, headers)).then_some(RefuseReason::Coding)
        }
    }
}

/// Any final status, except those that are no whole representation (206, 304), that hang on fields of
/// the one request (412, 416, 417), and that no cache may store (428, 429, 431, 511: RFC 6585).
fn storable_status(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(
            status.as_u16(),
            206 | 304 | 412 | 416 | 417 | 428 | 429 | 431 | 511
        )
}

/// Final statuses of RFC 9110, whose caching requirements are met here.
fn understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=411 | 413..=415 | 421 | 422 | 426 | 500..=505
    )
}

/// Chunked, or lengths that agree. An origin that says both is smuggling or broken.
fn framing_is_sound(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(only), None) if only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => true,
        _ => return false,
    };
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match lengths.next() {
        None => true,
        Some(first) => {
            let digits = first.as_bytes();
            !chunked
                && !digits.is_empty()
                && digits.iter().all(u8::is_ascii_digit)
                && lengths.all(|other| other == first)
        }
    }
}

#[cfg(test)]
mod tests;
