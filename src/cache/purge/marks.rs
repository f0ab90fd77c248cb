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

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use super::hit::Named;
use super::pattern::{PATTERNS_MAX, Pattern};
use super::request::{PurgeKind, Scope};
use super::{PurgeHit, Subject, Verdict};
use crate::cache::entry::{Entry, PurgeSeq};
use crate::cache::key::KeyHash;

pub(super) use mark::Mark;

/// Marks below one host, or below all hosts of a domain.
#[derive(Debug, Default)]
struct HostMarks {
    own: Mark,
    prefixes: HashMap<Box<str>, Mark>,
    /// Lengths of the prefixes: a path is looked up once per length.
    lengths: BTreeSet<usize>,
    /// By [`path_key`].
    paths: HashMap<Box<str>, Mark>,
    urls: HashMap<KeyHash, Mark>,
    tags: HashMap<Box<str>, Mark>,
    /// Upper bound of all marks here.
    newest: PurgeSeq,
}

/// All marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    everything: Mark,
    /// By [`host_key`]: `blog.example` for a host, `.blog.example` for all below it.
    hosts: HashMap<Box<str>, HostMarks>,
    /// Whether a key of `hosts` stands for many.
    domains: bool,
    patterns: Vec<PatternMark>,
    tags: HashMap<Box<str>, Mark>,
    tags_newest: PurgeSeq,
    records: usize,
}

/// A purge by regular expression; few, so they are tried one by one.
#[derive(Debug)]
struct PatternMark {
    /// As in `hosts`.
    host: Box<str>,
    text: Box<str>,
    pattern: Pattern,
    mark: Mark,
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
            Scope::Path { host, path } => {
                let marks = self.host(host, mark);
                insert(&mut marks.paths, &path_key(path), mark)
            }
            Scope::HostTag { host, tag } => {
                let marks = self.host(host, mark);
                insert(&mut marks.tags, tag, mark)
            }
            Scope::Pattern { host, pattern } => return self.merge_pattern(host, pattern, mark),
            Scope::Url { base, host } => {
                let urls = &mut self.host(host, mark).urls;
                let before = urls.len();
                urls.entry(*base).or_default().merge(mark);
                urls.len() > before
            }
        };
        self.records += usize::from(new);
    }

    /// An expression that cannot be compiled, or one too many, purges its host.
    fn merge_pattern(&mut self, host: &str, text: &str, mark: Mark) {
        let key = host_key(host);
        if let Some(known) = self
            .patterns
            .iter_mut()
            .find(|known| *known.host == *key && *known.text == *text)
        {
            known.mark.merge(mark);
            return;
        }
        let Ok(pattern) = Pattern::new(text) else {
            self.merge(&Scope::Host(host.into()), mark);
            return;
        };
        self.patterns.push(PatternMark {
            host: key.into(),
            text: text.into(),
            pattern,
            mark,
        });
        self.records += 1;
        while self.patterns.len() > PATTERNS_MAX {
            self.widen_oldest_pattern();
        }
    }

    /// What the purges say about an entry.
    pub(super) fn verdict(&self, entry: &Entry) -> Verdict {
        self.verdict_on(&Subject::of(entry))
    }

    /// What they say about anything.
    pub(super) fn verdict_on(&self, subject: &Subject<'_>) -> Verdict {
        let mut verdict = Verdict::Valid;
        self.each(subject, |_, mark| {
            verdict = verdict.and(mark.verdict(subject.seq));
        });
        verdict
    }

    /// The purges that hit `subject`, the widest scope first.
    pub(super) fn hits(&self, subject: &Subject<'_>) -> Vec<PurgeHit> {
        let mut hits = Vec::new();
        self.each(subject, |named, mark| hits.extend(mark.hit(subject.seq, named)));
        hits
    }

    /// Every mark in whose scope `subject` lies and that may hit it.
    fn each<'a>(&'a self, subject: &Subject<'a>, mut found: impl FnMut(Named<'a>, &Mark)) {
        if !self.everything.is_empty() {
            found(Named::new(PurgeKind::Everything, "", ""), &self.everything);
        }
        for key in hosts_over(subject.host, self.domains) {
            let marks = self.hosts.get_key_value(key);
            if let Some((key, marks)) = marks.filter(|(_, marks)| subject.seq < marks.newest) {
                marks.each(key, subject, &mut found);
            }
        }
        for known in &self.patterns {
            if known.mark.verdict(subject.seq) != Verdict::Valid
                && covers(&known.host, subject.host)
                && known.pattern.matches(subject.path, subject.query)
            {
                found(
                    Named::new(PurgeKind::Regex, &known.host, &known.text),
                    &known.mark,
                );
            }
        }
        if subject.seq < self.tags_newest {
            for tag in subject.tags {
                if let Some(mark) = self.tags.get(tag) {
                    found(Named::new(PurgeKind::Tag, "", tag), mark);
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
        for (key, marks) in all.hosts {
            marks.drain(&host_of(&key), &mut scopes);
        }
        scopes.extend(all.patterns.into_iter().map(|known| {
            let scope = Scope::Pattern {
                host: host_of(&known.host),
                pattern: known.text,
            };
            (scope, known.mark)
        }));
        scopes.extend(all.tags.into_iter().map(|(tag, mark)| (Scope::Tag(tag), mark)));
        scopes
    }

    fn host(&mut self, host: &str, mark: Mark) -> &mut HostMarks {
        let key = host_key(host);
        self.domains |= key.starts_with('.');
        let marks = self.hosts.entry(key.into()).or_default();
        marks.newest = marks.newest.max(mark.newest());
        marks
    }
}

impl HostMarks {
    fn each<'a>(&'a self, key: &'a str, subject: &Subject<'a>, found: &mut impl FnMut(Named<'a>, &Mark)) {
        if !self.own.is_empty() {
            found(Named::new(PurgeKind::Host, key, ""), &self.own);
        }
        if let Some(mark) = self.urls.get(&subject.base) {
            found(Named::new(PurgeKind::Url, key, subject.path), mark);
        }
        for length in self.lengths.range(..=subject.path.len()).copied() {
            let start = subject.path.get(..length);
            if let Some((prefix, mark)) = start.and_then(|start| self.prefixes.get_key_value(start)) {
                found(Named::new(PurgeKind::Prefix, key, prefix), mark);
            }
        }
        if !self.paths.is_empty()
            && let Some((path, mark)) = self.paths.get_key_value(&*path_key(subject.path))
        {
            found(Named::new(PurgeKind::Url, key, path), mark);
        }
        if !self.tags.is_empty() {
            for tag in subject.tags {
                if let Some(mark) = self.tags.get(tag) {
                    found(Named::new(PurgeKind::Tag, key, tag), mark);
                }
            }
        }
    }

    /// Marks below the host's own.
    fn details(&self) -> usize {
        self.prefixes.len() + self.paths.len() + self.urls.len() + self.tags.len()
    }

    /// Every scope with its mark.
    fn drain(self, host: &str, scopes: &mut Vec<(Scope, Mark)>) {
        let host = || Box::from(host);
        if !self.own.is_empty() {
            scopes.push((Scope::Host(host()), self.own));
        }
        scopes.extend(
            self.prefixes
                .into_iter()
                .map(|(path, mark)| (Scope::Prefix { host: host(), path }, mark)),
        );
        scopes.extend(
            self.paths
                .into_iter()
                .map(|(path, mark)| (Scope::Path { host: host(), path }, mark)),
        );
        scopes.extend(
            self.urls
                .into_iter()
                .map(|(base, mark)| (Scope::Url { base, host: host() }, mark)),
        );
        scopes.extend(
            self.tags
                .into_iter()
                .map(|(tag, mark)| (Scope::HostTag { host: host(), tag }, mark)),
        );
    }
}

/// What a host is filed under: `*.blog.example` is `.blog.example`, the end of every host below it.
fn host_key(host: &str) -> &str {
    host.strip_prefix('*').unwrap_or(host)
}

/// The host behind a key of [`host_key`].
fn host_of(key: &str) -> Box<str> {
    if key.starts_with('.') {
        format!("*{key}").into()
    } else {
        key.into()
    }
}

/// The keys that cover a host: its own, and with `domains` those of all domains it lies below.
fn hosts_over(host: &str, domains: bool) -> impl Iterator<Item = &str> {
    let above = host
        .match_indices('.')
        .map(|(at, _)| &host[at..])
        .take_while(move |_| domains);
    std::iter::once(host).chain(above)
}

/// Whether a key of [`host_key`] covers a host.
fn covers(key: &str, host: &str) -> bool {
    if key.starts_with('.') {
        host.ends_with(key)
    } else {
        host == key
    }
}

/// A path without the slash at its end, in lower case: WordPress answers `/Post` as it does `/post/`.
fn path_key(path: &str) -> Cow<'_, str> {
    let path = path.trim_end_matches('/');
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(path.to_ascii_lowercase())
    } else {
        Cow::Borrowed(path)
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
