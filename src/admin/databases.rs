//! `GET /databases`, and `POST /databases/NAME/pause` and `…/resume`.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::json;
use super::why::{page, wants_text};
use crate::app::App;
use crate::databases::Paused;

/// All of them; `format=text` for people.
pub(super) fn answer(app: &App, query: Option<&str>) -> Response<Full<Bytes>> {
    page(&app.databases.report(), wants_text(query))
}

/// `NAME/pause` or `NAME/resume`: 200 when it is so, 202 when connections are still in use.
pub(super) async fn act(app: &App, path: &str) -> Response<Full<Bytes>> {
    let (name, act) = path.rsplit_once('/').unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    let (status, paused, in_use) = match act {
        "pause" => match app.databases.pause(&name).await {
            Some(Paused::Idle) => (StatusCode::OK, true, false),
            Some(Paused::Busy) => (StatusCode::ACCEPTED, true, true),
            None => return missing(&name),
        },
        "resume" if app.databases.resume(&name) => (StatusCode::OK, false, false),
        "resume" => return missing(&name),
        _ => {
            let problem = "ask for /databases/NAME/pause or /databases/NAME/resume";
            return json(StatusCode::NOT_FOUND, &json!({ "error": problem }));
        }
    };
    json(
        status,
        &json!({ "database": name, "paused": paused, "connections_in_use": in_use }),
    )
}

fn missing(name: &str) -> Response<Full<Bytes>> {
    let problem = format!("there is no database \"{name}\"; GET /databases lists them");
    json(StatusCode::NOT_FOUND, &json!({ "error": problem }))
}
