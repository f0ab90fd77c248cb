//! `PURGE`: varnish-http-purge, W3 Total Cache, WP Rocket, Varnish Caching, CloudPanel, xkey.
//!
//! ```text
//! PURGE /post/ HTTP/1.1        X-Purge-Method: default | exact | regex | tags
//! PURGE /.* HTTP/1.1           X-Purge-Host: blog.example    X-Purge-Regex: .*    X-Purge-Mode: soft | hard
//! PURGE / HTTP/1.1             X-Cache-Tags-Pattern: p-15|t-4    xkey: a b    Cache-Tags: a,b
//! ```

use http::StatusCode;
use serde_json::json;

use super::{Ask, Head, Reply, Target, expression, split_tags};
use crate::cache::purge::PatternError;

/// Fields that name tags, and whether naming them says soft or hard.
const TAG_FIELDS: [(&str, Option<bool>); 8] = [
    ("xkey", None),
    ("xkey-purge", Some(true)),
    ("xkey-softpurge", Some(false)),
    ("x-cache-tags", None),
    ("cache-tags", None),
    ("cache-tag", None),
    ("surrogate-key", None),
    ("x-xkey-purge", Some(true)),
];

/// Who asks, told by how it asks: what it expects to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Any client that looks at the status alone.
    Plain,
    /// xkey: how much was invalidated.
    Xkey,
    /// Varnish Caching and its kin look for a phrase in the page.
    VarnishCaching,
    /// A purge by URL of Fastly.
    Fastly,
}

/// A `PURGE` request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// What it asks.
    pub ask: Ask,
    /// The host it is about, when that is not the one it was sent to.
    pub host: Option<String>,
    /// Who asks.
    pub flavour: Flavour,
}

/// Reads a `PURGE`. `whole_host`: `PURGE /` without a method field means the host (CloudPanel).
///
/// # Errors
/// When it holds a regular expression popgate does not take.
pub fn purge(head: &Head<'_>, whole_host: bool) -> Result<Purge, PatternError> {
    let host = head
        .any(&["x-purge-host", "x-vc-purge-host"])
        .filter(|host| !host.is_empty())
        .map(str::to_owned);
    let caching = ["x-vc-purge-method", "x-vc-purge-host", "x-vc-purge-key"]
        .iter()
        .any(|name| head.headers.contains_key(*name));
    let tags = tags(head);
    let flavour = match tags {
        Some((_, "xkey" | "xkey-purge" | "xkey-softpurge" | "x-xkey-purge", _)) => Flavour::Xkey,
        _ if caching => Flavour::VarnishCaching,
        _ if head.headers.contains_key("fastly-key") => Flavour::Fastly,
        _ => Flavour::Plain,
    };
    let (ask, said) = match tags {
        Some((tags, _, said)) => (Ask::tags(tags), said),
        None => (Ask::of(vec![target(head, whole_host)?]), None),
    };
    Ok(Purge {
        ask: ask.hard(mode(head).or(said)),
        host,
        flavour,
    })
}

/// What the answer says.
#[must_use]
pub fn reply(purge: &Purge, id: &str, report: &serde_json::Value) -> Reply {
    match purge.flavour {
        Flavour::Plain => Reply {
            body: format!("{report}\n"),
            ..Reply::json(StatusCode::OK, report)
        },
        Flavour::Xkey => Reply::text(
            StatusCode::OK,
            format!("Invalidated {} objects\n", purge.ask.targets.len()),
        ),
        Flavour::VarnishCaching => Reply {
            status: StatusCode::OK,
            media_type: "text/html; charset=utf-8",
            body: "<!DOCTYPE html><html><head><title>200 Purged</title></head>\
                   <body><h1>Error 200 Purged</h1></body></html>\n"
                .to_owned(),
        },
        Flavour::Fastly => Reply::json(StatusCode::OK, &json!({ "status": "ok", "id": id })),
    }
}

/// Whether it says hard or soft.
pub(super) fn mode(head: &Head<'_>) -> Option<bool> {
    if let Some(mode) = head.field("x-purge-mode") {
        return Some(mode.eq_ignore_ascii_case("hard"));
    }
    (head.field("fastly-soft-purge") == Some("1")).then_some(false)
}

type Tags = (Vec<String>, &'static str, Option<bool>);

/// The tags it names, the field and what that says about the mode.
fn tags(head: &Head<'_>) -> Option<Tags> {
    if method(head).is_some_and(|method| method.eq_ignore_ascii_case("tags")) {
        let pattern = head.field("x-cache-tags-pattern").unwrap_or_default();
        return Some((of_pattern(pattern), "x-cache-tags-pattern", None));
    }
    TAG_FIELDS.iter().find_map(|(name, said)| {
        let tags: Vec<String> = head
            .headers
            .get_all(*name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(of_pattern_or_list)
            .collect();
        (!tags.is_empty()).then_some((tags, *name, *said))
    })
}

/// Tags of varnish-http-purge: an alternation, in which `site-…` stands on every page and would purge all
/// of it with each save. So that one counts only when it is alone.
fn of_pattern(text: &str) -> Vec<String> {
    let all = of_alternation(text);
    let some: Vec<String> = all
        .iter()
        .filter(|tag| !tag.starts_with("site-"))
        .cloned()
        .collect();
    if some.is_empty() { all } else { some }
}

fn of_pattern_or_list(text: &str) -> Vec<String> {
    if text.contains('|') {
        of_alternation(text)
    } else {
        split_tags(text, &[','])
    }
}

/// The words of an alternation such as `a|b` or `(^|,)(a|b)(,|$)`.
pub(super) fn of_alternation(text: &str) -> Vec<String> {
    split_tags(&text.replace('\\', ""), &['|', ',', '(', ')', '^', '$'])
}

fn method<'a>(head: &Head<'a>) -> Option<&'a str> {
    head.any(&["x-purge-method", "x-vc-purge-method"])
}

fn target(head: &Head<'_>, whole_host: bool) -> Result<Target, PatternError> {
    if let Some(rest) = head.field("x-purge-regex") {
        return expression::target(None, &format!("{}{rest}", head.path), true);
    }
    let method = method(head).map(str::to_ascii_lowercase);
    match method.as_deref() {
        Some("regex") => expression::target(None, &head.target(), true),
        Some("exact") => Ok(Target::Url {
            host: None,
            target: head.target(),
        }),
        None if whole_host && head.path == "/" => Ok(Target::Host(None)),
        _ => Ok(expression::glob(None, head.path).unwrap_or_else(|| Target::Path {
            host: None,
            path: head.path.to_owned(),
        })),
    }
}

#[cfg(test)]
mod tests;
