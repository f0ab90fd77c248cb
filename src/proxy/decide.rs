//! What is decided about a request before anything is fetched: who asks, what filters and preset make of
//! it, under which key it is looked up, whether what is stored will do. Free of the engine, so that the
//! hooks and whoever explains them ([`crate::explain`]) call the same functions.

use std::net::IpAddr;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use ipnet::IpNet;
use popgate_filters::{Answer, Headers, RequestParts, Scheme, spoof};

use super::context::{Facts, RequestContext};
use super::snoop::Snooping;
use crate::app::SiteRuntime;
use crate::cache::policy::reuse::expire;
use crate::cache::policy::{BypassReason, Directives, RequestDecision, Reuse, request_decision, reuse};
use crate::cache::status::Cause;
use crate::cache::{Entry, Times};
use crate::config::PurgeProtocol;
use crate::geo::Geo;
use crate::preset::{self, CacheRequest, RequestVerdict};
use crate::serve::client::client;
use crate::serve::key::{self, Hashes, Target};

/// Settles who asks, from where and by which scheme; drops what only trusted peers may say. `connection` is
/// the scheme spoken with the peer.
pub fn learn_visitor(
    geo: &Geo,
    trusted: &[IpNet],
    (peer, connection): (IpAddr, Scheme),
    headers: &mut dyn Headers,
    facts: &mut Facts,
) {
    let asks = client(peer, connection, trusted, headers);
    facts.scheme = asks.scheme;
    facts.inherited_country = asks.inherited_country;
    facts.forwarded_host = asks.forwarded_host;
    facts.geo = geo.lookup(asks.visitor.ip);
    facts.peer = peer;
    if asks.visitor.peer_trusted {
        spoof::strip_trusted(headers);
    } else {
        spoof::strip(headers);
    }
    facts.visitor = asks.visitor;
}

/// What the filters at the request point made of a request.
#[derive(Debug)]
pub enum Filtered {
    /// It goes on as it was.
    Unchanged,
    /// It goes on with this path and query.
    Rewritten(String),
    /// The filter of this name answered.
    Answered(&'static str, Answer),
}

/// Runs the filters at the request point.
pub fn run_filters(
    cx: &RequestContext,
    site: &SiteRuntime,
    method: &Method,
    uri: &Uri,
    headers: &mut dyn Headers,
) -> Filtered {
    let mut parts = RequestParts {
        method,
        path: uri.path(),
        query: uri.query().map(Into::into),
        headers,
    };
    match site.chain.request_by(&cx.filter_context(site), &mut parts) {
        Some((name, answer)) => Filtered::Answered(name, answer),
        None if parts.query_rewritten(uri.query()) => Filtered::Rewritten(parts.path_and_query()),
        None => Filtered::Unchanged,
    }
}

/// Whether and how a request is looked up.
#[derive(Debug, Clone)]
pub struct LookupDecision {
    /// Policy's word.
    pub decision: RequestDecision,
    /// What the preset made of it; `None` when it is passed.
    pub request: Option<CacheRequest>,
    /// The path and query it is keyed and forwarded under, where they differ from its own.
    pub target: Option<String>,
}

impl LookupDecision {
    /// Passes the request for this reason, unless it passes anyway.
    pub fn pass(&mut self, reason: BypassReason) {
        if matches!(self.decision, RequestDecision::Lookup(_)) {
            self.decision = RequestDecision::Bypass(reason);
            self.request = None;
        }
    }
}

/// Whether a request has a cookie that chooses a page of its own, as the site's origin has told.
#[must_use]
pub fn chooses_own_page(site: &SiteRuntime, headers: &HeaderMap) -> bool {
    let in_key = |name: &str| preset::keys_cookie(&site.config.wordpress, name);
    site.config.purge.speaks(PurgeProtocol::Litespeed) && site.vary_cookies.chosen_by(headers, in_key)
}

/// Preset, then policy: may the cache be asked, and with what? `headers` may be all of the request's, or those
/// that preset and policy read.
#[must_use]
pub fn may_look_up(
    site: &SiteRuntime,
    method: &Method,
    (path, query): (&str, Option<&str>),
    headers: &HeaderMap,
) -> (RequestDecision, Option<CacheRequest>) {
    let facts = preset::RequestFacts {
        method,
        path,
        query,
        headers,
    };
    let (bypass, request) = match preset::request(site.config.rules(), &facts) {
        RequestVerdict::Bypass(reason) => (Some(reason), None),
        RequestVerdict::Cache(request) => (None, Some(request)),
    };
    let decision = request_decision(method, headers, &site.config.cache, bypass);
    let request = request.filter(|_| matches!(decision, RequestDecision::Lookup(_)));
    (decision, request)
}

/// [`may_look_up`], and under which target.
#[must_use]
pub fn decide_lookup(site: &SiteRuntime, method: &Method, uri: &Uri, headers: &HeaderMap) -> LookupDecision {
    let (decision, request) = may_look_up(site, method, (uri.path(), uri.query()), headers);
    let target = request
        .as_ref()
        .filter(|request| request.query.as_deref() != uri.query())
        .map(|request| match &request.query {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        });
    LookupDecision {
        decision,
        request,
        target,
    }
}

/// Gives fields of a request that may be looked up their one form: a page is always asked for whole, and images by
/// the formats that origins know.
pub fn normal_fields(site: &SiteRuntime, request: &CacheRequest, headers: &mut dyn Headers) {
    if preset::is_always_whole(request.class) {
        headers.remove(&header::RANGE);
        headers.remove(&header::IF_RANGE);
    }
    let accepted = headers.get_all(&header::ACCEPT);
    let mut asked = HeaderMap::new();
    for value in accepted {
        asked.append(header::ACCEPT, value.clone());
    }
    // Media types and commas: always a valid value.
    if let Some(accept) = preset::accept_of_images(site.config.preset, request.class, &asked)
        && let Ok(accept) = HeaderValue::from_str(&accept)
    {
        headers.insert(header::ACCEPT, accept);
    }
}

/// A request's key and what chooses among the variants under it.
#[derive(Debug)]
pub struct KeyAndFields {
    /// The key's parts.
    pub parts: popgate_filters::KeyParts,
    /// Its hashes.
    pub hashes: Hashes,
    /// The request's fields as the origin would see them: `Vary: CF-IPCountry` means the one set here.
    pub fields: HeaderMap,
}

/// The key of a request and the fields that choose its variant.
#[must_use]
pub fn key_of(cx: &RequestContext, site: &SiteRuntime, uri: &Uri, headers: &HeaderMap) -> KeyAndFields {
    let target = Target {
        scheme: cx.facts.scheme.as_str(),
        host: &cx.facts.authority.host,
        port: cx.facts.authority.port,
        path: uri.path(),
        query: uri.query(),
        chosen: cx
            .cache
            .request
            .as_ref()
            .map_or(&[], |request| &request.chosen.key),
    };
    let context = cx.filter_context(site);
    let mut fields = headers.clone();
    let parts = key::parts(site, &context, target, &mut fields);
    site.chain.upstream_request(&context, &mut fields);
    KeyAndFields {
        hashes: key::of(&parts, target.port),
        parts,
        fields,
    }
}

/// Whether the client's answer ends before the object does, whatever the origin sends.
#[must_use]
pub fn ends_early(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::HEAD || headers.contains_key(header::RANGE)
}

/// Whether the answer to a request for which nothing usable is stored may fill the cache: the engine takes
/// the end of the client's answer for the end of the object, so HEAD, parts and conditions may not.
#[must_use]
pub fn may_fill(method: &Method, headers: &HeaderMap) -> bool {
    let condition = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]
        .iter()
        .any(|name| headers.contains_key(name));
    !condition && !ends_early(method, headers)
}

/// What a stored object is worth to a request.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Its life, a soft purge counted.
    pub times: Times,
    /// How it may be used.
    pub reuse: Reuse,
    /// Why it may not be used as it is.
    pub cause: Option<Cause>,
}

/// Judges a stored object for a request; `purged_at` is when a soft purge hit it.
#[must_use]
pub fn judge(
    entry: &Entry,
    purged_at: Option<SystemTime>,
    snooping: &Snooping,
    asked: &Directives,
    now: SystemTime,
) -> Judged {
    let times = match purged_at {
        Some(at) => expire(&entry.times, at),
        None => entry.times,
    };
    let mut reuse = reuse(&times, &entry.headers, asked, now);
    if let Reuse::Stale { while_revalidate, .. } = &mut reuse {
        // Whoever looks for a change that was just made must see it.
        *while_revalidate &= !(purged_at.is_some() && snooping.is_outdated(entry));
    }
    let cause = match reuse {
        Reuse::Fresh | Reuse::StaleAccepted => None,
        Reuse::Stale { .. } if purged_at.is_some() => Some(Cause::Purged),
        Reuse::Stale { .. } => Some(Cause::Stale),
        Reuse::Revalidate(reason) => Some(Cause::Request(reason)),
    };
    Judged { times, reuse, cause }
}
