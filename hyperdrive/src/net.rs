//! Streams, plain or with TLS, to clients and servers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::config::{OriginTls, ServerAddress};

/// A silent peer is asked after this time whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A connected stream.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Io for T {}

/// Any connected stream.
pub type BoxIo = Box<dyn Io>;

/// What is waiting on an idle stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// Nothing.
    Quiet,
    /// Bytes: they have been appended to the input.
    Bytes,
    /// Its end, or an error.
    Gone,
}

/// Reads what an idle stream has to say, without waiting.
pub fn peek(io: &mut BoxIo, input: &mut BytesMut) -> Peek {
    let mut bytes = [0; 512];
    let mut buffer = ReadBuf::new(&mut bytes);
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(io).poll_read(&mut context, &mut buffer) {
        Poll::Pending => Peek::Quiet,
        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
            input.extend_from_slice(buffer.filled());
            Peek::Bytes
        }
        Poll::Ready(_) => Peek::Gone,
    }
}

/// Reads once, appending to `input`, for which it keeps at least `room` bytes free; the end is an error.
///
/// # Errors
/// The system's; `UnexpectedEof` at the end.
pub async fn fill(io: &mut BoxIo, input: &mut BytesMut, room: usize) -> io::Result<()> {
    input.reserve(room);
    match io.read_buf(input).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Connects to a server; a name may stand for several addresses.
///
/// # Errors
/// The system's.
pub async fn dial(address: &ServerAddress) -> io::Result<BoxIo> {
    let stream = match address {
        ServerAddress::Tcp(address) => TcpStream::connect(address).await?,
        ServerAddress::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await?,
        ServerAddress::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
    };
    tune(&stream)?;
    Ok(Box::new(stream))
}

/// No delay for small packets, and a peer that vanished is noticed.
///
/// # Errors
/// The system's.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {path}: {error}; check the path and its format")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: String,
    },
    /// The material does not fit.
    #[error("{0}")]
    Material(#[from] rustls::Error),
}

fn file(path: &std::path::Path, error: &impl ToString) -> TlsError {
    TlsError::File {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| file(path, &error))?;
    read.collect::<Result<_, _>>().map_err(|error| file(path, &error))
}

/// Ring, with P-256 first: PostgreSQL up to 17 knows no other curve, and asking for one costs a round trip.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1, X25519};
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![SECP256R1, X25519, SECP384R1];
    Arc::new(provider)
}

/// TLS towards servers; `None` when it is off.
#[derive(Clone)]
pub struct OriginConnector(TlsConnector);

impl std::fmt::Debug for OriginConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OriginConnector")
    }
}

impl OriginConnector {
    /// Reads the roots.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(tls: &OriginTls) -> Result<Option<Self>, TlsError> {
        let OriginTls::VerifyFull { ca } = tls else {
            return Ok(None);
        };
        let mut roots = rustls::RootCertStore::empty();
        match ca {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
            }
        }
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(Self(TlsConnector::from(Arc::new(config)))))
    }

    /// Secures a stream to `server`, whose name or address the certificate must have.
    ///
    /// # Errors
    /// The system's and TLS's.
    pub async fn secure(&self, io: BoxIo, server: &ServerAddress) -> io::Result<BoxIo> {
        let name = match server {
            ServerAddress::Tcp(address) => ServerName::from(address.ip()),
            ServerAddress::Name(name, _) => ServerName::try_from(name.clone())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            ServerAddress::Unix(_) => ServerName::try_from("localhost")
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        Ok(Box::new(self.0.connect(name, io).await?))
    }
}
