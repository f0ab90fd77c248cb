//! `GET /api/fast-user`: who is this visitor, answered from the KV store.
//!
//! The value of `user_<ip>` is returned as it is stored. A visitor without one is greeted as a new guest at
//! once; the greeting is stored afterwards, unless somebody stored a value meanwhile. A store that fails or
//! is slow costs at most `kv.timeout`, and the answer is the greeting.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

use super::Answer;
use crate::kv::{Enqueued, Expiry, Key, Kv, KvHandle, Put};

/// The endpoint's path.
pub const PATH: &str = "/api/fast-user";
/// How long a new guest is remembered.
pub const GUEST_TTL: Duration = Duration::from_secs(3600);

const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
const UNKNOWN: &str = "Unknown";

/// The write that belongs to an answer. Hand it to [`Deferred::fire`] once the answer is sent; dropped, it does
/// nothing.
#[derive(Debug)]
#[must_use = "fire it after the response, else the guest is forgotten"]
pub struct Deferred {
    kv: Arc<KvHandle>,
    key: Key,
    greeting: Bytes,
}

impl Deferred {
    /// Queues the write and returns at once.
    pub fn fire(self) -> Enqueued {
        let mut put = Put::new(self.greeting, Expiry::After(GUEST_TTL));
        put.only_if_absent = true;
        self.kv.enqueue_put(&self.key, put)
    }
}

/// The answer for a visitor: `country` is the request's own `CF-IPCountry`, `ip` its `CF-Connecting-IP`.
/// Waits at most `kv.timeout` and never fails.
pub async fn answer(
    kv: &Arc<KvHandle>,
    country: Option<&str>,
    ip: Option<IpAddr>,
) -> (Answer, Option<Deferred>) {
    let ip = ip.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
    let node = format!("Edge-Node-{}", country.unwrap_or(UNKNOWN));
    // A country that is not header-safe is none.
    let (country, served_by) = match HeaderValue::from_str(&node) {
        Ok(served_by) => (country.unwrap_or(UNKNOWN), served_by),
        Err(_) => (UNKNOWN, HeaderValue::from_static("Edge-Node-Unknown")),
    };
    let found = match Key::new(&format!("user_{ip}")) {
        Ok(key) => kv.get(&key).await.map(|item| (key, item)),
        Err(error) => Err(error),
    };
    let (body, deferred) = match found {
        Ok((_, Some(item))) => (item.value.clone(), None),
        Ok((key, None)) => {
            let greeting = greeting(country);
            (
                greeting.clone(),
                Some(Deferred {
                    kv: Arc::clone(kv),
                    key,
                    greeting,
                }),
            )
        }
        Err(error) => {
            tracing::debug!(%error, "fast-user answers without the kv store");
            (greeting(country), None)
        }
    };
    let headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (SERVED_BY, served_by),
    ];
    (
        Answer {
            status: StatusCode::OK,
            headers,
            body,
        },
        deferred,
    )
}

/// `{"status":"New Guest","location":"<country>"}`
fn greeting(country: &str) -> Bytes {
    let location = serde_json::Value::from(country);
    Bytes::from(format!(r#"{{"status":"New Guest","location":{location}}}"#))
}

#[cfg(test)]
mod tests;
