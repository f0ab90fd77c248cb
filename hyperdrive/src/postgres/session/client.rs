//! What clients say.

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};

use super::{End, Expect, Prepared, Session};
use crate::config::PoolMode;
use crate::observe::{Event, Limit};
use crate::postgres::facts::{self, Change, Facts};
use crate::postgres::frame::{self, FrameError, Header, Message, Reader};
use crate::postgres::message::{self, Fault};
use crate::sql::{Options, Pin};

/// Prepared statements a client may have.
const STATEMENTS_MAX: usize = 10_000;
/// Bytes that wait for the server, beyond which no more messages are handled.
const BACKLOG: usize = 64 * 1024;
/// Answers that may be outstanding.
const QUEUE_MAX: usize = 10_000;

fn malformed() -> End {
    End::Told(Fault::fatal("08P01", "the message cannot be understood"))
}

/// The client is told this in place of an answer.
enum Refused {
    Fault(Fault),
    End(End),
}

impl From<End> for Refused {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl Session {
    /// Handles all messages that can be; the tag of the first that needs a connection.
    pub(super) fn client_messages(&mut self) -> Result<Option<u8>, End> {
        loop {
            if self.sending > 0 && !self.send_on() {
                return Ok(None);
            }
            let backlog = self.link.as_ref().map_or(0, |lease| lease.wire.output.len());
            if backlog > BACKLOG || self.queue.len() > QUEUE_MAX {
                return Ok(None);
            }
            let max = self.config.limits.packet_max;
            let header = frame::header(&self.client.input, max).map_err(|error| self.broken(error))?;
            let Some(Header { tag, total }) = header else {
                if self.client.input.is_empty() && self.client.input.capacity() > BACKLOG {
                    self.client.input = BytesMut::new();
                }
                return Ok(None);
            };
            // Rows go on as they come.
            if tag == b'd' {
                self.sending = total;
                continue;
            }
            if self.client.input.len() < total {
                return Ok(None);
            }
            let here = matches!(tag, b'X' | b'c' | b'f' | b'H') || (tag == b'S' && !self.batch);
            if self.link.is_none() && !here && !self.local_skip {
                return Ok(Some(tag));
            }
            let bytes = self.client.input.split_to(total).freeze();
            self.say(&Message { tag, bytes })?;
        }
    }

    fn broken(&self, error: FrameError) -> End {
        let code = match error {
            FrameError::Long { .. } => {
                self.front.observe(Event::Limit(Limit::PacketMax));
                "54000"
            }
            FrameError::Short(_) => {
                self.front.observe(Event::Malformed);
                "08P01"
            }
        };
        End::Told(Fault::fatal(code, error.to_string()))
    }

    /// Passes on a part of a message of rows; false when more must come first.
    fn send_on(&mut self) -> bool {
        let count = self.sending.min(self.client.input.len());
        if let Some(lease) = &mut self.link {
            if lease.wire.output.len() > BACKLOG {
                return false;
            }
            lease.wire.output.extend_from_slice(&self.client.input[..count]);
        }
        self.client.input.advance(count);
        self.sending -= count;
        self.sending == 0
    }

    /// There is no connection for a message of this sort: the client is told, and may go on.
    pub(super) fn refuse(&mut self, tag: u8, fault: &Fault) {
        fault.put(&mut self.client.output);
        match tag {
            b'Q' | b'F' => {
                if let Ok(Some(_)) = frame::take(&mut self.client.input, self.config.limits.packet_max) {
                    message::ready(&mut self.client.output, b'I');
                }
            }
            _ => self.local_skip = true,
        }
    }

    fn forward(&mut self, message: &Message) {
        if let Some(lease) = &mut self.link {
            lease.wire.output.extend_from_slice(&message.bytes);
        }
    }

    fn say(&mut self, message: &Message) -> Result<(), End> {
        if self.local_skip || self.link.is_none() {
            match message.tag {
                b'X' => return Err(End::Left),
                b'S' => {
                    self.local_skip = false;
                    message::ready(&mut self.client.output, b'I');
                }
                _ => {}
            }
            return Ok(());
        }
        if self.skipping && !matches!(message.tag, b'S' | b'X') {
            return Ok(());
        }
        if self.queue.is_empty() && self.status == b'I' && !self.batch {
            self.fit();
        }
        let refused = match message.tag {
            b'X' => return Err(End::Left),
            b'Q' => self.query(message),
            b'P' => self.parse(message),
            b'B' => self.bind(message),
            b'D' => self.describe(message),
            b'E' => self.execute(message),
            b'C' => self.close(message),
            b'F' => self.call(message),
            b'S' => {
                self.sync(message);
                Ok(())
            }
            b'H' | b'c' | b'f' => {
                self.copy_in &= message.tag == b'H';
                self.forward(message);
                Ok(())
            }
            _ => return Err(malformed()),
        };
        match refused {
            Ok(()) => Ok(()),
            Err(Refused::End(end)) => Err(end),
            Err(Refused::Fault(fault)) => {
                self.turn_down(message.tag, &fault);
                Ok(())
            }
        }
    }

    fn sync(&mut self, message: &Message) {
        self.forward(message);
        // A server that takes rows passes over it.
        if !self.copy_in {
            self.queue.push_back(Expect::Sync);
            self.batch = false;
            self.skipping = false;
        }
    }

    /// A statement is not passed on; the client is told in its turn.
    fn turn_down(&mut self, tag: u8, fault: &Fault) {
        let mut out = BytesMut::new();
        fault.put(&mut out);
        if matches!(tag, b'Q' | b'F') {
            message::ready(&mut out, self.status);
        } else {
            self.skipping = true;
            self.failed = true;
        }
        self.local(out.freeze());
    }

    fn facts(&self, text: &[u8]) -> Arc<Facts> {
        let told = |name: &str| self.told.get(name).map(String::as_str);
        let options = Options {
            standard_conforming_strings: told("standard_conforming_strings") != Some("off"),
            ascii_safe: !matches!(
                told("client_encoding"),
                Some("BIG5" | "GB18030" | "GBK" | "JOHAB" | "SJIS" | "SHIFT_JIS_2004" | "UHC")
            ),
            ..Options::default()
        };
        facts::facts(text, &options)
    }

    /// Pins for what a statement does, or refuses it.
    fn admit(&mut self, facts: &Facts) -> Result<(), Refused> {
        if facts.asks_sequence
            && self.pins.is_empty()
            && self.status == b'I'
            && self.config.pool.mode != PoolMode::Session
        {
            let message = "what a sequence gave to this session is not known here: use RETURNING, or ask in the same transaction";
            return Err(Refused::Fault(Fault::error("55000", message)));
        }
        if let Some(pin) = facts.pins.first().copied() {
            if self.config.pool.mode == PoolMode::Transaction {
                let message = format!(
                    "this needs a connection of its own ({}), and pool.mode is transaction",
                    super::reason(pin)
                );
                return Err(Refused::Fault(Fault::error("0A000", message)));
            }
            facts.pins.iter().for_each(|pin| self.pin(*pin));
        }
        Ok(())
    }

    fn query(&mut self, message: &Message) -> Result<(), Refused> {
        let text = Reader::new(message.body()).text().ok_or_else(malformed)?;
        let facts = self.facts(text);
        if let [Change::Deallocate(Some(name))] = facts.changes.as_slice()
            && facts.single
            && self.status != b'E'
            && self.statements.remove(name.as_bytes()).is_some()
        {
            let mut out = BytesMut::new();
            message::complete(&mut out, "DEALLOCATE");
            message::ready(&mut out, self.status);
            self.local(out.freeze());
            return Ok(());
        }
        self.admit(&facts)?;
        self.statements.remove(&b""[..]);
        if let Some(lease) = &mut self.link {
            lease.unnamed = None;
        }
        self.queue.push_back(Expect::Simple(facts));
        self.forward(message);
        Ok(())
    }

    fn call(&mut self, message: &Message) -> Result<(), Refused> {
        let facts = Facts {
            pins: vec![Pin::UnknownFunction],
            ..Facts::default()
        };
        self.admit(&facts)?;
        self.queue.push_back(Expect::Simple(Arc::new(facts)));
        self.forward(message);
        Ok(())
    }

    fn parse(&mut self, message: &Message) -> Result<(), Refused> {
        self.batch = true;
        let mut reader = Reader::new(message.body());
        let name = reader.text().ok_or_else(malformed)?;
        let body = message.bytes.slice_ref(reader.rest());
        let text = reader.text().ok_or_else(malformed)?;
        let facts = self.facts(text);
        let name = message.bytes.slice_ref(name);
        if self.statements.len() >= STATEMENTS_MAX {
            let message = format!("a client may have {STATEMENTS_MAX} prepared statements");
            return Err(Refused::Fault(Fault::error("54000", message)));
        }
        if !name.is_empty() && self.statements.contains_key(&name) {
            let message = format!(
                "prepared statement \"{}\" already exists",
                String::from_utf8_lossy(&name)
            );
            return Err(Refused::Fault(Fault::error("42P05", message)));
        }
        // Kept apart from the buffer it came in, which may be large.
        let body = Bytes::copy_from_slice(&body);
        let name = Bytes::copy_from_slice(&name);
        let prepared = Prepared {
            body: body.clone(),
            facts,
        };
        self.statements.insert(name.clone(), Arc::new(prepared));
        if name.is_empty() {
            self.prepare_unnamed(body, Some(name));
        } else if self.is_prepared(&body) {
            self.local(Bytes::from_static(b"1\0\0\0\x04"));
        } else {
            self.prepare(body, Some(name));
        }
        Ok(())
    }

    fn is_prepared(&self, body: &Bytes) -> bool {
        self.link
            .as_ref()
            .is_some_and(|lease| lease.statements.contains(body))
    }

    fn prepare_unnamed(&mut self, body: Bytes, name: Option<Bytes>) {
        let Some(lease) = &mut self.link else { return };
        message::parse(&mut lease.wire.output, b"", &body);
        lease.unnamed = Some(body.clone());
        self.queue.push_back(Expect::Parse {
            body,
            name,
            unnamed: true,
        });
    }

    /// Prepares a statement under a name of the PoP's own; the one used longest ago makes room.
    fn prepare(&mut self, body: Bytes, name: Option<Bytes>) {
        let Some(lease) = &mut self.link else { return };
        if lease.statements.len() >= lease.statements.cap().get()
            && let Some((_, number)) = lease.statements.pop_lru()
        {
            message::named(&mut lease.wire.output, b'C', b'S', own(number).as_bytes());
            self.queue.push_back(Expect::OwnClose);
        }
        let number = lease.next_statement;
        lease.next_statement += 1;
        message::parse(&mut lease.wire.output, own(number).as_bytes(), &body);
        lease.statements.put(body.clone(), number);
        self.queue.push_back(Expect::Parse {
            body,
            name,
            unnamed: false,
        });
    }

    /// The name at the server of a client's statement, which is prepared there if it is not yet.
    fn resolve(&mut self, name: &[u8]) -> Result<(String, Option<Arc<Prepared>>), Refused> {
        let Some(prepared) = self.statements.get(name).cloned() else {
            let (code, message) = match name {
                b"" => ("26000", "unnamed prepared statement does not exist".to_owned()),
                name => (
                    "26000",
                    format!(
                        "prepared statement \"{}\" does not exist",
                        String::from_utf8_lossy(name)
                    ),
                ),
            };
            // What SQL has prepared has its own name, on the connection that it has pinned.
            if !self.pins.is_empty() && !name.starts_with(b"popgate_") && !name.is_empty() {
                return Ok((String::from_utf8_lossy(name).into_owned(), None));
            }
            return Err(Refused::Fault(Fault::error(code, message)));
        };
        if name.is_empty() {
            if self
                .link
                .as_ref()
                .is_some_and(|lease| lease.unnamed.as_ref() != Some(&prepared.body))
            {
                self.prepare_unnamed(prepared.body.clone(), None);
            }
            return Ok((String::new(), Some(prepared)));
        }
        if !self.is_prepared(&prepared.body) {
            self.prepare(prepared.body.clone(), None);
        }
        let number = self
            .link
            .as_mut()
            .and_then(|lease| lease.statements.get(&prepared.body).copied());
        Ok((own(number.unwrap_or_default()), Some(prepared)))
    }

    fn bind(&mut self, message: &Message) -> Result<(), Refused> {
        self.batch = true;
        let mut reader = Reader::new(message.body());
        let portal = reader.text().ok_or_else(malformed)?;
        let statement = reader.text().ok_or_else(malformed)?;
        let (name, prepared) = self.resolve(statement)?;
        let facts = prepared
            .map(|prepared| Arc::clone(&prepared.facts))
            .unwrap_or_default();
        self.portals.insert(Bytes::copy_from_slice(portal), facts);
        if let Some(lease) = &mut self.link {
            message::bind(&mut lease.wire.output, portal, name.as_bytes(), reader.rest());
        }
        self.queue.push_back(Expect::One);
        Ok(())
    }

    fn describe(&mut self, message: &Message) -> Result<(), Refused> {
        self.batch = true;
        let mut reader = Reader::new(message.body());
        match (reader.byte(), reader.text()) {
            (Some(b'S'), Some(name)) => {
                let (name, _) = self.resolve(name)?;
                if let Some(lease) = &mut self.link {
                    message::named(&mut lease.wire.output, b'D', b'S', name.as_bytes());
                }
            }
            (Some(b'P'), Some(_)) => self.forward(message),
            _ => return Err(malformed().into()),
        }
        self.queue.push_back(Expect::Describe);
        Ok(())
    }

    fn execute(&mut self, message: &Message) -> Result<(), Refused> {
        self.batch = true;
        let portal = Reader::new(message.body()).text().ok_or_else(malformed)?;
        let facts = self.portals.get(portal).cloned().unwrap_or_default();
        self.admit(&facts)?;
        self.queue.push_back(Expect::Execute(facts));
        self.forward(message);
        Ok(())
    }

    fn close(&mut self, message: &Message) -> Result<(), Refused> {
        self.batch = true;
        let mut reader = Reader::new(message.body());
        match (reader.byte(), reader.text()) {
            (Some(b'S'), Some(name)) => {
                self.statements.remove(name);
                self.local(Bytes::from_static(b"3\0\0\0\x04"));
            }
            (Some(b'P'), Some(_)) => {
                self.queue.push_back(Expect::One);
                self.forward(message);
            }
            _ => return Err(malformed().into()),
        }
        Ok(())
    }
}

fn own(number: u64) -> String {
    format!("popgate_{number}")
}
