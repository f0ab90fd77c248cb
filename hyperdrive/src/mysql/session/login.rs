//! The login, answered at the PoP: no round trip to a server.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tracing::debug;

use super::{Last, Session};
use crate::config::{PoolMode, User};
use crate::listener::{Door, Front as _};
use crate::mysql::auth::{Plugin, nonce};
use crate::mysql::channel::{Channel, ChannelError};
use crate::mysql::consts::{cap, status};
use crate::mysql::database::{Database, Entry};
use crate::mysql::handshake::{Answer, Greeting, SSL_REQUEST, answer_caps, auth_switch};
use crate::mysql::origin::Facts;
use crate::mysql::packet::{Err as ErrPacket, Ok as OkPacket};
use crate::mysql::profile::Profile;
use crate::net::BoxIo;
use crate::observe::Login;

/// Largest packet before the login.
const LOGIN_PACKET_MAX: usize = 64 * 1024;

/// Greets, maybe sets up TLS, checks the password and opens the database that is asked for.
pub(super) async fn login(io: BoxIo, door: Door, database: Arc<Database>) -> Result<Session, Login> {
    let peer = door.peer;
    let mut channel = Channel::new(io, LOGIN_PACKET_MAX);
    if peer.is_some_and(|peer| !door.throttle.admits(peer)) {
        let said = ErrPacket::new(
            1129,
            "HY000",
            "Host is blocked because of many failed logins; try again in a while",
        );
        let _ = channel.send(&said.payload()).await;
        return Err(Login::Throttled);
    }
    let clients_max = database.limits().clients_max;
    if database.sessions.lock().len() >= clients_max {
        let said = ErrPacket::new(
            1040,
            "08004",
            "Too many connections (popgate: limits.clients_max)",
        );
        let _ = channel.send(&said.payload()).await;
        return Err(Login::Full);
    }
    let facts = match database.facts().await {
        Ok(facts) => facts,
        Err(error) => {
            let said = ErrPacket::new(1105, "HY000", format!("popgate: the database is away: {error}"));
            let _ = channel.send(&said.payload()).await;
            return Err(Login::Failed);
        }
    };
    let id = database.id();
    let (mut channel, answer, challenge) = exchange(channel, &door, &facts, id).await.map_err(|error| {
        debug!(database = %database.name, %error, "login broken off");
        Login::Failed
    })?;
    let user = match prove(&mut channel, &database, &answer, &challenge).await {
        Ok(Some(user)) => user,
        Ok(None) => {
            if let Some(peer) = peer {
                door.throttle.failed(peer);
            }
            let _ = channel.send(&denied(&answer.user, peer).payload()).await;
            return Err(Login::Denied);
        }
        Err(_) => return Err(Login::Failed),
    };
    if let Some(peer) = peer {
        door.throttle.succeeded(peer);
    }
    let mut session = Session::new(door, database, channel, id, user, facts, &answer);
    match session.enter(answer.database).await {
        Ok(()) => Ok(session),
        Err(_) => Err(Login::Failed),
    }
}

/// The error for a wrong password and for an unknown user alike.
pub(super) fn denied(user: &[u8], peer: Option<IpAddr>) -> ErrPacket {
    let user = String::from_utf8_lossy(&user[..user.len().min(80)]).into_owned();
    let host = peer.map_or_else(|| "localhost".to_owned(), |peer| peer.to_string());
    ErrPacket::new(
        1045,
        "28000",
        format!("Access denied for user '{user}'@'{host}' (using password: YES)"),
    )
}

/// Greeting, TLS and answer.
async fn exchange(
    mut channel: Channel,
    door: &Door,
    facts: &Facts,
    id: u32,
) -> Result<(Channel, Answer, [u8; 20]), ChannelError> {
    let challenge = nonce();
    let offered = cap::OFFERED & (facts.greeting.caps | cap::LONG_PASSWORD);
    let greeting = Greeting {
        version: facts.greeting.version.clone(),
        thread: id,
        nonce: challenge.to_vec(),
        caps: offered | if door.tls.is_some() { cap::SSL } else { 0 },
        collation: facts.greeting.collation,
        status: status::AUTOCOMMIT,
        plugin: Bytes::from_static(preferred(facts).name().as_bytes()),
    };
    channel.send(&greeting.payload()).await?;
    let mut packet = channel.packet().await?;
    let asks_tls = answer_caps(&packet).is_some_and(|caps| caps & cap::SSL != 0);
    if packet.len() == SSL_REQUEST && asks_tls {
        let Some(acceptor) = &door.tls else {
            return Err(ChannelError::Malformed("TLS was not offered"));
        };
        if !channel.input.is_empty() {
            return Err(ChannelError::Malformed("bytes before TLS"));
        }
        let stream = acceptor.accept(channel.io).await?;
        let mut secured = Channel::new(Box::new(stream), LOGIN_PACKET_MAX);
        secured.seq = channel.seq;
        channel = secured;
        packet = channel.packet().await?;
    } else if door.require_tls {
        let said = ErrPacket::new(
            3159,
            "HY000",
            "Connections using insecure transport are prohibited",
        );
        channel.send(&said.payload()).await?;
        return Err(ChannelError::Malformed("TLS is required"));
    }
    let mut answer = Answer::read(&packet).ok_or(ChannelError::Malformed("the login"))?;
    answer.caps &= offered;
    Ok((channel, answer, challenge))
}

/// What the server itself would ask for, so that drivers find what they know.
fn preferred(facts: &Facts) -> Plugin {
    match Plugin::named(&facts.greeting.plugin) {
        Some(Plugin::CachingSha2) => Plugin::CachingSha2,
        _ => Plugin::Native,
    }
}

/// The user, when the password is proven. An unknown user costs the same time.
pub(super) async fn prove(
    channel: &mut Channel,
    database: &Database,
    answer: &Answer,
    challenge: &[u8],
) -> Result<Option<User>, ChannelError> {
    let known = database.user(&answer.user);
    let password = known
        .as_ref()
        .map_or("no such user", |user| user.password.as_str())
        .as_bytes();
    let named = answer
        .plugin
        .as_deref()
        .map_or(Some(Plugin::Native), Plugin::named);
    let (plugin, proven) = match named {
        Some(plugin @ (Plugin::Native | Plugin::CachingSha2)) if !challenge.is_empty() => {
            (plugin, plugin.proves(password, challenge, &answer.proof))
        }
        other => {
            let plugin = other
                .filter(|plugin| *plugin != Plugin::Clear)
                .unwrap_or(Plugin::Native);
            let challenge = nonce();
            channel.send(&auth_switch(plugin.name(), &challenge)).await?;
            let proof = channel.packet().await?;
            (plugin, plugin.proves(password, &challenge, &proof))
        }
    };
    let proven = known.filter(|_| proven);
    if proven.is_some() && plugin == Plugin::CachingSha2 {
        // The password is known here, so the short way is always enough.
        channel.put(&[0x01, 0x03]);
    }
    Ok(proven)
}

impl Session {
    fn new(
        door: Door,
        database: Arc<Database>,
        mut channel: Channel,
        id: u32,
        user: User,
        facts: Arc<Facts>,
        answer: &Answer,
    ) -> Self {
        let settings = database.settings();
        channel.limit(settings.limits.packet_max);
        let entry = Arc::new(Entry {
            user: user.name.clone(),
            ..Entry::default()
        });
        database.sessions.lock().insert(id, Arc::clone(&entry));
        database.pool.backend().seen(answer.caps & cap::MEANING);
        let initial = initial(&facts, answer.collation);
        Self {
            door,
            database,
            client: channel,
            id,
            entry,
            user,
            facts,
            caps: answer.caps,
            mode: settings.pool.mode,
            profile: Arc::clone(&initial),
            initial,
            schema: None,
            link: None,
            pins: std::collections::BTreeSet::new(),
            tainted: false,
            prepared: std::collections::BTreeSet::new(),
            status: status::AUTOCOMMIT,
            last: Last::fresh(),
        }
    }

    /// Opens the database and says that the login is done.
    async fn enter(&mut self, schema: Option<Bytes>) -> Result<(), super::End> {
        let opened = match schema {
            None => Ok(()),
            Some(schema) => self.choose(schema).await?,
        };
        if self.mode == PoolMode::Session {
            self.pin(crate::mysql::statement::Pin::SessionMode);
        }
        match opened {
            Ok(()) => {
                let ok = OkPacket {
                    status: self.flags(),
                    ..OkPacket::default()
                };
                self.say(&ok.payload()).await?;
                self.settle().await
            }
            Err(err) => {
                self.database().sessions.lock().remove(&self.id);
                let _ = self.client.send(&err.payload()).await;
                Err(super::End::Left)
            }
        }
    }

    /// `COM_CHANGE_USER`: a login on the same connection.
    pub(super) async fn change_user(&mut self, payload: &Bytes) -> Result<(), super::End> {
        let answer = crate::mysql::handshake::read_change_user(payload, self.caps);
        let Some(answer) = answer else {
            return Err(ChannelError::Malformed("a change of user").into());
        };
        self.part();
        // The challenge of the login is used up: a new one is always sent.
        let Some(user) = prove(&mut self.client, &self.database, &answer, b"").await? else {
            return Err(super::End::Told(denied(&answer.user, None)));
        };
        self.user = user;
        self.initial = initial(&self.facts, answer.collation);
        self.forget();
        self.schema = None;
        self.enter(answer.database).await
    }
}

/// What a client's collation means, in words of the server.
fn initial(facts: &Facts, collation: u8) -> Arc<Profile> {
    Arc::new(match facts.collations.get(&u64::from(collation)) {
        Some(names) => Profile::with_names(names.clone()),
        None => Profile::with_names("DEFAULT".to_owned()),
    })
}
