//! Fastly's purge API, as its WordPress plugin calls it. A service is a site: its ID is the site's name.
//!
//! ```text
//! GET  /service/ID                → 200 {"id":"ID","name":"blog.example",…}
//! POST /service/ID/purge          Surrogate-Key: a b   → 200 {"a":"…","b":"…"}
//! POST /service/ID/purge/KEY      → 200 {"status":"ok","id":"…"}
//! POST /service/ID/purge_all      → 200 {"status":"ok"}
//! ```

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Ask, Head, Reply, Target, split_tags};

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: String,
    /// What is asked of it.
    pub action: Action,
}

/// What is asked of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To tell about itself.
    Describe,
    /// To purge keys in a batch.
    Batch(Vec<String>),
    /// To purge one key.
    Key(String),
    /// To purge all.
    All,
    /// Something else.
    Unknown,
}

/// Reads a call; `None` when it is none of this API's.
#[must_use]
pub fn call(head: &Head<'_>, body: &[u8]) -> Option<Call> {
    let rest = head.path.strip_prefix("/service/")?;
    let (service, action) = rest.split_once('/').unwrap_or((rest, ""));
    let action = match (head.method, action.trim_end_matches('/')) {
        ("GET", "" | "details") => Action::Describe,
        ("POST" | "PUT", "purge") => Action::Batch(keys(head, body)),
        ("POST" | "PUT", "purge_all") => Action::All,
        ("POST" | "PUT", action) => match action.strip_prefix("purge/") {
            Some(key) if !key.is_empty() => Action::Key(decoded(key)),
            _ => Action::Unknown,
        },
        _ => Action::Unknown,
    };
    Some(Call {
        service: decoded(service),
        action,
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Keys in the field, or in a JSON body.
fn keys(head: &Head<'_>, body: &[u8]) -> Vec<String> {
    if let Some(text) = head.field("surrogate-key") {
        return split_tags(text, &[]);
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["surrogate_keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

impl Action {
    /// What it purges; `None`: nothing.
    #[must_use]
    pub fn ask(&self, head: &Head<'_>) -> Option<Ask> {
        let ask = match self {
            Self::Batch(keys) if !keys.is_empty() => Ask::tags(keys.clone()),
            Self::Key(key) => Ask::tags(vec![key.clone()]),
            Self::All => Ask::of(vec![Target::Site]),
            Self::Describe | Self::Batch(_) | Self::Unknown => return None,
        };
        Some(ask.hard(super::varnish::mode(head)))
    }
}

/// The answer to a call on a site's service; `id` is that of the purge.
#[must_use]
pub fn reply(call: &Call, site: &str, id: &str) -> Reply {
    let ok = |body: Value| Reply::json(StatusCode::OK, &body);
    match &call.action {
        Action::Describe => ok(json!({
            "id": call.service, "name": site, "type": "vcl", "comment": "", "versions": [],
        })),
        Action::Batch(keys) if keys.is_empty() => Reply::json(
            StatusCode::BAD_REQUEST,
            &json!({ "msg": "Bad request", "detail": "name keys in the Surrogate-Key field" }),
        ),
        Action::Batch(keys) => {
            let ids: Map<String, Value> = keys.iter().map(|key| (key.clone(), json!(id))).collect();
            ok(Value::Object(ids))
        }
        Action::Key(_) => ok(json!({ "status": "ok", "id": id })),
        Action::All => ok(json!({ "status": "ok" })),
        Action::Unknown => not_found(),
    }
}

/// The answer to somebody without a token.
#[must_use]
pub fn refused() -> Reply {
    Reply::json(
        StatusCode::FORBIDDEN,
        &json!({ "msg": "Provided credentials are missing or invalid" }),
    )
}

/// The answer for a service that is not there, and for calls popgate does not know.
#[must_use]
pub fn not_found() -> Reply {
    Reply::json(
        StatusCode::NOT_FOUND,
        &json!({ "msg": "Record not found", "detail": "Cannot load service" }),
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn read(
        method: &str,
        path: &str,
        fields: &[(&'static str, &str)],
        body: &[u8],
    ) -> (Option<Call>, Option<Ask>) {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let head = Head {
            method,
            path,
            query: None,
            headers: &headers,
        };
        let call = call(&head, body);
        let ask = call.as_ref().and_then(|call| call.action.ask(&head));
        (call, ask)
    }

    #[test]
    fn a_batch_names_its_keys_in_the_field() {
        let fields = [("surrogate-key", "p-15 t-4 holos"), ("fastly-soft-purge", "1")];
        let (call, ask) = read("POST", "/service/SVC1/purge", &fields, b"");
        let call = call.unwrap();
        assert_eq!(call.service, "SVC1");
        let ask = ask.unwrap();
        assert_eq!((ask.targets.len(), ask.hard), (3, Some(false)));
        assert_eq!(
            reply(&call, "blog.example", "7-0").body,
            r#"{"p-15":"7-0","t-4":"7-0","holos":"7-0"}"#
        );
    }

    #[test]
    fn a_batch_may_name_its_keys_in_the_body() {
        let body = br#"{"surrogate_keys":["a","b"]}"#;
        let (_, ask) = read("POST", "/service/S/purge", &[], body);
        assert_eq!(ask.unwrap(), Ask::tags(vec!["a".into(), "b".into()]));
        let (call, ask) = read("POST", "/service/S/purge", &[], b"{");
        assert_eq!(ask, None);
        assert_eq!(reply(&call.unwrap(), "s", "").status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn one_key_and_all_are_purged() {
        let (call, ask) = read("POST", "/service/S/purge/tm-home%2Fx", &[], b"");
        assert_eq!(ask.unwrap(), Ask::tags(vec!["tm-home/x".into()]));
        assert_eq!(
            reply(&call.unwrap(), "s", "7-0").body,
            r#"{"status":"ok","id":"7-0"}"#
        );
        let (call, ask) = read("POST", "/service/S/purge_all", &[], b"");
        assert_eq!(ask.unwrap().targets, [Target::Site]);
        assert_eq!(reply(&call.unwrap(), "s", "7-0").body, r#"{"status":"ok"}"#);
    }

    #[test]
    fn a_service_tells_its_name() {
        let (call, ask) = read("GET", "/service/SVC1", &[], b"");
        assert_eq!(ask, None);
        let reply = reply(&call.unwrap(), "blog.example", "");
        assert!(reply.body.starts_with(r#"{"id":"SVC1","name":"blog.example""#));
    }

    #[test]
    fn other_calls_are_not_found() {
        for (method, path) in [
            ("POST", "/service/S/purge/"),
            ("DELETE", "/service/S"),
            ("POST", "/service/S/version"),
        ] {
            let (call, ask) = read(method, path, &[], b"");
            assert_eq!(ask, None);
            let call = call.unwrap();
            if call.action != Action::Batch(Vec::new()) {
                assert_eq!(
                    reply(&call, "s", "").status,
                    StatusCode::NOT_FOUND,
                    "{method} {path}"
                );
            }
        }
        assert_eq!(read("GET", "/services", &[], b"").0, None);
    }
}
