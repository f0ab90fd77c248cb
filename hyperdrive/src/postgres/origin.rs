//! Connections to the origin, and the pool's view of them.

mod login;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lru::LruCache;
use parking_lot::RwLock;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::frame;
use super::message::{self, Said};
use super::wire::{Wire, WireError};
use crate::config::{Database, Role, ServerAddress};
use crate::net::{OriginConnector, Peek, dial};
use crate::pool::Backend;

/// Longest message that must be read whole from a server, other than rows.
pub const REPLY_MAX: usize = 1 << 20;
/// Statements kept prepared on one connection.
const STATEMENTS: NonZeroUsize = match NonZeroUsize::new(200) {
    Some(number) => number,
    None => NonZeroUsize::MIN,
};
/// Longest goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Longest time to deliver a cancel request.
pub const CANCEL_LIMIT: Duration = Duration::from_secs(10);

/// Settings by name, given as text; equal maps are mostly the same one.
pub type Settings = Arc<BTreeMap<String, String>>;

/// What tells connections apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Want {
    /// Name clients log in with.
    pub user: String,
    /// Database.
    pub database: String,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum OriginError {
    /// The stream.
    #[error("{server}: {error}")]
    Io {
        /// Which server.
        server: String,
        /// What happened.
        error: String,
    },
    /// The server said no.
    #[error("{}", .0.message)]
    Refused(Said),
    /// The server said what cannot be understood or accepted.
    #[error("{0}")]
    Protocol(&'static str),
    /// It took too long.
    #[error("no connection within {0:?}")]
    Late(Duration),
    /// The user is not configured any more.
    #[error("user {0} is not configured")]
    Unknown(String),
}

impl From<WireError> for OriginError {
    fn from(error: WireError) -> Self {
        Self::Io {
            server: "server".to_owned(),
            error: error.to_string(),
        }
    }
}

/// How to reach a server again, to cancel what it does for a connection.
#[derive(Debug, Clone)]
pub struct Target {
    address: ServerAddress,
    connector: Option<OriginConnector>,
    pid: i32,
    secret: Vec<u8>,
}

impl Target {
    /// Delivers a cancel request and waits until the server has taken it, within [`CANCEL_LIMIT`].
    pub async fn cancel(&self) {
        let work = async {
            let mut io = reach(&self.address, self.connector.as_ref()).await?;
            let mut request = BytesMut::new();
            message::cancel(&mut request, self.pid, &self.secret);
            io.write_all(&request).await?;
            io.flush().await?;
            // The server closes the stream once the signal is sent.
            io.read(&mut [0; 1]).await
        };
        if let Ok(Err(error)) = tokio::time::timeout(CANCEL_LIMIT, work).await {
            tracing::debug!(server = %self.address, %error, "cannot cancel");
        }
    }
}

async fn reach(
    address: &ServerAddress,
    connector: Option<&OriginConnector>,
) -> std::io::Result<crate::net::BoxIo> {
    let mut io = dial(address).await?;
    let Some(connector) = connector else {
        return Ok(io);
    };
    let mut request = BytesMut::new();
    message::untagged(&mut request, |out| {
        out.extend_from_slice(&super::startup::SSL.to_be_bytes());
    });
    io.write_all(&request).await?;
    io.flush().await?;
    // One byte and no more: what somebody put behind it goes into the handshake, and breaks it.
    match io.read_u8().await? {
        b'S' => connector.secure(io, address).await,
        _ => Err(std::io::Error::other(
            "the server does not offer TLS; set tls.mode to off to go without",
        )),
    }
}

/// A connection, logged in.
#[derive(Debug)]
pub struct Conn {
    /// Its stream.
    pub wire: Wire,
    /// Whose it is.
    pub want: Want,
    /// For cancels.
    pub target: Target,
    /// What the server reported.
    pub parameters: BTreeMap<String, String>,
    /// What it has been set to, beyond its defaults.
    pub settings: Settings,
    /// What is prepared on it, under which number.
    pub statements: LruCache<Bytes, u64>,
    /// What is prepared without a name.
    pub unnamed: Option<Bytes>,
    /// The next number.
    pub next_statement: u64,
    /// Transaction state as of the last `ReadyForQuery`.
    pub status: u8,
    /// Something is under way, or its state is in doubt.
    pub busy: bool,
    /// It may hold what belongs to a session.
    pub tainted: bool,
}

impl Conn {
    /// Forgets everything that is prepared.
    pub fn forget_statements(&mut self) {
        self.statements.clear();
        self.unnamed = None;
    }

    /// Takes a `ParameterStatus`; name and value.
    pub fn parameter(&mut self, body: &[u8]) -> Option<(String, String)> {
        let mut reader = frame::Reader::new(body);
        let name = String::from_utf8_lossy(reader.text()?).into_owned();
        let value = String::from_utf8_lossy(reader.text()?).into_owned();
        self.parameters.insert(name.clone(), value.clone());
        Some((name, value))
    }

    /// Runs a statement whose result is of no interest.
    async fn run(&mut self, sql: &str) -> Result<(), OriginError> {
        message::query(&mut self.wire.output, sql);
        let mut failed = None;
        loop {
            let message = self.wire.next(REPLY_MAX).await?;
            match message.tag {
                b'Z' => {
                    self.status = message.body().first().copied().unwrap_or(b'E');
                    return failed.map_or(Ok(()), |said| Err(OriginError::Refused(said)));
                }
                b'E' => failed = Some(message::said(message.body())),
                b'S' => drop(self.parameter(message.body())),
                _ => {}
            }
        }
    }
}

/// Opens connections of one configured database.
#[derive(Debug)]
pub struct Origin {
    inner: RwLock<(Arc<Database>, Option<OriginConnector>)>,
    /// What connections are opened ahead for: the want seen last.
    warm: RwLock<Option<Want>>,
}

impl Origin {
    /// For these settings.
    ///
    /// # Errors
    /// [`crate::net::TlsError`].
    pub fn new(settings: Arc<Database>) -> Result<Self, crate::net::TlsError> {
        let connector = OriginConnector::new(&settings.tls)?;
        Ok(Self {
            inner: RwLock::new((settings, connector)),
            warm: RwLock::new(None),
        })
    }

    /// The settings now.
    #[must_use]
    pub fn settings(&self) -> Arc<Database> {
        Arc::clone(&self.inner.read().0)
    }

    /// Takes other settings.
    ///
    /// # Errors
    /// [`crate::net::TlsError`]; nothing has changed then.
    pub fn reload(&self, settings: Arc<Database>) -> Result<(), crate::net::TlsError> {
        let connector = OriginConnector::new(&settings.tls)?;
        *self.inner.write() = (settings, connector);
        Ok(())
    }

    /// A client wants this: connections are kept ready for it.
    pub fn seen(&self, want: &Want) {
        if self.warm.read().as_ref() != Some(want) {
            *self.warm.write() = Some(want.clone());
        }
    }
}

impl Backend for Origin {
    type Conn = Conn;
    type Want = Want;
    type Error = OriginError;

    async fn connect(&self, want: &Want) -> Result<Conn, OriginError> {
        let (settings, connector) = self.inner.read().clone();
        let user = settings.user(want.user.as_bytes()).cloned();
        let user = user.ok_or_else(|| OriginError::Unknown(want.user.clone()))?;
        let mut failed = None;
        for server in settings
            .servers
            .iter()
            .filter(|server| server.role == Role::Primary)
        {
            let io = match reach(&server.address, connector.as_ref()).await {
                Ok(io) => io,
                Err(error) => {
                    failed = Some(OriginError::Io {
                        server: server.address.to_string(),
                        error: error.to_string(),
                    });
                    continue;
                }
            };
            let target = Target {
                address: server.address.clone(),
                connector: connector.clone(),
                pid: 0,
                secret: Vec::new(),
            };
            match login::login(Wire::new(io), want, &user, target).await {
                Err(error) if !Self::denied(&error) => failed = Some(error),
                other => return other,
            }
        }
        Err(failed.unwrap_or(OriginError::Protocol("no primary server is configured")))
    }

    fn late(&self, limit: Duration) -> OriginError {
        OriginError::Late(limit)
    }

    fn denied(error: &OriginError) -> bool {
        match error {
            OriginError::Refused(said) => {
                said.code.starts_with("28") || matches!(said.code.as_str(), "3D000" | "42501")
            }
            OriginError::Unknown(_) | OriginError::Protocol(_) => true,
            OriginError::Io { .. } | OriginError::Late(_) => false,
        }
    }

    fn fit(conn: &Conn, want: &Want) -> Option<u8> {
        (conn.want == *want).then_some(1)
    }

    fn alive(conn: &mut Conn) -> bool {
        match conn.wire.peek() {
            Peek::Quiet => return conn.wire.input.is_empty(),
            Peek::Gone => return false,
            Peek::Bytes => {}
        }
        while let Ok(Some(message)) = frame::take(&mut conn.wire.input, REPLY_MAX) {
            match message.tag {
                b'S' => drop(conn.parameter(message.body())),
                b'N' | b'A' => {}
                _ => return false,
            }
        }
        conn.wire.input.is_empty()
    }

    fn is_clean(conn: &Conn) -> bool {
        !conn.busy
            && !conn.tainted
            && conn.status == b'I'
            && conn.wire.input.is_empty()
            && conn.wire.output.is_empty()
    }

    async fn reset(&self, conn: &mut Conn) -> Result<(), OriginError> {
        if conn.busy {
            // Its state is in doubt: end what it does, and the connection with it.
            conn.target.cancel().await;
            return Err(OriginError::Protocol("the client left in the middle"));
        }
        if conn.status != b'I' {
            conn.run("ROLLBACK").await?;
        }
        if conn.tainted {
            conn.run("DISCARD ALL").await?;
            conn.forget_statements();
            conn.settings = Settings::default();
            conn.tainted = false;
        }
        Ok(())
    }

    async fn close(&self, mut conn: Conn) {
        message::empty(&mut conn.wire.output, b'X');
        let _ = tokio::time::timeout(GOODBYE, conn.wire.flush()).await;
    }

    fn warm(&self) -> Option<Want> {
        self.warm.read().clone()
    }
}
