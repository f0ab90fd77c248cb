//! The login at a server.

use std::collections::BTreeMap;

use lru::LruCache;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use super::{Conn, OriginError, REPLY_MAX, STATEMENTS, Settings, Target, Want};
use crate::config::User;
use crate::postgres::frame::Reader;
use crate::postgres::message;
use crate::postgres::scram::MECHANISM;
use crate::postgres::wire::Wire;

/// Longest message of a server during the exchange, in bytes.
const EXCHANGE_MAX: usize = 16 * 1024;
/// Most iterations of the key derivation that a server may ask for.
const ITERATIONS_MAX: u32 = 1_000_000;
/// What servers see as the name of the application, until a client gives its own.
const APPLICATION: &str = "popgate";

/// Logs in and waits until the server is ready.
pub(super) async fn login(wire: Wire, want: &Want, user: &User, target: Target) -> Result<Conn, OriginError> {
    let mut conn = Conn {
        wire,
        want: want.clone(),
        target,
        parameters: BTreeMap::new(),
        settings: Settings::default(),
        statements: LruCache::new(STATEMENTS),
        unnamed: None,
        next_statement: 0,
        status: b'I',
        busy: false,
        tainted: false,
    };
    message::startup(
        &mut conn.wire.output,
        &[
            ("user", &user.origin_user),
            ("database", &want.database),
            ("application_name", APPLICATION),
        ],
    );
    let mut proof = Proof::None;
    loop {
        let message = conn.wire.next(REPLY_MAX).await?;
        match message.tag {
            b'R' => proof.answer(message.body(), user, &mut conn)?,
            b'S' => drop(conn.parameter(message.body())),
            b'K' => {
                let mut reader = Reader::new(message.body());
                conn.target.pid = reader
                    .int()
                    .ok_or(OriginError::Protocol("the server's key cannot be read"))?;
                conn.target.secret = reader.rest().to_vec();
            }
            b'Z' if matches!(proof, Proof::Done) => return Ok(conn),
            b'E' => return Err(OriginError::Refused(message::said(message.body()))),
            b'N' | b'v' => {}
            _ => {
                return Err(OriginError::Protocol(
                    "the server says what no PostgreSQL says during a login",
                ));
            }
        }
    }
}

/// How far the exchange is.
enum Proof {
    None,
    Scram(Box<ScramSha256>),
    /// The server has proved that it knows the password as well.
    Proved,
    Done,
}

impl Proof {
    fn answer(&mut self, body: &[u8], user: &User, conn: &mut Conn) -> Result<(), OriginError> {
        if body.len() > EXCHANGE_MAX {
            return Err(OriginError::Protocol(
                "the server's authentication message is too long",
            ));
        }
        let mut reader = Reader::new(body);
        let out = &mut conn.wire.output;
        match (reader.int(), &mut *self) {
            (Some(0), Self::None | Self::Proved) => *self = Self::Done,
            (Some(3), Self::None) if conn.target.connector.is_some() => {
                message::password(out, &user.password)
            }
            (Some(3), Self::None) => {
                return Err(OriginError::Protocol(
                    "the server asks for the password in clear text, without TLS",
                ));
            }
            (Some(5), Self::None) => {
                let salt = reader.bytes(4).and_then(|salt| <[u8; 4]>::try_from(salt).ok());
                let salt = salt.ok_or(OriginError::Protocol("the server's salt cannot be read"))?;
                let hash = md5_hash(user.origin_user.as_bytes(), user.password.as_bytes(), salt);
                message::password(out, &hash);
            }
            (Some(10), Self::None) => {
                if !std::iter::from_fn(|| reader.text()).any(|name| name == MECHANISM.as_bytes()) {
                    return Err(OriginError::Protocol("the server does not offer SCRAM-SHA-256"));
                }
                let scram = ScramSha256::new(user.password.as_bytes(), ChannelBinding::unsupported());
                message::sasl_initial(out, MECHANISM, scram.message());
                *self = Self::Scram(Box::new(scram));
            }
            (Some(11), Self::Scram(scram)) if bounded(reader.rest()) => {
                let bad = |_| OriginError::Protocol("the server's SCRAM challenge cannot be read");
                scram.update(reader.rest()).map_err(bad)?;
                message::sasl(out, scram.message());
            }
            (Some(12), Self::Scram(scram)) => {
                let bad = |_| OriginError::Protocol("the server does not know the password");
                scram.finish(reader.rest()).map_err(bad)?;
                *self = Self::Proved;
            }
            _ => {
                return Err(OriginError::Protocol(
                    "the server asks for an authentication that is not offered",
                ));
            }
        }
        Ok(())
    }
}

/// The challenge asks for no more work than is reasonable.
fn bounded(challenge: &[u8]) -> bool {
    let text = String::from_utf8_lossy(challenge);
    let iterations = text.split(',').find_map(|field| field.strip_prefix("i="));
    challenge.len() <= 4096
        && iterations
            .and_then(|count| count.parse::<u32>().ok())
            .is_some_and(|count| (1..=ITERATIONS_MAX).contains(&count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_16_a_servers_challenge_is_bounded() {
        assert!(bounded(b"r=abc,s=AAAA,i=4096"));
        assert!(!bounded(b"r=abc,s=AAAA,i=4294967295"));
        assert!(!bounded(b"r=abc,s=AAAA,i=0"));
        assert!(!bounded(
            format!("r={},s=AAAA,i=4096", "a".repeat(5000)).as_bytes()
        ));
    }
}
