//! A request of popgate's own, on the way that visitors' requests take: the same filters, headers, place at
//! the origin and connection.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use pingora_core::protocols::http::subrequest::server::HttpSession as Subsession;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_proxy::subrequest::{Ctx, UserCtx};
use pingora_proxy::{Session, Subrequest as _};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::Gateway;
use super::context::RequestContext;
use super::request::{BACKGROUND, background_mark};
use crate::cache::storage::is_for_others;
use crate::refresh::work::{Done, Outcome};
use crate::serve::ask::Ask;

/// Longest time for one fetch.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Marks a request that asks the origin, whatever is stored, and stores nothing.
struct Probe;

/// Marks a request that fetches what is not fresh, whatever may be served stale; it takes the word about what
/// came of it.
#[derive(Default)]
struct Refresh(OnceLock<Done>);

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
    mark::<Probe>(session).is_some()
}

/// Whether a request is one of [`refresh`].
pub(super) fn is_refresh(session: &Session) -> bool {
    mark::<Arc<Refresh>>(session).is_some()
}

fn mark<T: 'static>(session: &Session) -> Option<&T> {
    let context = session.subrequest_ctx.as_ref()?;
    (**context.user_ctx()?).downcast_ref()
}

/// Asks the origin. `None`: no whole answer in time, or more than `body_max` bytes.
pub(super) async fn probe(gateway: &Gateway, ask: &Ask, body_max: usize) -> Option<Fetched> {
    send(gateway, ask, Box::new(Probe), async |tasks| {
        gather(tasks, body_max).await
    })
    .await?
}

/// Looks up what is asked for, fetches it unless it is fresh, and stores the answer; `begun` is told when there
/// is one.
pub(super) async fn refresh(gateway: &Gateway, ask: &Ask, begun: oneshot::Sender<()>) -> Done {
    let word = Arc::new(Refresh::default());
    let drain = async |tasks: &mut Receiver<HttpTask>| {
        if tasks.recv().await.is_some() {
            // Nobody may want to know.
            let _ = begun.send(());
        }
        while tasks.recv().await.is_some() {}
    };
    let sent = send(gateway, ask, Box::new(Arc::clone(&word)), drain).await;
    let failed = Done {
        outcome: Outcome::Failed,
        took: None,
    };
    sent.and_then(|()| word.0.get().copied()).unwrap_or(failed)
}

/// Tells what came of a request of [`refresh`], once it is over.
pub(super) fn report(gateway: &Gateway, session: &Session, cx: &RequestContext) {
    let Some(word) = mark::<Arc<Refresh>>(session) else {
        return;
    };
    let fresh = cx.cache.lookup.as_ref().is_some_and(|lookup| {
        let stored = gateway.app.cache.get_memory(lookup.root, &lookup.request);
        stored.is_some_and(|entry| {
            entry.times.is_fresh(gateway.app.clock.now())
                && !is_for_others(&entry, &lookup.request, &lookup.wordpress)
        })
    });
    let answered = session
        .response_written()
        .is_some_and(|response| !response.status.is_server_error());
    let outcome = match (answered, fresh, cx.upstream.tries > 0) {
        (false, ..) => Outcome::Failed,
        (true, false, _) => Outcome::NotStored,
        (true, true, true) => Outcome::Stored,
        (true, true, false) => Outcome::FreshAlready,
    };
    // There is one word about a request.
    let _ = word.0.set(Done {
        outcome,
        took: cx.upstream.first_byte,
    });
}

/// Has a request served, and its answer read by `read`. `None`: it took too long.
async fn send<T>(
    gateway: &Gateway,
    ask: &Ask,
    mark: UserCtx,
    read: impl AsyncFnOnce(&mut Receiver<HttpTask>) -> T,
) -> Option<T> {
    let mut reading = ServerSession::new_http1(Box::new(Cursor::new(head(ask))));
    reading.read_request().await.ok()?;
    let (session, mut handle) = Subsession::new_from_session(&reading);
    let context = Ctx::builder().user_ctx(mark).build();
    let session = Box::new(ServerSession::new_subrequest(session));
    // A task of its own, which goes on to its end whoever loses patience: a fill that is dropped on its way would
    // leave those who wait for it without one who fetches.
    let server = gateway.server();
    let serving = tokio::spawn(async move { server.process_subrequest(session, Box::new(context)).await });
    let both = async { tokio::join!(read(&mut handle.rx), serving) };
    let (read, served) = tokio::time::timeout(TIMEOUT, both).await.ok()?;
    served.ok().map(|()| read)
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
