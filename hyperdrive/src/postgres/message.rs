//! Messages: building all that is sent, and reading what must be understood.

use bytes::{BufMut as _, BytesMut};

use super::frame::Reader;

/// Appends a message whose body `body` writes.
pub fn put(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    untagged(out, body);
}

/// Appends a message without a tag, as the first ones of a connection are.
pub fn untagged(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_i32(0);
    body(out);
    // Bodies are built from bounded parts; one beyond the format's range ends the connection at the peer.
    let length = i32::try_from(out.len() - start).unwrap_or(i32::MAX);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

fn put_text(out: &mut BytesMut, text: &[u8]) {
    out.extend(text.iter().filter(|byte| **byte != 0));
    out.put_u8(0);
}

/// `Query`.
pub fn query(out: &mut BytesMut, sql: &str) {
    put(out, b'Q', |out| put_text(out, sql.as_bytes()));
}

/// `Parse`: `rest` is the text with its zero byte and the parameter types, as they came.
pub fn parse(out: &mut BytesMut, name: &[u8], rest: &[u8]) {
    put(out, b'P', |out| {
        put_text(out, name);
        out.extend_from_slice(rest);
    });
}

/// `Bind`: `rest` is what follows the names.
pub fn bind(out: &mut BytesMut, portal: &[u8], statement: &[u8], rest: &[u8]) {
    put(out, b'B', |out| {
        put_text(out, portal);
        put_text(out, statement);
        out.extend_from_slice(rest);
    });
}

/// `Describe` (`D`) or `Close` (`C`) of a statement (`S`) or portal (`P`).
pub fn named(out: &mut BytesMut, tag: u8, kind: u8, name: &[u8]) {
    put(out, tag, |out| {
        out.put_u8(kind);
        put_text(out, name);
    });
}

/// A message without a body: `Sync`, `Terminate`, `ParseComplete` …
pub fn empty(out: &mut BytesMut, tag: u8) {
    put(out, tag, |_| ());
}

/// `StartupMessage` of protocol 3.0.
pub fn startup(out: &mut BytesMut, parameters: &[(&str, &str)]) {
    untagged(out, |out| {
        out.put_i32(super::startup::PROTOCOL_3_0);
        for (name, value) in parameters {
            put_text(out, name.as_bytes());
            put_text(out, value.as_bytes());
        }
        out.put_u8(0);
    });
}

/// `CancelRequest`.
pub fn cancel(out: &mut BytesMut, pid: i32, secret: &[u8]) {
    untagged(out, |out| {
        out.put_i32(super::startup::CANCEL);
        out.put_i32(pid);
        out.extend_from_slice(secret);
    });
}

/// `PasswordMessage` with a zero byte behind the password.
pub fn password(out: &mut BytesMut, password: &str) {
    put(out, b'p', |out| put_text(out, password.as_bytes()));
}

/// `SASLInitialResponse`.
pub fn sasl_initial(out: &mut BytesMut, mechanism: &str, data: &[u8]) {
    put(out, b'p', |out| {
        put_text(out, mechanism.as_bytes());
        out.put_i32(i32::try_from(data.len()).unwrap_or(i32::MAX));
        out.extend_from_slice(data);
    });
}

/// `SASLResponse`.
pub fn sasl(out: &mut BytesMut, data: &[u8]) {
    put(out, b'p', |out| out.extend_from_slice(data));
}

/// An authentication request with its code.
pub fn authentication(out: &mut BytesMut, code: i32, data: &[u8]) {
    put(out, b'R', |out| {
        out.put_i32(code);
        out.extend_from_slice(data);
    });
}

/// `ParameterStatus`.
pub fn parameter(out: &mut BytesMut, name: &str, value: &str) {
    put(out, b'S', |out| {
        put_text(out, name.as_bytes());
        put_text(out, value.as_bytes());
    });
}

/// `BackendKeyData`.
pub fn key_data(out: &mut BytesMut, pid: i32, secret: i32) {
    put(out, b'K', |out| {
        out.put_i32(pid);
        out.put_i32(secret);
    });
}

/// `ReadyForQuery`.
pub fn ready(out: &mut BytesMut, status: u8) {
    put(out, b'Z', |out| out.put_u8(status));
}

/// `CommandComplete`.
pub fn complete(out: &mut BytesMut, tag: &str) {
    put(out, b'C', |out| put_text(out, tag.as_bytes()));
}

/// `NegotiateProtocolVersion`: 3.0 is spoken, and these options are not known.
pub fn negotiate(out: &mut BytesMut, unknown: &[String]) {
    put(out, b'v', |out| {
        out.put_i32(0);
        out.put_i32(i32::try_from(unknown.len()).unwrap_or(i32::MAX));
        for name in unknown {
            put_text(out, name.as_bytes());
        }
    });
}

/// An `ErrorResponse`'s severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The session goes on.
    Error,
    /// The connection ends.
    Fatal,
}

/// What a client is told when something fails at the PoP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether the connection ends.
    pub severity: Severity,
    /// SQLSTATE.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
}

impl Fault {
    /// The session goes on after it.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
        }
    }

    /// The connection ends with it.
    pub fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fatal,
            ..Self::error(code, message)
        }
    }

    /// Appends it as an `ErrorResponse`.
    pub fn put(&self, out: &mut BytesMut) {
        let severity: &[u8] = match self.severity {
            Severity::Error => b"ERROR",
            Severity::Fatal => b"FATAL",
        };
        put(out, b'E', |out| {
            for (field, value) in [
                (b'S', severity),
                (b'V', severity),
                (b'C', self.code.as_bytes()),
                (b'M', self.message.as_bytes()),
            ] {
                out.put_u8(field);
                put_text(out, value);
            }
            out.put_u8(0);
        });
    }
}

/// What an `ErrorResponse` or `NoticeResponse` says; a field that is absent is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Not translated, where the server tells (`V`), else `S`.
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
}

/// Reads the body of an `ErrorResponse`. Never fails: what is absent or broken is empty.
#[must_use]
pub fn said(body: &[u8]) -> Said {
    let mut reader = Reader::new(body);
    let mut said = Said::default();
    while let Some(field) = reader.byte().filter(|field| *field != 0) {
        let Some(value) = reader.text() else { break };
        let value = || String::from_utf8_lossy(value).into_owned();
        match field {
            b'V' => said.severity = value(),
            b'S' if said.severity.is_empty() => said.severity = value(),
            b'C' => said.code = value(),
            b'M' => said.message = value(),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::take;
    use super::*;

    #[test]
    fn an_error_without_sqlstate_is_read() {
        assert_eq!(said(b"SFATAL\0Mgone\0\0").code, "");
        assert_eq!(said(b"SFATAL\0Mgone\0\0").message, "gone");
        assert_eq!(said(b""), Said::default());
    }

    #[test]
    fn a_fault_is_read_back() {
        let mut out = BytesMut::new();
        Fault::fatal("28P01", "no").put(&mut out);
        let read = said(take(&mut out, 1000).unwrap().unwrap().body());
        assert_eq!(
            (read.severity.as_str(), read.code.as_str(), read.message.as_str()),
            ("FATAL", "28P01", "no")
        );
    }

    proptest! {
        #[test]
        fn no_error_body_panics(body: Vec<u8>) {
            let _ = said(&body);
        }
    }
}
