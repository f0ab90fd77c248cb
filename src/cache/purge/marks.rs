//! What has been purged, as one mark per scope: pure data, no clock and no lock of its own.
//!
//! A mark answers "was this entry's fetch begun before the purge?" by comparing sequence numbers.
//! Marks of narrow scopes are folded into wider ones when there are too many of them or when they
//! are so old that no entry can be older. Folding never loses a purge: the wider mark hits at least
//! what the narrow ones hit, hard where one of them was hard.

mod fold;
mod mark;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use super::request::{PurgeKind, Scope};
use super::{PurgeHit, Subject, Verdict};
use crate::cache::entry::{Entry, PurgeSeq};
use crate::cache::key::KeyHash;

pub(super) use mark::Mark;

/// Marks below one host.
#[derive(Debug, Default)]
struct HostMarks {
    own: Mark,
    prefixes: HashMap<Box<str>, Mark>,
    /// Lengths of the prefixes: a path is looked up once per length.
    lengths: BTreeSet<usize>,
    urls: HashMap<KeyHash, Mark>,
    /// Upper bound of all marks here.
    newest: PurgeSeq,
}

/// All marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    everything: Mark,
    hosts: HashMap<Box<str>, HostMarks>,
    tags: HashMap<Box<str>, Mark>,
    tags_newest: PurgeSeq,
    records: usize,
}

/// When and how something was purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) seq: PurgeSeq,
    pub(super) at: SystemTime,
    pub(super) hard: bool,
}

impl Marks {
    /// Number of marks.
    pub(super) fn len(&self) -> usize {
        self.records + usize::from(!self.everything.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records a purge of `scope`.
    pub(super) fn add(&mut self, scope: &Scope, stamp: Stamp) {
        self.merge(scope, Mark::of(stamp));
    }

    /// Adds a mark to that of `scope`.
    pub(super) fn merge(&mut self, scope: &Scope, mark: Mark) {
        let new = match scope {
            Scope::Everything => {
                self.everything.merge(mark);
                return;
            }
            Scope::Tag(tag) => {
                self.tags_newest = self.tags_newest.max(mark.newest());
                insert(&mut self.tags, tag, mark)
            }
            Scope::Host(host) => {
                let own = &mut self.host(host, mark).own;
                let new = own.is_empty();
                own.merge(mark);
                new
            }
            Scope::Prefix { host, path } => {
                let marks = self.host(host, mark);
                let new = insert(&mut marks.prefixes, path, mark);
                if new {
                    marks.lengths.insert(path.len());
                }
                new
            }
            Scope::Url { base, host } => {
                let urls = &mut self.host(host, mark).urls;
                let before = urls.len();
                urls.entry(*base).or_default().merge(mark);
                urls.len() > before
            }
        };
        self.records += usize::from(new);
    }

    /// What the purges say about an entry.
    pub(super) fn verdict(&self, entry: &Entry) -> Verdict {
        let mut verdict = Verdict::Valid;
        self.each(&Subject::of(entry), |_, mark| {
            verdict = verdict.and(mark.verdict(entry.seq));
        });
        verdict
    }

    /// The purges that hit `subject`, the widest scope first.
    pub(super) fn hits(&self, subject: &Subject<'_>) -> Vec<PurgeHit> {
        let mut hits = Vec::new();
        self.each(subject, |(kind, name), mark| {
            hits.extend(mark.hit(subject.seq).map(|(at, hard)| PurgeHit {
                kind,
                name: name.into(),
                at,
                hard,
            }));
        });
        hits
    }

    /// Every mark in whose scope `subject` lies, with the scope's kind and what it names.
    fn each<'a>(&'a self, subject: &Subject<'a>, mut found: impl FnMut((PurgeKind, &'a str), &Mark)) {
        if !self.everything.is_empty() {
            found((PurgeKind::Everything, ""), &self.everything);
        }
        if let Some(marks) = self
            .hosts
            .get(subject.host)
            .filter(|marks| subject.seq < marks.newest)
        {
            marks.each(subject, &mut found);
        }
        if subject.seq < self.tags_newest {
            for tag in subject.tags {
                if let Some(mark) = self.tags.get(tag) {
                    found((PurgeKind::Tag, tag), mark);
                }
            }
        }
    }

    /// Every scope with its mark.
    pub(super) fn drain(&mut self) -> Vec<(Scope, Mark)> {
        let all = std::mem::take(self);
        let mut scopes = Vec::with_capacity(all.len());
        if !all.everything.is_empty() {
            scopes.push((Scope::Everything, all.everything));
        }
        for (host, marks) in all.hosts {
            if !marks.own.is_empty() {
                scopes.push((Scope::Host(host.clone()), marks.own));
            }
            scopes.extend(marks.prefixes.into_iter().map(|(path, mark)| {
                (
                    Scope::Prefix {
                        host: host.clone(),
                        path,
                    },
                    mark,
                )
            }));
            scopes.extend(marks.urls.into_iter().map(|(base, mark)| {
                (
                    Scope::Url {
                        base,
                        host: host.clone(),
                    },
                    mark,
                )
            }));
        }
        scopes.extend(all.tags.into_iter().map(|(tag, mark)| (Scope::Tag(tag), mark)));
        scopes
    }

    fn host(&mut self, host: &str, mark: Mark) -> &mut HostMarks {
        let marks = self.hosts.entry(host.into()).or_default();
        marks.newest = marks.newest.max(mark.newest());
        marks
    }
}

impl HostMarks {
    fn each<'a>(&'a self, subject: &Subject<'a>, found: &mut impl FnMut((PurgeKind, &'a str), &Mark)) {
        if !self.own.is_empty() {
            found((PurgeKind::Host, subject.host), &self.own);
        }
        if let Some(mark) = self.urls.get(&subject.base) {
            found((PurgeKind::Url, subject.path), mark);
        }
        for length in self.lengths.range(..=subject.path.len()).copied() {
            let start = subject.path.get(..length);
            if let Some((prefix, mark)) = start.and_then(|start| self.prefixes.get_key_value(start)) {
                found((PurgeKind::Prefix, prefix), mark);
            }
        }
    }

    /// Marks below the host's own.
    fn details(&self) -> usize {
        self.prefixes.len() + self.urls.len()
    }
}

/// Merges into a map; true when the key is new.
fn insert(map: &mut HashMap<Box<str>, Mark>, key: &str, mark: Mark) -> bool {
    if let Some(old) = map.get_mut(key) {
        old.merge(mark);
        return false;
    }
    map.insert(key.into(), mark);
    true
}
