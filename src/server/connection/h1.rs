//! Request after request on one HTTP/1.1 connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{StatusCode, Version};
use pingora_core::apps::{HttpPersistentSettings, HttpServerApp};
use pingora_core::protocols::http::ServerSession;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::patience::{Ended, Patience};
use super::{Shared, Terms};
use crate::proxy::errors::SERVED;
use crate::server::head::{self, Read, Room};
use crate::server::lane::{Answer, Came};
use crate::server::stream::{ClientStream, Gate};

/// What came from the client.
enum Next {
    /// A request, answered by the lane; the answer's head is gathered in the stream.
    Answered(Answer),
    /// A request for the proxy: the first bytes read ahead, and how its body is framed.
    Request(usize, Gate),
    /// Something to refuse.
    Refuse(StatusCode, &'static str),
    /// The connection is done.
    End,
}

/// Serves one connection to its end.
pub(super) async fn serve<A: HttpServerApp + Send + Sync + 'static>(
    mut stream: ClientStream,
    terms: &Terms,
    shared: &Shared<A>,
) {
    let mut settings = None;
    let mut left = terms.keepalive_requests;
    let mut patience = Patience::new(&shared.life);
    patience.for_request(Instant::now(), terms.timeouts.read);
    loop {
        let last = left <= 1;
        match poll_fn(|cx| poll_next(&mut stream, terms, shared, &mut patience, last, cx)).await {
            Next::Answered(answer) => {
                let close = answer.close;
                let Some(ended) = send(&mut stream, answer, terms, shared).await else {
                    return;
                };
                if close {
                    return close_after(stream).await;
                }
                patience.for_request(ended, terms.timeouts.keepalive);
            }
            Next::Request(length, gate) => {
                // Boxed: an idle connection need not hold room for it.
                let proxied =
                    Box::pin(proxy(stream, length, gate, settings.take(), left, terms, shared)).await;
                let Some((back, kept)) = proxied else {
                    return;
                };
                (stream, settings) = (*back, kept);
                patience.for_request(Instant::now(), terms.timeouts.keepalive);
            }
            Next::Refuse(status, reason) => {
                shared.metrics.rejected.with_label_values(&[reason]).inc();
                stream.begin(Gate::Open, Arc::clone(&shared.lingering), terms.timeouts.linger);
                return Box::pin(refuse(stream, status)).await;
            }
            Next::End => return,
        }
        left = left.saturating_sub(1);
    }
}

/// Waits for the next request's head: idle up to the keep-alive timeout, then the whole head within the read
/// timeout, however slowly it drips.
fn poll_next<A>(
    stream: &mut ClientStream,
    terms: &Terms,
    shared: &Shared<A>,
    patience: &mut Patience,
    last: bool,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    loop {
        let skip = head::leading_crlf(stream.ahead());
        stream.ahead().advance(skip);
        if !stream.ahead().is_empty() {
            if let Some(next) = look(stream, terms, shared, last) {
                return Poll::Ready(next);
            }
            patience.for_head(terms.timeouts.read);
        }
        match stream.poll_read_ahead(cx) {
            Poll::Ready(Ok(count)) if count > 0 => {}
            Poll::Ready(_) => return Poll::Ready(Next::End),
            Poll::Pending => match ready!(patience.poll(cx)) {
                Ended::Lull => stream.slim(),
                Ended::Late if stream.ahead().is_empty() => return Poll::Ready(Next::End),
                Ended::Late => {
                    return Poll::Ready(Next::Refuse(StatusCode::REQUEST_TIMEOUT, "slow_header"));
                }
                Ended::Draining => return Poll::Ready(Next::End),
            },
        }
    }
}

/// Looks at the bytes read ahead; `None`: the head is not whole.
fn look<A>(stream: &mut ClientStream, terms: &Terms, shared: &Shared<A>, last: bool) -> Option<Next> {
    let came = Came {
        peer: stream.peer(),
        tls: stream.is_tls(),
        last: last || shared.life.is_parting(),
        version: Version::HTTP_11,
    };
    // Parsed in place, while the answer is gathered beside it.
    let mut bytes = std::mem::take(stream.ahead());
    let (next, answered) = match head::read(&bytes, terms.limits, &mut Room::default()) {
        Read::Partial => (None, 0),
        Read::Refused(status, reason) => (Some(Next::Refuse(status, reason)), 0),
        Read::Complete(request) => match shared.lane.answer(&request, came, stream.gathered()) {
            Some(answer) => (Some(Next::Answered(answer)), request.length),
            None => match request.refusal() {
                Some((status, reason)) => (Some(Next::Refuse(status, reason)), 0),
                None => (Some(Next::Request(request.length, request.gate)), 0),
            },
        },
    };
    bytes.advance(answered);
    if bytes.is_empty() {
        // Its room is used again for the next request.
        bytes.clear();
    }
    *stream.ahead() = bytes;
    next
}

/// Sends the lane's answer; when that ended, or `None` when the client is gone.
async fn send<A>(
    stream: &mut ClientStream,
    mut answer: Answer,
    terms: &Terms,
    shared: &Shared<A>,
) -> Option<Instant> {
    let at_once = poll_fn(|cx| Poll::Ready(stream.poll_send(cx, &mut answer.body))).await;
    let sent = match at_once {
        Poll::Ready(Ok(true)) => Ok(()),
        Poll::Ready(Err(_)) => Err("WriteError"),
        Poll::Ready(Ok(false)) | Poll::Pending => {
            let _flight = shared.in_flight.enter();
            send_rest(stream, &mut answer.body, terms.timeouts.write).await
        }
    };
    let ended = Instant::now();
    answer.finish(&shared.lane, ended, sent.err());
    sent.is_ok().then_some(ended)
}

/// Sends what the kernel did not take at once, as long as each write makes progress in time.
async fn send_rest(stream: &mut ClientStream, body: &mut Bytes, wait: Duration) -> Result<(), &'static str> {
    loop {
        match tokio::time::timeout(wait, poll_fn(|cx| stream.poll_send(cx, body))).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => {}
            Ok(Err(_)) => return Err("WriteError"),
            Err(_) => return Err("WriteTimedout"),
        }
    }
}

/// Ends a connection whose last answer is sent.
async fn close_after(mut stream: ClientStream) {
    // The client may be gone already; nothing is left to tell it.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.shutdown()).await;
}

/// Lets the proxy serve one request; the stream comes back unless the connection ended.
async fn proxy<A: HttpServerApp + Send + Sync + 'static>(
    mut stream: ClientStream,
    length: usize,
    gate: Gate,
    settings: Option<HttpPersistentSettings>,
    left: u32,
    terms: &Terms,
    shared: &Shared<A>,
) -> Option<(Box<ClientStream>, Option<HttpPersistentSettings>)> {
    let _flight = shared.in_flight.enter();
    let shutdown = shared.life.shutdown();
    let head = stream.ahead().split_to(length);
    stream.begin(gate, Arc::clone(&shared.lingering), terms.timeouts.linger);
    let mut session = ServerSession::new_http1(Box::new(stream));
    if let Some(settings) = settings {
        settings.apply_to_session(&mut session);
    }
    // Whether the client wants to keep the connection is the engine's to read; how often it may, is ours.
    let left = if shared.life.is_parting() {
        0
    } else {
        left.saturating_sub(1)
    };
    session.set_keepalive_reuses_remaining(Some(left));
    session.set_pipelined_prefix(head);
    let (io, kept) = shared.app.process_new_http(session, &shutdown).await?.consume();
    // Only streams made here come back.
    let mut back = io.into_any().downcast::<ClientStream>().ok()?;
    back.end();
    Some((back, kept))
}

/// Answers a request that nothing else will see, and closes.
async fn refuse(mut stream: ClientStream, status: StatusCode) {
    let text = format!(
        "{} {}\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    let allow = match status {
        StatusCode::METHOD_NOT_ALLOWED => format!("allow: {SERVED}\r\n"),
        _ => String::new(),
    };
    let answer = format!(
        "HTTP/1.1 {} {}\r\n{allow}content-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        text.len()
    );
    let goodbye = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    // The client may be gone; either way the connection ends here.
    let _ = tokio::time::timeout(Duration::from_secs(2), goodbye).await;
}
