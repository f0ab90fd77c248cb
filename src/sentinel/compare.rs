//! A shared copy beside what anonymous visitors get.

use std::borrow::Cow;
use std::collections::BTreeSet;

use http::{HeaderMap, StatusCode, header};

use super::marks::{Kind, Mark, marks, without_addresses};
use super::normal::normal;
use crate::cache::coding;

/// Most bytes of a body that is compared, unpacked.
const BODY_MAX: usize = 4 << 20;

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body as it came.
    pub body: &'a [u8],
}

impl<'a> Page<'a> {
    fn text(&self) -> Option<Cow<'a, str>> {
        let body = coding::plain(self.headers, self.body, BODY_MAX)?;
        Some(match body {
            Cow::Borrowed(body) => String::from_utf8_lossy(body),
            Cow::Owned(body) => Cow::Owned(String::from_utf8_lossy(&body).into_owned()),
        })
    }

    fn marks(&self) -> BTreeSet<Mark> {
        self.text().map(|text| marks(&text)).unwrap_or_default()
    }

    fn without_addresses(&self) -> Option<String> {
        self.text().map(|text| normal(&without_addresses(&text)))
    }

    /// It sends its visitor to prove who they are.
    fn is_guarded(&self) -> bool {
        let to_login = || {
            let location = self.headers.get(header::LOCATION);
            let location = location
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_lowercase();
            ["login", "signin", "sign-in", "my-account", "password"]
                .iter()
                .any(|word| location.contains(word))
        };
        matches!(self.status.as_u16(), 401 | 403 | 407) || (self.status.is_redirection() && to_login())
    }

    /// It says nothing about what is there.
    fn is_failure(&self) -> bool {
        self.status.is_server_error() || matches!(self.status.as_u16(), 408 | 425 | 429)
    }
}

/// What is suspicious about a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suspicion {
    /// It has a mark that anonymous visitors do not see.
    Mark(Kind),
    /// Anonymous visitors are sent to log in.
    Guarded,
}

impl Suspicion {
    /// In one word, for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mark(kind) => kind.as_str(),
            Self::Guarded => "guarded",
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The copy shows what one person should see.
    Leak(Vec<Suspicion>),
    /// The page has changed since, or differs each time.
    Changed,
    /// The origin failed, or what came cannot be read.
    Unknown,
}

/// Whether a stored answer is a text that can be compared, by its header.
#[must_use]
pub fn is_readable(page: &Page<'_>) -> bool {
    let kind = page
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let is_text = kind.starts_with("text/")
        || ["json", "xml", "javascript"]
            .iter()
            .any(|word| kind.contains(word));
    is_text
        && page.status == StatusCode::OK
        && page.body.len() <= BODY_MAX
        && coding::is_readable(page.headers)
}

/// Whether a copy is what an anonymous visitor gets, but for what differs each time; it has no mark that the other
/// has not, not even one that is told apart by a number only.
#[must_use]
pub fn same_to_anybody(stored: &Page<'_>, anonymous: &Page<'_>) -> bool {
    if stored.status != anonymous.status {
        return false;
    }
    if stored.body == anonymous.body {
        return true;
    }
    match (stored.text(), anonymous.text()) {
        (Some(stored), Some(anonymous)) => {
            normal(&stored) == normal(&anonymous) && marks(&stored).is_subset(&marks(&anonymous))
        }
        _ => false,
    }
}

/// Judges a copy that differs from an anonymous fetch, with a second one beside it.
#[must_use]
pub fn verdict(stored: &Page<'_>, first: &Page<'_>, second: &Page<'_>) -> Verdict {
    if first.is_failure() || second.is_failure() {
        return Verdict::Unknown;
    }
    if first.is_guarded() && second.is_guarded() {
        return Verdict::Leak(vec![Suspicion::Guarded]);
    }
    if stored.status != first.status || stored.status != second.status {
        return Verdict::Changed;
    }
    if [stored, first, second].iter().any(|page| page.text().is_none()) {
        return Verdict::Unknown;
    }
    let (ours, of_first, of_second) = (stored.marks(), first.marks(), second.marks());
    let suspicious: BTreeSet<Kind> = ours
        .iter()
        .filter(|mark| !of_first.contains(mark) && !of_second.contains(mark))
        .map(|mark| mark.kind)
        .filter(|kind| !is_explained(*kind, &ours, &of_first, &of_second))
        .collect();
    // An address or a number that went with other words went by an edit.
    let weak = suspicious.len() == 1 && suspicious.iter().all(|kind| kind.is_weak());
    if suspicious.is_empty() || weak && stored.without_addresses() != first.without_addresses() {
        return Verdict::Changed;
    }
    Verdict::Leak(suspicious.into_iter().map(Suspicion::Mark).collect())
}

/// Whether marks of a kind say nothing here: they differ from one anonymous fetch to the next, or an editor
/// has put others in their place.
fn is_explained(kind: Kind, ours: &BTreeSet<Mark>, first: &BTreeSet<Mark>, second: &BTreeSet<Mark>) -> bool {
    let of_kind = |marks: &BTreeSet<Mark>| -> BTreeSet<Mark> {
        marks.iter().filter(|mark| mark.kind == kind).cloned().collect()
    };
    let (ours, first, second) = (of_kind(ours), of_kind(first), of_kind(second));
    let replaced = || !first.is_subset(&ours);
    first != second || (kind.is_editorial() && replaced())
}
