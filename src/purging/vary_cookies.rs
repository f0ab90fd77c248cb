//! Cookies that choose a page of a site, as its origin has told (`X-LiteSpeed-Vary`).
//!
//! A visitor who has one of them passes to the origin: the shared copy is for those who have none.

use std::collections::BTreeSet;

use http::{HeaderMap, header};
use parking_lot::RwLock;

/// The cookie that stands for a person or a kind of visitor at every LiteSpeed site.
const ALWAYS: &str = "_lscache_vary";
/// Most names remembered; one more and every cookie counts.
const NAMES_MAX: usize = 64;

/// The names heard so far.
#[derive(Debug, Default)]
pub struct VaryCookies {
    names: RwLock<BTreeSet<String>>,
}

impl VaryCookies {
    /// Remembers names.
    pub fn learn(&self, names: &[String]) {
        if names.is_empty() || names.iter().all(|name| self.names.read().contains(name)) {
            return;
        }
        let mut known = self.names.write();
        for name in names {
            if known.len() <= NAMES_MAX {
                known.insert(name.clone());
            }
        }
    }

    /// Whether a request carries one of them; those that are in the key do not count.
    #[must_use]
    pub fn chosen_by(&self, headers: &HeaderMap, in_key: impl Fn(&str) -> bool) -> bool {
        if !headers.contains_key(header::COOKIE) {
            return false;
        }
        let known = self.names.read();
        known.len() > NAMES_MAX
            || carries(headers, |name| {
                (name == ALWAYS || known.contains(name)) && !in_key(name)
            })
    }
}

/// Whether a request carries one of these cookies with a value.
#[must_use]
pub fn carries_any(headers: &HeaderMap, names: &[String]) -> bool {
    carries(headers, |name| names.iter().any(|wanted| wanted == name))
}

fn carries(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> bool {
    headers.get_all(header::COOKIE).iter().any(|line| {
        line.as_bytes().split(|byte| *byte == b';').any(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = parts.next().unwrap_or_default().trim_ascii();
            let value = parts.next().unwrap_or_default().trim_ascii();
            !value.is_empty() && std::str::from_utf8(name).is_ok_and(&wanted)
        })
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn cookies(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))])
    }

    fn chosen(site: &VaryCookies, headers: &HeaderMap) -> bool {
        site.chosen_by(headers, |name| name == "in_key")
    }

    #[test]
    fn a_visitor_with_a_named_cookie_passes() {
        let site = VaryCookies::default();
        assert!(!chosen(&site, &cookies("currency=EUR; _ga=1")));
        site.learn(&["currency".to_owned()]);
        assert!(chosen(&site, &cookies("_ga=1; currency=EUR")));
        assert!(!chosen(&site, &cookies("_ga=1; currency=; xcurrency=1")));
        assert!(!chosen(&site, &HeaderMap::new()));
        assert!(chosen(&site, &cookies("_lscache_vary=abc")));
        site.learn(&["in_key".to_owned()]);
        assert!(!chosen(&site, &cookies("in_key=1")));
    }

    #[test]
    fn too_many_names_make_every_cookie_count() {
        let site = VaryCookies::default();
        let names: Vec<String> = (0..200).map(|n| format!("c{n}")).collect();
        site.learn(&names);
        assert_eq!(site.names.read().len(), NAMES_MAX + 1);
        assert!(chosen(&site, &cookies("other=1")));
    }
}
