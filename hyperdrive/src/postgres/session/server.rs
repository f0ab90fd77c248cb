//! What servers say.

use bytes::{Buf as _, Bytes};

use super::{End, Expect, Session};
use crate::observe::{Event, From};
use crate::postgres::frame::{self, Header, Message};
use crate::postgres::message::{self, Fault};
use crate::postgres::origin::REPLY_MAX;

/// Longest message a server may send: PostgreSQL's own limit is a gigabyte.
const ROW_MAX: usize = 1 << 30;

fn doubt(what: &str) -> End {
    End::Told(Fault::fatal(
        "08006",
        format!("the database says what was not asked for: {what}"),
    ))
}

impl Session {
    /// Passes on all that has been read from the server.
    pub(super) fn server_messages(&mut self) -> Result<(), End> {
        loop {
            let Some(lease) = &mut self.link else {
                return Ok(());
            };
            let input = &mut lease.wire.input;
            if self.passing > 0 {
                let count = self.passing.min(input.len());
                self.client.output.extend_from_slice(&input[..count]);
                input.advance(count);
                self.passing -= count;
                if self.passing > 0 {
                    return Ok(());
                }
            }
            let header = frame::header(input, ROW_MAX).map_err(|error| doubt(&error.to_string()))?;
            let Some(Header { tag, total }) = header else {
                // No room is kept by a connection that is quiet.
                if input.is_empty() && input.capacity() > REPLY_MAX {
                    *input = bytes::BytesMut::new();
                }
                return Ok(());
            };
            let own = matches!(self.queue.front(), Some(Expect::Fixup));
            if !own && matches!(tag, b'D' | b'd' | b'T' | b't' | b'V' | b'n') {
                self.passing = total;
                if matches!(tag, b'T' | b'n') && matches!(self.queue.front(), Some(Expect::Describe)) {
                    // What follows at the head is written behind these bytes.
                    self.passing_then_pop(total);
                }
                continue;
            }
            if total > REPLY_MAX {
                return Err(doubt("a message that is too long"));
            }
            if input.len() < total {
                return Ok(());
            }
            let bytes = input.split_to(total).freeze();
            self.reply(&Message { tag, bytes })?;
        }
    }

    /// A description is passed on as far as it is there; when all of it is, its expectation is met.
    fn passing_then_pop(&mut self, total: usize) {
        let Some(lease) = &mut self.link else { return };
        let input = &mut lease.wire.input;
        let count = total.min(input.len());
        self.client.output.extend_from_slice(&input[..count]);
        input.advance(count);
        self.passing = total - count;
        self.queue.pop_front();
        if self.passing == 0 {
            self.locals();
        }
    }

    fn pass(&mut self, message: &Message) {
        self.client.output.extend_from_slice(&message.bytes);
    }

    /// The head of the queue has been met.
    fn pop(&mut self) {
        self.queue.pop_front();
        self.locals();
    }

    /// Says what the PoP itself answers, as far as it is its turn.
    fn locals(&mut self) {
        while let Some(Expect::Local(bytes)) = self.queue.front() {
            self.client.output.extend_from_slice(bytes);
            self.queue.pop_front();
        }
    }

    /// Says something in its turn.
    pub(super) fn local(&mut self, bytes: Bytes) {
        self.queue.push_back(Expect::Local(bytes));
        if self.passing == 0 {
            self.locals();
        }
    }

    fn reply(&mut self, message: &Message) -> Result<(), End> {
        match (message.tag, self.queue.front()) {
            (b'S', _) => self.report(message),
            (b'A', _) => self.pass(message),
            (b'N', Some(Expect::Fixup)) => {}
            (b'N', _) => self.pass(message),
            (b'E', None) => {
                // The server ends the connection by itself.
                self.pass(message);
                return self.lost();
            }
            (b'E', Some(Expect::Fixup)) => {
                let said = message::said(message.body());
                let message = format!("the session's settings are refused: {}", said.message);
                return Err(End::Told(Fault::fatal("22023", message)));
            }
            (b'Z', Some(Expect::Fixup)) => self.pop(),
            (_, Some(Expect::Fixup)) => {}
            (b'E', _) => self.error(message),
            (b'Z', Some(Expect::Simple(_) | Expect::Sync)) => self.ready(message),
            (b'1', Some(Expect::Parse { name, .. })) => {
                if name.is_some() {
                    self.pass(message);
                }
                self.pop();
            }
            (b'2' | b'3', Some(Expect::One)) => {
                self.pass(message);
                self.pop();
            }
            (b'3', Some(Expect::OwnClose)) => self.pop(),
            (b'C' | b'I', Some(Expect::Simple(_))) => {
                self.complete(message);
                self.pass(message);
            }
            (b'C' | b'I' | b's', Some(Expect::Execute(_))) => {
                self.complete(message);
                self.pass(message);
                self.pop();
            }
            (b'G', Some(Expect::Simple(_) | Expect::Execute(_))) => {
                self.copy_in = true;
                // A server that takes rows passes over these.
                while matches!(self.queue.get(1), Some(Expect::Sync)) {
                    self.queue.remove(1);
                }
                self.pass(message);
            }
            (b'H' | b'c', Some(Expect::Simple(_) | Expect::Execute(_))) => self.pass(message),
            (tag, head) => return Err(doubt(&format!("{:?} instead of {head:?}", char::from(tag)))),
        }
        Ok(())
    }

    fn report(&mut self, message: &Message) {
        let Some(lease) = &mut self.link else { return };
        let Some((name, value)) = lease.parameter(message.body()) else {
            return;
        };
        if self.told.get(&name) != Some(&value) {
            self.told.insert(name, value);
            // Before the welcome all of them are told at once.
            if self.welcomed {
                self.pass(message);
            }
        }
    }

    fn complete(&mut self, message: &Message) {
        let (Some(Expect::Simple(facts)) | Some(Expect::Execute(facts))) = self.queue.front() else {
            return;
        };
        self.copy_in = false;
        let facts = std::sync::Arc::clone(facts);
        self.front.observe(Event::Answered(From::Origin));
        if message.body().starts_with(b"ROLLBACK") && !facts.rolls_back_to {
            self.pending.clear();
        } else if message.tag == b'C' {
            if facts.rolls_back_to && !self.pending.is_empty() {
                self.pin(crate::sql::Pin::Variable);
            }
            if facts.single {
                self.pending.extend(facts.changes.iter().cloned());
            }
        }
    }

    fn error(&mut self, message: &Message) {
        self.failed = true;
        self.copy_in = false;
        self.pass(message);
        if matches!(self.queue.front(), Some(Expect::Simple(_) | Expect::Execute(_))) {
            self.front.observe(Event::Answered(From::Origin));
        }
        if matches!(self.queue.front(), Some(Expect::Simple(_))) {
            return;
        }
        let stale = matches!(message::said(message.body()).code.as_str(), "0A000" | "26000");
        while let Some(expect) = self.queue.front() {
            if matches!(expect, Expect::Sync | Expect::Simple(_)) {
                self.skipping = false;
                return;
            }
            if let Some(Expect::Parse { body, name, unnamed }) = self.queue.pop_front() {
                if let Some(lease) = &mut self.link {
                    match unnamed {
                        true => lease.unnamed = None,
                        false => drop(lease.statements.pop(&body)),
                    }
                }
                if let Some(name) = name {
                    self.statements.remove(&name);
                }
            }
        }
        if stale && let Some(lease) = &mut self.link {
            // A plan that no longer fits: what is prepared is prepared anew on another connection.
            lease.tainted = true;
            lease.forget_statements();
        }
        self.skipping = true;
    }

    fn ready(&mut self, message: &Message) {
        let before = self.status;
        self.status = message.body().first().copied().unwrap_or(b'E');
        if let Some(Expect::Simple(facts)) = self.queue.front()
            && !facts.single
            && !self.failed
        {
            self.pending.extend(facts.changes.iter().cloned());
        }
        if let Some(lease) = &mut self.link {
            lease.status = self.status;
        }
        if self.status == b'I' {
            match self.failed && before == b'I' {
                true => self.pending.clear(),
                false => self.commit(),
            }
            self.portals.clear();
        }
        self.failed = false;
        self.copy_in = false;
        self.pass(message);
        self.pop();
    }
}
