//! `POST /purge`, and `GET /purge/ID`: who has applied it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tracing::info;

use super::json;
use crate::app::App;
use crate::app::purge::PurgeInput;
use crate::cache::purge::{PurgeId, PurgeReport, Reached};

/// Reads the request, purges, reports which stores were reached.
pub(super) async fn answer(app: &App, body: &[u8]) -> Response<Full<Bytes>> {
    let count = |result| {
        app.metrics
            .purge_requests
            .with_label_values(&["admin", result])
            .inc();
    };
    let input: PurgeInput = match serde_json::from_slice(body) {
        Ok(input) => input,
        Err(error) => {
            count("invalid");
            let problem = format!("not a purge request: {error}; see GET / for its form");
            return json(StatusCode::BAD_REQUEST, &json!({ "error": problem }));
        }
    };
    match app.purge(&input).await {
        Ok(report) => {
            count("ok");
            info!(
                kind = report.kind.map(|kind| kind.as_str()),
                hard = input.hard,
                redis = redis(&report),
                "purged"
            );
            json(status(&report), &page(&report, input.hard))
        }
        Err(error) => {
            count("invalid");
            json(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }))
        }
    }
}

/// Who has applied a purge: JSON, or text for whoever prefers that.
pub(super) async fn proof(app: &App, id: &str, accept: Option<&HeaderValue>) -> Response<Full<Bytes>> {
    let id: PurgeId = match id.parse() {
        Ok(id) => id,
        Err(error) => return json(StatusCode::NOT_FOUND, &json!({ "error": format!("{error}") })),
    };
    let Some(proof) = app.cache.proof(id).await else {
        let problem = "nothing is known of this purge here, or redis does not answer";
        return json(StatusCode::NOT_FOUND, &json!({ "error": problem }));
    };
    let text = accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    if text {
        return super::owned_text(StatusCode::OK, proof.text());
    }
    json(StatusCode::OK, &proof.json())
}

/// 200 when every store was reached, 202 when Redis will hear of it later.
#[must_use]
pub fn status(report: &PurgeReport) -> StatusCode {
    match report.redis {
        Reached::Reached | Reached::NotConfigured => StatusCode::OK,
        Reached::Unreachable => StatusCode::ACCEPTED,
    }
}

/// What came of it.
#[must_use]
pub fn page(report: &PurgeReport, hard: bool) -> Value {
    json!({
        "purged": report.kind.map(|kind| kind.as_str()),
        "hard": hard,
        "id": report.id.map(|id| id.to_string()),
        "stores": { "memory": "reached", "redis": redis(report) },
    })
}

fn redis(report: &PurgeReport) -> &'static str {
    match report.redis {
        Reached::Reached => "reached",
        Reached::NotConfigured => "not_configured",
        Reached::Unreachable => "unreachable_will_follow",
    }
}
