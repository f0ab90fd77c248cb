//! What an answer may become: refused, or stored for as long as its class is worth.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::{cookies, files, freshness};
use crate::config::{SiteCache, Wordpress};
use crate::preset::{CacheRequest, FileKind, Freshness, PageClass, ResponseRule, StoreRule};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Longest freshness of a "not found", whatever it says.
const NOT_FOUND_MAX: Duration = MINUTE;

/// See [`crate::preset::response`].
pub(in crate::preset) fn response(
    rules: &Wordpress,
    request: &CacheRequest,
    site: &SiteCache,
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> ResponseRule {
    match decide(rules, request, site, status, headers, now) {
        Ok(rule) => ResponseRule::Store(rule),
        Err(reason) => ResponseRule::Refuse(reason),
    }
}

fn decide(
    rules: &Wordpress,
    request: &CacheRequest,
    site: &SiteCache,
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> Result<StoreRule, &'static str> {
    if !storable_status(status) {
        return Err("status");
    }
    let media_type = media_type(headers);
    let class = real_class(request.class, status, &media_type)?;
    personal(headers)?;
    let strip_set_cookie = harmless_cookies(class, headers)?;
    let freshness = match freshness::forbidden(headers) {
        Some(reason) => core_nocache(rules, class, status, headers).ok_or(reason)?,
        None => match freshness::targeted(headers, now)? {
            Some(said) => said,
            None => Freshness::Policy {
                default: default_ttl(rules, class, status, &media_type, site),
            },
        },
    };
    let status_max = match status.as_u16() {
        404 => Some(NOT_FOUND_MAX),
        302 | 307 if class != PageClass::Favicon => Some(MINUTE),
        _ => None,
    };
    Ok(StoreRule {
        freshness,
        ttl_max: [request.ttl_max, status_max].into_iter().flatten().min(),
        no_stale: request.made_up.is_some() || status.is_redirection() || status.is_client_error(),
        strip_set_cookie,
    })
}

/// Statuses that may stand for a while. Refusals, errors and partial answers may not.
fn storable_status(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 300 | 301 | 302 | 307 | 308 | 404 | 410
    )
}

/// The class by what came back: a page under the name of a file is a page when it says so by its status
/// (a 404), and nothing to store when it claims to be the file.
fn real_class(class: PageClass, status: StatusCode, media_type: &str) -> Result<PageClass, &'static str> {
    let is_page = files::is_page(media_type);
    match class {
        PageClass::Favicon | PageClass::Ajax => Ok(class),
        _ if status != StatusCode::OK => Ok(if is_page { PageClass::Html } else { class }),
        PageClass::Static { kind, .. } if !files::agrees(kind, media_type) => Err("content-type"),
        PageClass::Feed
        | PageClass::Sitemap
        | PageClass::Robots
        | PageClass::Rest
        | PageClass::AdminAsset
            if is_page =>
        {
            Err("content-type")
        }
        class => Ok(class),
    }
}

/// Marks of an answer that was made for one person.
fn personal(headers: &HeaderMap) -> Result<(), &'static str> {
    if headers.contains_key("x-wp-nonce") {
        return Err("nonce");
    }
    let says = |name: &str, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if says("cf-edge-cache", "no-cache") {
        return Err("cf-edge-cache");
    }
    if says("vary", "*") {
        return Err("vary");
    }
    Ok(())
}

/// Whether there is a `Set-Cookie` and all of them may be dropped from the stored copy; an error when one
/// may not.
fn harmless_cookies(class: PageClass, headers: &HeaderMap) -> Result<bool, &'static str> {
    let mut any = false;
    for value in headers.get_all(header::SET_COOKIE) {
        any = true;
        let file = matches!(class, PageClass::Static { .. });
        if !file && !cookies::may_be_stripped(value.as_bytes()) {
            return Err("set-cookie");
        }
    }
    Ok(any)
}

/// WordPress marks its own 404s and redirects as uncacheable although they are the same for everybody.
fn core_nocache(
    rules: &Wordpress,
    class: PageClass,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Freshness> {
    if class == PageClass::Rest || !freshness::is_core_nocache(headers) {
        return None;
    }
    let ttl = match status.as_u16() {
        200 if class == PageClass::Ajax => rules.ttl.ajax,
        404 => rules.ttl.not_found,
        301 => rules.ttl.redirect.min(MINUTE),
        _ => return None,
    };
    Some(Freshness::Fixed {
        ttl,
        stale_while_revalidate: None,
        stale_if_error: None,
    })
}

/// Freshness of an answer that says nothing. The site's `ttl` is what a page lives; nothing dynamic
/// lives longer by default, and a site with `ttl: 0s` stores only what says so itself and files.
fn default_ttl(
    rules: &Wordpress,
    class: PageClass,
    status: StatusCode,
    media_type: &str,
    site: &SiteCache,
) -> Duration {
    let of = &rules.ttl;
    let dynamic = |ttl: Duration| ttl.min(site.ttl);
    match (status.as_u16(), class) {
        (404, _) => dynamic(of.not_found),
        (410, _) => dynamic(MINUTE),
        (301 | 308, _) => dynamic(of.redirect),
        (302 | 307, PageClass::Favicon) => DAY,
        (200 | 203, PageClass::Html) if files::is_page(media_type) => site.ttl,
        (200 | 203, PageClass::Search) => dynamic(of.search),
        (200 | 203, PageClass::Rest) => dynamic(of.rest),
        (200 | 203, PageClass::Ajax) => dynamic(of.ajax),
        (200 | 203, PageClass::Feed) => dynamic(of.feed),
        (200 | 203, PageClass::Sitemap) => dynamic(of.sitemap),
        (200 | 203, PageClass::Robots) => dynamic(HOUR),
        (200, PageClass::Static { versioned: true, .. } | PageClass::AdminAsset) => of.versioned_file,
        // A text or a document may be written by a plugin (`ads.txt`) or replaced under its name.
        (
            200,
            PageClass::Static {
                kind: FileKind::Download,
                ..
            },
        ) => of.download,
        (200, PageClass::Static { .. }) => of.file,
        (200, PageClass::Favicon) => 7 * DAY,
        _ => Duration::ZERO,
    }
}

/// Media type in lower case without parameters; empty when there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}
