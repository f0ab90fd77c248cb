//! What a site with `preset: wordpress` adds to the preset's own rules.

use std::time::Duration;

/// `sites[].wordpress`. Lists are additions: the preset's own stay in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wordpress {
    /// What becomes of writes that pass by.
    pub write_snooping: WriteSnooping,
    /// Cookies that mean a person.
    pub bypass_cookies: Vec<NamePattern>,
    /// Cookies that mean nobody, whatever the preset says.
    pub ignore_cookies: Vec<NamePattern>,
    /// Cookies that choose among the pages of a URL: part of the key, and forwarded.
    pub vary_cookies: Vec<VaryCookie>,
    /// Telephones get pages of their own; default false.
    pub mobile: bool,
    /// Path segments, lower case, that make a path personal with all below: `club`, or several: `club/inner`.
    pub bypass_paths: Vec<String>,
    /// Parameters that pass.
    pub bypass_parameters: Vec<NamePattern>,
    /// Parameters that are dropped before keying and forwarding.
    pub ignore_parameters: Vec<NamePattern>,
    /// Parameters that make a page of their own, stored as long as any page.
    pub known_parameters: Vec<NamePattern>,
    /// What becomes of URLs with other parameters.
    pub unknown_parameters: UnknownParameters,
    /// How soon a made-up URL must come again to be stored; default 2 min.
    pub second_sight_within: Duration,
    /// Most made-up URLs of one path that are stored at a time; default 64.
    pub variants_max: usize,
    /// Actions of `admin-ajax.php` whose answers to anonymous GETs are shared.
    pub ajax_actions: Vec<String>,
    /// How long a nonce is valid (WordPress' `nonce_life`); default 1 d.
    pub nonce_life: Duration,
    /// First byte and pauses of requests to wp-admin, cron, and of writes; default 5 min.
    pub admin_timeout: Duration,
    /// Freshness by class.
    pub ttl: WordpressTtl,
}

/// Freshness of answers that say nothing, by what they are; pages take `sites[].cache.ttl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordpressTtl {
    /// Search results; default 1 min.
    pub search: Duration,
    /// Feeds; default 5 min.
    pub feed: Duration,
    /// Sitemaps; default 5 min.
    pub sitemap: Duration,
    /// Anonymous REST answers; default 1 min.
    pub rest: Duration,
    /// "Not found", also where WordPress forbids caching; default 10 s.
    pub not_found: Duration,
    /// Permanent redirects; default 5 min.
    pub redirect: Duration,
    /// Answers of [`Wordpress::ajax_actions`]; default 1 min.
    pub ajax: Duration,
    /// URLs with parameters that WordPress does not know, at most; default 1 min.
    pub unknown_parameters: Duration,
    /// Files; default 7 d.
    pub file: Duration,
    /// Documents and texts; default 1 h.
    pub download: Duration,
    /// Files with a version in their URL; default 365 d.
    pub versioned_file: Duration,
}

/// What becomes of writes that pass by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteSnooping {
    /// Nothing.
    Off,
    /// What they change is purged, as far as it can be told.
    Targeted,
    /// Each purges the whole host.
    Site,
}

/// What becomes of URLs with parameters that are on no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownParameters {
    /// Stored for a short while, once they come a second time (default).
    SecondSight,
    /// Stored for a short while at once.
    Store,
    /// Passed to the origin, never stored.
    Bypass,
    /// The parameters are dropped before keying and forwarding, as tracking parameters are.
    Drop,
}

/// Most cookies that choose at one site.
pub const VARY_COOKIES_MAX: usize = 8;

/// A cookie that chooses among the pages of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaryCookie {
    /// Its name as written.
    pub name: String,
    /// Values that are told apart; at least one. Requests with another pass.
    pub values: Vec<String>,
}

impl VaryCookie {
    /// `name=value|value`. `None`: no name, or no value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, values) = text.split_once('=')?;
        let is_name = |c: char| c.is_ascii_graphic() && !matches!(c, '*' | ';' | '&' | ',' | '[' | ']');
        let is_value = |c: char| c.is_ascii_graphic() && !matches!(c, ';' | ',' | '"' | '\\');
        let values: Vec<String> = values.split('|').map(str::to_owned).collect();
        let good = !name.is_empty()
            && name.chars().all(is_name)
            && values
                .iter()
                .all(|value| !value.is_empty() && value.chars().all(is_value));
        good.then(|| Self {
            name: name.to_owned(),
            values,
        })
    }
}

impl std::fmt::Display for VaryCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.name, self.values.join("|"))
    }
}

/// A name, or the beginning of names; compared as PHP reads them: lower case, dots and spaces as `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    text: Box<str>,
    is_prefix: bool,
}

impl NamePattern {
    /// `name`, or `name*` for all that begin so. `None`: empty, or with a star elsewhere.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (text, is_prefix) = match text.strip_suffix('*') {
            Some(begin) => (begin, true),
            None => (text, false),
        };
        let is_name = |c: char| c.is_ascii_graphic() && !matches!(c, '*' | ';' | '=' | '&' | ',' | '[' | ']');
        if text.is_empty() || !text.chars().all(is_name) {
            return None;
        }
        let text = text.to_ascii_lowercase().replace('.', "_").into();
        Some(Self { text, is_prefix })
    }

    /// Whether it means this name, which is in PHP's form already.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.is_prefix {
            name.starts_with(&*self.text)
        } else {
            name == &*self.text
        }
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

impl Default for Wordpress {
    fn default() -> Self {
        Self {
            write_snooping: WriteSnooping::Targeted,
            bypass_cookies: Vec::new(),
            ignore_cookies: Vec::new(),
            vary_cookies: Vec::new(),
            mobile: false,
            bypass_paths: Vec::new(),
            bypass_parameters: Vec::new(),
            ignore_parameters: Vec::new(),
            known_parameters: Vec::new(),
            unknown_parameters: UnknownParameters::SecondSight,
            second_sight_within: Duration::from_secs(120),
            variants_max: 64,
            ajax_actions: Vec::new(),
            nonce_life: Duration::from_secs(86_400),
            admin_timeout: Duration::from_secs(300),
            ttl: WordpressTtl::default(),
        }
    }
}

impl Default for WordpressTtl {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            search: MINUTE,
            feed: 5 * MINUTE,
            sitemap: 5 * MINUTE,
            rest: MINUTE,
            not_found: Duration::from_secs(10),
            redirect: 5 * MINUTE,
            ajax: MINUTE,
            unknown_parameters: MINUTE,
            file: 7 * DAY,
            download: 60 * MINUTE,
            versioned_file: 365 * DAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_chooses_has_a_name_and_values() {
        let cookie = VaryCookie::parse("PLL_Language=de|en-GB").unwrap();
        assert_eq!(cookie.to_string(), "PLL_Language=de|en-GB");
        for wrong in ["", "a", "=x", "a=", "a=x|", "a=x;b=y", "a b=x", "a*=x"] {
            assert_eq!(VaryCookie::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_compared_as_php_reads_them() {
        let pattern = NamePattern::parse("My.Club_*").unwrap();
        assert!(pattern.matches("my_club_member"));
        assert!(!pattern.matches("my_clubs"));
        assert_eq!(pattern.to_string(), "my_club_*");
        for wrong in ["", "*", "a*b", "a b", "a=b", "a[b]"] {
            assert_eq!(NamePattern::parse(wrong), None, "{wrong}");
        }
    }
}
