//! Bringing own purges to Redis, now or when it is back.

use std::collections::VecDeque;

use super::marks::{Mark, Marks, Stamp};
use super::record::{Record, SCOPES_MAX};
use super::stream_id::StreamId;
use super::{PurgeLog, Reached, Scope, stream};
use crate::cache::entry::PurgeSeq;
use crate::redis_link::{LinkError, RedisLink};

/// Batches whose places in the stream are remembered.
const PLACES_MAX: usize = 4096;

/// Place of a purge in the line of those to be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticket(pub(super) u64);

/// Purges that are not in Redis yet. Bounded as the log itself is.
#[derive(Debug, Default)]
pub(super) struct Pending {
    marks: Marks,
    /// Last ticket given out.
    issued: Ticket,
    /// Last ticket whose purge is in Redis.
    announced: Ticket,
    /// The last record of each batch, with the last ticket in it.
    places: VecDeque<(Ticket, StreamId)>,
}

impl Pending {
    pub(super) fn add(&mut self, scopes: &[Scope], stamp: Stamp, most: usize) -> Ticket {
        for scope in scopes {
            self.marks.add(scope, stamp);
        }
        self.bound(most);
        self.issued.0 += 1;
        self.issued
    }

    /// Nobody is there to be told.
    pub(super) fn give_up(&mut self) {
        self.marks = Marks::default();
        self.announced = self.issued;
    }

    /// Where an announced purge lies in the stream: at or before this place. `None`: it waits, or was
    /// announced too long ago.
    pub(super) fn place_of(&self, ticket: Ticket) -> Option<StreamId> {
        let batch = self.places.partition_point(|(last, _)| *last < ticket);
        self.places.get(batch).map(|(_, id)| *id)
    }

    /// Whether a purge waits to be announced.
    pub(super) fn waits(&self, ticket: Ticket) -> bool {
        ticket > self.announced
    }

    fn note(&mut self, upto: Ticket, place: Option<StreamId>) {
        self.announced = upto;
        let Some(place) = place else { return };
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back((upto, place));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    fn bound(&mut self, most: usize) {
        if self.marks.len() > most {
            self.marks.fold(most - most / 4);
        }
    }
}

/// Records on their way; what is left when it is dropped goes back in line.
struct OnTheWay<'a> {
    log: &'a PurgeLog,
    scopes: Vec<(Scope, Mark)>,
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        if self.scopes.is_empty() {
            return;
        }
        let mut pending = self.log.pending.lock();
        for (scope, mark) in self.scopes.drain(..) {
            pending.marks.merge(&scope, mark);
        }
        pending.bound(self.log.limits().records);
    }
}

impl PurgeLog {
    /// Brings all purges in line to Redis. At most one caller does so at a time, others wait for it;
    /// every command is bounded by the link's timeout and the first failure ends it.
    pub async fn announce(&self, link: &RedisLink, key: &str, ticket: Ticket) -> Reached {
        let _turn = self.announcing.lock().await;
        if self.pending.lock().announced >= ticket {
            return Reached::Reached;
        }
        match self.announce_all(link, key).await {
            Ok(()) => Reached::Reached,
            Err(error) => {
                tracing::debug!(%error, "purges wait for redis");
                self.tell_applied();
                Reached::Unreachable
            }
        }
    }

    /// Whether purges wait for Redis; the last ticket if so.
    pub(super) fn waiting(&self) -> Option<Ticket> {
        let pending = self.pending.lock();
        (!pending.marks.is_empty()).then_some(pending.issued)
    }

    async fn announce_all(&self, link: &RedisLink, key: &str) -> Result<(), LinkError> {
        let (mut way, upto) = {
            let mut pending = self.pending.lock();
            let scopes = pending.marks.drain();
            (OnTheWay { log: self, scopes }, pending.issued)
        };
        let mut last = None;
        while !way.scopes.is_empty() {
            let from = way.scopes.len().saturating_sub(SCOPES_MAX);
            let part = &way.scopes[from..];
            for hard in [true, false] {
                let of_kind = |mark: &Mark| if hard { mark.is_hard() } else { mark.is_soft() };
                let part = part.iter().filter(|(_, mark)| of_kind(mark));
                let counted = part.clone().map(|(_, mark)| mark.newest()).max();
                let scopes = part.map(|(scope, _)| scope.clone()).collect();
                if let Some(counted) = counted {
                    let record = Record {
                        by: self.id,
                        hard,
                        scopes,
                    };
                    last = Some(self.announce_one(link, key, &record, counted).await?);
                }
            }
            way.scopes.truncate(from);
        }
        let mut pending = self.pending.lock();
        pending.note(upto, last);
        if let Some(journal) = self.journal().filter(|_| pending.marks.is_empty()) {
            journal.clear();
        }
        Ok(())
    }

    /// Appends one record that was counted as `counted` here. Its place must not lie before that:
    /// when the server's clock is so far back that it would, it is appended again at one that does
    /// not.
    async fn announce_one(
        &self,
        link: &RedisLink,
        key: &str,
        record: &Record,
        counted: PurgeSeq,
    ) -> Result<StreamId, LinkError> {
        let mut id = append(link, key, None, record).await?;
        if id.seq() < counted {
            let behind = StreamId::at_least(PurgeSeq(self.head().0.saturating_add(1)));
            id = append(link, key, Some(behind), record).await?;
        }
        self.confirm(id, record);
        Ok(id)
    }
}

async fn append(
    link: &RedisLink,
    key: &str,
    id: Option<StreamId>,
    record: &Record,
) -> Result<StreamId, LinkError> {
    let answer = link.query("purge", &stream::append(key, id, record)).await?;
    stream::appended(&answer).ok_or_else(|| LinkError::Failed("answer to XADD has no id".to_owned()))
}
