//! What one request carries from hook to hook.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode, Version};
use popgate_filters::{CountryCode, FilterContext, GeoRecord, Scheme};

use super::normalise::{Authority, Refusal};
use crate::app::{Live, SiteRuntime};
use crate::cache::policy::{BypassReason, Directives, RefuseReason};
use crate::cache::status::{Cause, Outcome};
use crate::cache::storage::Lookup;
use crate::cache::{Entry, KeyHash, PurgeSeq, Times};
use crate::endpoint::fast_user::Deferred;
use crate::origin::{Lease, ServerId};
use crate::preset::CacheRequest;
use crate::visitor::Visitor;

/// The request's context (Pingora's CTX).
pub struct RequestContext {
    /// When the head was read, for durations.
    pub started: Instant,
    /// The same by the wall clock, for ages.
    pub received: SystemTime,
    /// The configuration it is served under, to its end.
    pub live: Arc<Live>,
    /// Its site, once known.
    pub site: Option<Arc<SiteRuntime>>,
    /// Who asks for what.
    pub facts: Facts,
    /// A background refresh of a stale object, not a client's request.
    pub background: bool,
    /// A background request that asks the origin whatever is stored, and stores nothing.
    pub probe: bool,
    /// A background request that refreshes what was purged: it is not served stale.
    pub refresh: bool,
    /// Why it was refused before it reached a site.
    pub refusal: Option<Refusal>,
    /// How the cache comes in.
    pub cache: CacheContext,
    /// How the origin comes in.
    pub upstream: UpstreamContext,
    /// Bytes of request body seen.
    pub body_seen: u64,
    /// It may write: its answer is watched for what it changes.
    pub watched: Option<Box<super::snoop::Watched>>,
    /// A write to be done after the answer.
    pub deferred: Option<Deferred>,
    /// The answer has no body, whatever the engine fetched: HEAD, 204, 304.
    pub bodyless: bool,
    /// What the answer was made of; decided once, in the response hook.
    pub outcome: Option<Outcome>,
}

/// Who asks for what; settled before any filter runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The host asked for.
    pub authority: Authority,
    /// The visitor behind the peer.
    pub visitor: Visitor,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Where the visitor is; `None`: no geo source.
    pub geo: Option<GeoRecord>,
    /// `CF-IPCountry` of a trusted peer.
    pub inherited_country: Option<CountryCode>,
    /// `X-Forwarded-Host` of a trusted peer.
    pub forwarded_host: Option<String>,
    /// The visitor's scheme.
    pub scheme: Scheme,
    /// Version the client speaks.
    pub version: Version,
    /// What a POST says it is to be taken for; see [`crate::preset::keeps_method_override`].
    pub method_override: Option<http::Method>,
    /// Request id.
    pub ray: String,
    /// Path and query as sent.
    pub target: String,
}

/// How the cache comes into a request.
#[derive(Default)]
pub struct CacheContext {
    /// What the preset made of the request; `None`: passed.
    pub request: Option<CacheRequest>,
    /// The URL is made up and has not been asked for lately.
    pub first_sight: bool,
    /// Request directives that count.
    pub directives: Directives,
    /// Why the cache is not asked.
    pub bypass: Option<BypassReason>,
    /// The key: what purges name, and the root of its variants.
    pub key: Option<Key>,
    /// The stored object found, fresh or not.
    pub found: Option<Arc<Entry>>,
    /// The object found may be served while it is refreshed.
    pub serve_while_revalidate: bool,
    /// What the engine's key carries.
    pub lookup: Option<Arc<Lookup>>,
    /// The found object's life, a soft purge counted.
    pub times: Option<Times>,
    /// Why the found object was not used as it is.
    pub cause: Option<Cause>,
    /// It is stale and the client takes it so.
    pub stale_accepted: bool,
    /// It is served stale because the origin failed.
    pub stale_on_error: bool,
    /// It is served stale.
    pub served_stale: bool,
    /// Why the answer was not stored.
    pub refused: Option<RefuseReason>,
    /// Why the preset did not store the answer.
    pub refused_by_preset: Option<&'static str>,
    /// Freshness given to an answer that is stored.
    pub stored_for: Option<Duration>,
    /// What the origin's 304 said about the object found.
    pub not_modified: Option<Validation>,
}

/// What a 304 of the origin means for the stored object that was to be validated.
#[derive(Debug, Clone)]
pub enum Validation {
    /// It is still good; these fields update it.
    Confirms(HeaderMap),
    /// It names another representation: the object is neither updated nor freshened.
    OfAnother,
}

/// A request's cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Host, path, query: what a URL purge names.
    pub base: KeyHash,
    /// `base`, scheme and what filters added: the root of the object's variants.
    pub root: KeyHash,
    /// Purge log position before the lookup.
    pub seq: PurgeSeq,
}

/// How the origin comes into a request.
#[derive(Default)]
pub struct UpstreamContext {
    /// Place at a server, held until the answer is complete.
    pub lease: Option<Lease>,
    /// Servers tried in vain.
    pub tried: Vec<ServerId>,
    /// Tries so far.
    pub tries: usize,
    /// The last server's name.
    pub server: Option<String>,
    /// When the request was sent.
    pub sent: Option<Instant>,
    /// The same by the wall clock, for ages.
    pub sent_at: Option<SystemTime>,
    /// Until the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// The answer's status.
    pub status: Option<StatusCode>,
    /// Why no server could be leased: the answer's Retry-After.
    pub retry_after: Option<Duration>,
    /// The request's bytes may have reached a server.
    pub sent_anything: bool,
    /// This try went over a connection used before.
    pub reused: bool,
}

impl RequestContext {
    /// For a request that was just read.
    #[must_use]
    pub fn new(live: Arc<Live>, received: SystemTime) -> Self {
        Self {
            started: Instant::now(),
            received,
            live,
            site: None,
            facts: Facts::unknown(),
            background: false,
            probe: false,
            refresh: false,
            refusal: None,
            cache: CacheContext::default(),
            upstream: UpstreamContext::default(),
            body_seen: 0,
            watched: None,
            deferred: None,
            bodyless: false,
            outcome: None,
        }
    }

    /// What filters may know.
    #[must_use]
    pub fn filter_context<'a>(&'a self, site: &'a SiteRuntime) -> FilterContext<'a> {
        FilterContext {
            ip: self.facts.visitor.ip,
            peer: self.facts.peer,
            peer_trusted: self.facts.visitor.peer_trusted,
            chain: &self.facts.visitor.chain,
            geo: self.facts.geo.as_ref(),
            inherited_country: self.facts.inherited_country,
            scheme: self.facts.scheme,
            host: &self.facts.authority.text,
            forwarded_host: self.facts.forwarded_host.as_deref(),
            site: &site.config.name,
            ray: &self.facts.ray,
            pop: &self.live.config.pop,
            version: self.facts.version,
        }
    }
}

impl Facts {
    /// Before anything is known.
    #[must_use]
    pub fn unknown() -> Self {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            authority: Authority::default(),
            visitor: Visitor {
                ip: nobody,
                peer_trusted: false,
                chain: Vec::new(),
            },
            peer: nobody,
            geo: None,
            inherited_country: None,
            forwarded_host: None,
            scheme: Scheme::Http,
            version: Version::HTTP_11,
            method_override: None,
            ray: String::new(),
            target: String::new(),
        }
    }
}
