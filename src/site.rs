//! Which site a request belongs to: by host, then by the longest path prefix.

use std::collections::HashMap;

use crate::config::HostPattern;

/// Sites by host and path. `T` is what a site becomes at run time.
#[derive(Debug)]
pub struct SiteTable<T> {
    exact: HashMap<String, Vec<Route<T>>>,
    wildcard: HashMap<String, Vec<Route<T>>>,
    any: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    path: String,
    site: T,
}

impl<T> Default for SiteTable<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            any: Vec::new(),
        }
    }
}

impl<T: Clone> SiteTable<T> {
    /// Adds a site under one host pattern and path prefix.
    pub fn add(&mut self, host: &HostPattern, path: &str, site: T) {
        let routes = match host {
            HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
            HostPattern::Wildcard(parent) => self.wildcard.entry(parent.clone()).or_default(),
            HostPattern::Any => &mut self.any,
        };
        routes.push(Route {
            path: path.to_owned(),
            site,
        });
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.len()));
    }

    /// The site for a host (lower case, no port) and path: exact host, then the longest wildcard, then any.
    /// A host that is known but has no site for the path falls through to the wider patterns.
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Option<&T> {
        self.locate(host, path).map(|found| found.site)
    }

    /// As [`SiteTable::find`], with what matched.
    #[must_use]
    pub fn locate<'t, 'h>(&'t self, host: &'h str, path: &str) -> Option<Located<'t, 'h, T>> {
        if let Some(route) = self.exact.get(host).and_then(|routes| route(routes, path)) {
            return Some(route.located(Matched::Exact(host)));
        }
        let mut rest = host;
        while !self.wildcard.is_empty() {
            let Some((_, parent)) = rest.split_once('.') else {
                break;
            };
            if let Some(route) = self.wildcard.get(parent).and_then(|routes| route(routes, path)) {
                return Some(route.located(Matched::Wildcard(parent)));
            }
            rest = parent;
        }
        route(&self.any, path).map(|route| route.located(Matched::Any))
    }
}

/// A site that was found, and how.
#[derive(Debug, Clone, Copy)]
pub struct Located<'t, 'h, T> {
    /// The host pattern that matched.
    pub host: Matched<'h>,
    /// The path prefix that matched.
    pub path: &'t str,
    /// The site.
    pub site: &'t T,
}

/// A host pattern that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched<'a> {
    /// The host itself.
    Exact(&'a str),
    /// `*.` and this.
    Wildcard(&'a str),
    /// `*`
    Any,
}

impl std::fmt::Display for Matched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl<T> Route<T> {
    fn located<'t, 'h>(&'t self, host: Matched<'h>) -> Located<'t, 'h, T> {
        Located {
            host,
            path: &self.path,
            site: &self.site,
        }
    }
}

fn route<'a, T>(routes: &'a [Route<T>], path: &str) -> Option<&'a Route<T>> {
    routes.iter().find(|route| below(path, &route.path))
}

/// Whether `path` is `prefix` or lies below it, on segment boundaries.
fn below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SiteTable<&'static str> {
        let mut table = SiteTable::default();
        table.add(&HostPattern::Exact("a.example".into()), "/", "a");
        table.add(&HostPattern::Exact("a.example".into()), "/shop", "a-shop");
        table.add(&HostPattern::Wildcard("example".into()), "/", "wild");
        table.add(&HostPattern::Wildcard("deep.example".into()), "/", "deep");
        table
    }

    #[test]
    fn the_exact_host_wins_over_the_wildcard() {
        assert_eq!(table().find("a.example", "/"), Some(&"a"));
        assert_eq!(table().find("b.example", "/"), Some(&"wild"));
    }

    #[test]
    fn the_longest_wildcard_wins() {
        assert_eq!(table().find("x.deep.example", "/"), Some(&"deep"));
        assert_eq!(table().find("x.y.example", "/"), Some(&"wild"));
    }

    #[test]
    fn a_wildcard_does_not_match_its_own_parent() {
        assert_eq!(table().find("example", "/"), None);
    }

    #[test]
    fn what_matched_is_told_as_it_is_written() {
        let table = table();
        let told = |host, path| {
            table
                .locate(host, path)
                .map(|found| (found.host.to_string(), found.path))
        };
        assert_eq!(
            told("a.example", "/shop/x"),
            Some(("a.example".to_owned(), "/shop"))
        );
        assert_eq!(
            told("x.deep.example", "/"),
            Some(("*.deep.example".to_owned(), "/"))
        );
    }

    #[test]
    fn the_longest_path_wins_on_segment_boundaries() {
        assert_eq!(table().find("a.example", "/shop/x"), Some(&"a-shop"));
        assert_eq!(table().find("a.example", "/shop"), Some(&"a-shop"));
        assert_eq!(table().find("a.example", "/shopping"), Some(&"a"));
    }

    #[test]
    fn without_any_an_unknown_host_has_no_site() {
        assert_eq!(table().find("other.test", "/"), None);
        let mut table = table();
        table.add(&HostPattern::Any, "/", "any");
        assert_eq!(table.find("other.test", "/"), Some(&"any"));
    }
}
