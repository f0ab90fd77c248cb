//! A request of popgate's own, on the way that visitors' requests take: the same filters, headers, place at
//! the origin and connection.

use std::io::Cursor;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, StatusCode};
use pingora_core::protocols::http::subrequest::server::HttpSession as Subsession;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_proxy::subrequest::Ctx;
use pingora_proxy::{Session, Subrequest as _};
use tokio::sync::mpsc::Receiver;

use super::Gateway;
use super::request::{BACKGROUND, background_mark};

/// Longest time for one fetch.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Marks a request that asks the origin, whatever is stored, and stores nothing.
struct Probe;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port as the visitor named them.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// Whose address the origin is told.
    pub ip: std::net::IpAddr,
    /// Further fields.
    pub headers: Vec<(HeaderName, Vec<u8>)>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Whether a request is one of [`probe`].
pub(super) fn is_probe(session: &Session) -> bool {
    session
        .subrequest_ctx
        .as_ref()
        .and_then(|context| context.user_ctx())
        .is_some_and(|user| (**user).is::<Probe>())
}

/// Asks the origin. `None`: no whole answer in time, or more than `body_max` bytes.
pub(super) async fn probe(gateway: &Gateway, ask: &Ask, body_max: usize) -> Option<Fetched> {
    let mut reading = ServerSession::new_http1(Box::new(Cursor::new(head(ask))));
    reading.read_request().await.ok()?;
    let (session, mut handle) = Subsession::new_from_session(&reading);
    let context = Ctx::builder().user_ctx(Box::new(Probe)).build();
    let session = Box::new(ServerSession::new_subrequest(session));
    let serving = gateway.server().process_subrequest(session, Box::new(context));
    let both = async { tokio::join!(serving, gather(&mut handle.rx, body_max)) };
    let ((), fetched) = tokio::time::timeout(TIMEOUT, both).await.ok()?;
    fetched
}

/// The request's head as a client would send it.
fn head(ask: &Ask) -> Vec<u8> {
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n{}: {}\r\n",
        ask.target,
        ask.authority,
        BACKGROUND,
        background_mark(ask.scheme, ask.ip)
    )
    .into_bytes();
    for (name, value) in &ask.headers {
        for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

async fn gather(tasks: &mut Receiver<HttpTask>, body_max: usize) -> Option<Fetched> {
    let mut head = None;
    let mut body = BytesMut::new();
    let mut whole = true;
    while let Some(task) = tasks.recv().await {
        match task {
            HttpTask::Header(header, _) if header.status.is_informational() => {}
            HttpTask::Header(header, _) => head = Some(header),
            HttpTask::Body(Some(piece), _) if body.len() + piece.len() <= body_max => {
                body.extend_from_slice(&piece)
            }
            HttpTask::Body(Some(_), _) | HttpTask::UpgradedBody(..) | HttpTask::Failed(_) => {
                whole = false;
                tasks.close();
            }
            HttpTask::Body(None, _) | HttpTask::Trailer(_) | HttpTask::Done => {}
        }
    }
    let head = head.filter(|_| whole)?;
    Some(Fetched {
        status: head.status,
        headers: head.headers.clone(),
        body: body.freeze(),
    })
}
