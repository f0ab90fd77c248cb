//! Statements: judged, answered here or passed on, and their answers followed to the end.

use std::sync::Arc;

use bytes::Bytes;

use super::command::unpinned;
use super::{End, STALL, Session};
use crate::config::PoolMode;
use crate::mysql::channel::ChannelError;
use crate::mysql::consts::com;
use crate::mysql::packet::{Err as ErrPacket, LONGLONG, one_row};
use crate::mysql::profile::Setting;
use crate::mysql::response::{Asked, Response};
use crate::mysql::statement::{Asked as Question, Kind, Pin, Verdict, judge};
use crate::observe::{self, Event, Limit};

/// Written to the client at once when there is as much.
const COALESCE: usize = 64 * 1024;
/// Commands a client may send ahead while an answer is under way, in bytes.
const AHEAD_MAX: usize = 64 * 1024;

/// Character sets in which a byte of a character may look like a quote or a backslash.
const TREACHEROUS: [&str; 5] = ["big5", "cp932", "gb", "sjis", "swe7"];

/// The one number in a result.
pub(super) fn number(rows: &[Vec<Option<Bytes>>]) -> Option<u64> {
    let value = rows.first()?.first()?.as_ref()?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// How an answer ended.
enum Through {
    /// The whole of it was passed on.
    Whole(Box<Response>),
    /// The server went before it said anything.
    NotBegun(ChannelError),
}

impl Session {
    /// `COM_QUERY`.
    pub(super) async fn query(&mut self, sql: Bytes) -> Result<(), End> {
        let mut verdict = judge(&sql, self.backslash());
        if self.treacherous() {
            verdict.pin = verdict.pin.or(Some(Pin::CharacterSet));
            verdict.kind = Kind::Other;
        }
        match verdict.kind.clone() {
            Kind::Kill { id, query } => return self.kill(id, query).await,
            Kind::Use(schema) => return self.use_schema(Bytes::from(schema)).await,
            Kind::Ask(Question::ConnectionId, name) => {
                self.last.found_rows = 1;
                self.last.row_count = -1;
                return self.say_number(&name, i128::from(self.id)).await;
            }
            Kind::Ask(question, name) if !self.knows_better(question) => {
                return self.say_last(question, &name).await;
            }
            Kind::Set(settings) if self.link.is_none() && self.mode != PoolMode::Session => {
                let known = self.known_set(&sql);
                if self.database().accepts(&known) {
                    self.adopt(settings);
                    self.last.row_count = 0;
                    return self.say_ok().await;
                }
            }
            _ => {}
        }
        if let Some(pin) = verdict.pin {
            if self.mode == PoolMode::Transaction {
                return self.say_err(&unpinned(pin)).await;
            }
            self.pin(pin);
        }
        self.run_statement(sql, verdict).await
    }

    fn treacherous(&self) -> bool {
        let names = self.profile.names().unwrap_or_default();
        let client = self.profile.get("character_set_client").unwrap_or(names);
        let client = client.trim_start_matches(['\'', '"']).to_ascii_lowercase();
        TREACHEROUS.iter().any(|name| client.starts_with(name))
    }

    /// Whether only the linked connection can answer.
    fn knows_better(&self, question: Question) -> bool {
        self.link.is_some() && question == Question::LastInsertId && self.last.insert_id_there
            || self
                .pins
                .iter()
                .any(|pin| !matches!(pin, Pin::PreparedStatement | Pin::SessionMode))
            || self.mode == PoolMode::Session
    }

    async fn say_last(&mut self, question: Question, name: &str) -> Result<(), End> {
        let value = match question {
            Question::FoundRows => i128::from(self.last.found_rows),
            Question::LastInsertId => i128::from(self.last.insert_id),
            Question::RowCount => i128::from(self.last.row_count),
            Question::ConnectionId => i128::from(self.id),
        };
        self.last.found_rows = 1;
        self.last.row_count = -1;
        self.say_number(name, value).await
    }

    async fn say_number(&mut self, name: &str, value: i128) -> Result<(), End> {
        self.answered(observe::From::Here);
        let row = [Some(value.to_string().into_bytes())];
        for packet in one_row(&[(name.as_bytes(), LONGLONG)], &row, self.flags()) {
            self.client.put(&packet);
        }
        self.flush().await
    }

    /// Under which name a `SET` is remembered as accepted.
    fn known_set(&self, sql: &[u8]) -> Vec<u8> {
        [b"set:", self.user.origin_user.as_bytes(), b"\0", sql].concat()
    }

    fn adopt(&mut self, settings: Vec<(Setting, String)>) {
        for (setting, value) in settings {
            Arc::make_mut(&mut self.profile).set(setting, value);
        }
    }

    async fn run_statement(&mut self, sql: Bytes, verdict: Verdict) -> Result<(), End> {
        // A question about warnings is for the connection that has them; any other statement replaces them.
        if !verdict.asks.diagnostics {
            self.last.warnings_there = false;
        }
        let retry = verdict.kind == Kind::Read && self.pins.is_empty() && !self.in_transaction();
        let mut payload = Vec::with_capacity(1 + sql.len());
        payload.push(com::QUERY);
        payload.extend_from_slice(&sql);
        let mut through = self.exchange(&payload, Asked::Statement, &verdict).await?;
        if let (Some(Through::NotBegun(_)), true) = (&through, retry) {
            // Reading twice harms nobody, and the client has seen nothing.
            through = self.exchange(&payload, Asked::Statement, &verdict).await?;
        }
        match through {
            None => Ok(()),
            Some(Through::NotBegun(error)) => Err(self.lost(&error).await),
            Some(Through::Whole(response)) => self.learn(&response, verdict, &sql).await,
        }
    }

    /// Passes on a command other than `COM_QUERY`.
    pub(super) async fn forward(&mut self, packet: &Bytes, asked: Asked) -> Result<(), End> {
        let verdict = Verdict::none();
        match self.exchange(packet, asked, &verdict).await? {
            None => Ok(()),
            Some(Through::NotBegun(error)) => Err(self.lost(&error).await),
            Some(Through::Whole(response)) => {
                if let Some((id, _)) = response.prepared {
                    self.prepared.insert(id);
                }
                self.learn(&response, verdict, b"").await
            }
        }
    }

    /// Sends a command behind what makes a connection fit, and passes on the answer. `None`: the client was
    /// told an error instead.
    async fn exchange(
        &mut self,
        payload: &[u8],
        asked: Asked,
        verdict: &Verdict,
    ) -> Result<Option<Through>, End> {
        if let Err(err) = self.link().await? {
            self.say_err(&err).await?;
            return Ok(None);
        }
        self.answered(observe::From::Origin);
        let prelude = self.prelude(verdict.asks.insert_id);
        let found = verdict.calc_found_rows;
        let Some(link) = self.link.as_mut() else {
            return Ok(None);
        };
        link.channel.seq = 0;
        link.channel.put(payload);
        if found {
            link.channel.put_command(com::QUERY, b"SELECT FOUND_ROWS()");
        }
        if let Err(error) = link.channel.flush().await {
            self.cut().await;
            return Ok(Some(Through::NotBegun(error.into())));
        }
        match self.prelude_through(&prelude).await {
            Ok(None) => {}
            Ok(Some(err)) => {
                // The command itself is under way behind the refused setting: nobody may see its answer.
                self.cut().await;
                self.say_err(&err).await?;
                return if self.pins.is_empty() {
                    Ok(None)
                } else {
                    Err(End::Left)
                };
            }
            Err(error) => {
                self.cut().await;
                return Ok(Some(Through::NotBegun(error)));
            }
        }
        let response = match self.relay(asked).await? {
            Through::Whole(response) => response,
            not_begun @ Through::NotBegun(_) => return Ok(Some(not_begun)),
        };
        if found {
            let rows = match self.link.as_mut() {
                Some(link) => link.rows().await,
                None => Ok(Vec::new()),
            };
            match rows {
                Ok(rows) => self.last.found_rows = number(&rows).unwrap_or(0),
                Err(error) => return Err(self.lost(&error).await),
            }
        }
        Ok(Some(Through::Whole(response)))
    }

    /// Passes on an answer, never holding more than a little of it. A client that goes meanwhile takes its
    /// statement with it.
    async fn relay(&mut self, asked: Asked) -> Result<Through, End> {
        let mut response = Box::new(Response::new(asked, self.flags()));
        let limit = self.database().limits().query;
        loop {
            let Some(link) = self.link.as_mut() else {
                return Err(End::Left);
            };
            let fed = response.feed(
                &mut link.channel.input,
                &mut self.client.output,
                &mut self.client.seq,
                COALESCE,
            );
            let more = matches!(fed, Ok(true));
            if let Err(malformed) = fed {
                let error = ChannelError::Malformed(malformed.0);
                let end = self.lost(&error).await;
                return Err(if response.between_packets() {
                    end
                } else {
                    End::Left
                });
            }
            if !self.client.output.is_empty() && (response.started || response.done()) {
                let flushed = tokio::time::timeout(STALL, self.client.flush()).await;
                if !matches!(flushed, Ok(Ok(()))) {
                    self.abandon();
                    return Err(End::Left);
                }
            }
            if response.done() {
                return Ok(Through::Whole(response));
            }
            if more {
                continue;
            }
            let Some(link) = self.link.as_mut() else {
                return Err(End::Left);
            };
            let ahead = self.client.input.len() < AHEAD_MAX;
            tokio::select! {
                biased;
                filled = tokio::time::timeout(limit, link.channel.fill()) => match filled {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) if !response.started => {
                        self.cut().await;
                        return Ok(Through::NotBegun(error.into()));
                    }
                    Ok(Err(error)) => {
                        let end = self.lost(&error.into()).await;
                        return Err(if response.between_packets() { end } else { End::Left });
                    }
                    Err(_) => {
                        self.database().observe(Event::Limit(Limit::Query));
                        self.abandon();
                        let said = ErrPacket::new(3024, "HY000", "Query execution was interrupted, maximum statement execution time exceeded (popgate: limits.query)");
                        return Err(if response.between_packets() { End::Told(said) } else { End::Left });
                    }
                },
                read = self.client.fill(), if ahead => {
                    if read.is_err() {
                        self.abandon();
                        return Err(End::Left);
                    }
                }
                () = self.entry.killed.notified() => {
                    self.abandon();
                    return Err(End::Told(ErrPacket::new(1317, "70100", "Query execution was interrupted")));
                }
            }
        }
    }

    /// What an answer says about the session.
    async fn learn(&mut self, response: &Response, verdict: Verdict, sql: &[u8]) -> Result<(), End> {
        if response.err.is_none() {
            self.status = response.status;
        }
        if verdict.unlocks && response.err.is_none() {
            self.pins.remove(&Pin::TableLock);
        }
        match (&response.ok, &response.err, response.rows) {
            (_, Some(_), _) => self.last.row_count = -1,
            (Some(ok), ..) => {
                self.last.row_count = i64::try_from(ok.affected).unwrap_or(i64::MAX);
                if ok.insert_id != 0 {
                    self.last.insert_id_there = true;
                }
            }
            (None, None, Some(rows)) => {
                self.last.row_count = -1;
                if !verdict.calc_found_rows {
                    self.last.found_rows = rows;
                }
            }
            (None, None, None) => {}
        }
        // LAST_INSERT_ID(expression) sets it without a word.
        if verdict.asks.insert_id {
            self.last.insert_id_there = true;
        }
        if !verdict.asks.diagnostics {
            self.last.warnings_there = response.warnings > 0 || response.err.is_some();
        }
        self.adopt_changes(response, verdict, sql);
        Ok(())
    }

    fn adopt_changes(&mut self, response: &Response, verdict: Verdict, sql: &[u8]) {
        let changes = &response.changes;
        if let Some(schema) = &changes.schema {
            let schema = Some(schema.clone()).filter(|schema| !schema.is_empty());
            if let Some(link) = self.link.as_mut() {
                link.schema.clone_from(&schema);
            }
            self.schema = schema;
        }
        match verdict.kind {
            Kind::Set(settings) if response.err.is_none() => {
                if response.warnings == 0 {
                    self.database().accepted(self.known_set(sql));
                }
                self.adopt(settings);
                if let Some(link) = self.link.as_mut() {
                    link.profile = self.profile.clone();
                }
            }
            _ => {
                let announced = verdict.pin.is_some() || changes.schema.is_some();
                let carried = |name: &[u8]| matches!(name, b"last_insert_id" | b"identity");
                let variable = changes.variables.iter().any(|(name, _)| !carried(name));
                if !announced
                    && (variable || changes.state && changes.variables.is_empty())
                    && self.prepared.is_empty()
                {
                    self.pin(Pin::Reported);
                }
            }
        }
    }
}
