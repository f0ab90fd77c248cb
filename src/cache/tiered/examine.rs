//! A look at what the tiers hold for a request, which changes nothing: no promotion, no removal, no count of
//! a hit or a miss in memory (Redis counts that it was asked).

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::{Found, Redis, Tier, Tiered};
use crate::cache::entry::Entry;
use crate::cache::key::KeyHash;
use crate::cache::memory::{Memory, Slot, alias_for};
use crate::cache::purge::{PurgeHit, Subject, Verdict};
use crate::cache::redis::Answer;
use crate::cache::refusals::Refusal;

/// What Redis has.
#[derive(Debug, Clone)]
pub enum RedisHolds {
    /// There is no Redis.
    NotConfigured,
    /// It was not asked: it failed lately, or purges may have been missed.
    Skipped,
    /// It did not answer in time, or refused.
    Error,
    /// Nothing.
    Nothing,
    /// This response.
    Response(Arc<Entry>),
}

/// What the tiers hold for a request.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The fields that choose among the variants under the root; empty: there are no variants.
    pub vary: Box<[HeaderName]>,
    /// The slot the response lies in, or would.
    pub slot: KeyHash,
    /// The response in memory, purged or not.
    pub memory: Option<Arc<Entry>>,
    /// Whether another popgate has replaced it, or what leads to it, since.
    pub superseded: bool,
    /// What Redis has.
    pub redis: RedisHolds,
    /// What a request would find, as [`Tiered::get`] would say.
    pub found: Option<Found>,
}

impl Tiered {
    /// Looks up a request in both tiers.
    pub async fn examine(&self, root: KeyHash, request: &HeaderMap) -> Examined {
        let parts = self.parts.load_full();
        let place = parts.memory.find(root, request);
        let mut vary = parts
            .memory
            .vary(root)
            .map(|vary| vary.names.clone())
            .unwrap_or_default();
        let marker = parts.memory.vary(root);
        let mut slot = match marker.is_some_and(|vary| vary.superseded.is()) {
            true => root,
            false => place.slot,
        };
        let redis = match &parts.redis {
            None => RedisHolds::NotConfigured,
            Some(redis) => {
                let asked = ask_redis((redis, &parts.memory), root, &mut slot, &mut vary, request);
                tokio::time::timeout(redis.link.timeout(), asked)
                    .await
                    .unwrap_or(RedisHolds::Error)
            }
        };
        let judged = |entry: &Arc<Entry>, tier| match self.log.verdict(entry) {
            Verdict::Gone => None,
            verdict => Some(Found {
                entry: Arc::clone(entry),
                tier,
                verdict,
            }),
        };
        let here = place.entry.as_ref().and_then(|entry| judged(entry, Tier::Memory));
        let there = || match &redis {
            RedisHolds::Response(entry) => judged(entry, Tier::Redis),
            _ => None,
        };
        let found = match here {
            Some(here) if place.superseded => there()
                .filter(|there| there.entry.is_newer_than(&here.entry))
                .or(Some(here)),
            here => here.or_else(there),
        };
        Examined {
            vary,
            slot,
            memory: place.entry,
            superseded: place.superseded,
            redis,
            found,
        }
    }

    /// The purges that hit `subject`, the widest scope first, and the gap that puts `entry` in doubt.
    #[must_use]
    pub fn purge_hits(&self, subject: &Subject<'_>, entry: Option<&Entry>) -> Vec<PurgeHit> {
        self.log.hits(subject, entry)
    }

    /// Whether a purge hits `subject`.
    #[must_use]
    pub fn is_purged(&self, subject: &Subject<'_>) -> bool {
        self.log.is_hit(subject)
    }

    /// Waits until a purge has been applied since the last time this was waited for. For one who waits.
    pub async fn purged(&self) {
        self.log.applied().await;
    }

    /// Notes that an answer under this key was not stored.
    pub fn refused(&self, root: KeyHash, refusal: Refusal) {
        self.refusals.note(root, refusal);
    }

    /// Why the last answer under this key was not stored, if it was not.
    #[must_use]
    pub fn last_refusal(&self, root: KeyHash) -> Option<Refusal> {
        self.refusals.last(root)
    }
}

async fn ask_redis(
    (redis, memory): (&Redis, &Memory),
    root: KeyHash,
    slot: &mut KeyHash,
    vary: &mut Box<[HeaderName]>,
    request: &HeaderMap,
) -> RedisHolds {
    let mut answer = redis.tier.get(*slot).await;
    if let Answer::Found(Slot::Vary(names)) = &answer
        && *slot == root
    {
        *vary = names.names.clone();
        *slot = memory.variant(root, names, request);
        answer = redis.tier.get(*slot).await;
    }
    if matches!(answer, Answer::Miss)
        && let Some(alias) = alias_for(root, vary, request)
        && let Answer::Found(Slot::Alias(alias)) = redis.tier.get(alias).await
    {
        *slot = alias.slot;
        answer = redis.tier.get(alias.slot).await;
    }
    match answer {
        Answer::Found(Slot::Object(entry)) => RedisHolds::Response(entry),
        Answer::Found(_) | Answer::Miss => RedisHolds::Nothing,
        Answer::Error => RedisHolds::Error,
        Answer::Skipped => RedisHolds::Skipped,
    }
}
