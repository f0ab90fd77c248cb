//! The answer on its way to the client: validators and ranges of stored answers, cache headers, filters.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, Method, header};
use pingora_cache::{CachePhase, NoCacheReason};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use pingora_proxy::{RangeType, range_header_filter};

use super::Gateway;
use super::cache::is_filling;
use super::context::{RequestContext, Validation};
use super::headers::ResponseFields;
use crate::cache::policy::age::age_value;
use crate::cache::policy::range::{Asked, asked};
use crate::cache::policy::validate::{IfRange, if_range, merge_304, not_modified};
use crate::cache::refusals::Refusal;
use crate::cache::status::{
    Before, CACHE_STATUS, CacheStatus, Cause, DynamicReason, MissReason, Outcome, StaleReason, X_CACHE, ttl,
};
use crate::preset;

/// Whether the client's copy is still good (RFC 9110 13.2.2).
#[must_use]
pub fn client_copy_is_good(session: &Session, response: &ResponseHeader, now: SystemTime) -> bool {
    !is_filling(session)
        && not_modified(
            &session.req_header().headers,
            response.status,
            &response.headers,
            now,
        )
}

/// Cuts the asked range out of a stored answer (RFC 9110 14.2). What the field means is decided here: the
/// engine compares `If-Range` weakly and takes invalid ranges for unsatisfiable ones.
pub fn range(
    session: &Session,
    response: &mut ResponseHeader,
    now: SystemTime,
    ranges_max: usize,
) -> RangeType {
    let request = session.req_header();
    if request.method != Method::GET || !request.headers.contains_key(header::RANGE) || is_filling(session) {
        return RangeType::None;
    }
    let Some(length) = length(response) else {
        return RangeType::None;
    };
    let wanted = match asked(&request.headers, length) {
        Asked::Whole => return RangeType::None,
        Asked::Parts(text) => text,
        Asked::Nothing => format!("bytes={length}-"),
    };
    if if_range(&request.headers, &response.headers, now) == IfRange::Differs {
        return RangeType::None;
    }
    let mut judged = request.clone();
    judged.remove_header(&header::IF_RANGE);
    if judged.insert_header(header::RANGE, wanted).is_err() {
        return RangeType::None;
    }
    range_header_filter(&judged, response, Some(ranges_max))
}

fn length(response: &ResponseHeader) -> Option<u64> {
    let value = response.headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// HEAD and 304 answers carry no body, whatever the engine fetched to fill the cache: its HTTP/2 writer
/// would send it.
pub fn keep_bodyless(cx: &RequestContext, body: &mut Option<Bytes>) {
    if cx.bodyless {
        *body = None;
    }
}

/// Last look at an answer that came from the origin or the cache.
///
/// # Errors
/// When a header is refused, which valid ones are not.
pub fn finish(
    gateway: &Gateway,
    session: &mut Session,
    cx: &mut RequestContext,
    response: &mut ResponseHeader,
) -> Result<()> {
    if response.status.is_informational() && response.status != http::StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    cx.bodyless =
        session.req_header().method == Method::HEAD || matches!(response.status.as_u16(), 204 | 304);
    let Some(site) = cx.site.clone() else {
        return Ok(());
    };
    if let (CachePhase::RevalidatedNoCache(_), Some(Validation::Confirms(fresh))) =
        (session.cache.phase(), &cx.cache.not_modified)
    {
        // The object is not kept, but its client gets what the 304 says about it.
        let merged = merge_304(&response.headers, fresh, gateway.app.clock.now());
        super::headers::replace(response, &merged);
    }
    if cx.facts.version != http::Version::HTTP_2 {
        // Whatever the origin speaks (RFC 9112 2.3).
        response.set_version(http::Version::HTTP_11);
        super::headers::spell(response);
    }
    if cx.facts.version == http::Version::HTTP_10
        && response.remove_header(&header::TRANSFER_ENCODING).is_some()
    {
        // Chunks are not for it (RFC 9112 6.1): the end of the connection is the end of the body.
        session.set_keepalive(None);
    }
    let outcome = outcome(session, cx);
    cx.outcome = Some(outcome);
    super::login_loop::note(gateway, cx, response);
    remember_refusal(gateway, cx);
    let names: Vec<HeaderName> = response.headers.keys().cloned().collect();
    for name in names {
        if preset::drops_response_header(site.config.preset, &name)
            || super::purge::ends_here(&site, &name)
            || name == crate::cache::policy::targeted::POPGATE_CDN_CACHE_CONTROL
        {
            response.remove_header(&name);
        }
    }
    if let Some(asked) = &cx.cache.request {
        let age = age_value(&response.headers);
        let said = preset::for_browsers(
            site.config.preset,
            asked.class,
            response.status,
            &response.headers,
            age,
        );
        if let Some(said) = said {
            response.insert_header(header::CACHE_CONTROL, said.as_ref())?;
        }
    }
    if site.config.cache.debug_headers {
        write_status(gateway, session, cx, outcome, response)?;
    }
    response.insert_header("CF-Ray", cx.facts.ray.as_str())?;
    let hit = matches!(outcome, Outcome::Hit | Outcome::Stale(_));
    let status = response.status;
    let mut fields = ResponseFields(response);
    site.chain
        .response(&cx.filter_context(&site), status, hit, &mut fields);
    Ok(())
}

/// Headers of an answer that popgate gives itself.
///
/// # Errors
/// When a header is refused, which valid ones are not.
pub fn own(cx: &RequestContext, response: &mut ResponseHeader) -> Result<()> {
    response.insert_header("CF-Ray", cx.facts.ray.as_str())?;
    if let Some(site) = &cx.site {
        let status = response.status;
        let mut fields = ResponseFields(response);
        site.chain
            .response(&cx.filter_context(site), status, false, &mut fields);
    }
    Ok(())
}

/// To the nearest second: the milliseconds that an answer took should not make `max-age=300` a 299.
fn whole_seconds(left: Duration) -> i64 {
    let rounded = left.saturating_add(Duration::from_millis(500));
    i64::try_from(rounded.as_secs()).unwrap_or(i64::MAX)
}

/// Notes why the answer is not stored, for `popgate why`, before its client has it.
fn remember_refusal(gateway: &Gateway, cx: &RequestContext) {
    let too_large = || match cx.outcome {
        Some(outcome @ Outcome::Dynamic(DynamicReason::TooLarge)) => outcome.reason(),
        _ => None,
    };
    let reason =
        super::errors::refusal_label(cx.cache.refused, cx.cache.refused_by_preset).or_else(too_large);
    if let (Some(reason), Some(key)) = (reason, cx.cache.key) {
        gateway.app.cache.refused(
            key.root,
            Refusal {
                reason,
                status: cx.upstream.status,
                at: gateway.app.clock.now(),
            },
        );
    }
}

fn write_status(
    gateway: &Gateway,
    session: &Session,
    cx: &RequestContext,
    outcome: Outcome,
    response: &mut ResponseHeader,
) -> Result<()> {
    let now = gateway.app.clock.now();
    let from_store = matches!(outcome, Outcome::Hit | Outcome::Stale(_));
    let stored_for = cx.cache.stored_for.filter(|_| is_stored(session));
    let status = CacheStatus {
        outcome,
        before: before(cx),
        ttl: if from_store {
            cx.cache.times.map(|times| ttl(&times, now))
        } else {
            stored_for.map(whole_seconds)
        },
        // A page is judged once it is there as a whole: nobody can say yet that it is stored.
        stored: stored_for.is_some() && !(is_filling(session) && body_decides(cx, response)),
        collapsed: session.cache.lock_duration().is_some() && from_store,
        fwd_status: cx
            .upstream
            .status
            .filter(|status| !from_store && *status != response.status)
            .map(|status| status.as_u16()),
    };
    let mut headers = http::HeaderMap::new();
    for value in response.headers.get_all(CACHE_STATUS) {
        headers.append(CACHE_STATUS, value.clone());
    }
    status.write_to(&mut headers);
    // As text, so that HTTP/1.1 clients see the names as they are usually written.
    for (name, text) in [(CACHE_STATUS, "Cache-Status"), (X_CACHE, "X-Cache")] {
        if let Some(value) = headers.remove(&name) {
            response.insert_header(text, value)?;
        }
    }
    Ok(())
}

/// Whether the origin's answer is being stored, or has renewed what is.
fn is_stored(session: &Session) -> bool {
    matches!(
        session.cache.phase(),
        CachePhase::Miss | CachePhase::Expired | CachePhase::Revalidated
    )
}

/// Whether the preset looks at the whole body before it is stored.
fn body_decides(cx: &RequestContext, response: &ResponseHeader) -> bool {
    cx.site
        .as_ref()
        .is_some_and(|site| preset::body_decides(site.config.preset, response.status, &response.headers))
}

/// What the store had for this request.
fn before(cx: &RequestContext) -> Before {
    let lookup = cx.cache.lookup.as_ref();
    if cx.cache.found.is_some() {
        Before::Unusable(cx.cache.cause.unwrap_or(Cause::Stale))
    } else if lookup.is_some_and(|lookup| lookup.varies.load(Ordering::Relaxed)) {
        Before::OtherVariants
    } else {
        Before::Nothing
    }
}

/// What the answer is made of.
fn outcome(session: &Session, cx: &RequestContext) -> Outcome {
    if let Some(reason) = cx.cache.bypass {
        return Outcome::Bypass(reason);
    }
    let cause = cx.cache.cause.unwrap_or(Cause::Stale);
    match session.cache.phase() {
        CachePhase::Hit if cx.cache.stale_accepted => Outcome::Stale(StaleReason::Accepted),
        CachePhase::Hit => Outcome::Hit,
        CachePhase::Stale | CachePhase::StaleUpdating if cx.cache.stale_on_error => {
            Outcome::Stale(StaleReason::OnError)
        }
        CachePhase::Stale | CachePhase::StaleUpdating => Outcome::Stale(StaleReason::WhileRevalidate),
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => Outcome::Revalidated(cause),
        CachePhase::Expired => Outcome::Expired(cause),
        CachePhase::Miss => fetched(cx),
        CachePhase::Bypass => Outcome::Dynamic(DynamicReason::Remembered),
        CachePhase::Disabled(reason) => disabled(cx, reason),
        CachePhase::Uninit | CachePhase::CacheKey => Outcome::Miss(MissReason::Uri),
    }
}

/// The origin answered, whatever becomes of the answer.
fn fetched(cx: &RequestContext) -> Outcome {
    match before(cx) {
        Before::Nothing => Outcome::Miss(MissReason::Uri),
        Before::OtherVariants => Outcome::Miss(MissReason::Vary),
        Before::Unusable(cause) => Outcome::Expired(cause),
    }
}

fn disabled(cx: &RequestContext, reason: NoCacheReason) -> Outcome {
    if let Some(rule) = cx.cache.refused_by_preset {
        return Outcome::Dynamic(DynamicReason::Preset(rule));
    }
    if let Some(refused) = cx.cache.refused {
        return Outcome::Dynamic(DynamicReason::Refused(refused));
    }
    match reason {
        NoCacheReason::ResponseTooLarge | NoCacheReason::PredictedResponseTooLarge => {
            Outcome::Dynamic(DynamicReason::TooLarge)
        }
        NoCacheReason::CacheLockGiveUp => Outcome::Dynamic(DynamicReason::Remembered),
        _ => fetched(cx),
    }
}
