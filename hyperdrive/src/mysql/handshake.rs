//! The packets of a login, read and written.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::auth::NONCE;
use super::consts::cap;
use super::wire::{Reader, put_int, put_string};

/// A server's greeting (handshake v10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Version as the server says it.
    pub version: Bytes,
    /// The connection's number.
    pub thread: u32,
    /// The challenge, 20 bytes.
    pub nonce: Vec<u8>,
    /// What the server can do.
    pub caps: u32,
    /// Number of its collation.
    pub collation: u8,
    /// Status flags.
    pub status: u16,
    /// How it wants passwords to be proven.
    pub plugin: Bytes,
}

impl Greeting {
    /// Reads one.
    #[must_use]
    pub fn read(payload: &Bytes) -> Option<Self> {
        let mut reader = Reader(payload);
        if reader.u8()? != 10 {
            return None;
        }
        let version = payload.slice_ref(reader.to_nul()?);
        let thread = reader.u32()?;
        let mut nonce = reader.take(8)?.to_vec();
        reader.u8()?;
        let low = reader.u16()?;
        let collation = reader.u8()?;
        let status = reader.u16()?;
        let caps = u32::from(low) | u32::from(reader.u16()?) << 16;
        let length = usize::from(reader.u8()?);
        reader.take(10)?;
        nonce.extend_from_slice(reader.take(length.saturating_sub(8).max(13))?);
        nonce.truncate(NONCE);
        let plugin = match caps & cap::PLUGIN_AUTH {
            0 => Bytes::from_static(b"mysql_native_password"),
            _ => {
                let rest = reader.rest();
                let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
                payload.slice_ref(&rest[..end])
            }
        };
        Some(Self {
            version,
            thread,
            nonce,
            caps,
            collation,
            status,
            plugin,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn payload(&self) -> BytesMut {
        let caps = self.caps.to_le_bytes();
        let mut out = BytesMut::new();
        out.put_u8(10);
        out.put_slice(&self.version);
        out.put_u8(0);
        out.put_u32_le(self.thread);
        out.put_slice(&self.nonce[..8]);
        out.put_u8(0);
        out.put_slice(&caps[..2]);
        out.put_u8(self.collation);
        out.put_u16_le(self.status);
        out.put_slice(&caps[2..]);
        out.put_u8(21);
        out.put_slice(&[0; 10]);
        out.put_slice(&self.nonce[8..]);
        out.put_u8(0);
        out.put_slice(&self.plugin);
        out.put_u8(0);
        out
    }
}

/// A client's answer to the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the client can do.
    pub caps: u32,
    /// Its collation.
    pub collation: u8,
    /// Who it is.
    pub user: Bytes,
    /// Proof of the password.
    pub proof: Bytes,
    /// The database it wants.
    pub database: Option<Bytes>,
    /// How the proof was made.
    pub plugin: Option<Bytes>,
}

/// Length of the short answer that asks for TLS.
pub const SSL_REQUEST: usize = 32;

/// Capabilities of an answer, also of the short one.
#[must_use]
pub fn answer_caps(payload: &[u8]) -> Option<u32> {
    Reader(payload).u32()
}

impl Answer {
    /// Reads one (of MySQL 4.1 or later).
    #[must_use]
    pub fn read(payload: &Bytes) -> Option<Self> {
        let mut reader = Reader(payload);
        let caps = reader.u32()?;
        if caps & cap::PROTOCOL_41 == 0 {
            return None;
        }
        reader.u32()?;
        let collation = reader.u8()?;
        reader.take(23)?;
        let user = payload.slice_ref(reader.to_nul()?);
        let proof = if caps & cap::PLUGIN_AUTH_LENENC != 0 {
            reader.string()?
        } else if caps & cap::SECURE_CONNECTION != 0 {
            let length = usize::from(reader.u8()?);
            reader.take(length)?
        } else {
            reader.to_nul()?
        };
        let proof = payload.slice_ref(proof);
        let database = (caps & cap::CONNECT_WITH_DB != 0)
            .then(|| reader.to_nul())
            .flatten()
            .filter(|name| !name.is_empty())
            .map(|name| payload.slice_ref(name));
        let plugin = read_plugin(&mut reader, payload, caps);
        Some(Self {
            caps,
            collation,
            user,
            proof,
            database,
            plugin,
        })
    }

    /// The short answer that asks for TLS.
    #[must_use]
    pub fn ssl_request(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(SSL_REQUEST);
        out.put_u32_le(self.caps);
        out.put_u32_le(1 << 30);
        out.put_u8(self.collation);
        out.put_bytes(0, 23);
        out
    }

    /// Writes it, with attributes that say who connects.
    #[must_use]
    pub fn payload(&self, attributes: &[(&str, &str)]) -> BytesMut {
        let mut out = self.ssl_request();
        out.put_slice(&self.user);
        out.put_u8(0);
        if self.caps & cap::PLUGIN_AUTH_LENENC != 0 {
            put_string(&mut out, &self.proof);
        } else {
            // Proofs are 20 or 32 bytes.
            out.put_u8(u8::try_from(self.proof.len()).unwrap_or(0));
            out.put_slice(&self.proof);
        }
        if let Some(database) = &self.database {
            out.put_slice(database);
            out.put_u8(0);
        }
        if let Some(plugin) = &self.plugin {
            out.put_slice(plugin);
            out.put_u8(0);
        }
        if self.caps & cap::CONNECT_ATTRS != 0 {
            let mut all = BytesMut::new();
            for (name, value) in attributes {
                put_string(&mut all, name.as_bytes());
                put_string(&mut all, value.as_bytes());
            }
            put_int(&mut out, all.len() as u64);
            out.put_slice(&all);
        }
        out
    }
}

/// The plugin that a client names, where it names one.
fn read_plugin(reader: &mut Reader<'_>, payload: &Bytes, caps: u32) -> Option<Bytes> {
    (caps & cap::PLUGIN_AUTH != 0)
        .then(|| reader.to_nul())
        .flatten()
        .map(|name| payload.slice_ref(name))
}

/// What is in a `COM_CHANGE_USER`, its first byte left out. There is no collation in an old one.
#[must_use]
pub fn read_change_user(payload: &Bytes, caps: u32) -> Option<Answer> {
    let mut reader = Reader(payload);
    reader.u8()?;
    let user = payload.slice_ref(reader.to_nul()?);
    let length = usize::from(reader.u8()?);
    let proof = payload.slice_ref(reader.take(length)?);
    let database = reader.to_nul()?;
    let database = (!database.is_empty()).then(|| payload.slice_ref(database));
    let collation = reader.u16().map_or(0, |number| number.to_le_bytes()[0]);
    let plugin = read_plugin(&mut reader, payload, caps);
    Some(Answer {
        caps,
        collation,
        user,
        proof,
        database,
        plugin,
    })
}

/// A request to prove the password in another way.
#[must_use]
pub fn auth_switch(plugin: &str, nonce: &[u8]) -> BytesMut {
    let mut out = BytesMut::from(&[0xFE][..]);
    out.put_slice(plugin.as_bytes());
    out.put_u8(0);
    out.put_slice(nonce);
    out.put_u8(0);
    out
}

/// Plugin and challenge of such a request.
#[must_use]
pub fn read_auth_switch(payload: &Bytes) -> Option<(Bytes, Bytes)> {
    let mut reader = Reader(payload);
    reader.u8()?;
    let plugin = payload.slice_ref(reader.to_nul()?);
    let nonce = reader.rest();
    let nonce = nonce.strip_suffix(b"\0").unwrap_or(nonce);
    Some((plugin, payload.slice_ref(nonce)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>, caps: u32) {
            let bytes = Bytes::from(bytes);
            let _ = (Greeting::read(&bytes), Answer::read(&bytes), answer_caps(&bytes));
            let _ = (read_change_user(&bytes, caps), read_auth_switch(&bytes));
        }

        #[test]
        fn damaged_answers_read_without_a_panic(at in 0..200_usize, byte: u8, cut in 0..200_usize) {
            let mut bytes = answer().payload(&[("a", "b")]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Answer::read(&bytes.freeze());
        }
    }

    fn answer() -> Answer {
        Answer {
            caps: cap::OFFERED,
            collation: 45,
            user: Bytes::from_static(b"wp"),
            proof: Bytes::from_static(&[7; 20]),
            database: Some(Bytes::from_static(b"wordpress")),
            plugin: Some(Bytes::from_static(b"mysql_native_password")),
        }
    }

    #[test]
    fn greetings_and_answers_read_as_written() {
        let greeting = Greeting {
            version: Bytes::from_static(b"5.5.5-10.11.6-MariaDB"),
            thread: 77,
            nonce: b"abcdefghijklmnopqrst".to_vec(),
            caps: cap::OFFERED,
            collation: 45,
            status: 2,
            plugin: Bytes::from_static(b"caching_sha2_password"),
        };
        assert_eq!(Greeting::read(&greeting.payload().freeze()), Some(greeting));
        let answer = answer();
        assert_eq!(
            Answer::read(&answer.payload(&[("a", "b")]).freeze()),
            Some(answer)
        );
    }

    #[test]
    fn a_switch_reads_as_written() {
        let read = read_auth_switch(&auth_switch("caching_sha2_password", b"abcdefghijklmnopqrst").freeze());
        let (plugin, nonce) = read.unwrap();
        assert_eq!(
            (&plugin[..], &nonce[..]),
            (&b"caching_sha2_password"[..], &b"abcdefghijklmnopqrst"[..])
        );
    }
}
