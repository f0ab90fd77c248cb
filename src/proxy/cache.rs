//! The cache's side of a request: key, lookup, judging what was found, deciding what to store.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pingora_cache::RespCacheable::{self, Cacheable, Uncacheable};
use pingora_cache::lock::CacheKeyLockImpl;
use pingora_cache::{CacheKey, CacheMeta, CacheOptionOverrides, CachePhase, ForcedFreshness, NoCacheReason};
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::Gateway;
use super::context::{Key, RequestContext, Validation};
use super::decide;
use super::freshen;
use super::request::mark_background;
use super::second_sight;
use super::sentinel;
use crate::app::SiteRuntime;
use crate::cache::Times;
use crate::cache::key::normal_percent;
use crate::cache::policy::hop_by_hop::stored_headers;
use crate::cache::policy::validate::merge_304;
use crate::cache::policy::vary::{self, Vary};
use crate::cache::policy::{
    Exchange, Failure, Overrides, RefuseReason, Reuse, StoreDecision, may_serve_on_error, store_decision,
};
use crate::cache::storage::{Fetching, FoundEntry, Lookup, Storing, engine_key, engine_meta};
use crate::preset::{self, Freshness, PageClass, ResponseRule, StoreRule};

/// Times a waiter may wake to a fill that was not for it (another variant, a client that left, a failed
/// fill) before it fetches on its own.
const LOCK_RETRIES: usize = 3;

/// Turns the cache on for a request that may be looked up.
pub fn enable(gateway: &Gateway, session: &mut Session, cx: &mut RequestContext) {
    let Some(site) = cx.site.clone() else { return };
    if cx.cache.bypass.is_some() || cx.probe {
        return;
    }
    let Some(class) = cx.cache.request.as_ref().map(|request| request.class) else {
        return;
    };
    let lookup = lookup_for(gateway, session, cx, &site, class);
    if sentinel::pass_leaked(gateway, cx, lookup.base) {
        return;
    }
    cx.cache.key = Some(Key {
        base: lookup.base,
        root: lookup.root,
        seq: lookup.seq,
    });
    second_sight::see(gateway, cx);
    let lock = may_hold_others(gateway, session, cx, &lookup).then_some(gateway.lock as &CacheKeyLockImpl);
    cx.cache.lookup = Some(lookup);
    let mut waits = CacheOptionOverrides::default();
    waits.wait_timeout = Some(cx.live.config.cache.lock_wait);
    waits.max_lock_retries = Some(LOCK_RETRIES);
    session.cache.enable(
        gateway.storage,
        None,
        Some(gateway.uncacheable),
        lock,
        Some(waits),
    );
}

/// Whether others may wait for this request's fetch: not where its answer is likely for it alone or will not
/// be stored, nor where each use needs a validation of its own.
fn may_hold_others(gateway: &Gateway, session: &Session, cx: &RequestContext, lookup: &Lookup) -> bool {
    let for_itself =
        cx.cache.directives.no_store || session.req_header().headers.contains_key(header::AUTHORIZATION);
    let never_fresh = || {
        gateway
            .app
            .cache
            .get_memory(lookup.root, &lookup.request)
            .is_some_and(|entry| entry.times.fresh_until + entry.times.initial_age <= entry.times.stored_at)
    };
    !for_itself && !cx.cache.first_sight && !never_fresh()
}

fn lookup_for(
    gateway: &Gateway,
    session: &Session,
    cx: &RequestContext,
    site: &SiteRuntime,
    class: PageClass,
) -> Arc<Lookup> {
    let request = session.req_header();
    let key = decide::key_of(cx, site, &request.uri, &request.headers);
    Arc::new(Lookup {
        base: key.hashes.base,
        root: key.hashes.root,
        site: site.config.name.clone(),
        host: cx.facts.authority.host.clone(),
        path: normal_percent(request.uri.path()).into_owned(),
        query: request
            .uri
            .query()
            .map(|query| normal_percent(query).into_owned()),
        seq: gateway.app.cache.head(),
        request: key.fields,
        preset: site.config.preset,
        wordpress: Arc::clone(&site.config.wordpress),
        class,
        found: parking_lot::Mutex::default(),
        varies: AtomicBool::new(false),
        fetching: Fetching::default(),
    })
}

/// The engine's key for this request.
///
/// # Errors
/// When the cache was not enabled by [`enable`].
pub fn key(cx: &RequestContext) -> Result<CacheKey> {
    match &cx.cache.lookup {
        Some(lookup) => Ok(engine_key(Arc::clone(lookup))),
        None => Error::e_explain(ErrorType::InternalError, "a lookup without a key"),
    }
}

/// Nothing usable is stored: the object is about to be fetched whole. The engine takes the end of the
/// client's answer for the end of the object and would cut the fill short, so HEAD, parts and conditions
/// pass to the origin and fill nothing; whoever waited behind them goes on.
pub fn miss(session: &mut Session) {
    let request = session.req_header();
    if decide::may_fill(&request.method, &request.headers) {
        session.cache.cache_miss();
    } else {
        session.cache.disable(NoCacheReason::DeclinedToUpstream);
    }
}

/// Whether the answer is being stored as it comes: then the client gets all of it, see [`miss`].
#[must_use]
pub fn is_filling(session: &Session) -> bool {
    matches!(session.cache.phase(), CachePhase::Miss | CachePhase::Expired)
}

/// Judges a stored object that was found.
pub fn judge(gateway: &Gateway, cx: &mut RequestContext, meta: &CacheMeta) -> Option<ForcedFreshness> {
    let found = meta.extensions().get::<FoundEntry>()?;
    cx.cache.found = Some(Arc::clone(&found.entry));
    cx.cache.serve_while_revalidate = false;
    let now = gateway.app.clock.now();
    let judged = decide::judge(
        &found.entry,
        found.purged_at,
        &gateway.app.snooping,
        &cx.cache.directives,
        now,
    );
    cx.cache.times = Some(judged.times);
    if judged.cause.is_some() {
        cx.cache.cause = judged.cause;
    }
    match judged.reuse {
        Reuse::Fresh => Some(ForcedFreshness::ForceFresh),
        Reuse::StaleAccepted => {
            cx.cache.stale_accepted = true;
            Some(ForcedFreshness::ForceFresh)
        }
        Reuse::Stale { while_revalidate, .. } => {
            cx.cache.serve_while_revalidate = while_revalidate && !cx.refresh;
            Some(ForcedFreshness::ForceExpiredServeStale {
                expired_at: found.purged_at,
            })
        }
        Reuse::Revalidate(_) => Some(ForcedFreshness::ForceExpired),
    }
}

/// Whether a stale object may be served now: while it is refreshed (`error` is `None`), or instead of an
/// error.
pub fn may_serve_stale(
    gateway: &Gateway,
    session: &mut Session,
    cx: &mut RequestContext,
    error: Option<&Error>,
) -> bool {
    let Some(error) = error else {
        if cx.cache.serve_while_revalidate {
            // The engine is about to copy this request for the refresh.
            mark_background(session.req_header_mut(), &cx.facts);
            cx.cache.served_stale = true;
        }
        return cx.cache.serve_while_revalidate;
    };
    if cx.refresh || *error.esource() == ErrorSource::Downstream {
        return false;
    }
    let (Some(site), Some(entry), Some(times)) = (&cx.site, &cx.cache.found, cx.cache.times) else {
        return false;
    };
    let failure = match error.etype() {
        // Without a cause it is the engine's word for an answer of the origin.
        ErrorType::HTTPStatus(code) if error.cause.is_none() && error.context.is_none() => {
            StatusCode::from_u16(*code).map_or(Failure::Unreachable, Failure::Status)
        }
        _ => Failure::Unreachable,
    };
    let now = gateway.app.clock.now();
    let serve = may_serve_on_error(
        &times,
        &entry.headers,
        &cx.cache.directives,
        &site.config.cache,
        failure,
        now,
    );
    if serve {
        cx.cache.stale_on_error = true;
        cx.cache.served_stale = true;
    }
    serve
}

/// Decides whether the origin's answer is stored, and for how long.
pub fn decide_store(
    gateway: &Gateway,
    session: &Session,
    response: &ResponseHeader,
    cx: &mut RequestContext,
) -> RespCacheable {
    let (Some(site), Some(request)) = (cx.site.clone(), cx.cache.request.clone()) else {
        return Uncacheable(NoCacheReason::OriginNotCache);
    };
    let now = gateway.app.clock.now();
    let mut head = response.clone();
    let validated = match complete_validation(cx, &mut head, now) {
        Some(validated) => validated,
        // The stored object serves this request as it is, and stays what it is.
        None => return Uncacheable(NoCacheReason::DeclinedToUpstream),
    };
    if !validated && decide::ends_early(&session.req_header().method, &session.req_header().headers) {
        freshen::by_head(gateway, session, cx, response, now);
        return Uncacheable(NoCacheReason::DeclinedToUpstream);
    }
    match judge_answer(session, cx, &site, &request, &mut head, now) {
        Judged::Refused { reason, lasting } => {
            if validated || lasting {
                drop_outdated(gateway, cx, validated, head.status, now);
            }
            Uncacheable(reason)
        }
        Judged::Store { .. } if !validated && gateway.storage.is_too_large(&head.headers) => {
            Uncacheable(NoCacheReason::ResponseTooLarge)
        }
        Judged::Store { times, .. } if !validated && !second_sight::admits(gateway, cx, &times, now) => {
            // It says nothing about the URL that should be remembered.
            Uncacheable(NoCacheReason::DeclinedToUpstream)
        }
        Judged::Store { times, vary } => {
            cx.cache.stored_for = Some(times.fresh_until.duration_since(now).unwrap_or_default());
            let stored = stored_headers(&head.headers, now);
            super::headers::replace(&mut head, &stored);
            Cacheable(meta(head, times, vary))
        }
    }
}

/// What becomes of an answer.
pub(super) enum Judged {
    /// It is stored, with this life, in the slot that these fields choose.
    Store { times: Times, vary: Vec<HeaderName> },
    /// It is not; `lasting` when that lies with the URL rather than with this request.
    Refused { reason: NoCacheReason, lasting: bool },
}

/// Preset and policy on a whole head: as the origin sent it, or as a 304 or HEAD completed it.
pub(super) fn judge_answer(
    session: &Session,
    cx: &mut RequestContext,
    site: &SiteRuntime,
    request: &preset::CacheRequest,
    head: &mut ResponseHeader,
    now: SystemTime,
) -> Judged {
    let settings = &site.config.cache;
    let judged = super::purge::freshness(site, cx, request, &head.headers).and_then(|said| {
        match preset::response(site.config.rules(), request, settings, head.status, &said, now) {
            ResponseRule::Refuse(reason) => Err(reason),
            ResponseRule::Store(rule) => Ok((rule, said.into_owned())),
        }
    });
    let (rule, mut said) = match judged {
        Ok(judged) => judged,
        Err(reason) => {
            cx.cache.refused_by_preset = Some(reason);
            return Judged::Refused {
                reason: NoCacheReason::Custom(reason),
                lasting: true,
            };
        }
    };
    if rule.strip_set_cookie {
        head.remove_header(&header::SET_COOKIE);
        said.remove(header::SET_COOKIE);
    }
    let (decision, vary) = apply_policy(session, cx, site, &rule, (head.status, &said), now);
    match decision {
        StoreDecision::Refuse(reason) => {
            cx.cache.refused = Some(reason);
            Judged::Refused {
                reason: refusal(reason, head.status),
                lasting: !reason.is_of_the_request(),
            }
        }
        StoreDecision::Store(times) => Judged::Store {
            times: capped(times, &rule, request.ttl_max),
            vary,
        },
    }
}

/// Drops the object found after an answer that may not be stored: a validated one has served this request
/// and may serve nobody else; a stale one is not what its URL is any more.
fn drop_outdated(
    gateway: &Gateway,
    cx: &RequestContext,
    validated: bool,
    status: StatusCode,
    now: SystemTime,
) {
    let Some(entry) = &cx.cache.found else { return };
    let stale = cx.cache.times.is_some_and(|times| !times.is_fresh(now));
    // Other errors say something about this request or this moment.
    let of_the_url = status.as_u16() < 400 || matches!(status.as_u16(), 404 | 410);
    if validated || stale && of_the_url {
        gateway.app.cache.remove(entry.slot);
    }
}

/// After a 304: the stored head with every field that the 304 brings (RFC 9111 3.2; the engine merges
/// five of them). Tells whether there was a 304; `None` when it spoke of another object.
fn complete_validation(cx: &RequestContext, head: &mut ResponseHeader, now: SystemTime) -> Option<bool> {
    let (Some(validation), Some(entry)) = (&cx.cache.not_modified, &cx.cache.found) else {
        return Some(false);
    };
    match validation {
        Validation::OfAnother => None,
        Validation::Confirms(fresh) => {
            super::headers::replace(head, &merge_304(&entry.headers, fresh, now));
            Some(true)
        }
    }
}

/// RFC 9111's word on an answer, and the fields that choose its variant.
fn apply_policy(
    session: &Session,
    cx: &RequestContext,
    site: &SiteRuntime,
    rule: &StoreRule,
    (status, headers): (StatusCode, &HeaderMap),
    now: SystemTime,
) -> (StoreDecision, Vec<HeaderName>) {
    let request = session.req_header();
    let asked = cx
        .cache
        .lookup
        .as_ref()
        .map_or(&request.headers, |lookup| &lookup.request);
    let vary_ignore = preset::ignored_vary(site.config.preset, headers);
    let overrides = Overrides {
        ttl: match rule.freshness {
            Freshness::Policy { default } => Some(default),
            Freshness::Fixed { .. } => None,
        },
        life_max: None,
        surrogate_control: false,
        vary_ignore: &vary_ignore,
    };
    let exchange = Exchange {
        // A HEAD fills from the GET that the engine sends for it.
        method: if request.method == Method::HEAD {
            &Method::GET
        } else {
            &request.method
        },
        request: asked,
        no_store: cx.cache.directives.no_store,
        requested_at: cx.upstream.sent_at.unwrap_or(cx.received),
    };
    let judged = policy_headers(rule, headers);
    let decision = store_decision(&exchange, status, &judged, &site.config.cache, &overrides, now);
    match vary::of(asked, headers, &vary_ignore) {
        Vary::Names(names) => (decision, names),
        Vary::Any => (StoreDecision::Refuse(RefuseReason::VaryAny), Vec::new()),
        Vary::TooMany => (StoreDecision::Refuse(RefuseReason::VaryTooMany), Vec::new()),
    }
}

/// Why the engine does not store: the origin's trouble of the moment (5xx) and what lies with one request
/// must not be remembered as the nature of the page.
fn refusal(reason: RefuseReason, status: StatusCode) -> NoCacheReason {
    if status.is_server_error() {
        NoCacheReason::UpstreamError
    } else if reason.is_of_the_request() {
        NoCacheReason::DeclinedToUpstream
    } else {
        NoCacheReason::Custom(reason.as_str())
    }
}

fn meta(head: ResponseHeader, times: Times, vary: Vec<HeaderName>) -> CacheMeta {
    let mut meta = engine_meta(&times, head);
    meta.extensions_mut().insert(Storing { times, vary });
    meta
}

/// What policy reads: where the preset itself says how long an answer lives, that stands for the
/// answer's own fields.
fn policy_headers(rule: &StoreRule, headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    if let Freshness::Fixed {
        ttl,
        stale_while_revalidate,
        stale_if_error,
    } = rule.freshness
    {
        let mut value = format!("max-age={}", ttl.as_secs());
        for (name, window) in [
            ("stale-while-revalidate", stale_while_revalidate),
            ("stale-if-error", stale_if_error),
        ] {
            if let Some(window) = window {
                value.push_str(&format!(", {name}={}", window.as_secs()));
            }
        }
        headers.remove(header::EXPIRES);
        for name in [
            "cdn-cache-control",
            "popgate-cdn-cache-control",
            "surrogate-control",
            "pragma",
        ] {
            headers.remove(name);
        }
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
    headers
}

/// The preset's caps on an answer's life.
fn capped(times: Times, rule: &StoreRule, request_ttl_max: Option<Duration>) -> Times {
    let mut times = times;
    for ttl_max in [rule.ttl_max, request_ttl_max].into_iter().flatten() {
        let lifetime_end = times.stored_at + ttl_max.saturating_sub(times.initial_age);
        times.fresh_until = times.fresh_until.min(lifetime_end);
    }
    if rule.no_stale {
        times.stale_while_revalidate = Duration::ZERO;
        times.stale_if_error = Duration::ZERO;
    }
    times
}
