//! What `popgate why` tells, as data: the JSON form is this, field by field. Times are RFC 3339, spans are
//! seconds.

use std::net::IpAddr;

use serde::Serialize;

/// Everything about one request. Parts that it does not come to are left out.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The URL asked about.
    pub url: String,
    /// The method.
    pub method: String,
    /// When it was asked.
    pub time: String,
    /// What a request would get now.
    pub verdict: Verdict,
    /// The site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<Visitor>,
    /// The site's filters, in order.
    pub filters: Vec<Filter>,
    /// What preset and policy make of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The cache key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// What is stored under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// The purges that hit it; when nothing is stored, those that would have hit it.
    pub purges: Vec<Purge>,
    /// Why the last answer under the key was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_stored: Option<NotStored>,
    /// Whom a fetch would go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What a request would get now.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// In a word.
    pub answer: Answer,
    /// The rule, as `Cache-Status` details and the access log have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// In a sentence.
    pub text: String,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The cache, fresh.
    Hit,
    /// The cache, stale.
    Stale,
    /// The origin validates what is stored, or sends it anew.
    Revalidate,
    /// The origin, as nothing usable is stored.
    Miss,
    /// The origin, past the cache.
    Bypass,
    /// 504: the client wants a stored answer and there is none.
    Unsatisfied,
    /// A filter.
    Filter,
    /// A native endpoint, or its 404 and 405.
    Endpoint,
    /// The `PURGE` method.
    Purge,
    /// A refusal: no site, or no valid request.
    Refused,
}

impl Answer {
    /// As the first line has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Revalidate => "REVALIDATE",
            Self::Miss => "MISS",
            Self::Bypass => "BYPASS",
            Self::Unsatisfied => "UNSATISFIED",
            Self::Filter => "FILTER",
            Self::Endpoint => "ENDPOINT",
            Self::Purge => "PURGE",
            Self::Refused => "REFUSED",
        }
    }
}

/// A site.
#[derive(Debug, Clone, Serialize)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// The host pattern that matched.
    pub host: String,
    /// The path prefix that matched.
    pub path: String,
    /// Its preset.
    pub preset: &'static str,
}

/// Who asks, and from where.
#[derive(Debug, Clone, Serialize)]
pub struct Visitor {
    /// The visitor.
    pub ip: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether the peer's word about visitor and scheme counts.
    pub peer_trusted: bool,
    /// The visitor's scheme.
    pub scheme: &'static str,
    /// `CF-IPCountry`; absent without a geo source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// City, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Autonomous system number, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
}

/// A filter.
#[derive(Debug, Clone, Serialize)]
pub struct Filter {
    /// Its name.
    pub name: &'static str,
    /// Where it acts.
    pub points: Vec<&'static str>,
    /// Whether it answered this request.
    pub answered: bool,
}

/// What preset and policy make of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// `lookup` or `bypass`.
    pub decision: &'static str,
    /// Why it is passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What the preset takes it for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Longest freshness for this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_max: Option<u64>,
    /// Whether the origin gets its cookies.
    pub cookies_forwarded: bool,
    /// The client's wishes that count.
    pub directives: Vec<String>,
    /// Whether the answer to a miss could be stored at all (not to HEAD, a range or a condition).
    pub may_fill: bool,
}

/// A cache key.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    /// Scheme; absent when a filter took it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Host.
    pub host: String,
    /// Port, where it is not the scheme's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path.
    pub path: String,
    /// Query as normalised; absent without `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The query as sent, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_sent: Option<String>,
    /// What filters added: name and value.
    pub extras: Vec<(String, String)>,
    /// Hash of host, path and query: what a purge of the URL names.
    pub base: String,
    /// Hash of that, scheme, port and extras: where a lookup begins.
    pub root: String,
    /// The fields that choose the variant, and what they were taken for; `null` where one is absent.
    pub variant: Vec<(String, Option<String>)>,
    /// Hash of the variant: where the answer lies.
    pub slot: String,
}

/// What is stored.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// Whether it is in memory.
    pub memory: bool,
    /// Whether another popgate has stored something else since, so that Redis is looked at before it is used.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
    /// Whether it is in Redis: `yes`, `no`, `not configured`, `no answer`, `not asked`.
    pub redis: &'static str,
    /// The answer; absent when nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
}

/// A stored answer.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its status.
    pub status: u16,
    /// Bytes of its body.
    pub bytes: usize,
    /// Bytes it takes in memory.
    pub weight: usize,
    /// When it was stored or last validated.
    pub stored_at: String,
    /// Its age.
    pub age: u64,
    /// Freshness left, purges counted; negative when it is stale.
    pub ttl: i64,
    /// Stale-while-revalidate window.
    pub stale_while_revalidate: u64,
    /// Stale-if-error window.
    pub stale_if_error: u64,
    /// Whether it would be served if the origin could not be reached.
    pub serves_when_origin_is_gone: bool,
    /// `ETag`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// `Cache-Control` as the origin sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its place in the purge log.
    pub seq: u64,
    /// Whether a hard purge removed it from service.
    pub gone: bool,
    /// Whether it is for requests without a cookie that this one has (`X-LiteSpeed-Vary`).
    pub for_others: bool,
}

/// Scope of what is no purge, but a time in which this popgate may have missed some.
pub const GAP: &str = "gap";

/// A purge.
#[derive(Debug, Clone, Serialize)]
pub struct Purge {
    /// `url`, `tag`, `regex`, `prefix`, `host`, `everything`; `gap`: purges may not have been heard of.
    pub scope: &'static str,
    /// The host it was confined to; `*.blog.example`: all below that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What it named there: a tag, the start of a path, a path, an expression; empty for a host.
    pub name: String,
    /// Its name in the purge log, for `GET /purge/ID`; of several purges of one scope that of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it deleted.
    pub hard: bool,
    /// When; of several purges of one scope the last.
    pub at: String,
    /// How long ago.
    pub ago: u64,
    /// Since when what it hit is stale or gone.
    pub since: String,
}

/// Why an answer was not stored.
#[derive(Debug, Clone, Serialize)]
pub struct NotStored {
    /// The rule.
    pub reason: &'static str,
    /// The answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When.
    pub at: String,
    /// How long ago.
    pub ago: u64,
}

/// An origin.
#[derive(Debug, Clone, Serialize)]
pub struct Origin {
    /// Its name.
    pub name: String,
    /// Connections it may have.
    pub connections_max: usize,
    /// Requests waiting for a place.
    pub queue: usize,
    /// Its servers.
    pub servers: Vec<Server>,
}

/// A server.
#[derive(Debug, Clone, Serialize)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Whether it is picked while others are in order.
    pub usable: bool,
    /// How it stands.
    pub standing: &'static str,
    /// Requests at it.
    pub requests: usize,
    /// Connections to it.
    pub connections: usize,
    /// Connections it may have.
    pub connections_max: usize,
}
