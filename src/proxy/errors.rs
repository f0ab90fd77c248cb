//! From an error to the status a client sees: the only place where that is decided.

use http::{HeaderValue, StatusCode, header};
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::{FailToProxy, Session};

use super::answer;
use super::context::RequestContext;
use crate::cache::policy::RefuseReason;

/// Methods that are not refused whatever the site (RFC 9110 10.2.1).
pub const SERVED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The status for an error; `None` when the client is gone.
#[must_use]
pub fn status(error: &Error) -> Option<StatusCode> {
    match error.etype() {
        ErrorType::HTTPStatus(code) => StatusCode::from_u16(*code).ok(),
        kind => match error.esource() {
            ErrorSource::Upstream => Some(match kind {
                ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout => {
                    StatusCode::GATEWAY_TIMEOUT
                }
                _ => StatusCode::BAD_GATEWAY,
            }),
            ErrorSource::Downstream => match kind {
                ErrorType::WriteError
                | ErrorType::ReadError
                | ErrorType::ConnectionClosed
                | ErrorType::WriteTimedout => None,
                ErrorType::ReadTimedout => Some(StatusCode::REQUEST_TIMEOUT),
                _ => Some(StatusCode::BAD_REQUEST),
            },
            ErrorSource::Internal | ErrorSource::Unset => Some(StatusCode::INTERNAL_SERVER_ERROR),
        },
    }
}

/// Answers for a request that failed, unless an answer has begun.
pub async fn answer(session: &mut Session, error: &Error, cx: &mut RequestContext) -> FailToProxy {
    let Some(status) = status(error) else {
        return failed(0);
    };
    if session.response_written().is_some() {
        return failed(status.as_u16());
    }
    let mut page = answer::error(status);
    if let Some(wait) = cx.upstream.retry_after {
        answer::retry_after(&mut page, wait);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        page.headers
            .push((header::ALLOW, HeaderValue::from_static(SERVED)));
    }
    // What is left of a request that was refused half-read cannot be told from the next one; and after a request that went
    // to an origin and failed the engine ends the connection whatever is said here.
    let reusable =
        !status.is_client_error() && cx.upstream.tries == 0 && session.as_downstream_mut().is_body_done();
    if !reusable {
        session.set_keepalive(None);
    }
    if let Ok(mut head) = answer::head(&page) {
        let sent = super::response::own(cx, &mut head);
        if sent.is_err() || answer::send(session, head, page.body).await.is_err() {
            return failed(0);
        }
    }
    FailToProxy {
        error_code: status.as_u16(),
        can_reuse_downstream: reusable,
    }
}

fn failed(code: u16) -> FailToProxy {
    FailToProxy {
        error_code: code,
        can_reuse_downstream: false,
    }
}

/// The word under which a refused answer is counted.
#[must_use]
pub fn refusal_label(reason: Option<RefuseReason>, by_preset: Option<&'static str>) -> Option<&'static str> {
    by_preset.or(reason.map(RefuseReason::as_str))
}
