//! The first message of a connection.

use std::collections::BTreeMap;

use bytes::BytesMut;
use thiserror::Error;

use super::frame::Reader;

/// Protocol 3.0.
pub const PROTOCOL_3_0: i32 = 196_608;
/// `SSLRequest`.
pub const SSL: i32 = 80_877_103;
/// `GSSENCRequest`.
pub const GSSENC: i32 = 80_877_104;
/// `CancelRequest`.
pub const CANCEL: i32 = 80_877_102;
/// Longest first message in bytes, as PostgreSQL's.
pub const STARTUP_MAX: usize = 10_000;
/// Longest user or database name in bytes.
const NAME_MAX: usize = 63;

/// A first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// TLS is asked for.
    Ssl,
    /// GSSAPI encryption is asked for.
    Gssenc,
    /// A query is to be cancelled.
    Cancel {
        /// From `BackendKeyData`.
        pid: i32,
        /// From `BackendKeyData`; four bytes in protocol 3.0.
        secret: Vec<u8>,
    },
    /// A session.
    Startup(Startup),
}

/// What a session starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Startup {
    /// Who.
    pub user: String,
    /// Which database; the user's name when it is not given.
    pub database: String,
    /// Settings by name in lower case, those of `options` included.
    pub settings: BTreeMap<String, String>,
    /// 3.0 is offered instead of the minor version asked for, without these options.
    pub negotiate: Option<Vec<String>>,
}

/// Why a first message is refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum StartupError {
    /// Its length is out of range.
    #[error("invalid length of startup packet")]
    Length,
    /// It cannot be read.
    #[error("invalid startup packet layout")]
    Layout,
    /// Another protocol.
    #[error("unsupported frontend protocol {0}.{1}")]
    Protocol(i32, i32),
    /// No user was given.
    #[error("no user name specified in startup packet")]
    NoUser,
    /// A name is too long.
    #[error("user and database names have at most 63 bytes")]
    Name,
    /// Replication.
    #[error("replication connections are not offered")]
    Replication,
    /// A setting that cannot be shared or understood.
    #[error("startup parameter {0} is not offered")]
    Setting(String),
}

impl StartupError {
    /// Its SQLSTATE.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length | Self::Layout => "08P01",
            Self::Protocol(..) | Self::Replication | Self::Setting(_) => "0A000",
            Self::NoUser | Self::Name => "28000",
        }
    }
}

/// Takes the first message off `input`; `None` while it is not all there.
///
/// # Errors
/// [`StartupError`].
pub fn first(input: &mut BytesMut) -> Result<Option<First>, StartupError> {
    let Some(field) = input.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = usize::try_from(i32::from_be_bytes(*field)).map_err(|_| StartupError::Length)?;
    if !(8..=STARTUP_MAX).contains(&length) {
        return Err(StartupError::Length);
    }
    if input.len() < length {
        return Ok(None);
    }
    let message = input.split_to(length);
    let mut reader = Reader::new(message.get(4..).unwrap_or_default());
    let code = reader.int().ok_or(StartupError::Layout)?;
    match code {
        SSL => Ok(Some(First::Ssl)),
        GSSENC => Ok(Some(First::Gssenc)),
        CANCEL => {
            let pid = reader.int().ok_or(StartupError::Layout)?;
            let secret = reader.rest();
            if !(4..=256).contains(&secret.len()) {
                return Err(StartupError::Length);
            }
            let secret = secret.to_vec();
            Ok(Some(First::Cancel { pid, secret }))
        }
        _ if code >> 16 == 3 => session(code & 0xffff, reader).map(|startup| Some(First::Startup(startup))),
        _ => Err(StartupError::Protocol(code >> 16, code & 0xffff)),
    }
}

fn session(minor: i32, mut reader: Reader<'_>) -> Result<Startup, StartupError> {
    let mut startup = Startup::default();
    let mut unknown = Vec::new();
    loop {
        let name = text(reader.text())?;
        if name.is_empty() {
            break;
        }
        let value = text(reader.text())?;
        match name.as_str() {
            "user" => startup.user = value,
            "database" => startup.database = value,
            "replication" if matches!(value.as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(StartupError::Replication),
            "options" => options(&value, &mut startup.settings)?,
            _ if name.starts_with("_pq_.") => unknown.push(name),
            _ => setting(&name, value, &mut startup.settings)?,
        }
    }
    if !reader.rest().is_empty() {
        return Err(StartupError::Layout);
    }
    if startup.user.is_empty() {
        return Err(StartupError::NoUser);
    }
    if startup.database.is_empty() {
        startup.database.clone_from(&startup.user);
    }
    if startup.user.len() > NAME_MAX || startup.database.len() > NAME_MAX {
        return Err(StartupError::Name);
    }
    startup.negotiate = (minor > 0 || !unknown.is_empty()).then_some(unknown);
    Ok(startup)
}

fn text(bytes: Option<&[u8]>) -> Result<String, StartupError> {
    let bytes = bytes.ok_or(StartupError::Layout)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| StartupError::Layout)
}

/// A setting that a connection can be given and can lose again.
fn setting(name: &str, value: String, into: &mut BTreeMap<String, String>) -> Result<(), StartupError> {
    let lower = name.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    let owned = matches!(lower.as_str(), "role" | "session_authorization" | "is_superuser");
    if owned || !lower.bytes().all(plain) || lower.len() > NAME_MAX {
        return Err(StartupError::Setting(name.chars().take(NAME_MAX).collect()));
    }
    let value = match lower.as_str() {
        // As PostgreSQL does.
        "application_name" => value
            .chars()
            .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
            .take(63)
            .collect(),
        _ if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => value,
        _ => return Err(StartupError::Setting(lower)),
    };
    into.insert(lower, value);
    Ok(())
}

/// `-c name=value`, `-cname=value` and `--name=value`, with a backslash before blanks that belong to a value.
fn options(text: &str, into: &mut BTreeMap<String, String>) -> Result<(), StartupError> {
    let refused = || StartupError::Setting("options".to_owned());
    let mut words = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let Some(word) = words.last_mut() else { break };
        match letter {
            '\\' => word.extend(letters.next()),
            ' ' | '\t' | '\n' | '\r' => words.push(String::new()),
            _ => word.push(letter),
        }
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--") {
            Some(pair) => pair.replace('-', "_"),
            None if word == "-c" => words.next().ok_or_else(refused)?,
            None => word.strip_prefix("-c").ok_or_else(refused)?.to_owned(),
        };
        let (name, _) = pair.split_once('=').ok_or_else(refused)?;
        // Dashes stand for underscores in names only.
        let value = word.split_once('=').or_else(|| pair.split_once('='));
        let value = value.map_or("", |(_, value)| value).to_owned();
        setting(name, value, into)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
