//! WordPress without a plugin: who may share a page is told by path, cookies and query alone.
//!
//! Anonymous pages of WordPress say nothing about caching, and neither do pages with somebody's name
//! or a protected body in them. So the request decides: paths and cookies that mean a person pass,
//! everything else is asked anonymously (no cookie reaches the origin) and may be shared.

use http::{HeaderName, Method, header};

use crate::config::{UnknownParameters, Wordpress};

use super::{CacheRequest, Chosen, MadeUp, PageClass, RequestFacts, RequestVerdict};

mod body;
mod browser;
mod chosen;
mod cookies;
mod effective;
mod files;
mod freshness;
mod path;
mod query;
mod response;
mod rest;
pub mod snoop;
mod text;

#[cfg(test)]
mod tests;

pub(super) use body::{body_check, body_decides};
pub(super) use browser::{accept_of_images, for_browsers};
pub use effective::{Effective, effective};
pub(super) use response::response;

use path::PathVerdict;
use query::Unknown;

/// Headers that overrule the method, the URL or a module of the origin.
const OVERRIDES: [&str; 8] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "proxy",
    "surrogate-capability",
    "x-host",
];

/// Prefixes of headers that only a gateway may say to an origin.
const GATEWAY_PREFIXES: [&str; 3] = ["x-lscache", "esi-", "x-accel-"];

/// Answer headers meant for the gateway, or telling an attacker more than a visitor needs.
const INTERNAL: [&str; 10] = [
    "lsc-cookie",
    "x-powered-by",
    "x-pingback",
    "surrogate-control",
    "surrogate-key",
    "cache-tag",
    "xkey",
    "x-cache-tags",
    "cf-edge-cache",
    "x-sendfile",
];

/// Prefixes of such answer headers.
const INTERNAL_PREFIXES: [&str; 2] = ["x-litespeed-", "x-accel-"];

/// Request headers that [`request`] reads; a test holds it to that.
pub(super) const READS: [&str; 6] = [
    "authorization",
    "content-length",
    "cookie",
    "origin",
    "transfer-encoding",
    "x-wp-nonce",
];

/// See [`super::request`]. The order of the rules is part of the contract: the first that speaks gives
/// the reason.
pub(super) fn request(rules: &Wordpress, facts: &RequestFacts<'_>) -> RequestVerdict {
    match classify(rules, facts) {
        Ok(request) => RequestVerdict::Cache(request),
        Err(reason) => RequestVerdict::Bypass(reason),
    }
}

fn classify(rules: &Wordpress, facts: &RequestFacts<'_>) -> Result<CacheRequest, &'static str> {
    if facts.method != Method::GET && facts.method != Method::HEAD {
        return Err("method");
    }
    if has_body(facts) {
        return Err("body");
    }
    let path = path::classify(facts.path, &rules.bypass_paths);
    let (mut class, anonymous_file) = match &path {
        PathVerdict::Never => return Err("path"),
        PathVerdict::Ambiguous => return Err("ambiguous-path"),
        PathVerdict::Rest(route) => {
            rest::check(route, facts.headers)?;
            (PageClass::Rest, false)
        }
        PathVerdict::Ajax => {
            ajax(rules, facts)?;
            (PageClass::Ajax, false)
        }
        PathVerdict::Page(class) => (*class, false),
        PathVerdict::PublicFile(class) => (*class, true),
    };
    if !anonymous_file && cookies::bypass(rules, facts.headers) {
        return Err("cookie");
    }
    if facts.headers.contains_key(header::AUTHORIZATION) {
        return Err("authorization");
    }
    let is_file = matches!(class, PageClass::Static { .. } | PageClass::AdminAsset);
    // What the parameters of a file or an action are is not for WordPress to know.
    let own_parameters = is_file || class == PageClass::Ajax;
    let query = query::normalise(rules, facts.query.unwrap_or_default(), !own_parameters)?;
    if let Some(route) = &query.rest_route {
        rest::check(route, facts.headers)?;
        class = PageClass::Rest;
    }
    if class == PageClass::Html {
        class = query.class.unwrap_or(class);
    }
    if let PageClass::Static { versioned, .. } = &mut class {
        *versioned |= query.versioned;
    }
    let unknown = query.unknown == Unknown::Present && !own_parameters;
    if unknown && rules.unknown_parameters == UnknownParameters::Bypass {
        return Err("unknown-parameter");
    }
    Ok(CacheRequest {
        ttl_max: unknown.then_some(rules.ttl.unknown_parameters),
        made_up: match class {
            PageClass::Ajax => Some(MadeUp {
                seen_within: None,
                ..made_up(rules)
            }),
            PageClass::Search => Some(made_up(rules)),
            _ => unknown.then(|| made_up(rules)),
        },
        query: query.text,
        strip_cookies: true,
        chosen: if anonymous_file {
            Chosen::default()
        } else {
            chosen::chosen(rules, facts.headers)
        },
        class,
    })
}

fn made_up(rules: &Wordpress) -> MadeUp {
    MadeUp {
        seen_within: (rules.unknown_parameters != UnknownParameters::Store)
            .then_some(rules.second_sight_within),
        variants_max: rules.variants_max,
    }
}

/// Lets an action through that the site lists, asked for without an `Origin` whose name would come back.
fn ajax(rules: &Wordpress, facts: &RequestFacts<'_>) -> Result<(), &'static str> {
    let action = query::only_value(facts.query.unwrap_or_default(), "action").ok_or("path")?;
    let listed = rules.ajax_actions.contains(&action);
    if listed && !facts.headers.contains_key(header::ORIGIN) {
        Ok(())
    } else {
        Err("path")
    }
}

/// See [`super::patience`].
pub(super) fn is_slow(facts: &RequestFacts<'_>) -> bool {
    let path = facts.path.to_ascii_lowercase();
    let writes = facts.method != Method::GET && facts.method != Method::HEAD;
    writes || path.contains("/wp-admin/") || path.ends_with("/wp-cron.php")
}

/// A body on a GET: PHP reads it, the key does not.
fn has_body(facts: &RequestFacts<'_>) -> bool {
    facts.headers.contains_key(header::TRANSFER_ENCODING)
        || facts
            .headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0")
}

/// See [`super::personal_cookies`].
pub(super) fn personal_cookies(rules: &Wordpress, headers: &http::HeaderMap) -> Vec<String> {
    cookies::personal(rules, headers)
}

/// See [`super::drops_request_header`].
pub(super) fn drops_request_header(cacheable: bool, name: &HeaderName) -> bool {
    let name = name.as_str();
    OVERRIDES.contains(&name)
        || GATEWAY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (cacheable && name == header::COOKIE.as_str())
}

/// See [`super::drops_response_header`].
pub(super) fn drops_response_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    INTERNAL.contains(&name) || INTERNAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// See [`super::ignores_vary`]: cookies never reach the origin, the scheme is in the key, and one copy
/// serves every browser.
pub(super) fn ignores_vary(name: &str) -> bool {
    ["cookie", "x-forwarded-proto", "user-agent"]
        .iter()
        .any(|ignored| name.eq_ignore_ascii_case(ignored))
}
