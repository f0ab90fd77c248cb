//! OK, ERR and EOF packets.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::consts::status;
use super::wire::{Reader, put_int, put_string};

/// An OK packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ok {
    /// Rows changed, or found with `CLIENT_FOUND_ROWS`.
    pub affected: u64,
    /// The generated key.
    pub insert_id: u64,
    /// Status flags.
    pub status: u16,
    /// Number of warnings.
    pub warnings: u16,
    /// Words for people.
    pub info: Bytes,
    /// What changed in the session.
    pub changes: Changes,
}

/// Session state changes told by a server (`session_track_*`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// System variables by name.
    pub variables: Vec<(Bytes, Bytes)>,
    /// The database in use now.
    pub schema: Option<Bytes>,
    /// Something of the session changed, whatever it was.
    pub state: bool,
    /// State of the transaction, eight letters.
    pub transaction: Option<Bytes>,
}

impl Changes {
    /// Takes over what is newer in `later`.
    pub fn merge(&mut self, later: Changes) {
        self.variables.extend(later.variables);
        self.schema = later.schema.or(self.schema.take());
        self.state |= later.state;
        self.transaction = later.transaction.or(self.transaction.take());
    }
}

impl Ok {
    /// Reads one from a connection with `SESSION_TRACK`; its first byte (0x00 or 0xFE) is skipped.
    #[must_use]
    pub fn read(payload: &Bytes) -> Option<Self> {
        let mut reader = Reader(payload);
        reader.u8()?;
        let mut ok = Self {
            affected: reader.int()?,
            insert_id: reader.int()?,
            status: reader.u16()?,
            warnings: reader.u16()?,
            ..Self::default()
        };
        if reader.0.is_empty() {
            return Some(ok);
        }
        ok.info = payload.slice_ref(reader.string()?);
        if ok.status & status::SESSION_STATE_CHANGED != 0 && !reader.0.is_empty() {
            ok.changes = Changes::read(payload, reader.string()?)?;
        }
        Some(ok)
    }

    /// Writes it for a client without `SESSION_TRACK`.
    #[must_use]
    pub fn payload(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(16 + self.info.len());
        out.put_u8(0);
        put_int(&mut out, self.affected);
        put_int(&mut out, self.insert_id);
        out.put_u16_le(self.status & !status::SESSION_STATE_CHANGED);
        out.put_u16_le(self.warnings);
        // Servers write its length, and clients read it, whatever the capabilities are.
        if !self.info.is_empty() {
            put_string(&mut out, &self.info);
        }
        out
    }
}

impl Changes {
    fn read(packet: &Bytes, data: &[u8]) -> Option<Self> {
        let mut changes = Self::default();
        let mut reader = Reader(data);
        while let Some(kind) = reader.u8() {
            let mut entry = Reader(reader.string()?);
            match kind {
                0 => {
                    while !entry.0.is_empty() {
                        let (name, value) = (entry.string()?, entry.string()?);
                        changes
                            .variables
                            .push((packet.slice_ref(name), packet.slice_ref(value)));
                    }
                }
                1 => changes.schema = Some(packet.slice_ref(entry.string()?)),
                // MySQL gives the character a length of its own, MariaDB does not.
                2 => changes.state |= entry.rest().ends_with(b"1"),
                5 => changes.transaction = Some(packet.slice_ref(entry.string()?)),
                _ => {}
            }
        }
        Some(changes)
    }
}

/// An EOF packet.
#[must_use]
pub fn eof(warnings: u16, status: u16) -> [u8; 5] {
    let (warnings, status) = (
        warnings.to_le_bytes(),
        (status & !status::SESSION_STATE_CHANGED).to_le_bytes(),
    );
    [0xFE, warnings[0], warnings[1], status[0], status[1]]
}

/// An ERR packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Err {
    /// Error number.
    pub code: u16,
    /// SQLSTATE, five characters.
    pub state: String,
    /// What went wrong.
    pub message: String,
}

impl Err {
    /// One of popgate's own.
    #[must_use]
    pub fn new(code: u16, state: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            state: state.to_owned(),
            message: message.into(),
        }
    }

    /// Reads one. A server that refuses before the login sends no SQLSTATE.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        reader.u8()?;
        let code = reader.u16()?;
        let text = String::from_utf8_lossy(reader.rest()).into_owned();
        let (state, message) = match text.strip_prefix('#').and_then(|text| text.split_at_checked(5)) {
            Some((state, message)) => (state.to_owned(), message.to_owned()),
            None => ("HY000".to_owned(), text),
        };
        Some(Self { code, state, message })
    }

    /// Writes it.
    #[must_use]
    pub fn payload(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(9 + self.message.len());
        out.put_u8(0xFF);
        out.put_u16_le(self.code);
        out.put_u8(b'#');
        out.put_slice(self.state.as_bytes());
        out.put_slice(self.message.as_bytes());
        out
    }
}

/// Packets of a result with one text row, for a client with EOF packets: column definitions, EOF, row, EOF.
#[must_use]
pub fn one_row(columns: &[(&[u8], u8)], row: &[Option<Vec<u8>>], status: u16) -> Vec<BytesMut> {
    let mut packets = vec![BytesMut::from(
        &[u8::try_from(columns.len()).unwrap_or(u8::MAX)][..],
    )];
    for (name, kind) in columns {
        let mut column = BytesMut::new();
        for text in [&b"def"[..], b"", b"", b"", name, b""] {
            put_string(&mut column, text);
        }
        column.put_u8(0x0C);
        // utf8mb3 for text, binary for numbers.
        column.put_u16_le(if *kind == VAR_STRING { 33 } else { 63 });
        column.put_u32_le(21);
        column.put_u8(*kind);
        column.put_u16_le(if *kind == VAR_STRING { 0 } else { 0x81 });
        column.put_u8(0);
        column.put_u16_le(0);
        packets.push(column);
    }
    packets.push(BytesMut::from(&eof(0, status)[..]));
    let mut values = BytesMut::new();
    for value in row {
        match value {
            Some(value) => put_string(&mut values, value),
            None => values.put_u8(0xFB),
        }
    }
    packets.push(values);
    packets.push(BytesMut::from(&eof(0, status)[..]));
    packets
}

/// Column type of integers.
pub const LONGLONG: u8 = 0x08;
/// Column type of text.
pub const VAR_STRING: u8 = 0xFD;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = Ok::read(&bytes);
            let _ = Err::read(&bytes);
        }
    }

    #[test]
    fn session_changes_are_read_and_not_passed_on() {
        let mut changes = BytesMut::new();
        let mut entry = |kind: u8, fields: &[&[u8]]| {
            let mut data = BytesMut::new();
            fields.iter().for_each(|field| put_string(&mut data, field));
            changes.put_u8(kind);
            put_string(&mut changes, &data);
        };
        entry(0, &[b"sql_mode", b"ANSI"]);
        entry(1, &[b"wp"]);
        entry(2, &[b"1"]);
        entry(5, &[b"T_______"]);
        let mut payload = BytesMut::from(&[0, 3, 7, 0x03, 0x40, 1, 0][..]);
        put_string(&mut payload, b"hello");
        put_string(&mut payload, &changes);
        let ok = Ok::read(&payload.freeze()).unwrap();
        assert_eq!((ok.affected, ok.insert_id, ok.warnings), (3, 7, 1));
        assert_eq!(
            ok.changes.variables,
            [(Bytes::from_static(b"sql_mode"), Bytes::from_static(b"ANSI"))]
        );
        assert_eq!(ok.changes.schema.as_deref(), Some(&b"wp"[..]));
        assert!(ok.changes.state);
        assert_eq!(&ok.payload()[..], b"\x00\x03\x07\x03\x00\x01\x00\x05hello");
    }

    #[test]
    fn an_error_without_sqlstate_is_an_error_all_the_same() {
        let err = Err::read(b"\xFF\x10\x04Too many connections").unwrap();
        assert_eq!((err.code, err.state.as_str()), (1040, "HY000"));
        let same = Err::read(&err.payload()).unwrap();
        assert_eq!(same, err);
        assert_eq!(Err::read(b"\xFF"), None);
    }
}
