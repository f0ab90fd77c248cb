//! Cloudflare's API v4, as far as purging plugins call it. A zone is a site.
//!
//! ```text
//! GET    /client/v4/zones?name=blog.example      GET /client/v4/zones/ID[/pagerules|/settings/NAME]
//! POST   /client/v4/zones/ID/purge_cache         (or DELETE)
//!        {"purge_everything":true} {"files":[…]} {"tags":[…]} {"hosts":[…]} {"prefixes":[…]}
//! ```

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, Head, Reply, Target};
use crate::cache::KeyHash;

/// Start of every path of the API.
const ROOT: &str = "/client/v4/";

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Zones, those of this name alone when one is given.
    Zones(Option<String>),
    /// One zone.
    Zone(String),
    /// A zone's page rules.
    PageRules(String),
    /// A zone's setting.
    Setting(String, String),
    /// Whether the token is good.
    VerifyToken,
    /// A purge of a zone.
    Purge(String),
    /// Something else.
    Unknown,
}

impl Call {
    /// The zone it is about.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Zone(id) | Self::PageRules(id) | Self::Setting(id, _) | Self::Purge(id) => Some(id),
            Self::Zones(_) | Self::VerifyToken | Self::Unknown => None,
        }
    }
}

/// The ID of a site's zone: 32 hex digits, made of its name.
#[must_use]
pub fn zone_id(site: &str) -> String {
    KeyHash::of(&[b"zone", site.as_bytes()]).to_string()
}

/// Reads a call; `None` when it is none of this API's.
#[must_use]
pub fn call(head: &Head<'_>) -> Option<Call> {
    let rest = head.path.strip_prefix(ROOT)?.trim_end_matches('/');
    let parts: Vec<&str> = rest.split('/').collect();
    Some(match (head.method, parts.as_slice()) {
        ("GET", ["zones"]) => Call::Zones(parameter(head, "name")),
        ("GET", ["zones", id]) => Call::Zone((*id).to_owned()),
        ("GET", ["zones", id, "pagerules"]) => Call::PageRules((*id).to_owned()),
        ("GET", ["zones", id, "settings", name]) => Call::Setting((*id).to_owned(), (*name).to_owned()),
        ("GET", ["user", "tokens", "verify"]) => Call::VerifyToken,
        ("POST" | "DELETE", ["zones", id, "purge_cache"]) => Call::Purge((*id).to_owned()),
        _ => Call::Unknown,
    })
}

fn parameter(head: &Head<'_>, name: &str) -> Option<String> {
    head.query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    purge_everything: bool,
    files: Vec<File>,
    tags: Vec<String>,
    hosts: Vec<String>,
    prefixes: Vec<String>,
}

/// A file: its URL, or its URL with the headers that chose a variant (all variants are purged).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Url(String),
    Variant { url: String },
}

/// What the body of a purge asks for.
///
/// # Errors
/// The answer to a body that asks for nothing.
pub fn ask(body: &[u8]) -> Result<Ask, Reply> {
    let body: Body = serde_json::from_slice(body).map_err(|error| {
        failure(
            StatusCode::BAD_REQUEST,
            6007,
            &format!("Malformed JSON in request body: {error}"),
        )
    })?;
    let mut targets = Vec::new();
    if body.purge_everything {
        targets.push(Target::Site);
    }
    targets.extend(body.tags.into_iter().map(Target::Tag));
    targets.extend(body.hosts.into_iter().map(|host| Target::Host(Some(host))));
    for prefix in body.prefixes {
        let (host, path) = split(&prefix);
        targets.push(Target::Prefix {
            host: Some(host),
            path,
        });
    }
    for file in body.files {
        let (File::Url(url) | File::Variant { url }) = file;
        let (host, target) = split(&url);
        targets.push(Target::Url {
            host: Some(host),
            target,
        });
    }
    if targets.is_empty() {
        let problem = "Request must contain one of \"purge_everything\", \"files\", \"tags\", \"hosts\" or \"prefixes\"";
        return Err(failure(StatusCode::BAD_REQUEST, 1012, problem));
    }
    Ok(Ask::of(targets))
}

/// Host and path of a URL whose scheme may be missing.
fn split(url: &str) -> (String, String) {
    let rest = url.trim();
    let rest = rest
        .strip_prefix("https://")
        .or_else(|| rest.strip_prefix("http://"))
        .unwrap_or(rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = rest[end..].split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    (rest[..end].to_owned(), format!("{slash}{path}"))
}

/// A good answer.
#[must_use]
pub fn success(result: &Value) -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "errors": [], "messages": [], "result": result }),
    )
}

/// A list of zones by name.
#[must_use]
pub fn zones(names: &[&str]) -> Reply {
    let zones: Vec<Value> = names.iter().map(|name| zone(name)).collect();
    let count = zones.len();
    Reply::json(
        StatusCode::OK,
        &json!({
            "success": true, "errors": [], "messages": [], "result": zones,
            "result_info": { "page": 1, "per_page": 20, "total_pages": 1, "count": count, "total_count": count },
        }),
    )
}

/// A zone.
#[must_use]
pub fn zone(name: &str) -> Value {
    json!({ "id": zone_id(name), "name": name, "status": "active", "paused": false })
}

/// The answer to a question about a zone; `None` for calls that ask for something else.
#[must_use]
pub fn describe(call: &Call, site: &str) -> Option<Reply> {
    Some(match call {
        Call::Zone(_) => success(&zone(site)),
        // Without a rule like this the official plugin purges files only.
        Call::PageRules(_) => success(&json!([{
            "id": zone_id(site),
            "targets": [],
            "actions": [{ "id": "cache_level", "value": "cache_everything" }],
            "status": "active",
        }])),
        Call::Setting(_, name) => success(&json!({ "id": name, "value": "on", "editable": false })),
        Call::VerifyToken => success(&json!({ "id": zone_id(site), "status": "active" })),
        Call::Zones(_) | Call::Purge(_) | Call::Unknown => return None,
    })
}

/// The answer to a purge that was done.
#[must_use]
pub fn purged(site: &str) -> Reply {
    success(&json!({ "id": zone_id(site) }))
}

/// A bad answer.
#[must_use]
pub fn failure(status: StatusCode, code: u32, problem: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "success": false,
            "errors": [{ "code": code, "message": problem }],
            "messages": [],
            "result": null,
        }),
    )
}

/// The answer to somebody without a token.
#[must_use]
pub fn refused() -> Reply {
    failure(StatusCode::FORBIDDEN, 10000, "Authentication error")
}

/// The answer for a zone that is not there, and for calls popgate does not know.
#[must_use]
pub fn not_found(path: &str) -> Reply {
    let path = path.strip_prefix("/client/v4").unwrap_or(path);
    let problem = format!("Could not route to {path}, perhaps your object identifier is invalid?");
    failure(StatusCode::NOT_FOUND, 7003, &problem)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(method: &str, path: &str, query: Option<&str>) -> Option<Call> {
        let headers = HeaderMap::new();
        call(&Head {
            method,
            path,
            query,
            headers: &headers,
        })
    }

    #[test]
    fn calls_are_told_apart() {
        assert_eq!(
            read(
                "GET",
                "/client/v4/zones/",
                Some("name=blog.example&status=active")
            ),
            Some(Call::Zones(Some("blog.example".into())))
        );
        for method in ["POST", "DELETE"] {
            assert_eq!(
                read(method, "/client/v4/zones/Z/purge_cache", None),
                Some(Call::Purge("Z".into()))
            );
        }
        assert_eq!(
            read("GET", "/client/v4/zones/Z/pagerules", None),
            Some(Call::PageRules("Z".into()))
        );
        assert_eq!(read("PATCH", "/client/v4/zones/Z", None), Some(Call::Unknown));
        assert_eq!(read("GET", "/service/x", None), None);
    }

    #[test]
    fn a_body_names_files_tags_hosts_and_prefixes() {
        let body = br#"{"files":["https://a.example/x?y=1",{"url":"http://a.example","headers":{"CF-Device-Type":"mobile"}}],
            "tags":["t"],"hosts":["a.example"],"prefixes":["a.example/foo"]}"#;
        let url = |target: &str| Target::Url {
            host: Some("a.example".into()),
            target: target.into(),
        };
        assert_eq!(
            ask(body).unwrap().targets,
            [
                Target::Tag("t".into()),
                Target::Host(Some("a.example".into())),
                Target::Prefix {
                    host: Some("a.example".into()),
                    path: "/foo".into()
                },
                url("/x?y=1"),
                url("/"),
            ]
        );
        assert_eq!(
            ask(br#"{"purge_everything":true}"#).unwrap().targets,
            [Target::Site]
        );
    }

    #[test]
    fn a_body_that_names_nothing_is_told_so() {
        for body in [
            &b"{}"[..],
            b"{\"files\":[]}",
            b"[",
            b"{\"files\":7}",
            b"{\"purge_everything\":false}",
        ] {
            let reply = ask(body).unwrap_err();
            assert_eq!(reply.status, StatusCode::BAD_REQUEST);
            assert!(
                reply.body.starts_with(r#"{"success":false,"errors":[{"code":"#),
                "{}",
                reply.body
            );
        }
    }

    #[test]
    fn the_envelope_is_cloudflares() {
        let zone = zone_id("blog.example");
        assert_eq!(zone.len(), 32);
        assert_eq!(
            purged("blog.example").body,
            format!(r#"{{"success":true,"errors":[],"messages":[],"result":{{"id":"{zone}"}}}}"#)
        );
        assert_eq!(
            refused().body,
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}"#
        );
    }
}
