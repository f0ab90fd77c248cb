//! Stream after stream on one HTTP/2 connection.
//!
//! Hits are answered where streams are accepted: neither a task nor a wake-up of the connection for each, and those that came
//! together go out together. Everything else gets a task of its own.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use ::h2::server::Connection;
use bytes::Bytes;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{self, H2Accept, HttpSession};
use pingora_core::protocols::{Digest, GetSocketDigest as _, Ssl as _, Stream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use super::{Shared, Terms};
use crate::server::cork::Cork;
use crate::server::h2::H2Server;
use crate::server::lane::Offered;
use crate::server::stream::ClientStream;

/// Streams that are malformed before the connection is given up.
const MALFORMED_MAX: usize = 32;

/// Serves one connection to its end.
pub(super) async fn serve<A>(mut stream: ClientStream, terms: &Terms, shared: &Shared<A>) {
    let _flight = shared.in_flight.enter();
    let digest = Arc::new(Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: Vec::new(),
        proxy_digest: None,
        socket_digest: stream.get_socket_digest(),
    });
    let server = Arc::clone(&terms.h2);
    let cork = stream.cork();
    let io: Stream = Box::new(stream);
    let Ok(connection) = server::handshake(io, Some(server.options())).await else {
        return;
    };
    let streams = Streams {
        shutdown: shared.life.shutdown(),
        tasks: JoinSet::new(),
        idle: Idle::new(server.idle),
        server,
        cork,
    };
    streams.serve(connection, digest).await;
}

struct Streams {
    server: Arc<H2Server>,
    shutdown: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    idle: Idle,
    cork: Cork,
}

impl Streams {
    async fn serve(mut self, mut connection: Connection<Stream, Bytes>, digest: Arc<Digest>) {
        let mut parting = false;
        let mut malformed = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = self.shutdown.changed(), if !parting => {
                    // Streams that are on their way still come (RFC 9113 6.8).
                    connection.graceful_shutdown();
                    parting = true;
                    continue;
                }
                accepted = accept(&mut connection, Arc::clone(&digest), &self.cork) => accepted,
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.idle.touch();
                    continue;
                }
                () = self.idle.over(), if self.tasks.is_empty() && !parting => break,
            };
            match accepted {
                Ok(Some(H2Accept::Session(stream))) => self.begin(stream),
                Ok(Some(H2Accept::Rejected)) if malformed < MALFORMED_MAX => malformed += 1,
                // The client is gone, or has no more to ask for.
                Ok(_) | Err(_) => break,
            }
        }
        // A fill goes on without its client.
        self.tasks.detach_all();
    }

    fn begin(&mut self, stream: HttpSession) {
        self.idle.touch();
        match self.server.lane.offer_h2(stream) {
            Offered::Answered => {}
            Offered::Waiting(body) => {
                let server = Arc::clone(&self.server);
                self.tasks.spawn(async move { body.send(&server.lane).await });
            }
            Offered::Passed(stream) => {
                let proxy = Arc::clone(&self.server.proxy);
                let shutdown = self.shutdown.clone();
                self.tasks.spawn(async move {
                    let session = ServerSession::new_http2(*stream);
                    proxy.process_new_http(session, &shutdown).await;
                });
            }
        }
    }
}

/// The next stream. What was answered before goes out when no other is at hand.
async fn accept(
    connection: &mut Connection<Stream, Bytes>,
    digest: Arc<Digest>,
    cork: &Cork,
) -> pingora_core::Result<Option<H2Accept>> {
    let mut accepting = pin!(HttpSession::from_h2_conn(connection, digest));
    poll_fn(|cx| {
        cork.put_in();
        let accepted = accepting.as_mut().poll(cx);
        // The connection flushes in the end whenever it is polled.
        if cork.pull() && accepted.is_pending() {
            return accepting.as_mut().poll(cx);
        }
        accepted
    })
    .await
}

/// The wait for streams; the timer is set anew only when it rings.
struct Idle {
    longest: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    fn new(longest: Duration) -> Self {
        Self {
            longest,
            since: Instant::now(),
            timer: Box::pin(tokio::time::sleep(longest)),
        }
    }

    fn touch(&mut self) {
        self.since = Instant::now();
    }

    /// Ends when nothing happened for the whole time.
    async fn over(&mut self) {
        loop {
            self.timer.as_mut().await;
            let end = self.since + self.longest;
            if Instant::now() >= end {
                return;
            }
            self.timer.as_mut().reset(end);
        }
    }
}
