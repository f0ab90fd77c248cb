//! A connection for a client: taken, made to fit, given back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{End, Expect, Session};
use crate::config::PoolMode;
use crate::observe::{Event, Refusal};
use crate::pool::AcquireError;
use crate::postgres::facts::{Change, literal};
use crate::postgres::message::{self, Fault};
use crate::postgres::origin::{OriginError, Settings};
use crate::postgres::wire::{Moved, step};

impl Session {
    /// Takes a connection and gives it this session's settings, in the same flight as what follows.
    pub(super) async fn link(&mut self) -> Result<(), Fault> {
        if self.link.is_some() {
            return Ok(());
        }
        let start = tokio::time::Instant::now();
        let leased = self.front.pool.acquire(&self.want).await;
        self.front.observe(Event::Waited(start.elapsed()));
        let mut lease = match leased {
            Ok(lease) => lease,
            Err(error) => {
                let (refusal, fault) = unlinked(&error);
                self.front.observe(Event::Refused(refusal));
                return Err(fault);
            }
        };
        lease.busy = true;
        if self.config.pool.mode == PoolMode::Session {
            lease.tainted = true;
        }
        *self.ticket.slot.lock().await = Some(lease.target.clone());
        self.link = Some(lease);
        self.fit();
        Ok(())
    }

    /// Puts what the linked connection lacks in front of what follows. Only between transactions.
    pub(super) fn fit(&mut self) {
        let Some(lease) = &mut self.link else { return };
        if Arc::ptr_eq(&lease.settings, &self.settings) {
            return;
        }
        if let Some(sql) = difference(&lease.settings, &self.settings) {
            message::query(&mut lease.wire.output, &sql);
            lease.unnamed = None;
            self.queue.push_back(Expect::Fixup);
        }
        lease.settings = Arc::clone(&self.settings);
    }

    /// Waits until nothing is under way.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        let limit = self.config.limits.query;
        while !self.queue.is_empty() {
            let server = self.link.as_mut().map(|lease| &mut lease.wire);
            match tokio::time::timeout(limit, step(&mut self.client, server)).await {
                Ok(Moved::Read { .. }) => self.server_messages()?,
                Ok(Moved::ClientGone) => return Err(End::Left),
                Ok(Moved::ServerGone) => self.lost()?,
                Err(_) => return Err(End::Told(Fault::fatal("57014", "the database does not answer"))),
            }
        }
        Ok(())
    }

    /// Gives the connection back. Whoever cancels holds it until the server has taken the request.
    pub(super) async fn release(&mut self) {
        let mut slot = self.ticket.slot.lock().await;
        *slot = None;
        drop(slot);
        if let Some(mut lease) = self.link.take() {
            lease.busy = false;
            lease.release();
        }
    }

    /// What was pending takes effect: the transaction has been committed.
    pub(super) fn commit(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        let Some(lease) = &mut self.link else { return };
        match change {
            Change::Set(name, value) => {
                Arc::make_mut(&mut self.settings).insert(name.clone(), value.clone());
                Arc::make_mut(&mut lease.settings).insert(name, value);
            }
            Change::Reset(name) => {
                Arc::make_mut(&mut lease.settings).remove(&name);
                let own = Arc::make_mut(&mut self.settings);
                match self.startup.get(&name) {
                    Some(value) => drop(own.insert(name, value.clone())),
                    None => drop(own.remove(&name)),
                }
            }
            Change::ResetAll => {
                lease.settings = Settings::default();
                self.settings = Arc::clone(&self.startup);
            }
            Change::DiscardAll => {
                lease.settings = Settings::default();
                lease.forget_statements();
                lease.tainted = self.config.pool.mode == PoolMode::Session;
                self.settings = Arc::clone(&self.startup);
                self.statements.clear();
                self.portals.clear();
                self.pins.clear();
            }
            Change::Deallocate(None) => {
                lease.forget_statements();
                self.statements.clear();
            }
            Change::Deallocate(Some(_)) => {}
            Change::Release(pin) => {
                self.pins.retain(|held| *held != pin);
                lease.tainted = !self.pins.is_empty() || self.config.pool.mode == PoolMode::Session;
            }
        }
        // Equal maps become one, and comparing them cheap.
        if lease.settings == self.settings {
            self.settings = Arc::clone(&lease.settings);
        }
    }
}

/// What makes a connection with settings `has` one with settings `wants`; `None` when they are equal.
fn difference(has: &BTreeMap<String, String>, wants: &BTreeMap<String, String>) -> Option<String> {
    let mut sql = String::new();
    for name in has.keys().filter(|name| !wants.contains_key(*name)) {
        let _ = write!(sql, "RESET {name};");
    }
    let mut separator = "SELECT ";
    for (name, value) in wants
        .iter()
        .filter(|(name, value)| has.get(*name) != Some(*value))
    {
        let (name, value) = (literal(name), literal(value));
        let _ = write!(sql, "{separator}pg_catalog.set_config({name}, {value}, false)");
        separator = ", ";
    }
    (!sql.is_empty()).then_some(sql)
}

fn unlinked(error: &AcquireError<OriginError>) -> (Refusal, Fault) {
    let message = error.to_string();
    match error {
        AcquireError::Late { .. } => (Refusal::Late, Fault::error("53300", message)),
        AcquireError::Full => (Refusal::Full, Fault::error("53300", message)),
        AcquireError::Away(_) => (Refusal::Away, Fault::error("08001", message)),
        AcquireError::Closed => (Refusal::Closed, Fault::fatal("57P01", message)),
        AcquireError::Denied(cause) => {
            let code = match &**cause {
                OriginError::Refused(said) if said.code == "3D000" => "3D000",
                OriginError::Refused(said) if said.code == "42501" => "42501",
                _ => "08001",
            };
            (Refusal::Denied, Fault::error(code, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn pitfall_16_settings_cannot_carry_sql() {
        let sql = difference(
            &map(&[("geqo", "off")]),
            &map(&[("search_path", r"a'; DROP TABLE t; -- \'")]),
        )
        .unwrap();
        assert_eq!(
            sql,
            r"RESET geqo;SELECT pg_catalog.set_config(E'search_path', E'a\'; DROP TABLE t; -- \\\'', false)"
        );
        assert_eq!(difference(&map(&[("a", "1")]), &map(&[("a", "1")])), None);
    }
}
