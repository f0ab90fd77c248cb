//! What has become of a purge: what it is called, and who has applied it.

use super::announce::Ticket;
use super::{Proof, PurgeId, PurgeLog, proof};
use crate::cache::entry::PurgeSeq;
use crate::redis_link::RedisLink;

impl PurgeLog {
    /// What an own purge is called: its place in the stream, or its place in line while it waits.
    #[must_use]
    pub fn id_of(&self, place: PurgeSeq, ticket: Option<Ticket>) -> PurgeId {
        let Some(ticket) = ticket else {
            return PurgeId::of(place);
        };
        match self.pending.lock().place_of(ticket) {
            Some(id) => PurgeId::Place(id),
            None => PurgeId::Waiting { log: self.id, ticket },
        }
    }

    /// This process' name among those that share the log.
    #[must_use]
    pub fn instance(&self) -> String {
        format!("{:08x}", self.id >> 32)
    }

    /// What has become of a purge, as far as can be told. `None`: nothing is known of it.
    pub async fn proof(&self, link: Option<(&RedisLink, &str)>, pop: &str, id: PurgeId) -> Option<Proof> {
        let place = match id {
            PurgeId::Place(place) => place,
            PurgeId::Waiting { log, ticket } => {
                if log != self.id {
                    return None;
                }
                let pending = self.pending.lock();
                match pending.place_of(ticket) {
                    Some(place) => place,
                    None if pending.waits(ticket) => return Some(self.own_proof(id, pop, true)),
                    None => return None,
                }
            }
        };
        let Some((link, stream)) = link else {
            return (place.seq() <= self.head()).then(|| self.own_proof(id, pop, false));
        };
        proof::ask(link, stream, place).await
    }

    /// This popgate ends: it is no longer one of those that have to apply purges.
    pub async fn leave(&self, link: &RedisLink, stream: &str) {
        let command = proof::forget(&proof::key(stream), &[self.instance()]);
        // Best effort: whoever does not say goodbye is forgotten in time.
        let _ = link.query::<redis::Value>("purge", &command).await;
    }

    /// A purge that only this popgate knows of.
    fn own_proof(&self, id: PurgeId, pop: &str, waiting: bool) -> Proof {
        Proof {
            id: id.to_string(),
            waiting,
            pops: vec![proof::PopState {
                pop: pop.to_owned(),
                instance: self.instance(),
                applied: true,
                ms: (!waiting).then_some(0),
                silent: 0,
            }],
        }
    }
}
