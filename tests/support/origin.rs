//! A scripted origin inside the test: HTTP/1.1 on raw sockets, HTTP/2, TLS or a Unix socket.
//!
//! A closure turns each request into a [`Reply`]; what came is recorded and counted.

mod answer;
mod h1;
mod h2;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, UnixListener};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::http1::Stream;
use super::message::{Fields, find};
use super::{eventually, loopback};
pub use answer::{Answer, Body, Gate, Reply};

/// One request as the origin saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// The request target (path and query on HTTP/2).
    pub target: String,
    pub headers: Fields,
    /// The first MiB of the body.
    pub body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Seen {
    /// The value of a field; all lines joined with `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let all = find(&self.headers, name);
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// All lines of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        find(&self.headers, name)
    }
}

type Handler = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A number now and its highest so far.
#[derive(Default)]
pub struct Level {
    now: AtomicUsize,
    max: AtomicUsize,
}

impl Level {
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub fn max(&self) -> usize {
        self.max.load(Ordering::SeqCst)
    }

    fn enter(self: &Arc<Self>) -> Inside {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.max.fetch_max(now, Ordering::SeqCst);
        Inside(self.clone())
    }
}

struct Inside(Arc<Level>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What connections share.
struct State {
    handler: Mutex<Handler>,
    seen: Mutex<Vec<Seen>>,
    connections: Arc<Level>,
    active: Arc<Level>,
    opened: AtomicUsize,
    body_bytes: AtomicU64,
    http2: bool,
    tls: Option<TlsAcceptor>,
}

impl State {
    fn reply(&self, seen: &Seen) -> Reply {
        let handler = self.handler.lock().unwrap().clone();
        handler(seen)
    }

    fn record(&self, seen: &Seen) {
        self.seen.lock().unwrap().push(seen.clone());
    }

    /// `socket` is a second handle of the stream's socket.
    async fn serve(self: Arc<Self>, stream: impl Stream + 'static, socket: Option<socket2::Socket>) {
        let _open = self.connections.enter();
        let connection = self.opened.fetch_add(1, Ordering::SeqCst);
        let end = match self.tls.clone() {
            None => self.speak(Box::new(stream), connection).await,
            Some(acceptor) => match acceptor.accept(stream).await {
                Ok(stream) => self.speak(Box::new(stream), connection).await,
                Err(_) => End::Closed,
            },
        };
        if let (End::Reset, Some(socket)) = (end, socket) {
            // The last handle of a socket that does not linger goes with RST.
            let _ = socket.set_linger(Some(std::time::Duration::ZERO));
        }
    }

    async fn speak(&self, stream: Box<dyn Stream>, connection: usize) -> End {
        if self.http2 {
            h2::serve(self, stream, connection).await;
            End::Closed
        } else {
            h1::serve(self, stream, connection).await
        }
    }
}

/// How a connection ended.
enum End {
    Closed,
    Reset,
}

/// A running origin; gone when dropped.
pub struct Origin {
    state: Arc<State>,
    server: String,
    port: u16,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Origin {
    /// Plain HTTP/1.1.
    pub async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::build(handler, false, None).await
    }

    /// The same answer to everything.
    pub async fn fixed(answer: Answer) -> Self {
        Self::start(move |_| answer.clone().into()).await
    }

    /// HTTP/2 by prior knowledge.
    pub async fn http2(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::build(handler, true, None).await
    }

    /// TLS with this acceptor; HTTP/2 when asked for.
    pub async fn tls(
        acceptor: TlsAcceptor,
        http2: bool,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::build(handler, http2, Some(acceptor)).await
    }

    /// HTTP/1.1 on a Unix socket.
    pub fn unix(socket: &Path, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let state = state(handler, false, None);
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(shared.clone().serve(stream, None));
            }
        });
        let server = format!("unix:{}", socket.display());
        Self {
            state,
            server,
            port: 0,
            accepting: Mutex::new(Some(task)),
        }
    }

    async fn build(
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        http2: bool,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let state = state(handler, http2, tls);
        loop {
            let port = super::free_port();
            let Ok(listener) = listen(port) else { continue };
            let accepting = Mutex::new(Some(accept(listener, state.clone())));
            return Self {
                state,
                server: format!("127.0.0.1:{port}"),
                port,
                accepting,
            };
        }
    }

    /// Listens again, after `down`.
    pub async fn up(&self) {
        let listener = listen(self.port).unwrap();
        *self.accepting.lock().unwrap() = Some(accept(listener, self.state.clone()));
    }

    /// Stops listening and closes every connection.
    pub async fn down(&self) {
        if let Some(task) = self.accepting.lock().unwrap().take() {
            task.abort();
        }
        eventually("the origin's connections close", async || {
            self.state.connections.now() == 0
        })
        .await;
    }

    /// Answers with another closure from now on.
    pub fn answer_with(&self, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *self.state.handler.lock().unwrap() = Arc::new(handler);
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Requests so far.
    pub fn count(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    /// Requests so far whose target begins so.
    pub fn count_of(&self, target: &str) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.target.starts_with(target))
            .count()
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }

    /// Open connections.
    pub fn connections(&self) -> &Level {
        &self.state.connections
    }

    /// Connections ever opened.
    pub fn opened(&self) -> usize {
        self.state.opened.load(Ordering::SeqCst)
    }

    /// Requests being answered.
    pub fn active(&self) -> &Level {
        &self.state.active
    }

    /// Request body bytes so far, of all requests.
    pub fn body_bytes(&self) -> u64 {
        self.state.body_bytes.load(Ordering::SeqCst)
    }

    /// Waits until this many requests have come.
    pub async fn reached(&self, count: usize) {
        eventually(&format!("{count} requests at the origin"), async || {
            self.count() >= count
        })
        .await;
    }
}

impl fmt::Display for Origin {
    /// As a `servers` entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.lock().unwrap().take() {
            task.abort();
        }
    }
}

fn state(
    handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    http2: bool,
    tls: Option<TlsAcceptor>,
) -> Arc<State> {
    Arc::new(State {
        handler: Mutex::new(Arc::new(handler)),
        seen: Mutex::default(),
        connections: Arc::default(),
        active: Arc::default(),
        opened: AtomicUsize::new(0),
        body_bytes: AtomicU64::new(0),
        http2,
        tls,
    })
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&loopback(port).into())?;
    // A herd comes at once.
    socket.listen(4096)?;
    TcpListener::from_std(socket.into())
}

fn accept(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut tasks = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let socket = socket2::SockRef::from(&stream).try_clone().ok();
            tasks.spawn(state.clone().serve(stream, socket));
            while tasks.try_join_next().is_some() {}
        }
    })
}
