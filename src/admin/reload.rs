//! `POST /reload`: the configuration is read again, and the answer says what came of it.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::json;
use crate::app::App;

/// Asks for a reload and waits for its outcome: 200, 422 with what is wrong, 503 while the process stops.
pub(super) async fn answer(app: &App) -> Response<Full<Bytes>> {
    match app.ask_for_reload().await {
        Some(Ok(kept)) => json(
            StatusCode::OK,
            &json!({ "reloaded": true, "needs_restart": kept }),
        ),
        Some(Err(errors)) => json(
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!({ "reloaded": false, "errors": errors }),
        ),
        None => json(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "reloaded": false, "errors": ["popgate is not taking configurations now"] }),
        ),
    }
}
