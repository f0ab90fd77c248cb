//! What a scripted origin does with a request.

use std::sync::Arc;

use tokio::sync::watch;

use super::Seen;
use crate::support::message::{Fields, find};

/// Something that stays shut until the test opens it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub async fn wait(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// One reaction.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A response.
    Answer(Box<Answer>),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// The end of the connection, politely.
    Close,
    /// The same when the gate opens.
    CloseAfter(Gate),
    /// The end of the connection by RST.
    Reset,
    /// Nothing, until the peer goes away.
    Hang,
    /// `101 Switching Protocols` and every byte sent back; on HTTP/2 every data frame, then trailers.
    Echo,
    /// The same when the gate opens.
    EchoAfter(Gate),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// How a response's body is sent.
#[derive(Debug, Clone)]
pub enum Body {
    /// With `Content-Length`.
    Sized(Vec<u8>),
    /// One chunk each, then [`Answer::trailers`].
    Chunked(Vec<Vec<u8>>),
    /// This `Content-Length`, fewer bytes, then the end of the connection.
    Cut { declared: u64, sent: Vec<u8> },
    /// One chunk, then the end of the connection without the last chunk.
    CutChunked(Vec<u8>),
    /// No framing: ends with the connection.
    UntilClose(Vec<u8>),
    /// So many bytes of `x`, with `Content-Length`, generated while sending.
    Generated(u64),
}

/// A scripted response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Fields,
    pub body: Body,
    /// HTTP/1.1: after a chunked body. HTTP/2: after any body.
    pub trailers: Fields,
    /// 1xx responses to send first.
    pub interim: Vec<(u16, Fields)>,
    /// Waited for before the head.
    pub before_head: Option<Gate>,
    /// Waited for half-way through the body (before it, when it is generated).
    pub within_body: Option<Gate>,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::with(status, Body::Sized(body.into()))
    }

    pub fn with(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Fields::new(),
            body,
            trailers: Fields::new(),
            interim: Vec::new(),
            before_head: None,
            within_body: None,
        }
    }

    /// 200.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    /// 200 with `Cache-Control: max-age=60`.
    pub fn fresh(body: impl Into<Vec<u8>>) -> Self {
        Self::ok(body).header("Cache-Control", "max-age=60")
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn interim(mut self, status: u16, name: &str, value: &str) -> Self {
        self.interim
            .push((status, vec![(name.to_owned(), value.to_owned())]));
        self
    }

    /// Sends nothing until the gate opens.
    pub fn after(mut self, gate: &Gate) -> Self {
        self.before_head = Some(gate.clone());
        self
    }

    /// Sends the head and half of the body, and the rest when the gate opens.
    pub fn halting_at(mut self, gate: &Gate) -> Self {
        self.within_body = Some(gate.clone());
        self
    }

    /// 304 without a body when the request's `If-None-Match` or `If-Modified-Since` names this answer.
    pub fn or_304(mut self, seen: &Seen) -> Self {
        let same = |request: &str, response: &str| {
            seen.header(request)
                .is_some_and(|asked| find(&self.headers, response).contains(&asked.as_str()))
        };
        if same("if-none-match", "etag") || same("if-modified-since", "last-modified") {
            self.status = 304;
            self.body = Body::Sized(Vec::new());
        }
        self
    }
}
