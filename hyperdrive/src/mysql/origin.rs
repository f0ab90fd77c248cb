//! Connections to the servers.

mod backend;
mod error;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::RwLock;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, info};

use super::auth::{NONCE, Plugin};
use super::channel::{Channel, ChannelError};
use super::consts::{cap, com};
use super::handshake::{Answer, Greeting, read_auth_switch};
use super::packet::Err as ErrPacket;
use super::profile::Profile;
use super::wire::Reader;
use crate::config::{self, Role, ServerAddress};
use crate::net::{OriginConnector, Peek, TlsError, dial, peek};
use crate::pool::Backend;
pub use error::OriginError;

/// Turns on what servers report of session state.
pub const TRACK: &str = "SET SESSION session_track_schema=1, session_track_state_change=1, \
     session_track_system_variables='*'";
/// Collations by number, for the character sets that clients log in with.
const COLLATIONS: &[u8] =
    b"SELECT ID, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLLATIONS WHERE ID < 256";
/// Largest packet of a login or of popgate's own questions.
const PACKET_MAX: usize = 1 << 20;
/// Rows of an answer to a question of popgate's own.
const ROWS_MAX: usize = 1000;
/// utf8mb4_general_ci, which all servers know.
const COLLATION: u8 = 45;
/// Longest goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Statements killed at the same time, each over a connection of its own.
const KILLS: usize = 2;

/// What servers say of themselves; learned at the first connection and told to clients.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// The greeting.
    pub greeting: Greeting,
    /// `SET NAMES` texts by the number of a collation.
    pub collations: HashMap<u64, String>,
}

/// What tells connections apart and cannot be changed later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// User at the servers.
    pub user: Arc<str>,
    /// Capabilities that change the meaning of statements.
    pub caps: u32,
}

/// What a session needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Cannot be changed.
    pub key: Key,
    /// The database in use.
    pub schema: Option<Bytes>,
    /// Settings.
    pub profile: Arc<Profile>,
}

/// A connection that is logged in.
#[derive(Debug)]
pub struct OriginConn {
    /// Its packets.
    pub channel: Channel,
    /// Which server.
    pub server: ServerAddress,
    /// Its number there.
    pub thread: u32,
    /// What it is.
    pub key: Key,
    /// Settings it has.
    pub profile: Arc<Profile>,
    /// The database in use there.
    pub schema: Option<Bytes>,
    /// It holds state of a session, or a transaction: it must be reset before others use it.
    pub dirty: bool,
    /// A statement is under way that nobody waits for: it is killed instead of reset.
    pub abandoned: bool,
}

/// Opens connections to the servers of one database.
#[derive(Debug)]
pub struct Origin {
    settings: RwLock<Arc<config::Database>>,
    tls: RwLock<Option<OriginConnector>>,
    facts: watch::Sender<Option<Arc<Facts>>>,
    kills: Semaphore,
    seen: AtomicU32,
}

impl Origin {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(settings: Arc<config::Database>) -> Result<Self, TlsError> {
        Ok(Self {
            tls: RwLock::new(OriginConnector::new(&settings.tls)?),
            settings: RwLock::new(settings),
            facts: watch::Sender::new(None),
            kills: Semaphore::new(KILLS),
            seen: AtomicU32::new(0),
        })
    }

    /// Settings now.
    #[must_use]
    pub fn settings(&self) -> Arc<config::Database> {
        Arc::clone(&self.settings.read())
    }

    /// Other settings for connections that are opened from here on.
    ///
    /// # Errors
    /// [`TlsError`]; nothing has changed then.
    pub fn reload(&self, settings: Arc<config::Database>) -> Result<(), TlsError> {
        let tls = OriginConnector::new(&settings.tls)?;
        *self.tls.write() = tls;
        *self.settings.write() = settings;
        Ok(())
    }

    /// What is known of the servers, as it changes.
    #[must_use]
    pub fn facts(&self) -> watch::Receiver<Option<Arc<Facts>>> {
        self.facts.subscribe()
    }

    /// Opens a connection and logs in; the first server that can be reached.
    async fn open(&self, key: &Key) -> Result<(OriginConn, Greeting), OriginError> {
        let settings = self.settings();
        let mut last = OriginError::NoServer;
        for server in settings
            .servers
            .iter()
            .filter(|server| server.role == Role::Primary)
        {
            match self.open_at(&server.address, key, &settings).await {
                Ok(opened) => return Ok(opened),
                // The login would fail at the next one as well, or succeed where it must not.
                Err(error @ OriginError::Said { .. }) => return Err(error),
                Err(error) => {
                    debug!(database = %settings.name, %error, "cannot connect to a database server");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn open_at(
        &self,
        server: &ServerAddress,
        key: &Key,
        settings: &config::Database,
    ) -> Result<(OriginConn, Greeting), OriginError> {
        let (broke, unfit) = (OriginError::broke(server), OriginError::unfit(server));
        let user = settings.users.iter().find(|user| *user.origin_user == *key.user);
        let user = user.ok_or_else(|| OriginError::NoUser(Arc::clone(&key.user)))?;
        let io = dial(server).await.map_err(|error| broke(error.into()))?;
        let mut channel = Channel::new(io, PACKET_MAX);
        let packet = channel.packet().await.map_err(broke)?;
        if packet.first() == Some(&0xFF) {
            return Err(OriginError::said(
                server,
                &packet,
                "greets with a malformed error",
            ));
        }
        let greeting = Greeting::read(&packet).ok_or_else(|| unfit("does not speak the MySQL protocol"))?;
        let need = cap::PROTOCOL_41 | cap::SESSION_TRACK | cap::DEPRECATE_EOF | cap::PLUGIN_AUTH;
        if greeting.caps & need != need {
            return Err(unfit("is too old: MySQL 5.7 or MariaDB 10.2 is needed"));
        }
        let mut caps = (cap::ASKED & (greeting.caps | cap::LONG_PASSWORD)) | key.caps;
        let tls = self.tls.read().clone();
        let secure = tls.is_some();
        if secure {
            caps |= cap::SSL;
        }
        let plugin = Plugin::named(&greeting.plugin)
            .filter(|plugin| *plugin != Plugin::Clear)
            .unwrap_or(Plugin::Native);
        let answer = Answer {
            caps,
            collation: COLLATION,
            user: Bytes::copy_from_slice(user.origin_user.as_bytes()),
            proof: plugin.proof(user.password.as_bytes(), &greeting.nonce).into(),
            database: None,
            plugin: Some(Bytes::from_static(plugin.name().as_bytes())),
        };
        if let Some(tls) = tls {
            if greeting.caps & cap::SSL == 0 {
                return Err(unfit("offers no TLS, and `tls.mode` is verify_full"));
            }
            channel = upgrade(channel, &tls, server, &answer).await.map_err(broke)?;
        }
        let name = format!("popgate {}", settings.name);
        channel
            .send(&answer.payload(&[("program_name", &name)]))
            .await
            .map_err(|error| broke(error.into()))?;
        let clear = secure || matches!(server, ServerAddress::Unix(_));
        prove(&mut channel, plugin, user.password.as_bytes(), clear, server).await?;
        let conn = OriginConn {
            channel,
            server: server.clone(),
            thread: greeting.thread,
            key: key.clone(),
            profile: Arc::default(),
            schema: None,
            dirty: false,
            abandoned: false,
        };
        Ok((conn, greeting))
    }

    /// Learns what the first server says, and notices a server with another version.
    async fn learn(&self, conn: &mut OriginConn, greeting: Greeting) -> Result<(), ChannelError> {
        let same = |facts: &Option<Arc<Facts>>| {
            facts.as_ref().is_some_and(|facts| {
                facts.greeting.version == greeting.version && facts.greeting.plugin == greeting.plugin
            })
        };
        if same(&self.facts.borrow()) {
            return Ok(());
        }
        conn.channel.put_command(com::QUERY, COLLATIONS);
        conn.channel.flush().await?;
        let rows = conn.rows().await?;
        let text = |value: &Option<Bytes>| Some(String::from_utf8_lossy(value.as_ref()?).into_owned());
        let collations = rows.iter().filter_map(|row| {
            let [id, charset, collation] = row.as_slice() else {
                return None;
            };
            let names = format!("{} COLLATE {}", text(charset)?, text(collation)?);
            Some((text(id)?.parse().ok()?, names))
        });
        let collations = collations.collect();
        info!(database = %self.settings().name, version = %String::from_utf8_lossy(&greeting.version), "database server known");
        self.facts
            .send_replace(Some(Arc::new(Facts { greeting, collations })));
        Ok(())
    }

    /// Kills a statement, or a whole connection, over another connection, which is not counted by the pool.
    /// Bounded in number; an error means that the server does not know it any more, or is away.
    ///
    /// # Errors
    /// [`OriginError`].
    pub async fn kill(
        &self,
        server: &ServerAddress,
        key: &Key,
        thread: u32,
        query: bool,
    ) -> Result<(), OriginError> {
        let _one = self.kills.acquire().await;
        let settings = self.settings();
        let (mut conn, _) = self.open_at(server, key, &settings).await?;
        let sql = format!("KILL {}{thread}", if query { "QUERY " } else { "" });
        conn.channel.put_command(com::QUERY, sql.as_bytes());
        let asked = async {
            conn.channel.flush().await?;
            conn.simple().await
        };
        let said = asked.await.map_err(OriginError::broke(server))?;
        self.close(conn).await;
        match said {
            None => Ok(()),
            Some(said) => Err(OriginError::Said {
                server: server.clone(),
                said,
            }),
        }
    }
}

async fn upgrade(
    mut channel: Channel,
    tls: &OriginConnector,
    server: &ServerAddress,
    answer: &Answer,
) -> Result<Channel, ChannelError> {
    channel.send(&answer.ssl_request()).await?;
    if !channel.input.is_empty() {
        return Err(ChannelError::Malformed("bytes before TLS"));
    }
    let mut secured = Channel::new(tls.secure(channel.io, server).await?, PACKET_MAX);
    secured.seq = channel.seq;
    Ok(secured)
}

/// Goes through what the server asks until it lets the login in. `clear`: the password itself may be sent.
async fn prove(
    channel: &mut Channel,
    mut plugin: Plugin,
    password: &[u8],
    clear: bool,
    server: &ServerAddress,
) -> Result<(), OriginError> {
    let (broke, unfit) = (OriginError::broke(server), OriginError::unfit(server));
    // A switch, a request for the whole password, and its end: more is no login.
    for _ in 0..6 {
        let packet = channel.packet().await.map_err(broke)?;
        match (packet.first(), packet.get(1)) {
            (Some(0x00), _) => return Ok(()),
            (Some(0xFF), _) => {
                return Err(OriginError::said(server, &packet, "sent a malformed error"));
            }
            (Some(0xFE), _) => {
                let (name, challenge) =
                    read_auth_switch(&packet).ok_or_else(|| unfit("asks for an old login"))?;
                plugin = Plugin::named(&name).ok_or_else(|| {
                    unfit("asks for an authentication other than mysql_native_password and caching_sha2_password")
                })?;
                if plugin == Plugin::Clear && !clear {
                    return Err(unfit("asks for the password in the clear without TLS"));
                }
                if plugin != Plugin::Clear && challenge.len() != NONCE {
                    return Err(unfit("sent a challenge of the wrong length"));
                }
                let proof = plugin.proof(password, &challenge);
                channel.send(&proof).await.map_err(|error| broke(error.into()))?;
            }
            (Some(0x01), Some(0x03)) if plugin == Plugin::CachingSha2 => {}
            (Some(0x01), Some(0x04)) if plugin == Plugin::CachingSha2 => {
                if !clear {
                    return Err(unfit(
                        "wants the whole password once, which takes TLS: set `tls.mode: verify_full`",
                    ));
                }
                channel
                    .send(&[password, b"\0"].concat())
                    .await
                    .map_err(|error| broke(error.into()))?;
            }
            _ => return Err(unfit("sent a packet that belongs to no login")),
        }
    }
    Err(unfit("asks for proofs of the password without end"))
}

impl OriginConn {
    /// Reads an answer that is OK or an error.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn simple(&mut self) -> Result<Option<ErrPacket>, ChannelError> {
        self.channel.seq = 1;
        let packet = self.channel.packet().await?;
        match packet.first() {
            Some(0x00) => Ok(None),
            Some(0xFF) => ErrPacket::read(&packet)
                .map(Some)
                .ok_or(ChannelError::Malformed("an error")),
            _ => Err(ChannelError::Malformed("an OK")),
        }
    }

    /// Reads an answer that is a small result set.
    ///
    /// # Errors
    /// [`ChannelError`]; also when it is an error.
    pub async fn rows(&mut self) -> Result<Vec<Vec<Option<Bytes>>>, ChannelError> {
        self.channel.seq = 1;
        let head = self.channel.packet().await?;
        if head.first() == Some(&0xFF) {
            return Err(ChannelError::Malformed("an error instead of rows"));
        }
        let columns = Reader(&head).int().filter(|columns| (1..=64).contains(columns));
        let columns = columns.ok_or(ChannelError::Malformed("a number of columns"))?;
        for _ in 0..columns {
            self.channel.packet().await?;
        }
        let mut rows = Vec::new();
        while rows.len() < ROWS_MAX {
            let packet = self.channel.packet().await?;
            if matches!(packet.first(), Some(0xFE | 0xFF)) {
                return Ok(rows);
            }
            let mut reader = Reader(&packet);
            let mut row = Vec::new();
            while !reader.0.is_empty() {
                if reader.0.first() == Some(&0xFB) {
                    reader.take(1);
                    row.push(None);
                } else {
                    let value = reader.string().ok_or(ChannelError::Malformed("a row"))?;
                    row.push(Some(packet.slice_ref(value)));
                }
            }
            rows.push(row);
        }
        Err(ChannelError::Malformed("too many rows"))
    }

    async fn reset(&mut self) -> Result<Option<ErrPacket>, ChannelError> {
        self.channel.put_command(com::RESET_CONNECTION, b"");
        self.channel.put_command(com::QUERY, TRACK.as_bytes());
        self.channel.flush().await?;
        let reset = self.simple().await?;
        let track = self.simple().await?;
        Ok(reset.or(track))
    }
}

impl Origin {
    /// Capabilities of the clients seen last, so that what is warm fits them.
    fn warm_caps(&self) -> u32 {
        self.seen.load(Ordering::Relaxed)
    }

    /// A client has these.
    pub fn seen(&self, caps: u32) {
        self.seen.store(caps, Ordering::Relaxed);
    }
}
