//! Queries: what is forwarded and keyed, what is dropped, what bypasses.

use std::borrow::Cow;

use super::text::{decode, hex_pair, php_name};
use crate::config::{NamePattern, UnknownParameters, Wordpress};
use crate::preset::PageClass;

pub(super) mod lists;

use lists::{BYPASS, BYPASS_PREFIXES, KEYED, KEYED_PREFIXES, STRIP, STRIP_PREFIXES};

/// Whether a parameter was there that no list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// All are known.
    Absent,
    /// At least one is not.
    Present,
}

/// A query as it is keyed and forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// Sorted, without tracking parameters; `None` when nothing is left.
    pub(super) text: Option<String>,
    /// Whether an unlisted parameter is in it.
    pub(super) unknown: Unknown,
    /// What the query asks for, when it overrides the path.
    pub(super) class: Option<PageClass>,
    /// The decoded `rest_route`, lower case, without slashes at its ends.
    pub(super) rest_route: Option<String>,
    /// Names a version of a file.
    pub(super) versioned: bool,
}

/// What is done with one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Strip,
    Bypass,
    Keyed,
    Unknown,
}

/// Normalises a query: tracking parameters dropped, the rest sorted by name (same names keep their order,
/// the last one wins in PHP), percent-encoding in one spelling, values untouched.
///
/// Normalising twice gives the same text. `may_drop`: what no list names is dropped where the site says so.
pub(super) fn normalise(rules: &Wordpress, raw: &str, may_drop: bool) -> Result<Query, &'static str> {
    let drops_unknown = may_drop && rules.unknown_parameters == UnknownParameters::Drop;
    let mut query = Query {
        text: None,
        unknown: Unknown::Absent,
        class: None,
        rest_route: None,
        versioned: false,
    };
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (raw_name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(raw_name, true);
        let name = php_name(&decoded);
        match rule(rules, &name) {
            Rule::Strip => continue,
            Rule::Bypass => return Err("query"),
            Rule::Keyed => note(&mut query, &name, value)?,
            Rule::Unknown if drops_unknown => continue,
            Rule::Unknown => query.unknown = Unknown::Present,
        }
        kept.push((raw_name, pair));
    }
    if kept.is_empty() {
        return Ok(query);
    }
    let mut spelled: Vec<(Cow<'_, str>, Cow<'_, str>)> = kept
        .into_iter()
        .map(|(name, pair)| (spell(name), spell(pair)))
        .collect();
    spelled.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = String::with_capacity(raw.len() + 8);
    for (_, pair) in &spelled {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(pair);
    }
    query.text = Some(text);
    Ok(query)
}

fn rule(rules: &Wordpress, name: &str) -> Rule {
    let own = |list: &[NamePattern]| list.iter().any(|pattern| pattern.matches(name));
    if own(&rules.bypass_parameters) {
        return Rule::Bypass;
    }
    if own(&rules.known_parameters) {
        return Rule::Keyed;
    }
    if own(&rules.ignore_parameters) {
        return Rule::Strip;
    }
    let starts = |list: &[&str]| list.iter().any(|prefix| name.starts_with(prefix));
    let listed = |list: &[&str]| list.binary_search(&name).is_ok();
    if listed(&BYPASS) || starts(&BYPASS_PREFIXES) {
        Rule::Bypass
    } else if listed(&STRIP) || starts(&STRIP_PREFIXES) {
        Rule::Strip
    } else if listed(&KEYED) || starts(&KEYED_PREFIXES) {
        Rule::Keyed
    } else {
        Rule::Unknown
    }
}

/// The decoded value of a parameter that occurs once, under whatever spelling PHP takes for its name.
pub(super) fn only_value(raw: &str, name: &str) -> Option<String> {
    let mut values = raw.split('&').filter_map(|pair| {
        let (raw_name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (php_name(&decode(raw_name, true)) == name).then(|| decode(value, true).into_owned())
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Notes what a known parameter says.
fn note(query: &mut Query, name: &str, value: &str) -> Result<(), &'static str> {
    match name {
        "s" => query.class = Some(PageClass::Search),
        "feed" => query.class = query.class.or(Some(PageClass::Feed)),
        "rest_route" => {
            let route = decode(value, true).to_lowercase();
            query.rest_route = Some(route.trim_matches('/').to_owned());
        }
        // Only an editor may ask for it.
        "context" if decode(value, true).eq_ignore_ascii_case("edit") => return Err("rest"),
        "ver" | "v" => query.versioned = true,
        _ => {}
    }
    Ok(())
}

/// One spelling of percent-encoding (RFC 3986 6.2.2): upper-case digits, unreserved characters bare, a `%`
/// that encodes nothing encoded itself.
fn spell(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        match hex_pair(rest.as_bytes(), at + 1) {
            Some(value) => {
                if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
                    out.push(char::from(value));
                } else {
                    out.push_str(&format!("%{value:02X}"));
                }
                rest = &rest[at + 3..];
            }
            None => {
                out.push_str("%25");
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}
