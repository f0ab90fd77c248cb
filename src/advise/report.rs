//! What `popgate advise` tells, as data and as text.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::sketch::TopNames;
use super::{Advisor, Lists};

/// Names told per list.
const TOLD: usize = 10;
/// Share of the misses from which on a name is worth a word of advice, in percent.
const WORTH: u64 = 5;

/// All sites, those with most requests that were not hits first.
#[derive(Debug, Clone, Serialize)]
pub struct Advice {
    /// Sites.
    pub sites: Vec<SiteAdvice>,
}

/// One site in the last hour.
#[derive(Debug, Clone, Serialize)]
pub struct SiteAdvice {
    /// Its name.
    pub site: String,
    /// Requests that were not hits.
    pub requests: u64,
    /// Nothing was stored.
    pub misses: u64,
    /// What was stored had to be validated or fetched anew.
    pub expired: u64,
    /// Passed without a look-up.
    pub bypassed: u64,
    /// Answers that were not stored.
    pub not_stored: u64,
    /// Requests left out since the start because the books were in use: the site is sampled.
    pub left_out: u64,
    /// Query parameters in the keys of requests that were looked up in vain.
    pub parameters: Vec<Named>,
    /// Cookies for which requests were passed.
    pub cookies: Vec<Named>,
    /// Fields in `Vary` of what was fetched.
    pub vary: Vec<Named>,
    /// Paths whose answers set cookies and were not stored for that.
    pub set_cookie: Vec<Named>,
    /// Why requests were passed.
    pub bypass: Vec<Named>,
    /// Why answers were not stored.
    pub refused: Vec<Named>,
    /// Paths whose answers were not stored, with the reason.
    pub uncacheable: Vec<Named>,
    /// What to look at, most worthwhile first.
    pub advice: Vec<String>,
}

/// A name and how often it came.
#[derive(Debug, Clone, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// How often, at most.
    pub count: u64,
    /// By how much that may be too high.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes references"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn told(list: &TopNames) -> Vec<Named> {
    list.top(TOLD)
        .into_iter()
        .map(|(name, counted)| Named {
            name: name.to_owned(),
            count: counted.count,
            error: counted.error,
        })
        .collect()
}

impl Advisor {
    /// The last hour; of one site if it is named.
    #[must_use]
    pub fn report(&self, only: Option<&str>) -> Advice {
        let window = self.window();
        let mut sites: Vec<SiteAdvice> = self
            .sites
            .read()
            .iter()
            .filter(|(name, _)| only.is_none_or(|only| only == &***name))
            .map(|(name, books)| {
                let left_out = books.left_out.load(Ordering::Relaxed);
                site(name, &books.last_hour(window), left_out)
            })
            .collect();
        sites.sort_by(|a, b| b.requests.cmp(&a.requests).then(a.site.cmp(&b.site)));
        Advice { sites }
    }
}

fn site(name: &str, lists: &Lists, left_out: u64) -> SiteAdvice {
    let mut told = SiteAdvice {
        site: name.to_owned(),
        requests: lists.requests,
        misses: lists.misses,
        expired: lists.expired,
        bypassed: lists.bypassed,
        not_stored: lists.not_stored,
        left_out,
        parameters: told(&lists.parameters),
        cookies: told(&lists.cookies),
        vary: told(&lists.vary),
        set_cookie: told(&lists.set_cookie),
        bypass: told(&lists.bypass),
        refused: told(&lists.refused),
        uncacheable: told(&lists.uncacheable),
        advice: Vec::new(),
    };
    told.advice = advice(&told);
    told
}

/// A sentence for each name that is behind a good part of the requests that were not hits.
fn advice(site: &SiteAdvice) -> Vec<String> {
    let mut found: Vec<(u64, String)> = Vec::new();
    let mut say = |list: &[Named], text: &dyn Fn(&str) -> Option<String>| {
        for named in list {
            let sure = named.count - named.error;
            if sure * 100 >= site.requests * WORTH
                && let Some(text) = text(&named.name)
            {
                let share = sure * 100 / site.requests.max(1);
                found.push((sure, format!("{share} %: {text}")));
            }
        }
    };
    say(&site.parameters, &|name| {
        Some(format!(
            "the parameter {name} makes keys; if pages do not depend on it: filters: [{{ strip_query: {{ ignore: [{name}] }} }}]"
        ))
    });
    say(&site.cookies, &|name| {
        Some(format!(
            "the cookie {name} passes requests; if it means nobody: sites[].wordpress.ignore_cookies"
        ))
    });
    say(&site.vary, &|name| match name {
        "accept-encoding" => None,
        "cookie" | "user-agent" | "*" => Some(format!(
            "Vary: {name} makes a copy for nearly every visitor; let the origin leave it out"
        )),
        _ => Some(format!(
            "Vary: {name} makes a copy for each of its values; let the origin leave it out where it can"
        )),
    });
    say(&site.set_cookie, &|path| {
        Some(format!(
            "answers under {path} set a cookie and are not stored; let the origin set it elsewhere"
        ))
    });
    say(&site.refused, &|reason| match reason {
        "no-freshness" => Some("answers say nothing about their life; give the site cache.ttl".to_owned()),
        "private" | "no-store" | "no-cache" => Some(format!(
            "answers say {reason}; if pages are the same for all, let the origin say max-age"
        )),
        "too-large" => Some("answers are larger than cache.object_max".to_owned()),
        _ => None,
    });
    found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    found.into_iter().map(|(_, text)| text).take(TOLD).collect()
}

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.sites.is_empty() {
            return writeln!(f, "no request but hits in the last hour");
        }
        self.sites.iter().try_for_each(|site| write!(f, "{site}"))
    }
}

impl Display for SiteAdvice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} requests in the last hour that were not hits: {} missed, {} expired, {} passed, {} not stored",
            self.site, self.requests, self.misses, self.expired, self.bypassed, self.not_stored
        )?;
        if self.left_out > 0 {
            writeln!(f, "  ({} left out since the start: sampled)", self.left_out)?;
        }
        for text in &self.advice {
            writeln!(f, "  * {text}")?;
        }
        for (title, list) in [
            ("parameters in keys", &self.parameters),
            ("cookies that pass", &self.cookies),
            ("vary fields", &self.vary),
            ("set-cookie from", &self.set_cookie),
            ("passed because of", &self.bypass),
            ("not stored because of", &self.refused),
            ("not stored", &self.uncacheable),
        ] {
            if !list.is_empty() {
                let names: Vec<String> = list
                    .iter()
                    .map(|named| format!("{} {}", named.name, named.count))
                    .collect();
                writeln!(f, "  {title:<22}{}", names.join(", "))?;
            }
        }
        writeln!(f)
    }
}
