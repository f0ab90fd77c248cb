//! What lowers the hit ratio: the most frequent parameters, cookies, `Vary` fields, refusals and passes of
//! the last hour, by site, in bounded memory.
//!
//! Only requests that are not hits are noted. A site's books are behind a lock that nobody waits for: what
//! finds it taken is left out and counted, so that a hot site is sampled.

pub mod report;
pub mod sketch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use parking_lot::{Mutex, RwLock};

use crate::cache::status::{DynamicReason, Outcome};
use sketch::TopNames;

/// Length of one window, and how many make the hour.
const WINDOW: Duration = Duration::from_secs(600);
const WINDOWS: usize = 6;
/// Names kept per list and window.
const NAMES: usize = 32;
/// Longest name that is kept; longer ones are cut.
const NAME_MAX: usize = 96;
/// Most names taken from one request per list.
const PER_REQUEST: usize = 16;
/// Most sites; beyond, those without a miss for an hour make room. With every list full of the longest names
/// that is about 60 MiB.
const SITES_MAX: usize = 256;

/// A request that was not a hit.
#[derive(Debug, Clone, Copy)]
pub struct Missed<'a> {
    /// What it was answered by.
    pub outcome: Outcome,
    /// Path as sent.
    pub path: &'a str,
    /// Query as it was keyed.
    pub query: Option<&'a str>,
    /// Names of the cookies for which it was passed.
    pub cookies: &'a [String],
    /// The answer's header, if the origin answered.
    pub answer: Option<&'a HeaderMap>,
}

/// The lists of one window.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    pub requests: u64,
    pub misses: u64,
    pub expired: u64,
    pub bypassed: u64,
    pub not_stored: u64,
    pub parameters: TopNames,
    pub cookies: TopNames,
    pub vary: TopNames,
    pub set_cookie: TopNames,
    pub bypass: TopNames,
    pub refused: TopNames,
    pub uncacheable: TopNames,
}

impl Default for Lists {
    fn default() -> Self {
        let list = || TopNames::new(NAMES);
        Self {
            requests: 0,
            misses: 0,
            expired: 0,
            bypassed: 0,
            not_stored: 0,
            parameters: list(),
            cookies: list(),
            vary: list(),
            set_cookie: list(),
            bypass: list(),
            refused: list(),
            uncacheable: list(),
        }
    }
}

impl Lists {
    fn note(&mut self, missed: &Missed<'_>) {
        self.requests += 1;
        let reason = missed.outcome.reason();
        match missed.outcome {
            Outcome::Hit | Outcome::Stale(_) | Outcome::Unsatisfied => {}
            Outcome::Bypass(reason) => {
                self.bypassed += 1;
                self.bypass.add(reason.as_str());
            }
            Outcome::Dynamic(DynamicReason::Remembered) | Outcome::Miss(_) => self.misses += 1,
            Outcome::Revalidated(_) | Outcome::Expired(_) => self.expired += 1,
            Outcome::Dynamic(_) => {
                self.not_stored += 1;
                let reason = reason.unwrap_or("unknown");
                self.refused.add(reason);
                self.uncacheable.add(&cut(&format!("{} ({reason})", missed.path)));
                if reason == "set-cookie" {
                    self.set_cookie.add(&cut(missed.path));
                }
            }
        }
        for cookie in missed.cookies.iter().take(PER_REQUEST) {
            self.cookies.add(&cut(cookie));
        }
        if matches!(missed.outcome, Outcome::Bypass(_)) {
            return;
        }
        let pairs = missed.query.unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()).take(PER_REQUEST) {
            self.parameters
                .add(&cut(pair.split('=').next().unwrap_or_default()));
        }
        let lines = missed
            .answer
            .into_iter()
            .flat_map(|answer| answer.get_all(header::VARY));
        let fields = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
        for field in fields.take(PER_REQUEST) {
            self.vary.add(&cut(&field.trim().to_ascii_lowercase()));
        }
    }

    fn names(&self) -> usize {
        [
            &self.parameters,
            &self.cookies,
            &self.vary,
            &self.set_cookie,
            &self.bypass,
            &self.refused,
            &self.uncacheable,
        ]
        .iter()
        .map(|list| list.len())
        .sum()
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.misses += other.misses;
        self.expired += other.expired;
        self.bypassed += other.bypassed;
        self.not_stored += other.not_stored;
        for (into, from) in [
            (&mut self.parameters, &other.parameters),
            (&mut self.cookies, &other.cookies),
            (&mut self.vary, &other.vary),
            (&mut self.set_cookie, &other.set_cookie),
            (&mut self.bypass, &other.bypass),
            (&mut self.refused, &other.refused),
            (&mut self.uncacheable, &other.uncacheable),
        ] {
            into.merge(from);
        }
    }
}

/// At most [`NAME_MAX`] bytes of a name, on a character boundary.
fn cut(name: &str) -> std::borrow::Cow<'_, str> {
    if name.len() <= NAME_MAX {
        return name.into();
    }
    let end = (0..=NAME_MAX).rev().find(|at| name.is_char_boundary(*at));
    format!("{}…", &name[..end.unwrap_or(0)]).into()
}

/// One site's books.
#[derive(Debug, Default)]
struct Site {
    /// Newest last, each with the number of its window.
    windows: Mutex<Vec<(u64, Lists)>>,
    left_out: AtomicU64,
}

impl Site {
    fn note(&self, window: u64, missed: &Missed<'_>) {
        let Some(mut windows) = self.windows.try_lock() else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if windows.last().is_none_or(|(newest, _)| *newest < window) {
            windows.retain(|(number, _)| number + WINDOWS as u64 > window);
            windows.push((window, Lists::default()));
        }
        if let Some((_, lists)) = windows.last_mut() {
            lists.note(missed);
        }
    }

    fn is_idle(&self, window: u64) -> bool {
        let windows = self.windows.lock();
        windows
            .last()
            .is_none_or(|(newest, _)| newest + WINDOWS as u64 <= window)
    }

    fn names(&self) -> usize {
        let windows = self.windows.lock();
        windows.iter().map(|(_, lists)| lists.names()).sum()
    }

    fn last_hour(&self, window: u64) -> Lists {
        let mut all = Lists::default();
        for (_, lists) in self
            .windows
            .lock()
            .iter()
            .filter(|(number, _)| number + WINDOWS as u64 > window)
        {
            all.merge(lists);
        }
        all
    }
}

/// The books of all sites.
#[derive(Debug)]
pub struct Advisor {
    started: Instant,
    sites: RwLock<HashMap<Box<str>, Arc<Site>>>,
}

impl Default for Advisor {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            sites: RwLock::default(),
        }
    }
}

impl Advisor {
    /// Notes a request of a site that was not a hit. Never waits for a reader or another request.
    pub fn note(&self, site: &str, missed: &Missed<'_>) {
        if let Some(books) = self.books(site) {
            books.note(self.window(), missed);
        }
    }

    fn books(&self, site: &str) -> Option<Arc<Site>> {
        if let Some(books) = self.sites.read().get(site) {
            return Some(Arc::clone(books));
        }
        let mut sites = self.sites.write();
        if sites.len() >= SITES_MAX && !sites.contains_key(site) {
            let window = self.window();
            sites.retain(|_, books| !books.is_idle(window));
            if sites.len() >= SITES_MAX {
                return None;
            }
        }
        Some(Arc::clone(sites.entry(site.into()).or_default()))
    }

    /// Names held now, of all sites.
    #[must_use]
    pub fn names(&self) -> usize {
        self.sites.read().values().map(|books| books.names()).sum()
    }

    /// The number of the present window.
    fn window(&self) -> u64 {
        self.started.elapsed().as_secs() / WINDOW.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::{BypassReason, RefuseReason};
    use crate::cache::status::MissReason;

    fn missed<'a>(outcome: Outcome, path: &'a str, query: Option<&'a str>) -> Missed<'a> {
        Missed {
            outcome,
            path,
            query,
            cookies: &[],
            answer: None,
        }
    }

    #[test]
    fn what_is_older_than_an_hour_is_forgotten() {
        let site = Site::default();
        let miss = missed(Outcome::Miss(MissReason::Uri), "/", Some("a=1"));
        for window in 0..10 {
            site.note(window, &miss);
        }
        assert_eq!(site.windows.lock().len(), WINDOWS);
        assert_eq!(site.last_hour(9).misses, 6);
        assert_eq!(site.last_hour(12).misses, 3);
        assert_eq!(site.last_hour(100).misses, 0);
    }

    #[test]
    fn sites_and_names_are_bounded() {
        let advisor = Advisor::default();
        for number in 0..SITES_MAX + 50 {
            let site = format!("{number}.example");
            advisor.note(&site, &missed(Outcome::Miss(MissReason::Uri), "/", Some("a=1")));
        }
        assert_eq!(advisor.sites.read().len(), SITES_MAX);
        for number in 0..1000 {
            let query = format!("p{number}=1");
            let miss = missed(Outcome::Miss(MissReason::Uri), "/", Some(&query));
            advisor.note("0.example", &miss);
        }
        assert_eq!(advisor.names(), SITES_MAX - 1 + NAMES);
    }

    #[test]
    fn a_site_without_a_miss_for_an_hour_makes_room() {
        let site = Site::default();
        assert!(site.is_idle(0));
        site.note(3, &missed(Outcome::Miss(MissReason::Uri), "/", None));
        assert!(!site.is_idle(8) && site.is_idle(9));
    }

    #[test]
    fn a_taken_lock_is_not_waited_for() {
        let site = Site::default();
        let taken = site.windows.lock();
        site.note(0, &missed(Outcome::Miss(MissReason::Uri), "/", None));
        drop(taken);
        assert_eq!(site.left_out.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn names_are_cut_on_a_character_boundary() {
        let long = "é".repeat(100);
        assert!(cut(&long).len() <= NAME_MAX + '…'.len_utf8());
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn each_list_takes_its_own() {
        let mut lists = Lists::default();
        let mut answer = HeaderMap::new();
        answer.insert(header::VARY, "Accept-Encoding, User-Agent".parse().unwrap());
        lists.note(&Missed {
            answer: Some(&answer),
            ..missed(Outcome::Miss(MissReason::Uri), "/a", Some("x=1&y&x=2"))
        });
        lists.note(&missed(
            Outcome::Dynamic(DynamicReason::Refused(RefuseReason::SetCookie)),
            "/b",
            None,
        ));
        let cookies = ["sid".to_owned()];
        lists.note(&Missed {
            cookies: &cookies,
            ..missed(Outcome::Bypass(BypassReason::Preset("cookie")), "/c", Some("z=1"))
        });
        let names = |list: &TopNames| {
            list.top(9)
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&lists.parameters), ["x", "y"]);
        assert_eq!(names(&lists.vary), ["accept-encoding", "user-agent"]);
        assert_eq!(names(&lists.set_cookie), ["/b"]);
        assert_eq!(names(&lists.uncacheable), ["/b (set-cookie)"]);
        assert_eq!(
            (names(&lists.bypass), names(&lists.cookies)),
            (vec!["cookie".into()], vec!["sid".into()])
        );
        assert_eq!((lists.misses, lists.not_stored, lists.bypassed), (1, 1, 1));
    }
}
