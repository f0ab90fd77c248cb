//! From an ordinary request to a fresh entry in memory, the way the proxy goes: filters, endpoint, preset,
//! policy, key, variant, freshness, condition.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::HOST;
use http::{HeaderMap, HeaderName, Method};
use popgate_filters::{FilterContext, GeoRecord, Point, RequestParts, Scheme, spoof};

use super::Came;
use super::decision::{Ordinary, Pass, is_plain_byte};
use super::fields::Fields;
use crate::app::{Live, SiteRuntime};
use crate::cache::Entry;
use crate::cache::policy::validate::not_modified;
use crate::cache::policy::vary::variant_slot_by;
use crate::cache::policy::{Directives, RequestDecision, Reuse};
use crate::cache::tiered::NotInMemory;
use crate::config::{Preset, PurgeProtocol, RequestDirectives};
use crate::endpoint::{self, Route};
use crate::preset::{self, CacheRequest, PageClass};
use crate::proxy::normalise::default_port;
use crate::proxy::{Gateway, decide};
use crate::purging::{self, litespeed};
use crate::serve::client::{self, Client};
use crate::serve::key::{Target, hashes};

/// Request headers that policy reads of an ordinary request.
const POLICY_READS: [&str; 4] = ["cache-control", "if-modified-since", "if-none-match", "pragma"];

/// Fields that the proxy changes before it looks a variant up: `Host` is brought into its normal form, and what
/// `Connection: keep-alive` or `close` may name is dropped.
static NORMALISED: [HeaderName; 3] = [
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("close"),
];

/// An ordinary request and what is known of its client.
pub struct Asked<'a> {
    pub live: &'a Live,
    pub site: &'a Arc<SiteRuntime>,
    pub ordinary: &'a Ordinary<'a>,
    pub client: Client,
    pub came: Came,
    /// The port in the client's host, unless it goes without saying.
    pub port: Option<u16>,
    /// Host and port in normal form, if a filter or the access log may ask for them; else empty.
    pub authority: Cow<'a, str>,
    /// Where the visitor is, if a filter wants to know.
    pub geo: Option<GeoRecord>,
    /// Request id, if a filter or the access log may ask for it; else it is made when it is written.
    pub ray: Option<String>,
    /// Goes to the access log.
    pub logged: bool,
    pub now: SystemTime,
}

/// What was found.
pub struct Hit {
    pub entry: Arc<Entry>,
    /// The client's copy is good.
    pub not_modified: bool,
    /// What was asked for.
    pub class: PageClass,
}

impl<'a> Asked<'a> {
    pub fn new(
        gateway: &Gateway,
        live: &'a Live,
        site: &'a Arc<SiteRuntime>,
        ordinary: &'a Ordinary<'a>,
        fields: &Fields<'_, '_>,
        came: Came,
    ) -> Self {
        let connection = if came.tls { Scheme::Https } else { Scheme::Http };
        let trusted = &live.config.trusted_proxies;
        let claims = match fields.are_trusted() {
            true => fields.select(|name| client::READS.iter().any(|read| name.eq_ignore_ascii_case(read))),
            false => HeaderMap::new(),
        };
        let client = client::client(came.peer, connection, trusted, &claims);
        let chain = &site.chain;
        let logged = gateway.app.access_log().enabled();
        let told = logged || !chain.hits_need_nothing();
        let port = ordinary.port.filter(|port| *port != default_port(client.scheme));
        let authority = match port {
            _ if !told => Cow::Borrowed(""),
            None => Cow::Borrowed(&*ordinary.host),
            Some(port) => Cow::Owned(format!("{}:{port}", ordinary.host)),
        };
        Self {
            geo: chain
                .hits_want_geo()
                .then(|| gateway.app.geo.lookup(client.visitor.ip))
                .flatten(),
            ray: told.then(|| gateway.rays.next()),
            port,
            authority,
            live,
            site,
            ordinary,
            client,
            came,
            logged,
            now: gateway.app.clock.now(),
        }
    }

    /// What filters may know.
    pub fn context(&self) -> FilterContext<'_> {
        FilterContext {
            ip: self.client.visitor.ip,
            peer: self.came.peer,
            peer_trusted: self.client.visitor.peer_trusted,
            chain: &self.client.visitor.chain,
            geo: self.geo.as_ref(),
            inherited_country: self.client.inherited_country,
            scheme: self.client.scheme,
            host: &self.authority,
            forwarded_host: self.client.forwarded_host.as_deref(),
            site: &self.site.config.name,
            ray: self.ray.as_deref().unwrap_or_default(),
            pop: &self.live.config.pop,
            version: self.came.version,
        }
    }

    /// Whether a cookie of this client may choose a page of its own.
    fn heeds_vary_cookies(&self) -> bool {
        self.ordinary.marks.cookie && self.site.config.purge.speaks(PurgeProtocol::Litespeed)
    }

    fn method(&self) -> &'static Method {
        if self.ordinary.head_only {
            &Method::HEAD
        } else {
            &Method::GET
        }
    }
}

/// Looks the request up.
///
/// # Errors
/// Why it is the proxy's.
pub fn find(gateway: &Gateway, asked: &Asked<'_>, fields: &mut Fields<'_, '_>) -> Result<Hit, Pass> {
    let site = asked.site;
    let method = asked.method().as_str();
    if purging::protocol(&site.config.purge, method, asked.ordinary.path).is_some() {
        return Err(Pass::Purge);
    }
    let query = run_filters(asked, fields)?;
    match endpoint::route(&site.config.endpoints, asked.method(), asked.ordinary.path) {
        Route::Elsewhere if site.origin.is_some() => {}
        Route::Elsewhere => return Err(Pass::NoOrigin),
        Route::FastUser | Route::MethodNotAllowed => return Err(Pass::Endpoint),
    }
    let headers = read_by_policy(asked, fields);
    let (request, directives) = decide_lookup(asked, query.as_deref(), &headers)?;
    let target = Target {
        scheme: asked.client.scheme.as_str(),
        host: &asked.ordinary.host,
        port: asked.port,
        path: asked.ordinary.path,
        query: request.query.as_deref(),
        chosen: &[],
    };
    let key = hashes(site, &asked.context(), target, fields);
    let variant = |names: &[HeaderName]| {
        let as_sent = |name: &HeaderName| {
            !NORMALISED.contains(name) && !spoof::is_reserved(name) && !site.chain.may_touch_upstream(name)
        };
        names
            .iter()
            .all(as_sent)
            .then(|| variant_slot_by(key.root, names, |name| fields.joined(name)))
    };
    let entry = gateway
        .app
        .cache
        .find_memory(key.root, variant)
        .map_err(|why| match why {
            NotInMemory::Absent => Pass::Absent,
            NotInMemory::Variant => Pass::Vary,
            NotInMemory::Purged => Pass::Purged,
            NotInMemory::Superseded => Pass::Superseded,
        })?;
    // A page of its own for one of this client's cookies may be meant: the proxy looks which.
    if asked.ordinary.marks.cookie && entry.headers.contains_key(litespeed::VARY) {
        return Err(Pass::Vary);
    }
    if decide::judge(&entry, None, &gateway.app.snooping, &directives, asked.now).reuse != Reuse::Fresh {
        return Err(Pass::NotFresh);
    }
    if !entry.wire.is_ready() {
        return Err(Pass::Form);
    }
    Ok(Hit {
        not_modified: asked.ordinary.marks.condition
            && not_modified(&headers, entry.status, &entry.headers, asked.now),
        entry,
        class: request.class,
    })
}

/// Filters at the request point; the query as they leave it.
fn run_filters<'a>(asked: &Asked<'a>, fields: &mut Fields<'_, '_>) -> Result<Option<Cow<'a, str>>, Pass> {
    let query = asked.ordinary.query;
    if !asked.site.chain.points().has(Point::Request) {
        return Ok(query.map(Cow::Borrowed));
    }
    let mut parts = RequestParts {
        method: asked.method(),
        path: asked.ordinary.path,
        query: query.map(Cow::Borrowed),
        headers: fields,
    };
    let answered = asked.site.chain.request(&asked.context(), &mut parts).is_some();
    let rewritten = parts
        .query_rewritten(query)
        .then(|| parts.query.map(Cow::into_owned));
    let query = match rewritten {
        Some(rewritten) => rewritten.map(Cow::Owned),
        None => query.map(Cow::Borrowed),
    };
    let plain = query
        .as_deref()
        .is_none_or(|query| query.bytes().all(is_plain_byte));
    if answered || fields.is_changed() || !plain {
        return Err(Pass::Filter);
    }
    Ok(query)
}

/// Preset, then policy, as the proxy asks them; the query they key by, and what the client asks of the cache.
fn decide_lookup(
    asked: &Asked<'_>,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(CacheRequest, Directives), Pass> {
    let place = (asked.ordinary.path, query);
    match decide::may_look_up(asked.site, asked.method(), place, headers) {
        (RequestDecision::Lookup(directives), Some(request))
            if !decide::chooses_own_page(asked.site, headers) =>
        {
            // What chooses among the pages of a URL is looked at by the proxy.
            let plain = request.chosen.key.is_empty();
            plain.then_some((request, directives)).ok_or(Pass::Vary)
        }
        _ => Err(Pass::Bypass),
    }
}

/// The headers that preset and policy read of this request; mostly none.
fn read_by_policy(asked: &Asked<'_>, fields: &Fields<'_, '_>) -> HeaderMap {
    let marks = asked.ordinary.marks;
    let config = &asked.site.config;
    let any = marks.condition
        || (marks.directive && config.cache.request_directives == RequestDirectives::Honour)
        || (marks.preset && config.preset != Preset::Standard)
        || asked.heeds_vary_cookies();
    if !any {
        return HeaderMap::new();
    }
    fields.select(|name| {
        POLICY_READS
            .iter()
            .chain(preset::REQUEST_READS)
            .any(|read| name.eq_ignore_ascii_case(read))
    })
}
