//! `BAN` and its kin: Acetone, FOSHttpCache, Drupal, GoDaddy; `REFRESH`, `FLUSH`, `FULLBAN`.
//!
//! ```text
//! BAN / HTTP/1.1    X-Ban-Url: ^/shop/    X-Ban-Host: blog.example    X-Ban-Method: regex | url    X-Ban-Regex: …
//! BAN / HTTP/1.1    X-Url: …    X-Host: …    Cache-Tags: a b
//! BAN /path         nothing else: that path and what lies below
//! ```

use http::StatusCode;

use super::varnish::{mode, of_alternation};
use super::{Ask, Head, Reply, Target, expression};
use crate::cache::purge::PatternError;

/// Methods of this family.
pub const METHODS: [&str; 4] = ["BAN", "REFRESH", "FLUSH", "FULLBAN"];

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// What it asks.
    pub ask: Ask,
    /// The host it is about, or an expression that hosts match; `None`: the one it was sent to.
    pub host: Option<String>,
}

/// Reads a request of this family.
///
/// # Errors
/// When it holds a regular expression popgate does not take.
pub fn ban(head: &Head<'_>) -> Result<Ban, PatternError> {
    let host = head
        .any(&["x-ban-host", "x-host"])
        .filter(|host| !host.is_empty())
        .map(str::to_owned);
    let targets = match head.method {
        "FLUSH" | "FULLBAN" => vec![Target::Host(None)],
        "REFRESH" => vec![Target::Path {
            host: None,
            path: head.path.to_owned(),
        }],
        _ => targets(head)?,
    };
    Ok(Ban {
        ask: Ask::of(targets).hard(mode(head)),
        host,
    })
}

fn targets(head: &Head<'_>) -> Result<Vec<Target>, PatternError> {
    let tags: Vec<Target> = ["x-cache-tags", "cache-tags", "cache-tag", "surrogate-key", "xkey"]
        .iter()
        .filter_map(|name| head.field(name))
        .flat_map(of_alternation)
        .map(Target::Tag)
        .collect();
    if !tags.is_empty() {
        return Ok(tags);
    }
    if let Some(pattern) = head.any(&["x-ban-url", "x-ban-regex", "x-url"]) {
        let exact = head
            .field("x-ban-method")
            .is_some_and(|method| method.eq_ignore_ascii_case("url") || method.eq_ignore_ascii_case("exact"));
        return Ok(vec![if exact {
            Target::Url {
                host: None,
                target: pattern.to_owned(),
            }
        } else {
            expression::target(None, pattern, false)?
        }]);
    }
    Ok(vec![match head.path {
        "/" => Target::Host(None),
        path => expression::glob(None, path).unwrap_or_else(|| Target::Prefix {
            host: None,
            path: path.to_owned(),
        }),
    }])
}

/// What the answer says.
#[must_use]
pub fn reply() -> Reply {
    Reply::text(StatusCode::OK, "Ban added\n")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn read(method: &str, path: &str, fields: &[(&str, &str)]) -> Result<Ban, PatternError> {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        ban(&Head {
            method,
            path,
            query: None,
            headers: &headers,
        })
    }

    fn one(method: &str, path: &str, fields: &[(&str, &str)]) -> Target {
        let mut targets = read(method, path, fields).unwrap().ask.targets;
        assert_eq!(targets.len(), 1);
        targets.remove(0)
    }

    #[test]
    fn expressions_are_matched_anywhere_unless_they_say_where() {
        assert_eq!(
            one("BAN", "/", &[("X-Ban-Url", "^/shop/.*")]),
            Target::Prefix {
                host: None,
                path: "/shop/".into()
            }
        );
        assert_eq!(
            one("BAN", "/", &[("X-Url", r"\.css")]),
            Target::Regex {
                host: None,
                pattern: r"\.css".into()
            }
        );
        assert!(read("BAN", "/", &[("X-Ban-Url", "(")]).is_err());
    }

    #[test]
    fn a_ban_without_fields_names_its_path_and_what_lies_below() {
        assert_eq!(
            one("BAN", "/shop", &[]),
            Target::Prefix {
                host: None,
                path: "/shop".into()
            }
        );
        assert_eq!(one("BAN", "/", &[]), Target::Host(None));
        assert_eq!(one("FLUSH", "/x", &[]), Target::Host(None));
        assert_eq!(
            one("REFRESH", "/x", &[]),
            Target::Path {
                host: None,
                path: "/x".into()
            }
        );
    }

    #[test]
    fn tags_and_hosts_are_read() {
        let ban = read(
            "BAN",
            "/",
            &[("Cache-Tags", "node:1 node:2"), ("X-Ban-Host", "b.example")],
        )
        .unwrap();
        assert_eq!(
            ban.ask.targets,
            [Target::Tag("node:1".into()), Target::Tag("node:2".into())]
        );
        assert_eq!(ban.host.as_deref(), Some("b.example"));
    }
}
