//! After the answer: metrics, the access line, writes that waited.

use std::time::Duration;

use http::Version;
use pingora_core::Error;
use pingora_proxy::Session;

use super::Gateway;
use super::context::RequestContext;
use crate::advise::Missed;
use crate::cache::policy::BypassReason;
use crate::cache::status::Outcome;
use crate::preset;
use crate::serve::status_label::status_label;
use crate::telemetry::{AccessLine, rfc3339};

/// Last hook of a request.
pub async fn finish(
    gateway: &Gateway,
    session: &mut Session,
    error: Option<&Error>,
    cx: &mut RequestContext,
) {
    // The place at the origin goes to the next request in line before anything is written down.
    cx.upstream.lease = None;
    super::snoop::finish(gateway, cx);
    if cx.background {
        super::refetch::report(gateway, session, cx);
    } else {
        super::refresh::note(gateway, session, cx);
        super::sentinel::answered(gateway, session, cx, rand::random());
    }
    if let Some(deferred) = cx.deferred.take() {
        // A full queue has been counted; the guest is new once more next time.
        let _ = deferred.fire();
    }
    count(gateway, session, cx);
    if !cx.background && gateway.app.access_log().enabled() {
        write_line(gateway, session, error, cx);
    }
}

fn count(gateway: &Gateway, session: &Session, cx: &RequestContext) {
    let metrics = &gateway.app.metrics;
    if let Some(reason) = super::errors::refusal_label(cx.cache.refused, cx.cache.refused_by_preset) {
        metrics.cache_stores.with_label_values(&[reason]).inc();
    }
    if let (Some(origin), Some(first_byte)) = (
        cx.site.as_ref().and_then(|site| site.origin.as_ref()),
        cx.upstream.first_byte,
    ) {
        metrics
            .origin_seconds
            .with_label_values(&[origin.pool.name()])
            .observe(first_byte.as_secs_f64());
    }
    // A background refresh is nobody's request.
    if cx.background {
        return;
    }
    let site = cx.site.as_ref().map_or("", |site| site.config.name.as_str());
    let cache = cx.outcome.map_or("dynamic", |outcome| outcome.label());
    let status = session
        .response_written()
        .map_or("0", |response| status_label(response.status));
    metrics.requests.with_label_values(&[site, status, cache]).inc();
    metrics
        .request_seconds
        .with_label_values(&[site, cache])
        .observe(cx.started.elapsed().as_secs_f64());
    advise(gateway, session, cx);
}

/// Notes a request that was not a hit, for `popgate advise`.
fn advise(gateway: &Gateway, session: &Session, cx: &RequestContext) {
    let (Some(site), Some(outcome)) = (&cx.site, cx.outcome) else {
        return;
    };
    if matches!(outcome, Outcome::Hit | Outcome::Stale(_)) {
        return;
    }
    let request = session.req_header();
    let cookies = match outcome {
        Outcome::Bypass(BypassReason::Preset("cookie")) => {
            preset::personal_cookies(site.config.rules(), &request.headers)
        }
        _ => Vec::new(),
    };
    let missed = Missed {
        outcome,
        path: request.uri.path(),
        query: request.uri.query(),
        cookies: &cookies,
        answer: session
            .response_written()
            .filter(|_| cx.upstream.status.is_some())
            .map(|response| &response.headers),
    };
    gateway.app.advisor.note(&site.config.name, &missed);
}

fn write_line(gateway: &Gateway, session: &Session, error: Option<&Error>, cx: &RequestContext) {
    let request = session.req_header();
    let millis = |duration: Duration| (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0;
    let text = |name: http::HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    let country = cx
        .site
        .as_ref()
        .and_then(|site| cx.filter_context(site).country())
        .map(|country| country.to_string());
    gateway.app.access_log().write(&AccessLine {
        time: rfc3339::format(cx.received),
        ray: &cx.facts.ray,
        site: cx.site.as_ref().map(|site| site.config.name.as_str()),
        client: cx.facts.visitor.ip.to_string(),
        country: country.as_deref(),
        method: request.method.as_str(),
        scheme: cx.facts.scheme.as_str(),
        host: &cx.facts.authority.text,
        target: &cx.facts.target,
        protocol: protocol(cx.facts.version),
        status: session
            .response_written()
            .map_or(0, |response| response.status.as_u16()),
        bytes: session.body_bytes_sent() as u64,
        duration_ms: millis(cx.started.elapsed()),
        cache: cx.outcome.map_or("dynamic", |outcome| outcome.label()),
        reason: cx
            .outcome
            .and_then(|outcome| outcome.reason())
            .or(cx.refusal.map(|refusal| refusal.reason)),
        upstream: cx.upstream.server.as_deref(),
        upstream_status: cx.upstream.status.map(|status| status.as_u16()),
        upstream_ms: cx.upstream.first_byte.map(millis),
        tries: cx.upstream.tries,
        error: error.map(|error| error.etype().as_str().to_owned()),
        user_agent: text(http::header::USER_AGENT),
        referer: text(http::header::REFERER),
    });
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
