//! Rules of the application behind a site: what may be looked up, under which query, for how long.
//!
//! Pure functions over borrowed `http` types. A preset speaks before and after RFC 9111 policy: before
//! a lookup ([`request`]) it may pass the request and normalises its query; before storing
//! ([`response`], [`body_check`]) it may refuse the answer, say how long it lives, or cap it. The
//! reasons are short static words, fit for `Cache-Status` details, logs and metric labels.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::config::{Preset, SiteCache, Wordpress};

mod wordpress;

pub use wordpress::snoop;
pub use wordpress::{Effective, effective as wordpress_rules};

/// A preset and what a site adds to it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Which.
    pub preset: Preset,
    /// Additions to [`Preset::Wordpress`].
    pub wordpress: &'a Wordpress,
}

/// What a preset looks at in a request, after normalisation.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path as received, percent-encoded.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// All request headers; `Cookie` may occur more than once.
    pub headers: &'a HeaderMap,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVerdict {
    /// To the origin unchanged, no lookup, nothing stored; with the reason.
    Bypass(&'static str),
    /// May be answered from the cache and stored.
    Cache(CacheRequest),
}

/// How a cacheable request is keyed and forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRequest {
    /// Query for the key **and** for the origin (what is not keyed must not be forwarded, or it would be
    /// reflected into a shared copy). `None`: no `?` at all.
    pub query: Option<String>,
    /// Drop `Cookie` from the forwarded request, see [`drops_request_header`].
    pub strip_cookies: bool,
    /// What is asked for; given back to [`response`].
    pub class: PageClass,
    /// Longest freshness for this request, whatever the answer says.
    pub ttl_max: Option<Duration>,
    /// Anybody can make up another URL like this one; `None`: its like are few.
    pub made_up: Option<MadeUp>,
    /// What chooses among the pages of this URL, where the site says so.
    pub chosen: Chosen,
}

/// What chooses among the pages of one URL besides the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Further parts of the key, by name.
    pub key: Vec<(String, String)>,
    /// Cookies that are forwarded because they are in the key, as the field's value; empty: none.
    pub cookies: String,
}

/// What keeps URLs that anybody can make up from filling the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeUp {
    /// Stored only when it has been asked for before, so long ago at most; `None`: at first sight.
    pub seen_within: Option<Duration>,
    /// Most of them that are stored for one path.
    pub variants_max: usize,
}

/// What is asked for, as far as the request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageClass {
    /// Not classified (`preset: standard`).
    Any,
    /// A page: front page, post, archive.
    Html,
    /// Search results.
    Search,
    /// RSS, Atom, RDF.
    Feed,
    /// XML sitemaps and their style sheets.
    Sitemap,
    /// `robots.txt`.
    Robots,
    /// REST API, anonymous.
    Rest,
    /// An action of `admin-ajax.php` that the site says is the same for everybody.
    Ajax,
    /// `favicon.ico`, which WordPress answers with a redirect.
    Favicon,
    /// A concatenated style sheet or script of wp-admin.
    AdminAsset,
    /// A file by its extension.
    Static {
        /// Family of media types that may come back.
        kind: FileKind,
        /// The URL changes with the content (`?ver=`, a hash in the name).
        versioned: bool,
    },
}

/// Families of static files; an answer of another family is not that file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Style sheets.
    Style,
    /// Scripts, source maps, WebAssembly.
    Script,
    /// Images.
    Image,
    /// Fonts.
    Font,
    /// Audio and video.
    Media,
    /// Documents, archives, downloads.
    Download,
}

/// What a preset says about an answer, before RFC 9111 policy has its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseRule {
    /// Not stored; with the reason.
    Refuse(&'static str),
    /// May be stored if policy agrees.
    Store(StoreRule),
}

/// How an answer is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRule {
    /// Who says how long it is fresh.
    pub freshness: Freshness,
    /// Longest freshness, whoever says it.
    pub ttl_max: Option<Duration>,
    /// No stale windows by default: the answer is worth nothing once stale (404, search).
    pub no_stale: bool,
    /// Store without `Set-Cookie`, all of which are known to be harmless; the client gets them once.
    pub strip_set_cookie: bool,
}

/// Who says how long an answer is fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// RFC 9111 and RFC 9213; `default` for answers that say nothing (zero: none).
    Policy {
        /// Freshness of an answer without any.
        default: Duration,
    },
    /// The preset, whatever `Cache-Control` and `Expires` say.
    Fixed {
        /// Freshness from the arrival of the answer.
        ttl: Duration,
        /// Stale-while-revalidate window said by the same field.
        stale_while_revalidate: Option<Duration>,
        /// Stale-if-error window said by the same field.
        stale_if_error: Option<Duration>,
    },
}

/// Decides about a request. Never panics, whatever the bytes.
#[must_use]
pub fn request(rules: Rules<'_>, facts: &RequestFacts<'_>) -> RequestVerdict {
    match rules.preset {
        Preset::Standard => RequestVerdict::Cache(CacheRequest {
            query: facts.query.map(str::to_owned),
            strip_cookies: false,
            class: PageClass::Any,
            ttl_max: None,
            made_up: None,
            chosen: Chosen::default(),
        }),
        Preset::Wordpress => wordpress::request(rules.wordpress, facts),
    }
}

/// Names of a request's cookies for which [`request`] passes it.
#[must_use]
pub fn personal_cookies(rules: Rules<'_>, headers: &HeaderMap) -> Vec<String> {
    match rules.preset {
        Preset::Standard => Vec::new(),
        Preset::Wordpress => wordpress::personal_cookies(rules.wordpress, headers),
    }
}

/// Decides about an answer to a request that [`request`] let through. `now` is when it arrived.
#[must_use]
pub fn response(
    rules: Rules<'_>,
    request: &CacheRequest,
    site: &SiteCache,
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> ResponseRule {
    match rules.preset {
        Preset::Standard => ResponseRule::Store(StoreRule {
            freshness: Freshness::Policy { default: site.ttl },
            ttl_max: None,
            no_stale: false,
            strip_set_cookie: false,
        }),
        Preset::Wordpress => wordpress::response(rules.wordpress, request, site, status, headers, now),
    }
}

/// Whether [`body_check`] may still refuse this answer, so that nobody can say yet that it is stored.
#[must_use]
pub fn body_decides(preset: Preset, status: StatusCode, headers: &HeaderMap) -> bool {
    match preset {
        Preset::Standard => false,
        Preset::Wordpress => wordpress::body_decides(status, headers),
    }
}

/// How long the origin may take over a request that the preset knows to be slow: administration, cron,
/// writes, uploads. `None`: as long as any.
#[must_use]
pub fn patience(rules: Rules<'_>, facts: &RequestFacts<'_>) -> Option<Duration> {
    match rules.preset {
        Preset::Standard => None,
        Preset::Wordpress => wordpress::is_slow(facts).then_some(rules.wordpress.admin_timeout),
    }
}

/// Whether `Range` does not count for what is asked for: a page is fetched and answered whole.
#[must_use]
pub fn is_always_whole(class: PageClass) -> bool {
    !matches!(
        class,
        PageClass::Any | PageClass::Static { .. } | PageClass::AdminAsset | PageClass::Favicon
    )
}

/// `Accept` of a request for an image, reduced to the formats that origins choose by, so that browsers share
/// variants; it is looked up and forwarded so. `None`: it stays.
#[must_use]
pub fn accept_of_images(preset: Preset, class: PageClass, headers: &HeaderMap) -> Option<String> {
    match (preset, class) {
        (
            Preset::Wordpress,
            PageClass::Static {
                kind: FileKind::Image,
                ..
            },
        ) => wordpress::accept_of_images(headers),
        _ => None,
    }
}

/// `Cache-Control` for browsers where the origin says nothing, `age` being how old the answer is: nobody can purge
/// them. `None`: nothing is said.
#[must_use]
pub fn for_browsers(
    preset: Preset,
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
    age: Duration,
) -> Option<std::borrow::Cow<'static, str>> {
    match preset {
        Preset::Standard => None,
        Preset::Wordpress => wordpress::for_browsers(class, status, headers, age),
    }
}

/// Looks at a whole body before it is stored.
///
/// `made` is when the answer was made, at the earliest. `Ok(Some(life))`: freshness **and** stale windows together
/// must not exceed `life` after that (a nonce in the page expires then). `Err(reason)`: not stored.
///
/// # Errors
/// The reason, when the body is not what its headers say (a truncated or empty page).
pub fn body_check(
    rules: Rules<'_>,
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    made: SystemTime,
) -> Result<Option<Duration>, &'static str> {
    match rules.preset {
        Preset::Standard => Ok(None),
        Preset::Wordpress => wordpress::body_check(rules.wordpress, class, status, headers, body, made),
    }
}

/// Tags that the preset gives to an answer that is about to be stored, besides those it carries.
#[must_use]
pub fn tags(
    preset: Preset,
    host: &str,
    path: &str,
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<String> {
    match preset {
        Preset::Standard => Vec::new(),
        Preset::Wordpress => snoop::tags::of(host, path, class, status, headers),
    }
}

/// Whether a client's header must not reach the origin. `cacheable`: the request may be answered from
/// or stored in the cache, so that identity must not reach the origin either.
#[must_use]
pub fn drops_request_header(preset: Preset, cacheable: bool, name: &HeaderName) -> bool {
    match preset {
        Preset::Standard => false,
        Preset::Wordpress => wordpress::drops_request_header(cacheable, name),
    }
}

/// Whether an origin may hear from a POST that it stands for another method. WordPress' editor says so, because
/// some servers refuse those methods.
#[must_use]
pub fn keeps_method_override(preset: Preset) -> bool {
    preset == Preset::Wordpress
}

/// Whether an origin compares entity tags byte by byte: then a tag that was weakened on the way must be asked
/// about in its first form, or it never answers 304.
#[must_use]
pub fn compares_etags_strongly(preset: Preset) -> bool {
    preset == Preset::Wordpress
}

/// Whether a cookie is part of the key at a site, so that pages that depend on it may be shared among those who
/// have it.
#[must_use]
pub fn keys_cookie(wordpress: &Wordpress, name: &str) -> bool {
    wordpress
        .vary_cookies
        .iter()
        .any(|cookie| cookie.name.eq_ignore_ascii_case(name))
}

/// Whether an origin's header is for the gateway only and must not reach the client.
#[must_use]
pub fn drops_response_header(preset: Preset, name: &HeaderName) -> bool {
    drops_internal_headers(preset) && is_internal_header(name)
}

/// Whether a preset keeps internal headers ([`is_internal_header`]) from clients.
#[must_use]
pub fn drops_internal_headers(preset: Preset) -> bool {
    match preset {
        Preset::Standard => false,
        Preset::Wordpress => true,
    }
}

/// Headers with which an application speaks to its gateway, or says more about itself than a visitor needs.
#[must_use]
pub fn is_internal_header(name: &HeaderName) -> bool {
    wordpress::drops_response_header(name)
}

/// Request headers that [`request`] reads, under any preset. Without them it decides as with all others.
pub const REQUEST_READS: &[&str] = &wordpress::READS;

/// Whether a field named in `Vary` does not make a variant, because the preset keeps it from the origin
/// or because the key already holds it. `name` in any case.
#[must_use]
pub fn ignores_vary(preset: Preset, name: &str) -> bool {
    match preset {
        Preset::Standard => false,
        Preset::Wordpress => wordpress::ignores_vary(name),
    }
}

/// Fields in `Vary` that the preset's own rules stand in for.
#[must_use]
pub fn ignored_vary(preset: Preset, headers: &HeaderMap) -> Vec<HeaderName> {
    let mut ignored = Vec::new();
    for value in headers.get_all(http::header::VARY) {
        for member in value.as_bytes().split(|b| *b == b',') {
            if let Ok(name) = HeaderName::from_bytes(member.trim_ascii())
                && ignores_vary(preset, name.as_str())
            {
                ignored.push(name);
            }
        }
    }
    ignored
}
