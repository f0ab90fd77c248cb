//! `POST /purge`.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tracing::info;

use super::json;
use crate::app::App;
use crate::app::purge::PurgeInput;
use crate::cache::purge::{PurgeReport, Reached};

/// Reads the request, purges, reports which stores were reached.
pub(super) async fn answer(app: &App, body: &[u8]) -> Response<Full<Bytes>> {
    let input: PurgeInput = match serde_json::from_slice(body) {
        Ok(input) => input,
        Err(error) => {
            let problem = format!("not a purge request: {error}; see GET / for its form");
            return json(StatusCode::BAD_REQUEST, &json!({ "error": problem }));
        }
    };
    match app.purge(&input).await {
        Ok(report) => {
            info!(
                kind = report.kind.map(|kind| kind.as_str()),
                hard = input.hard,
                redis = redis(&report),
                "purged"
            );
            json(status(&report), &page(&report, input.hard))
        }
        Err(error) => json(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    }
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
