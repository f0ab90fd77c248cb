//! The way to the origin: a place at a server, the request's headers, retries, and what came of it.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use http::header::{
    ACCEPT_ENCODING, CONTENT_TYPE, COOKIE, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, TE,
    TRANSFER_ENCODING,
};
use http::{HeaderName, Method, StatusCode};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::Gateway;
use super::connect::{Wanted, peer};
use super::context::{RequestContext, Validation};
use super::headers::RequestFields;
use super::request::BACKGROUND;
use crate::cache::policy::validate::{speaks_of, weakly_same, without_weakness};
use crate::cache::policy::{hop_by_hop, vary};
use crate::cache::status::Cause;
use crate::origin::retry::{Attempt, Verdict, may_retry};
use crate::origin::{ConnectError, LeaseError, Outcome};
use crate::preset;

/// What a client that found everything busy or failing is told to wait.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Picks a server, waits for a place there, and describes the connection.
///
/// # Errors
/// 503 when the queue is full or the wait too long, 502 when no server can be reached.
pub async fn choose(gateway: &Gateway, session: &Session, cx: &mut RequestContext) -> Result<Box<HttpPeer>> {
    let Some(origin) = cx.site.as_ref().and_then(|site| site.origin.clone()) else {
        return Error::e_explain(ErrorType::HTTPStatus(404), "the site has no origin");
    };
    if is_given_up(cx) {
        return Err(given_up(cx));
    }
    // A former try's place goes back before the next is asked for.
    if let Some(lease) = cx.upstream.lease.take() {
        cx.upstream.tried.push(lease.server_id());
    }
    cx.upstream.tries += 1;
    if cx.upstream.tries > 1 {
        gateway
            .app
            .metrics
            .origin_retries
            .with_label_values(&[origin.pool.name()])
            .inc();
    }
    cx.upstream.sent_anything = false;
    let key = cx
        .cache
        .key
        .map_or_else(|| target_hash(session), |key| key.root.0);
    #[expect(clippy::cast_possible_truncation, reason = "any 64 bits of the hash do")]
    let lease = match origin.pool.lease(key as u64, &cx.upstream.tried, None).await {
        Ok(lease) => lease,
        Err(error) => return Err(no_place(cx, error)),
    };
    let settings = origin.pool.settings();
    let wanted = Wanted {
        host: &cx.facts.authority.host,
        upgrade: session
            .is_upgrade_req()
            .then_some(cx.live.config.timeouts.upgraded),
        patience: patience(session, cx),
    };
    let peer = peer(&lease, &settings, origin.roots.as_ref(), wanted)?;
    cx.upstream.server = Some(lease.server_name().to_owned());
    cx.upstream.lease = Some(lease);
    Ok(Box::new(peer))
}

/// How long the preset lets the origin take over this request.
fn patience(session: &Session, cx: &RequestContext) -> Option<Duration> {
    let request = session.req_header();
    let facts = preset::RequestFacts {
        method: &request.method,
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
    };
    preset::patience(cx.site.as_ref()?.config.rules(), &facts)
}

fn target_hash(session: &Session) -> u128 {
    crate::cache::KeyHash::of(&[session.req_header().raw_path()]).0
}

fn no_place(cx: &mut RequestContext, error: LeaseError) -> Box<Error> {
    let status = match error {
        LeaseError::NoServer { retry_after } => {
            cx.upstream.retry_after = Some(retry_after);
            502
        }
        LeaseError::QueueFull | LeaseError::QueueTimeout => {
            cx.upstream.retry_after = Some(RETRY_SOON);
            503
        }
    };
    fetch_failed(cx);
    let mut failure = Error::because(ErrorType::HTTPStatus(status), "no place at the origin", error);
    failure.esource = ErrorSource::Upstream;
    failure
}

fn given_up(cx: &mut RequestContext) -> Box<Error> {
    cx.upstream.retry_after = Some(RETRY_SOON);
    let why = "those who fetched the same failed, and so did others after them";
    let mut failure = Error::explain(ErrorType::HTTPStatus(503), why);
    failure.as_up();
    failure
}

/// Whether this request waited for fetches that all failed.
fn is_given_up(cx: &RequestContext) -> bool {
    let lookup = cx.cache.lookup.as_ref();
    lookup.is_some_and(|lookup| lookup.fetching.is_given_up())
}

/// The origin did not deliver: those who wait for this request's fetch are told so.
fn fetch_failed(cx: &RequestContext) {
    if let Some(lookup) = &cx.cache.lookup {
        lookup.fetching.fail();
    }
}

/// A connection is there; the request is about to be sent.
pub fn connected(gateway: &Gateway, cx: &mut RequestContext, reused: bool, fd: RawFd) {
    if let Some(lease) = &mut cx.upstream.lease {
        lease.attach(fd);
    }
    cx.upstream.reused = reused;
    cx.upstream.sent = Some(Instant::now());
    cx.upstream.sent_at = Some(gateway.app.clock.now());
    cx.upstream.sent_anything = true;
    if reused {
        gateway.app.metrics.origin_reuse.inc();
    }
}

/// The request as the origin gets it.
///
/// # Errors
/// When a header is refused, which valid ones are not.
pub fn request_headers(session: &Session, cx: &RequestContext, request: &mut RequestHeader) -> Result<()> {
    let Some(site) = &cx.site else { return Ok(()) };
    let cached = session.cache.enabled() || session.cache.bypassing();
    request.remove_header(&BACKGROUND);
    let preset = site.config.preset;
    let names: Vec<HeaderName> = request.headers.keys().cloned().collect();
    for name in names {
        if preset::drops_request_header(preset, cached, &name) {
            request.remove_header(&name);
        }
    }
    if session.req_header().method == Method::HEAD {
        // The engine asks for the whole to store it; the answer to HEAD tells all its client wants to know.
        request.set_method(Method::HEAD);
    }
    if cached {
        if let Some(asked) = cx.cache.request.as_ref().filter(|asked| asked.strip_cookies) {
            request.remove_header(&COOKIE);
            if !asked.chosen.cookies.is_empty() {
                request.insert_header(COOKIE, asked.chosen.cookies.as_str())?;
            }
        }
        // The stored variant must be what the key says: the origin sees the same codings.
        let codings = vary::accept_encoding(&request.headers);
        request.insert_header(ACCEPT_ENCODING, codings)?;
    }
    if preset::compares_etags_strongly(preset) {
        strengthen(request)?;
    }
    // WordPress makes a feed's validators from the second of its last change: they do not tell two changes in
    // one second apart.
    if cached && preset == crate::config::Preset::Wordpress && cx.cache.cause == Some(Cause::Purged) {
        request.remove_header(&IF_NONE_MATCH);
        request.remove_header(&IF_MODIFIED_SINCE);
    }
    if cx.watched.as_ref().is_some_and(|watched| watched.reads_answer()) {
        request.insert_header(ACCEPT_ENCODING, "identity")?;
    }
    if let Some(host) = site
        .origin
        .as_ref()
        .and_then(|origin| origin.pool.settings().host.clone())
    {
        request.insert_header(HOST, host)?;
    }
    // gRPC servers insist on it, and it ends at this hop as it began (RFC 9110 10.1.4).
    if is_grpc(session.req_header()) {
        request.insert_header(TE, "trailers")?;
    }
    let mut fields = RequestFields(request);
    site.chain.upstream_request(&cx.filter_context(site), &mut fields);
    if let Some(method) = &cx.facts.method_override
        && preset::keeps_method_override(preset)
    {
        request.insert_header("X-HTTP-Method-Override", method.as_str())?;
    }
    super::purge::to_origin(site, request)
}

/// Asks about entity tags in the form the application gave them, before a server compressed its answer.
fn strengthen(request: &mut RequestHeader) -> Result<()> {
    if let Some(tags) = without_weakness(&request.headers) {
        request.insert_header(IF_NONE_MATCH, tags)?;
    }
    Ok(())
}

/// The answer about a tag that was asked about in its strong form speaks of the stored, weak one.
fn weaken(response: &mut ResponseHeader, stored: &http::HeaderMap) -> Result<()> {
    let tags = response.headers.get(ETAG).zip(stored.get(ETAG));
    if let Some((_, stored)) = tags.filter(|(fresh, stored)| weakly_same(fresh.as_bytes(), stored.as_bytes()))
    {
        response.insert_header(ETAG, stored.clone())?;
    }
    Ok(())
}

fn is_grpc(request: &RequestHeader) -> bool {
    request
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The origin's head has come: note it, judge the server, take off what ends here.
///
/// # Errors
/// 502 when the head is larger than the origin may send.
pub fn response_headers(cx: &mut RequestContext, response: &mut ResponseHeader) -> Result<()> {
    let Some(site) = cx.site.clone() else {
        return Ok(());
    };
    if response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    cx.upstream.status = Some(response.status);
    if cx.upstream.first_byte.is_none() {
        cx.upstream.first_byte = cx.upstream.sent.map(|sent| sent.elapsed());
    }
    let bytes: usize = response
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let too_large = site
        .origin
        .as_ref()
        .is_some_and(|origin| bytes > origin.pool.settings().header_bytes_max);
    if too_large {
        report(cx, Outcome::BadResponse);
        return Error::e_explain(ErrorType::HTTPStatus(502), "the origin's header is too large");
    }
    let outcome = if response.status.is_server_error() {
        fetch_failed(cx);
        Outcome::Status5xx
    } else {
        Outcome::Ok
    };
    report(cx, outcome);
    if response.status != StatusCode::SWITCHING_PROTOCOLS {
        let mut kept = response.headers.clone();
        hop_by_hop::strip(&mut kept);
        let ended: Vec<HeaderName> = response
            .headers
            .keys()
            .filter(|name| !kept.contains_key(*name))
            .cloned()
            .collect();
        for name in ended {
            // Framing is Pingora's; everything else ended with the hop.
            if name != TRANSFER_ENCODING {
                response.remove_header(&name);
            }
        }
    }
    if response.status == StatusCode::NOT_MODIFIED
        && let Some(entry) = &cx.cache.found
    {
        if preset::compares_etags_strongly(site.config.preset) {
            weaken(response, &entry.headers)?;
        }
        note_validation(&mut cx.cache.not_modified, &entry.headers, response);
    }
    Ok(())
}

/// A 304 has come for a stored answer. One that speaks of another representation must change nothing about
/// it (RFC 9111 4.3.4): the engine, which merges without asking, gets it without fields.
fn note_validation(note: &mut Option<Validation>, stored: &http::HeaderMap, response: &mut ResponseHeader) {
    *note = Some(if speaks_of(stored, &response.headers) {
        Validation::Confirms(response.headers.clone())
    } else {
        super::headers::replace(response, &http::HeaderMap::new());
        Validation::OfAnother
    });
}

/// Tells the origin's books what became of this try.
fn report(cx: &mut RequestContext, outcome: Outcome) {
    if let Some(lease) = &mut cx.upstream.lease {
        lease.report(outcome);
    }
}

/// No connection could be made.
pub fn failed_to_connect(cx: &mut RequestContext, method: &Method, mut error: Box<Error>) -> Box<Error> {
    // A full cap is popgate's own limit, no fault of the server.
    if !capped(&error) {
        report(cx, Outcome::ConnectFailed);
    }
    error.as_up();
    fetch_failed(cx);
    error.set_retry(retry(cx, method, true, false));
    error
}

fn capped(error: &Error) -> bool {
    let cause = error.root_cause();
    cause
        .downcast_ref::<ConnectError>()
        .is_some_and(|cause| matches!(cause, ConnectError::Capped))
}

/// The connection failed while in use.
pub fn failed_while_proxying(
    cx: &mut RequestContext,
    session: &Session,
    mut error: Box<Error>,
) -> Box<Error> {
    let upstream = *error.esource() == ErrorSource::Upstream;
    let outcome = outcome_of(&error);
    if upstream {
        report(cx, outcome);
        fetch_failed(cx);
    }
    let replayable = !session.as_ref().retry_buffer_truncated();
    let again = upstream
        && session.response_written().is_none()
        && retry(
            cx,
            &session.req_header().method,
            replayable,
            outcome == Outcome::Timeout,
        );
    error.set_retry(again);
    error
}

fn retry(cx: &RequestContext, method: &Method, body_replayable: bool, timed_out: bool) -> bool {
    let Some(origin) = cx.site.as_ref().and_then(|site| site.origin.as_ref()) else {
        return false;
    };
    let attempt = Attempt {
        sent_anything: cx.upstream.sent_anything,
        reused: cx.upstream.reused,
        body_replayable,
        tries: cx.upstream.tries,
        timed_out,
        other_server: (cx.upstream.lease.as_ref())
            .is_some_and(|lease| origin.pool.has_another(lease.server_id())),
    };
    match may_retry(method, attempt, origin.pool.settings().retries) {
        Verdict::StaleConnection => true,
        Verdict::NothingSent if attempt.other_server => true,
        verdict => {
            verdict.retry() && (cx.cache.lookup.as_ref()).is_none_or(|lookup| lookup.fetching.may_go_on())
        }
    }
}

fn outcome_of(error: &Error) -> Outcome {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Outcome::Timeout,
        ErrorType::ConnectTimedout | ErrorType::ConnectError | ErrorType::ConnectRefused => {
            Outcome::ConnectFailed
        }
        ErrorType::InvalidHTTPHeader | ErrorType::H2Error | ErrorType::InvalidH2 => Outcome::BadResponse,
        _ => Outcome::Reset,
    }
}
