//! Who has applied a purge: each popgate tells Redis how far it has read the log.
//!
//! One hash holds a field per popgate: its name, the last place it has read, when it last said so, and
//! when it read its last few batches. All times are by the clock of Redis, so that the PoPs' own clocks do
//! not matter. A popgate that ended takes its field away; one that was not heard of for [`FORGOTTEN`] is
//! left out.

use std::collections::VecDeque;
use std::time::Duration;

use redis::{Cmd, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::stream;
use super::stream_id::StreamId;
use crate::redis_link::RedisLink;

/// Batches whose time is told.
const RECENT_MAX: usize = 32;
/// After so long a silence a popgate is no longer counted.
pub const FORGOTTEN: Duration = Duration::from_secs(300);
/// Popgates shown; a hash with more was not written by popgates.
const POPS_MAX: usize = 1024;

/// How far this popgate has read.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Last place of a batch, and when it was applied.
    recent: VecDeque<(StreamId, u64)>,
    /// Milliseconds by which the clock of Redis is ahead of this one.
    ahead: i64,
}

impl Progress {
    /// Redis says it is `theirs` while it is `ours` here, both in milliseconds.
    pub(super) fn set_clock(&mut self, theirs: u64, ours: u64) {
        let signed = |ms| i64::try_from(ms).unwrap_or(i64::MAX);
        self.ahead = signed(theirs).saturating_sub(signed(ours));
    }

    /// Our milliseconds by the clock of Redis.
    pub(super) fn theirs(&self, ours: u64) -> u64 {
        ours.saturating_add_signed(self.ahead)
    }

    /// A batch up to `last` was applied at `ours`.
    pub(super) fn note(&mut self, last: StreamId, ours: u64) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((last, self.theirs(ours)));
    }

    /// What Redis is told.
    pub(super) fn report(&self, pop: &str, read: StreamId, ours: u64) -> String {
        let wire = Wire {
            pop: pop.to_owned(),
            read: read.to_string(),
            seen: self.theirs(ours),
            recent: self.recent.iter().map(|(id, at)| (id.to_string(), *at)).collect(),
        };
        // Strings and numbers always serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// A report as it lies in Redis.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    pop: String,
    read: String,
    seen: u64,
    recent: Vec<(String, u64)>,
}

/// What one popgate has made of a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopState {
    /// Its PoP.
    pub pop: String,
    /// Its process.
    pub instance: String,
    /// Whether it has applied the purge.
    pub applied: bool,
    /// Milliseconds from the purge to then, where they are still known.
    pub ms: Option<u64>,
    /// Milliseconds since it was last heard of.
    pub silent: u64,
}

/// Who has applied a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The purge.
    pub id: String,
    /// All popgates that share the log, by name.
    pub pops: Vec<PopState>,
    /// It waits in the popgate that took it because Redis cannot be reached.
    pub waiting: bool,
}

impl Proof {
    /// Popgates that have applied it.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.pops.iter().filter(|pop| pop.applied).count()
    }

    /// Whether all have.
    #[must_use]
    pub fn complete(&self) -> bool {
        !self.waiting && !self.pops.is_empty() && self.applied() == self.pops.len()
    }

    /// The longest time one took, in milliseconds.
    #[must_use]
    pub fn slowest(&self) -> Option<u64> {
        self.pops.iter().filter_map(|pop| pop.ms).max()
    }

    fn behind(&self) -> impl Iterator<Item = &PopState> {
        self.pops.iter().filter(|pop| !pop.applied)
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        json!({
            "id": self.id,
            "applied": self.applied(),
            "of": self.pops.len(),
            "complete": self.complete(),
            "waiting_for_redis": self.waiting,
            "slowest_ms": self.slowest(),
            "behind": self.behind().map(PopState::name).collect::<Vec<_>>(),
            "pops": self.pops.iter().map(|pop| json!({
                "pop": pop.pop,
                "instance": pop.instance,
                "applied": pop.applied,
                "ms": pop.ms,
                "silent_ms": pop.silent,
            })).collect::<Vec<_>>(),
        })
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("applied on {} of {}", self.applied(), self.pops.len());
        if let Some(slowest) = self.slowest() {
            text.push_str(&format!(", slowest {slowest} ms"));
        }
        if self.waiting {
            text.push_str("; the others hear of it when redis is back");
        }
        text.push('\n');
        for pop in self.behind() {
            text.push_str(&format!(
                "behind: {}, last heard of {:.1} s ago\n",
                pop.name(),
                Duration::from_millis(pop.silent).as_secs_f64()
            ));
        }
        text
    }
}

impl PopState {
    fn name(&self) -> String {
        format!("{}/{}", self.pop, self.instance)
    }
}

/// The hash that holds the reports of a log.
pub(super) fn key(stream: &str) -> String {
    format!("{stream}:read")
}

/// Writes a popgate's report.
pub(super) fn tell(key: &str, instance: &str, report: &str) -> Cmd {
    let mut cmd = redis::cmd("HSET");
    cmd.arg(key).arg(instance).arg(report);
    cmd
}

/// Gives the hash its life: it outlasts any silence that counts.
pub(super) fn keep(key: &str) -> Cmd {
    let mut cmd = redis::cmd("EXPIRE");
    cmd.arg(key).arg(FORGOTTEN.as_secs() * 2);
    cmd
}

/// Takes reports away.
pub(super) fn forget(key: &str, instances: &[String]) -> Cmd {
    let mut cmd = redis::cmd("HDEL");
    cmd.arg(key).arg(instances);
    cmd
}

/// Reads all reports.
pub(super) fn all(key: &str) -> Cmd {
    let mut cmd = redis::cmd("HGETALL");
    cmd.arg(key);
    cmd
}

/// Milliseconds in an answer to `TIME`.
pub(super) fn time((seconds, micros): (u64, u64)) -> u64 {
    seconds.saturating_mul(1000).saturating_add(micros / 1000)
}

/// Instances in an answer to [`all`] that have been silent too long.
pub(super) fn forgotten(reports: &[(String, String)], now: u64) -> Vec<String> {
    reports
        .iter()
        .filter(|(_, report)| {
            serde_json::from_str::<Wire>(report).map_or(true, |wire| is_forgotten(&wire, now))
        })
        .map(|(instance, _)| instance.clone())
        .collect()
}

fn is_forgotten(wire: &Wire, now: u64) -> bool {
    u128::from(now.saturating_sub(wire.seen)) > FORGOTTEN.as_millis()
}

/// What the reports say about the purge at `id`; `now` in milliseconds by the clock of Redis.
pub(super) fn of(id: StreamId, reports: &[(String, String)], now: u64) -> Proof {
    let mut pops: Vec<PopState> = reports
        .iter()
        .filter_map(|(instance, report)| {
            let wire: Wire = serde_json::from_str(report).ok()?;
            (!is_forgotten(&wire, now)).then(|| state(id, instance, wire, now))
        })
        .take(POPS_MAX)
        .collect();
    pops.sort_by(|a, b| (&a.pop, &a.instance).cmp(&(&b.pop, &b.instance)));
    Proof {
        id: id.to_string(),
        pops,
        waiting: false,
    }
}

fn state(id: StreamId, instance: &str, wire: Wire, now: u64) -> PopState {
    let parse = |text: &str| StreamId::parse(text.as_bytes());
    let recent: Vec<(StreamId, u64)> = wire
        .recent
        .iter()
        .filter_map(|(at, ms)| Some((parse(at)?, *ms)))
        .collect();
    let batch = recent.iter().position(|(last, _)| *last >= id);
    // The oldest batch told may be a later one than that of the purge.
    let known = batch.filter(|at| *at > 0 || recent.len() < RECENT_MAX);
    PopState {
        applied: parse(&wire.read).is_some_and(|read| read >= id),
        ms: known.map(|at| recent[at].1.saturating_sub(id.millis())),
        silent: now.saturating_sub(wire.seen),
        instance: instance.to_owned(),
        pop: wire.pop,
    }
}

/// Reads the reports and says what they say about the purge at `id`; `None` when Redis does not answer, or has no
/// such purge (any more): nothing can be said of what is not in the stream.
pub(super) async fn ask(link: &RedisLink, log: &str, id: StreamId) -> Option<Proof> {
    let now = link.query("purge", &redis::cmd("TIME")).await.map(time).ok()?;
    let found: Value = link.query("purge", &stream::page(log, Some(id), 1)).await.ok()?;
    if stream::records(&found)?
        .first()
        .is_none_or(|(first, _)| *first != id)
    {
        return None;
    }
    let answer: Value = link.query("purge", &all(&key(log))).await.ok()?;
    Some(of(id, &pairs(&answer), now))
}

/// The field and value pairs of an answer to [`all`].
pub(super) fn pairs(answer: &Value) -> Vec<(String, String)> {
    redis::from_redis_value_ref::<std::collections::BTreeMap<String, String>>(answer)
        .map(|map| map.into_iter().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StreamId {
        StreamId::parse(text.as_bytes()).unwrap()
    }

    fn report(pop: &str, batches: &[(&str, u64)], read: &str, seen: u64) -> String {
        let mut progress = Progress::default();
        for (batch, at) in batches {
            progress.note(id(batch), *at);
        }
        progress.report(pop, id(read), seen)
    }

    #[test]
    fn a_purge_is_applied_where_the_log_was_read_up_to_it() {
        let reports = [
            (
                "a".to_owned(),
                report("sin1", &[("1000-0", 1012)], "1000-0", 1100),
            ),
            (
                "b".to_owned(),
                report("fra1", &[("990-0", 995), ("1001-0", 1038)], "1001-0", 1100),
            ),
            ("c".to_owned(), report("hkg1", &[("990-0", 995)], "990-0", 300)),
        ];
        let proof = of(id("1000-0"), &reports, 1500);
        assert_eq!(
            (proof.applied(), proof.pops.len(), proof.slowest()),
            (2, 3, Some(38))
        );
        assert!(!proof.complete());
        assert_eq!(
            proof.text(),
            "applied on 2 of 3, slowest 38 ms\nbehind: hkg1/c, last heard of 1.2 s ago\n"
        );
        assert_eq!(proof.json()["behind"], json!(["hkg1/c"]));
        let proof = of(id("990-0"), &reports, 1500);
        assert_eq!(
            proof.text(),
            "applied on 3 of 3, slowest 12 ms\n".replace("12", "22")
        );
    }

    #[test]
    fn whoever_was_silent_for_long_or_speaks_nonsense_is_left_out() {
        let reports = [
            ("a".to_owned(), report("sin1", &[], "1000-0", 1000)),
            ("b".to_owned(), "nonsense".to_owned()),
        ];
        let now = 1001 + 300_000;
        assert_eq!(of(id("1000-0"), &reports, now).pops, []);
        assert_eq!(forgotten(&reports, now), ["a", "b"]);
        assert_eq!(forgotten(&reports, 1001), ["b"]);
    }

    #[test]
    fn times_are_by_the_clock_of_redis() {
        let mut progress = Progress::default();
        progress.set_clock(5_000, 2_000);
        progress.note(id("4990-0"), 2_003);
        let reports = [("a".to_owned(), progress.report("sin1", id("4990-0"), 2_010))];
        assert_eq!(of(id("4990-0"), &reports, 5_010).slowest(), Some(13));
    }

    #[test]
    fn the_time_of_a_batch_that_is_no_longer_told_is_unknown() {
        let mut progress = Progress::default();
        for n in 0..100 {
            progress.note(id(&format!("{n}-0")), n + 5);
        }
        let reports = [("a".to_owned(), progress.report("sin1", id("99-0"), 200))];
        let proof = of(id("3-0"), &reports, 200);
        assert_eq!((proof.applied(), proof.slowest()), (1, None));
    }
}
