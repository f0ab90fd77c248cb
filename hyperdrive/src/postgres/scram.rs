//! SCRAM-SHA-256 (RFC 5802, RFC 7677) towards clients, from a verifier: no key derivation per login.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use thiserror::Error;

/// PostgreSQL's default.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(4096) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};
/// Bytes of salt.
const SALT: usize = 16;
/// Longest message of a client in bytes.
const MESSAGE_MAX: usize = 2048;
/// Longest nonce of a client in bytes.
const NONCE_MAX: usize = 512;
/// The mechanism's name.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// Why an exchange fails.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ScramError {
    /// It is not as RFC 5802 says.
    #[error("malformed SCRAM message")]
    Malformed,
    /// Channel binding was asked for and not offered.
    #[error("channel binding is not offered")]
    ChannelBinding,
    /// The password is wrong, or nobody has that name.
    #[error("wrong password")]
    Denied,
}

/// What is kept of a password.
#[derive(Clone)]
pub struct Verifier {
    salt: [u8; SALT],
    stored_key: [u8; 32],
    server_key: [u8; 32],
    /// Nobody's: every proof is wrong.
    fake: bool,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}

fn sign(key: &[u8], data: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

fn hash(data: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    bytes
}

impl Verifier {
    /// Of a password; costs milliseconds.
    #[must_use]
    pub fn new(password: &str, salt: [u8; SALT]) -> Self {
        // As PostgreSQL: a password that cannot be prepared is used as it is.
        let prepared = stringprep::saslprep(password);
        let password = prepared.as_deref().unwrap_or(password);
        let mut salted = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ITERATIONS,
            &salt,
            password.as_bytes(),
            &mut salted,
        );
        Self {
            salt,
            stored_key: hash(&sign(&salted, b"Client Key")),
            server_key: sign(&salted, b"Server Key"),
            fake: false,
        }
    }

    /// For a name that nobody has: always the same salt for it, as if somebody had.
    #[must_use]
    pub fn fake(secret: &[u8; 32], user: &str) -> Self {
        let key = sign(secret, user.as_bytes());
        let mut salt = [0; SALT];
        salt.iter_mut().zip(key).for_each(|(to, from)| *to = from);
        Self {
            salt,
            stored_key: hash(&key),
            server_key: hash(&key),
            fake: true,
        }
    }

    /// Answers the client's first message; `nonce` is the server's part, fresh and printable.
    ///
    /// # Errors
    /// [`ScramError`].
    pub fn challenge(&self, first: &[u8], nonce: &str) -> Result<Exchange<'_>, ScramError> {
        let first = message(first)?;
        let bare = match first
            .split_once(',')
            .and_then(|(flag, rest)| Some((flag, rest.split_once(',')?)))
        {
            Some(("n" | "y", ("", bare))) => bare,
            Some((flag, _)) if flag.starts_with("p=") => return Err(ScramError::ChannelBinding),
            _ => return Err(ScramError::Malformed),
        };
        let header = first.get(..first.len() - bare.len()).unwrap_or_default();
        let mut fields = bare.split(',');
        let user = fields.next().and_then(|field| field.strip_prefix("n="));
        let client = fields.next().and_then(|field| field.strip_prefix("r="));
        let (Some(_), Some(client)) = (user, client) else {
            return Err(ScramError::Malformed);
        };
        if client.is_empty()
            || client.len() > NONCE_MAX
            || !client.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(ScramError::Malformed);
        }
        let nonce = format!("{client}{nonce}");
        let reply = format!("r={nonce},s={},i={ITERATIONS}", STANDARD.encode(self.salt));
        Ok(Exchange {
            verifier: self,
            header: STANDARD.encode(header),
            bare: bare.to_owned(),
            nonce,
            reply,
        })
    }
}

fn message(bytes: &[u8]) -> Result<&str, ScramError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= MESSAGE_MAX => Ok(text),
        _ => Err(ScramError::Malformed),
    }
}

/// An exchange under way.
#[derive(Debug)]
pub struct Exchange<'a> {
    verifier: &'a Verifier,
    header: String,
    bare: String,
    nonce: String,
    /// What the client is told.
    pub reply: String,
}

impl Exchange<'_> {
    /// Checks the client's final message; what it is told when the proof is right.
    ///
    /// # Errors
    /// [`ScramError`].
    pub fn finish(&self, last: &[u8]) -> Result<String, ScramError> {
        let last = message(last)?;
        let (unproved, proof) = last.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let mut fields = unproved.split(',');
        let header = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        if header != Some(self.header.as_str()) || nonce != Some(self.nonce.as_str()) {
            return Err(ScramError::Malformed);
        }
        let proof = STANDARD.decode(proof).map_err(|_| ScramError::Malformed)?;
        let mut key: [u8; 32] = proof.try_into().map_err(|_| ScramError::Malformed)?;
        let signed = format!("{},{},{unproved}", self.bare, self.reply);
        let signature = sign(&self.verifier.stored_key, signed.as_bytes());
        key.iter_mut().zip(signature).for_each(|(key, byte)| *key ^= byte);
        let differ = hash(&key)
            .iter()
            .zip(self.verifier.stored_key)
            .fold(0, |differ, (a, b)| differ | (a ^ b));
        let server = sign(&self.verifier.server_key, signed.as_bytes());
        if std::hint::black_box(differ) != 0 || self.verifier.fake {
            return Err(ScramError::Denied);
        }
        Ok(format!("v={}", STANDARD.encode(server)))
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
    use proptest::prelude::*;

    use super::*;

    fn exchange(verifier: &Verifier, password: &str) -> Result<(), ScramError> {
        let mut client = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let exchange = verifier.challenge(client.message(), "servernonce")?;
        client.update(exchange.reply.as_bytes()).unwrap();
        let last = exchange.finish(client.message())?;
        client.finish(last.as_bytes()).unwrap();
        Ok(())
    }

    #[test]
    fn rfc7677_the_right_password_alone_is_let_in() {
        let verifier = Verifier::new("pencil\u{a0}x", [7; SALT]);
        assert_eq!(exchange(&verifier, "pencil\u{a0}x"), Ok(()));
        assert_eq!(exchange(&verifier, "pencil"), Err(ScramError::Denied));
        assert_eq!(exchange(&verifier, ""), Err(ScramError::Denied));
    }

    #[test]
    fn pitfall_16_an_unknown_user_goes_through_the_same_exchange() {
        let one = Verifier::fake(&[1; 32], "nobody");
        assert_eq!(one.salt, Verifier::fake(&[1; 32], "nobody").salt);
        assert_ne!(one.salt, Verifier::fake(&[1; 32], "someone").salt);
        assert_eq!(exchange(&one, "x"), Err(ScramError::Denied));
    }

    #[test]
    fn pitfall_16_long_nonces_and_channel_binding_are_refused() {
        let verifier = Verifier::new("x", [0; SALT]);
        let long = format!("n,,n=,r={}", "a".repeat(NONCE_MAX + 1));
        assert_eq!(
            verifier.challenge(long.as_bytes(), "n").err(),
            Some(ScramError::Malformed)
        );
        let plus = verifier.challenge(b"p=tls-server-end-point,,n=,r=abc", "n");
        assert_eq!(plus.err(), Some(ScramError::ChannelBinding));
    }

    proptest! {
        #[test]
        fn no_message_panics(first: Vec<u8>, last: Vec<u8>, tail in "[ -~]{0,40}") {
            let verifier = Verifier::fake(&[0; 32], "u");
            let _ = verifier.challenge(&first, "n");
            let _ = verifier.challenge(format!("n,,{tail}").as_bytes(), "n");
            let exchange = verifier.challenge(b"n,,n=,r=abc", "n").unwrap();
            let _ = exchange.finish(&last);
            let _ = exchange.finish(format!("c=biws,r=abcn,p={tail}").as_bytes());
        }
    }
}
