//! What is stored for a request, and what that means for it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, ETAG, HeaderName, LAST_MODIFIED};

use super::report::{self, Answer, Explanation, Verdict};
use super::verdict as say;
use crate::app::{App, SiteRuntime};
use crate::cache::policy::vary::{offered_codings, variant_fields};
use crate::cache::policy::{Directives, Failure, Reuse, may_serve_on_error};
use crate::cache::purge::{self, PurgeKind, Subject};
use crate::cache::status::{Cause, MissReason, Outcome, StaleReason, ttl};
use crate::cache::storage::is_for_others;
use crate::cache::tiered::{Examined, RedisHolds, Tier};
use crate::cache::{Entry, KeyHash, PurgeSeq};
use crate::proxy::decide::{self, Judged, KeyAndFields};
use crate::telemetry::rfc3339;

/// Where a key lies, for purges.
pub(super) struct Place<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub query: Option<Cow<'a, str>>,
}

/// What was found out about a key.
pub(super) struct Cache {
    pub stored: report::Stored,
    pub purges: Vec<report::Purge>,
    pub not_stored: Option<report::NotStored>,
    pub variant: Vec<(String, Option<String>)>,
    pub slot: KeyHash,
}

/// A stored answer that the request may have.
pub(super) struct Usable {
    judged: Judged,
    tier: Tier,
    ttl: i64,
}

/// Looks at what is stored under a key.
pub(super) async fn look(
    app: &App,
    site: &SiteRuntime,
    asked: &Directives,
    key: &KeyAndFields,
    place: &Place<'_>,
) -> (Cache, Option<Usable>) {
    let now = app.clock.now();
    let examined = app.cache.examine(key.hashes.root, &key.fields).await;
    let (found, for_others) = match &examined.found {
        Some(found) if is_for_others(&found.entry, &key.fields, &site.config.wordpress) => {
            (None, Some(&found.entry))
        }
        found => (found.as_ref(), None),
    };
    let judged = found.map(|found| {
        let purged_at = match found.verdict {
            purge::Verdict::Stale { at } => Some(at),
            purge::Verdict::Valid | purge::Verdict::Gone => None,
        };
        decide::judge(&found.entry, purged_at, &app.snooping, asked, now)
    });
    let lying = found
        .map(|found| &found.entry)
        .or(for_others)
        .or(examined.memory.as_ref())
        .or(match &examined.redis {
            RedisHolds::Response(entry) => Some(entry),
            _ => None,
        });
    let subject = match lying {
        Some(entry) => Subject::of(entry),
        None => Subject {
            base: key.hashes.base,
            host: place.host,
            path: place.path,
            query: place.query.as_deref(),
            tags: &[],
            seq: PurgeSeq(0),
        },
    };
    let cache = Cache {
        purges: purges(app, &subject, lying.map(|entry| &**entry), now),
        not_stored: not_stored(app, key.hashes.root, now),
        variant: variant(&examined, key),
        slot: examined.slot,
        stored: report::Stored {
            memory: examined.memory.is_some(),
            superseded: examined.superseded,
            redis: match &examined.redis {
                RedisHolds::NotConfigured => "not configured",
                RedisHolds::Skipped => "not asked",
                RedisHolds::Error => "no answer",
                RedisHolds::Nothing => "no",
                RedisHolds::Response(_) => "yes",
            },
            entry: lying.map(|entry| report::Entry {
                gone: judged.is_none() && for_others.is_none(),
                for_others: for_others.is_some(),
                ..entry_report(site, entry, judged.as_ref(), asked, now)
            }),
        },
    };
    let usable = found.zip(judged).map(|(found, judged)| Usable {
        judged,
        tier: found.tier,
        ttl: ttl(&judged.times, now),
    });
    (cache, usable)
}

fn entry_report(
    site: &SiteRuntime,
    entry: &Arc<Entry>,
    judged: Option<&Judged>,
    asked: &Directives,
    now: SystemTime,
) -> report::Entry {
    let times = judged.map_or(entry.times, |judged| judged.times);
    let header = |name: HeaderName| {
        let value = entry.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    report::Entry {
        status: entry.status.as_u16(),
        bytes: entry.body.len(),
        weight: entry.weight(),
        stored_at: rfc3339::format(times.stored_at),
        age: times.age(now).as_secs(),
        ttl: ttl(&times, now),
        stale_while_revalidate: times.stale_while_revalidate.as_secs(),
        stale_if_error: times.stale_if_error.as_secs(),
        serves_when_origin_is_gone: judged.is_some()
            && may_serve_on_error(
                &times,
                &entry.headers,
                asked,
                &site.config.cache,
                Failure::Unreachable,
                now,
            ),
        etag: header(ETAG),
        last_modified: header(LAST_MODIFIED),
        cache_control: header(CACHE_CONTROL),
        tags: entry.tags.iter().map(ToString::to_string).collect(),
        seq: entry.seq.0,
        gone: false,
        for_others: false,
    }
}

fn purges(app: &App, subject: &Subject<'_>, entry: Option<&Entry>, now: SystemTime) -> Vec<report::Purge> {
    let hits = app.cache.purge_hits(subject, entry).into_iter();
    hits.map(|hit| report::Purge {
        scope: hit.kind.map_or(report::GAP, PurgeKind::as_str),
        host: hit.host.map(Into::into),
        name: hit.name.into(),
        id: hit.id.map(|id| id.to_string()),
        hard: hit.hard,
        at: rfc3339::format(hit.at),
        ago: ago(hit.at, now),
        since: rfc3339::format(hit.since),
    })
    .collect()
}

fn not_stored(app: &App, root: KeyHash, now: SystemTime) -> Option<report::NotStored> {
    let refusal = app.cache.last_refusal(root)?;
    Some(report::NotStored {
        reason: refusal.reason,
        status: refusal.status.map(|status| status.as_u16()),
        at: rfc3339::format(refusal.at),
        ago: ago(refusal.at, now),
    })
}

fn variant(examined: &Examined, key: &KeyAndFields) -> Vec<(String, Option<String>)> {
    let shown = |name: &HeaderName, value: Option<&[u8]>| {
        if *name == ACCEPT_ENCODING {
            return Some(offered_codings(&key.fields));
        }
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    variant_fields(&examined.vary, &key.fields)
        .into_iter()
        .map(|(name, value)| (name.to_string(), shown(name, value.as_deref())))
        .collect()
}

fn ago(at: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(at).unwrap_or_default().as_secs()
}

/// What a request that is looked up would get.
pub(super) fn verdict(
    told: &Explanation,
    usable: Option<Usable>,
    asked: &Directives,
    may_fill: bool,
) -> Verdict {
    let Some(usable) = usable else {
        return nothing_usable(told, asked, may_fill);
    };
    let tier = match usable.tier {
        Tier::Memory => "memory",
        Tier::Redis => "Redis",
    };
    let reason = |outcome: Outcome| outcome.reason();
    match (usable.judged.reuse, usable.judged.cause) {
        (Reuse::Fresh, _) => {
            let text = format!("answered from {tier}, fresh for {} s more", usable.ttl);
            say(Answer::Hit, reason(Outcome::Hit), text)
        }
        (Reuse::StaleAccepted, _) => say(
            Answer::Stale,
            reason(Outcome::Stale(StaleReason::Accepted)),
            format!("answered from {tier}: stale, and the client takes it so"),
        ),
        (
            Reuse::Stale {
                while_revalidate: true,
                ..
            },
            cause,
        ) => say(
            Answer::Stale,
            reason(Outcome::Stale(StaleReason::WhileRevalidate)),
            format!(
                "answered from {tier}, stale ({}), while one request fetches the new one",
                over(told, cause)
            ),
        ),
        (Reuse::Stale { .. } | Reuse::Revalidate(_), _) if asked.only_if_cached => unsatisfied(),
        (Reuse::Stale { .. } | Reuse::Revalidate(_), cause) => say(
            Answer::Revalidate,
            reason(Outcome::Expired(cause.unwrap_or(Cause::Stale))),
            format!("stored, but {}: the origin is asked first", over(told, cause)),
        ),
    }
}

fn over(told: &Explanation, cause: Option<Cause>) -> &'static str {
    match cause {
        Some(Cause::Purged) if told.purges.iter().all(|purge| purge.scope == report::GAP) => {
            "purges may not have been heard of"
        }
        Some(Cause::Purged) => "a soft purge ended its freshness",
        Some(Cause::Request(_)) => "the client does not want it as it is",
        Some(Cause::Stale) | None => "its freshness is over",
    }
}

fn unsatisfied() -> Verdict {
    let text = "504: the client wants a stored answer only, and none will do";
    say(Answer::Unsatisfied, Outcome::Unsatisfied.reason(), text)
}

fn nothing_usable(told: &Explanation, asked: &Directives, may_fill: bool) -> Verdict {
    if asked.only_if_cached {
        return unsatisfied();
    }
    let entry = told.stored.as_ref().and_then(|stored| stored.entry.as_ref());
    if entry.is_some_and(|entry| entry.for_others) {
        let text = "fetched: what is stored is for requests without a cookie that this one has";
        return say(Answer::Miss, Outcome::Miss(MissReason::Uri).reason(), text);
    }
    let hard = told.purges.iter().filter(|purge| purge.hard);
    // A purge explains the miss unless an answer since then was refused.
    let newest = hard.min_by_key(|purge| purge.ago).filter(|purge| {
        told.not_stored
            .as_ref()
            .is_none_or(|refusal| purge.ago <= refusal.ago)
    });
    if let Some(purge) = newest {
        let what = if entry.is_some() {
            "what is stored"
        } else {
            "what was stored before it"
        };
        let text = format!(
            "fetched: a hard purge ({purge}) {} s ago removed {what}",
            purge.ago
        );
        return say(Answer::Miss, Outcome::Miss(MissReason::Purged).reason(), text);
    }
    if let Some(refusal) = &told.not_stored {
        let text = format!(
            "fetched: the last answer was not stored ({}), {} s ago",
            refusal.reason, refusal.ago
        );
        return say(Answer::Miss, Some(refusal.reason), text);
    }
    let text = if may_fill {
        "fetched, and stored if the answer permits: nothing is stored under this key"
    } else {
        "fetched: nothing is stored under this key, and a HEAD, a range or a condition fills nothing"
    };
    say(Answer::Miss, Outcome::Miss(MissReason::Uri).reason(), text)
}
