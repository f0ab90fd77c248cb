//! One client connection as Pingora sees it.
//!
//! The stream owns the socket for its whole life, so it can do what Pingora's own buffers cannot:
//! - bytes read ahead (a PROXY header's tail, the next pipelined request) stay here until it is their turn;
//! - while a request without a body is served, bytes that arrive belong to the next request: they are kept
//!   back, while the end of the stream is still reported at once;
//! - a response goes out in one write: header and small bodies are gathered until flushed, or until there is
//!   nothing more to write for now.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pingora_core::protocols::tls::{ALPN, SslDigest};
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::cork::Cork;
use super::linger::Lingering;

/// Bytes gathered before they are written: one TLS record's worth of header and body.
const GATHER: usize = 16 * 1024;
/// Read at once while looking for the next request.
const READ_AHEAD: usize = 4 * 1024;

/// The socket below.
pub enum Transport {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// What may be read from the socket by whoever serves the current request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// No body: what arrives is the next request's and is kept back.
    Closed,
    /// So many bytes of body are still to come.
    Length(u64),
    /// Everything: chunked bodies, upgraded connections, HTTP/2.
    Open,
}

/// A client connection.
pub struct ClientStream {
    transport: Transport,
    ahead: BytesMut,
    gathered: BytesMut,
    gate: Gate,
    socket: Arc<SocketDigest>,
    tls: Option<Arc<SslDigest>>,
    h2: bool,
    peer: IpAddr,
    /// HTTP/2: flushes are put off while it is in.
    cork: Option<Cork>,
    /// While a request is served: what becomes of the rest of it should the connection end.
    serving: Option<(Arc<Lingering>, Duration)>,
}

impl ClientStream {
    /// Wraps a socket. `peer` replaces the socket's own peer address (PROXY protocol); `ahead` holds
    /// bytes read already.
    #[must_use]
    pub fn new(transport: Transport, peer: SocketAddr, ahead: BytesMut, h2: bool) -> Self {
        let socket = SocketDigest::from_raw_fd(transport.tcp().as_raw_fd());
        // A fresh cell: setting it cannot fail.
        let _ = socket.peer_addr.set(Some(peer.into()));
        let tls = match &transport {
            Transport::Plain(_) => None,
            Transport::Tls(tls) => Some(Arc::new(tls_digest(tls))),
        };
        Self {
            transport,
            ahead,
            gathered: BytesMut::new(),
            gate: Gate::Open,
            socket: Arc::new(socket),
            tls,
            h2,
            peer: peer.ip().to_canonical(),
            cork: None,
            serving: None,
        }
    }

    /// What puts off its flushes, for who knows when more is to come.
    pub fn cork(&mut self) -> Cork {
        self.cork.get_or_insert_default().clone()
    }

    fn is_corked(&self) -> bool {
        self.cork.as_ref().is_some_and(Cork::holds)
    }

    /// A request is served from now on, whose bytes come through `gate`; if the connection ends with it, what the client
    /// still sends is thrown away for `linger`.
    pub fn begin(&mut self, gate: Gate, lingering: Arc<Lingering>, linger: Duration) {
        self.gate = gate;
        self.serving = Some((lingering, linger)).filter(|_| !linger.is_zero());
    }

    /// The request is served, the connection goes on.
    pub fn end(&mut self) {
        self.gate = Gate::Open;
        self.serving = None;
    }

    /// Bytes read ahead.
    pub fn ahead(&mut self) -> &mut BytesMut {
        &mut self.ahead
    }

    /// Reads once into the read-ahead buffer; 0 at the end of the stream. Takes memory for what came only, so
    /// that a connection that waits holds none.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ_AHEAD];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(self.poll_transport_read(cx, &mut buf))?;
        self.ahead.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Where the head of an answer is put together; it goes out with [`Self::poll_send`].
    pub fn gathered(&mut self) -> &mut BytesMut {
        &mut self.gathered
    }

    /// Writes what was gathered and then `body`, in one system call as far as it takes them, the body uncopied.
    /// Ready with true when all is with the kernel, with false when a part of it went.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, body: &mut Bytes) -> Poll<io::Result<bool>> {
        let slices = [IoSlice::new(&self.gathered), IoSlice::new(body)];
        let written = match &mut self.transport {
            _ if self.gathered.is_empty() && body.is_empty() => 0,
            Transport::Plain(tcp) if body.is_empty() => ready!(Pin::new(tcp).poll_write(cx, &self.gathered))?,
            Transport::Plain(tcp) => ready!(Pin::new(tcp).poll_write_vectored(cx, &slices))?,
            Transport::Tls(tls) => ready!(Pin::new(tls).poll_write_vectored(cx, &slices))?,
        };
        let head = written.min(self.gathered.len());
        if head == self.gathered.len() {
            self.gathered.clear();
        } else {
            self.gathered.advance(head);
        }
        body.advance(written - head);
        if !self.gathered.is_empty() || !body.is_empty() {
            return if written == 0 {
                Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
            } else {
                Poll::Ready(Ok(false))
            };
        }
        if let Transport::Tls(tls) = &mut self.transport {
            ready!(Pin::new(tls).poll_flush(cx))?;
        }
        Poll::Ready(Ok(true))
    }

    /// The other end of the connection, as the PROXY header tells it.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether the connection is over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Gives back what an idle connection does not need.
    pub fn slim(&mut self) {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        if self.gathered.is_empty() {
            self.gathered = BytesMut::new();
        }
    }

    fn poll_transport_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }

    fn poll_transport_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    /// Writes out what was gathered.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let gathered = std::mem::take(&mut self.gathered);
            let written = self.poll_transport_write(cx, &gathered);
            self.gathered = gathered;
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.gathered.advance(count),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads from the socket into the read-ahead buffer on behalf of the next request. Ready only at the end.
    fn poll_keep_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // Bounded: a client that pipelines faster than it is served waits in the kernel's buffer.
            if self.ahead.len() >= READ_AHEAD {
                return Poll::Pending;
            }
            let mut space = [0_u8; READ_AHEAD];
            let mut buf = ReadBuf::new(&mut space);
            match self.poll_transport_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if buf.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => self.ahead.extend_from_slice(buf.filled()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// TLS facts for the log; the peer's certificate is not asked for.
fn tls_digest(tls: &TlsStream<TcpStream>) -> SslDigest {
    let session = tls.get_ref().1;
    let cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("");
    let version = session.protocol_version().and_then(|v| v.as_str()).unwrap_or("");
    SslDigest::new(cipher, version, None, None, Vec::new())
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        let Some((lingering, time)) = self.serving.take() else {
            return;
        };
        let unread = match self.gate {
            Gate::Closed => !self.ahead.is_empty(),
            Gate::Length(left) => left > 0 || !self.ahead.is_empty(),
            Gate::Open => true,
        };
        if unread {
            lingering.keep(self.transport.tcp(), time);
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = this.poll_read_gated(cx, buf);
        if polled.is_pending() && !this.gathered.is_empty() && !this.is_corked() {
            // Whoever waits for the client has nothing to write now: what was gathered need not wait for more,
            // which may take the origin long. An error comes up at the next write.
            let _ = Pin::new(this).poll_flush(cx);
        }
        polled
    }
}

impl ClientStream {
    fn poll_read_gated(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self;
        let limit = match this.gate {
            Gate::Closed | Gate::Length(0) => return this.poll_keep_back(cx),
            Gate::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(buf.remaining()),
            Gate::Open => buf.remaining(),
        };
        let count = if this.ahead.is_empty() {
            let before = buf.filled().len();
            let polled = if limit == buf.remaining() {
                this.poll_transport_read(cx, buf)
            } else {
                let mut part = ReadBuf::new(buf.initialize_unfilled_to(limit));
                let polled = this.poll_transport_read(cx, &mut part);
                let count = part.filled().len();
                buf.advance(count);
                polled
            };
            match polled {
                Poll::Ready(Ok(())) => buf.filled().len() - before,
                other => return other,
            }
        } else {
            let count = limit.min(this.ahead.len());
            buf.put_slice(&this.ahead[..count]);
            this.ahead.advance(count);
            count
        };
        if let Gate::Length(left) = &mut this.gate {
            *left = left.saturating_sub(count as u64);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gathered.len() + buf.len() <= GATHER {
            this.gathered.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        if let Transport::Plain(tcp) = &mut this.transport {
            // Header and body in one system call, the body uncopied.
            let both = [IoSlice::new(&this.gathered), IoSlice::new(buf)];
            let written = ready!(Pin::new(tcp).poll_write_vectored(cx, &both))?;
            let of_gathered = written.min(this.gathered.len());
            this.gathered.advance(of_gathered);
            let of_buf = written - of_gathered;
            if of_buf > 0 {
                return Poll::Ready(Ok(of_buf));
            }
        }
        ready!(this.poll_drain(cx))?;
        if buf.len() < GATHER {
            this.gathered.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        this.poll_transport_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_corked() {
            return Poll::Ready(Ok(()));
        }
        match this.poll_drain(cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.poll_drain(cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        // The client may be gone already; nothing is left to tell it.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> i32 {
        self.transport.tcp().as_raw_fd()
    }
}

impl Ssl for ClientStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(if self.h2 { ALPN::H2 } else { ALPN::H1 })
    }
}

impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.socket))
    }
}

impl Peek for ClientStream {}

impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream")
            .field("tls", &self.tls.is_some())
            .field("h2", &self.h2)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
