//! From a read head to a request that may be looked up: normalise, find out who asks and which site is
//! meant, run the filters, answer what needs neither cache nor origin.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method, StatusCode, header};
use pingora_core::protocols::l4::socket::SocketAddr as PingoraAddr;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use popgate_filters::Scheme;

use super::context::{Facts, RequestContext};
use super::decide::{self, Filtered};
use super::headers::RequestFields;
use super::{Gateway, answer, normalise, purge, refetch, snoop, status_error};
use crate::app::SiteRuntime;
use crate::cache::Entry;
use crate::cache::policy::request::wants_no_bypass;
use crate::cache::policy::{BypassReason, RequestDecision};
use crate::cache::status::{CacheStatus, Outcome};
use crate::cache::storage::Lookup;
use crate::config::ClientTimeouts;
use crate::endpoint::{self, Route};
use crate::serve::ask::Hit;

/// Carries scheme and visitor of the request that caused a background refresh into it; a client's own
/// is dropped.
pub const BACKGROUND: HeaderName = HeaderName::from_static("popgate-background");

/// Longest time spent on reading a request body that nobody wanted.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// First hook: timeouts, then the request in its one shape.
///
/// # Errors
/// A status to answer with before closing.
pub fn early(gateway: &Gateway, session: &mut Session, cx: &mut RequestContext) -> Result<()> {
    cx.background = session.subrequest_ctx.is_some();
    cx.probe = refetch::is_probe(session);
    cx.refresh = refetch::is_refresh(session);
    if cx.background {
        ask_for_all(session.req_header_mut());
    }
    set_timeouts(session, &cx.live.config.timeouts);
    cx.facts.version = session.req_header().version;
    cx.facts.target = String::from_utf8_lossy(session.req_header().raw_path()).into_owned();
    cx.facts.ray = gateway.rays.next();
    let authority = match normalise::normalise(session.req_header_mut(), &cx.live.config.limits) {
        Ok(authority) => authority,
        Err(refusal) => {
            gateway
                .app
                .metrics
                .rejected
                .with_label_values(&[refusal.reason])
                .inc();
            cx.refusal = Some(refusal);
            return Err(Error::explain(
                ErrorType::HTTPStatus(refusal.status.as_u16()),
                refusal.reason,
            ));
        }
    };
    cx.facts.authority = authority;
    cx.facts.method_override = overriding_method(session.req_header());
    learn_visitor(gateway, session, cx);
    normalise::drop_default_port(
        &mut RequestFields(session.req_header_mut()),
        &mut cx.facts.authority,
        cx.facts.scheme,
    );
    cx.site = cx
        .live
        .sites
        .find(&cx.facts.authority.host, session.req_header().uri.path())
        .cloned();
    Ok(())
}

/// Second hook; true when the request has been answered.
///
/// # Errors
/// When the client is gone.
pub async fn filter(gateway: &Gateway, session: &mut Session, cx: &mut RequestContext) -> Result<bool> {
    if let Some(reply) = purge::answer(gateway, session, cx).await? {
        return respond(session, cx, reply).await;
    }
    let Some(site) = cx.site.clone() else {
        gateway
            .app
            .metrics
            .rejected
            .with_label_values(&["unknown_site"])
            .inc();
        return respond(session, cx, answer::error(StatusCode::MISDIRECTED_REQUEST)).await;
    };
    if normalise::announces_more_than(&session.req_header().headers, site.config.body_max) {
        gateway
            .app
            .metrics
            .rejected
            .with_label_values(&["body_too_large"])
            .inc();
        return respond(session, cx, answer::error(StatusCode::PAYLOAD_TOO_LARGE)).await;
    }
    if let Some(reply) = run_filters(session, cx, &site)? {
        return respond(session, cx, reply).await;
    }
    let request = session.req_header();
    match endpoint::route(&site.config.endpoints, &request.method, request.uri.path()) {
        Route::FastUser => {
            let reply = fast_user(gateway, cx, &site).await;
            return respond(session, cx, reply).await;
        }
        Route::MethodNotAllowed => return respond(session, cx, endpoint::method_not_allowed()).await,
        Route::Elsewhere if site.origin.is_none() => {
            return respond(session, cx, endpoint::not_found()).await;
        }
        Route::Elsewhere => {}
    }
    decide_lookup(session, cx, &site);
    purge::pass_chosen(session, cx, &site);
    snoop::begin(session, cx, &site);
    Ok(false)
}

/// A background refresh fetches the whole object, whatever part of it its client asked for.
fn ask_for_all(request: &mut RequestHeader) {
    request.set_method(Method::GET);
    for name in [
        header::RANGE,
        header::IF_RANGE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
    ] {
        request.remove_header(&name);
    }
}

/// The method that a POST is to be taken for (`X-HTTP-Method-Override`); of use to applications that know it.
fn overriding_method(request: &RequestHeader) -> Option<Method> {
    let mut values = request.headers.get_all("x-http-method-override").iter();
    let value = values.next().filter(|_| request.method == Method::POST)?;
    [Method::PUT, Method::PATCH, Method::DELETE]
        .into_iter()
        .find(|method| value.as_bytes().eq_ignore_ascii_case(method.as_str().as_bytes()))
        .filter(|_| values.next().is_none())
}

/// Client timeouts, anew for each request (Pingora forgets them), and the keep-alive guard: only a
/// connection that is to be kept may be told for how long, else a request whose framing made Pingora
/// give the connection up would bring it back to life.
fn set_timeouts(session: &mut Session, timeouts: &ClientTimeouts) {
    let upgrade = session.is_upgrade_req();
    let read = if upgrade { timeouts.upgraded } else { timeouts.read };
    session.set_read_timeout(Some(read));
    session.set_write_timeout(Some(timeouts.write));
    session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
    if session.get_keepalive().is_some() {
        session.set_keepalive(Some(timeouts.keepalive.as_secs().max(1)));
    }
}

/// Settles who asks, from where and by which scheme; drops what only trusted peers may say.
fn learn_visitor(gateway: &Gateway, session: &mut Session, cx: &mut RequestContext) {
    let (peer, connection) = if cx.background {
        background_facts(session.req_header())
    } else {
        connection_facts(session)
    };
    let request = session.req_header_mut();
    request.remove_header(&BACKGROUND);
    decide::learn_visitor(
        &gateway.app.geo,
        &cx.live.config.trusted_proxies,
        (peer, connection),
        &mut RequestFields(request),
        &mut cx.facts,
    );
}

/// The other end of the connection and what it speaks.
fn connection_facts(session: &Session) -> (IpAddr, Scheme) {
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    let peer = match session.client_addr() {
        Some(PingoraAddr::Inet(address)) => address.ip().to_canonical(),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    (peer, if tls { Scheme::Https } else { Scheme::Http })
}

/// What [`mark_background`] wrote.
fn background_facts(request: &RequestHeader) -> (IpAddr, Scheme) {
    let (scheme, ip) = request
        .headers
        .get(&BACKGROUND)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .unwrap_or_default();
    let ip = ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    (
        ip,
        if scheme == "https" {
            Scheme::Https
        } else {
            Scheme::Http
        },
    )
}

/// The value of [`BACKGROUND`].
pub(super) fn background_mark(scheme: &str, ip: IpAddr) -> String {
    format!("{scheme} {ip}")
}

/// Notes in a request what its background refresh must know.
pub fn mark_background(request: &mut RequestHeader, facts: &Facts) {
    let mark = background_mark(facts.scheme.as_str(), facts.visitor.ip);
    // Letters, digits and punctuation of an address: always a valid value.
    let _ = request.insert_header(BACKGROUND, mark);
}

/// Filters at the request point; a rewritten query becomes the request's own.
fn run_filters(
    session: &mut Session,
    cx: &RequestContext,
    site: &SiteRuntime,
) -> Result<Option<popgate_filters::Answer>> {
    let (method, uri) = {
        let request = session.req_header();
        (request.method.clone(), request.uri.clone())
    };
    let mut fields = RequestFields(session.req_header_mut());
    match decide::run_filters(cx, site, &method, &uri, &mut fields) {
        Filtered::Unchanged => Ok(None),
        Filtered::Rewritten(target) => set_target(session.req_header_mut(), &target).map(|()| None),
        Filtered::Answered(_, reply) => Ok(Some(reply)),
    }
}

/// Gives the request another path and query.
fn set_target(request: &mut RequestHeader, target: &str) -> Result<()> {
    match target.parse::<http::Uri>() {
        Ok(uri) => {
            request.set_uri(uri);
            Ok(())
        }
        // Bytes the URI type does not take stay raw, as they came.
        Err(_) => request.set_raw_path(target.as_bytes()),
    }
}

/// `GET /api/fast-user`.
async fn fast_user(
    gateway: &Gateway,
    cx: &mut RequestContext,
    site: &SiteRuntime,
) -> popgate_filters::Answer {
    let country = cx.filter_context(site).country();
    let ip = Some(cx.facts.visitor.ip).filter(|ip| !ip.is_unspecified());
    let (reply, deferred) =
        endpoint::fast_user::answer(&gateway.app.kv(), country.as_ref().map(|c| c.as_str()), ip).await;
    cx.deferred = deferred;
    reply
}

/// Preset, then policy: may the cache be asked?
fn decide_lookup(session: &mut Session, cx: &mut RequestContext, site: &SiteRuntime) {
    let request = session.req_header();
    let mut decided = decide::decide_lookup(site, &request.method, &request.uri, &request.headers);
    if matches!(decided.decision, RequestDecision::Lookup(_)) && !session.as_downstream_mut().is_body_empty()
    {
        // HTTP/2 announces a body by not ending the stream.
        decided.decision = RequestDecision::Bypass(BypassReason::Body);
    }
    let request = session.req_header();
    match decided.decision {
        RequestDecision::Lookup(directives) => {
            cx.cache.directives = directives;
            if let Some(target) = &decided.target {
                // A target that cannot be set stays as it came, and so does its key.
                let _ = set_target(session.req_header_mut(), target);
            }
            if let Some(request) = &decided.request {
                decide::normal_fields(site, request, &mut RequestFields(session.req_header_mut()));
            }
            cx.cache.request = decided.request;
        }
        RequestDecision::Bypass(reason) => {
            cx.cache.directives.only_if_cached = wants_no_bypass(&request.method, &request.headers, reason);
            cx.cache.bypass = Some(reason);
        }
    }
}

/// Sends an answer of popgate's own.
async fn respond(
    session: &mut Session,
    cx: &mut RequestContext,
    reply: popgate_filters::Answer,
) -> Result<bool> {
    let mut head = answer::head(&reply)?;
    super::response::own(cx, &mut head)?;
    answer::send(session, head, reply.body).await?;
    Ok(true)
}

/// Counts a piece of request body.
///
/// # Errors
/// 413 when the site takes no more.
pub fn count_body(cx: &mut RequestContext, length: usize) -> Result<()> {
    cx.body_seen = cx.body_seen.saturating_add(length as u64);
    match &cx.site {
        Some(site) if cx.body_seen > site.config.body_max => Err(status_error(413, "request body too large")),
        _ => Ok(()),
    }
}

/// After the cache was asked in vain: false when the client wants nothing but a stored answer, which
/// has been answered with 504 then (RFC 9111 5.2.1.7).
///
/// # Errors
/// When the client is gone.
pub async fn may_go_upstream(session: &mut Session, cx: &mut RequestContext) -> Result<bool> {
    if !cx.cache.directives.only_if_cached {
        return Ok(true);
    }
    cx.outcome = Some(Outcome::Unsatisfied);
    let reply = answer::error(StatusCode::GATEWAY_TIMEOUT);
    let mut head = answer::head(&reply)?;
    let mut headers = http::HeaderMap::new();
    CacheStatus::new(Outcome::Unsatisfied).write_to(&mut headers);
    for (name, value) in &headers {
        head.append_header(name.clone(), value.clone())?;
    }
    super::response::own(cx, &mut head)?;
    answer::send(session, head, reply.body).await?;
    Ok(false)
}

/// A request for which something is stored, for those who will ask for the same.
pub(super) fn hit_of<'a>(
    session: &Session,
    cx: &'a RequestContext,
    site: &'a Arc<SiteRuntime>,
    entry: &'a Arc<Entry>,
    lookup: &'a Lookup,
) -> Hit<'a> {
    let target = session.req_header().uri.path_and_query();
    Hit {
        site,
        entry,
        fields: &lookup.request,
        scheme: cx.facts.scheme.as_str(),
        authority: &cx.facts.authority.text,
        target: target.map_or_else(|| "/".to_owned(), ToString::to_string),
        ip: cx.facts.visitor.ip,
        cookies: cx
            .cache
            .request
            .as_ref()
            .map_or("", |request| &request.chosen.cookies),
    }
}
