//! Answers that popgate gives itself: filters', endpoints', errors'.
//!
//! Written through the session's own header and body calls, so that keep-alive goes on after a 404 or
//! a 421 (Pingora's own error answers close the connection).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use popgate_filters::Answer;

use crate::serve::spelling::written;

/// Plain text that nobody may store.
#[must_use]
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    Answer {
        status,
        headers: vec![
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        body: body.into(),
    }
}

/// The page for an error status: the status and what it means, in one line.
#[must_use]
pub fn error(status: StatusCode) -> Answer {
    text(
        status,
        format!(
            "{} {}\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("Error")
        ),
    )
}

/// Adds Retry-After, in whole seconds, at least one.
pub fn retry_after(answer: &mut Answer, wait: Duration) {
    let seconds = wait.as_secs().max(1);
    answer
        .headers
        .push((header::RETRY_AFTER, HeaderValue::from(seconds)));
}

/// An answer's head as Pingora takes it, framing included.
///
/// # Errors
/// When a header is refused, which valid names and values are not.
pub fn head(answer: &Answer) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 6))?;
    for (name, value) in &answer.headers {
        head.append_header(written(name), value.clone())?;
    }
    if !matches!(answer.status.as_u16(), 100..=199 | 204 | 304) {
        head.insert_header(header::CONTENT_LENGTH, answer.body.len())?;
    }
    Ok(head)
}

/// Sends an answer; `head` is its head after the `response` filters had their say.
///
/// # Errors
/// When the client is gone.
pub async fn send(session: &mut Session, head: ResponseHeader, body: Bytes) -> Result<()> {
    let bare = session.req_header().method == Method::HEAD || body.is_empty();
    session.write_response_header(Box::new(head), bare).await?;
    if !bare {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
