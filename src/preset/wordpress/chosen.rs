//! What chooses among the pages of one URL besides the URL, where a site says so: a cookie with one of the
//! values it names (a language, a currency, a group of visitors), or a telephone.

use std::sync::LazyLock;

use http::{HeaderMap, header};
use regex::bytes::Regex;

use super::text::php_name;
use crate::config::Wordpress;
use crate::preset::Chosen;

/// What WordPress takes for a telephone.
static MOBILE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)Mobile|Android|Silk/|Kindle|BlackBerry|Opera Mini|Opera Mobi").ok());

/// What a cookie that chooses says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is none of the site's.
    None,
    /// Nothing: it is empty.
    Nothing,
    /// One of the values that the site names.
    Known,
    /// Another value, or the name in a spelling that an application may take for another cookie: nobody knows whom
    /// it means.
    Unknown,
}

/// Whether a cookie chooses.
pub(super) fn choice(rules: &Wordpress, name: &str, value: &str) -> Choice {
    if rules.vary_cookies.is_empty() {
        return Choice::None;
    }
    let read = php_name(name);
    match rules
        .vary_cookies
        .iter()
        .find(|cookie| php_name(&cookie.name) == read)
    {
        None => Choice::None,
        Some(cookie) if cookie.name != name => Choice::Unknown,
        Some(_) if value.is_empty() => Choice::Nothing,
        Some(cookie) if cookie.values.iter().any(|known| known == value) => Choice::Known,
        Some(_) => Choice::Unknown,
    }
}

/// What a request chooses; its cookies are known ([`choice`]).
pub(super) fn chosen(rules: &Wordpress, headers: &HeaderMap) -> Chosen {
    let mut chosen = Chosen::default();
    if rules.mobile {
        chosen.key.push(("mobile".to_owned(), device(headers)));
    }
    if rules.vary_cookies.is_empty() {
        return chosen;
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for field in headers.get_all(header::COOKIE) {
        for pair in String::from_utf8_lossy(field.as_bytes()).split(';') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (name.trim(), value.trim());
            // PHP takes the first of a name.
            let is_first = pairs.iter().all(|(known, _)| known != name);
            if is_first && choice(rules, name, value) == Choice::Known {
                pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    pairs.sort();
    for (name, value) in pairs {
        if !chosen.cookies.is_empty() {
            chosen.cookies.push_str("; ");
        }
        chosen.cookies.push_str(&format!("{name}={value}"));
        chosen.key.push((format!("cookie {name}"), value));
    }
    chosen
}

/// What WordPress' `wp_is_mobile` goes by: releases before 6.4 look at the agent only, later ones at the hint
/// first.
fn device(headers: &HeaderMap) -> String {
    let hint = match headers.get("sec-ch-ua-mobile").map(|value| value.as_bytes()) {
        None => "-",
        Some(b"?1") => "1",
        Some(_) => "0",
    };
    let agent = headers.get(header::USER_AGENT);
    let mobile = agent.is_some_and(|agent| {
        MOBILE
            .as_ref()
            .is_none_or(|mobile| mobile.is_match(agent.as_bytes()))
    });
    format!("{hint}{}", u8::from(mobile))
}
