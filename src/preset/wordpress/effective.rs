//! The rules in force at a site, for people: the preset's own lists with what the site adds to them.

use super::query::lists;
use super::{OVERRIDES, cookies, path, rest};
use crate::config::{NamePattern, Wordpress};

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// What it is about, one word.
    pub name: &'static str,
    /// What is done.
    pub does: &'static str,
    /// With what; a name that ends in `*` means all that begin so.
    pub what: Vec<String>,
}

/// All rules of a site, in the order in which they are asked.
#[must_use]
pub fn effective(rules: &Wordpress) -> Vec<Effective> {
    [
        paths(rules),
        rest_routes(),
        cookie_rules(rules),
        parameters(rules),
        vec![rule(
            "fields",
            "of requests that never reach the origin, but for the method that a POST stands for",
            exact(&OVERRIDES).chain(begins(&super::GATEWAY_PREFIXES)),
        )],
    ]
    .concat()
}

fn rule(name: &'static str, does: &'static str, what: impl Iterator<Item = String>) -> Effective {
    Effective {
        name,
        does,
        what: what.collect(),
    }
}

fn exact<'a>(names: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    names.iter().map(|name| (*name).to_owned())
}

fn begins<'a>(names: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    names.iter().map(|name| format!("{name}*"))
}

fn own(list: &[NamePattern]) -> impl Iterator<Item = String> {
    list.iter().map(ToString::to_string)
}

fn paths(rules: &Wordpress) -> Vec<Effective> {
    let segments = |names: &[&str]| -> Vec<String> { names.iter().map(|name| format!("/{name}/")).collect() };
    let ajax = rules
        .ajax_actions
        .iter()
        .map(|action| format!("admin-ajax.php?action={action}"));
    vec![
        rule(
            "paths",
            "with one of these at any level pass, and so do scripts",
            rules
                .bypass_paths
                .iter()
                .map(|path| format!("/{path}/"))
                .chain(segments(&path::NEVER))
                .chain([
                    "/.well-known/acme-challenge/".to_owned(),
                    "/members/…/messages/".to_owned(),
                ])
                .chain(
                    path::SOLD_FOLDERS
                        .iter()
                        .map(|folder| format!("/wp-content/uploads/{folder}/")),
                ),
        ),
        rule(
            "",
            "but these are shared, the files by people with a login, too",
            ["/wp-includes/".to_owned()]
                .into_iter()
                .chain(
                    path::PUBLIC_FOLDERS
                        .iter()
                        .map(|folder| format!("/wp-content/{folder}/")),
                )
                .chain(
                    path::ADMIN_FILES
                        .iter()
                        .map(|folder| format!("/wp-admin/{folder}/")),
                )
                .chain(exact(&["load-styles.php", "load-scripts.php"]))
                .chain(ajax),
        ),
    ]
}

fn rest_routes() -> Vec<Effective> {
    vec![
        rule(
            "rest",
            "with a nonce or an Origin passes, and so do these routes",
            exact(&rest::NEVER),
        ),
        rule("", "but these are shared", exact(&rest::CATALOGUE)),
    ]
}

fn cookie_rules(rules: &Wordpress) -> Vec<Effective> {
    vec![
        rule(
            "cookies",
            "that mean a person pass",
            own(&rules.bypass_cookies)
                .chain(begins(&cookies::BYPASS))
                .chain(exact(&cookies::WITH_VALUE)),
        ),
        rule(
            "",
            "that do not, though they begin so",
            own(&rules.ignore_cookies).chain(begins(&cookies::HARMLESS)),
        ),
        rule(
            "",
            "that choose among pages, and others of these names that pass",
            rules.vary_cookies.iter().map(ToString::to_string),
        ),
        rule(
            "",
            "all others are dropped; these also from answers, others keep an answer from being stored",
            begins(&cookies::STRIPPED_FROM_ANSWERS),
        ),
    ]
}

fn parameters(rules: &Wordpress) -> Vec<Effective> {
    vec![
        rule(
            "parameters",
            "that pass",
            own(&rules.bypass_parameters)
                .chain(exact(&lists::BYPASS))
                .chain(begins(&lists::BYPASS_PREFIXES)),
        ),
        rule(
            "",
            "that make a page",
            own(&rules.known_parameters)
                .chain(exact(&lists::KEYED))
                .chain(begins(&lists::KEYED_PREFIXES)),
        ),
        rule(
            "",
            "that are dropped",
            own(&rules.ignore_parameters)
                .chain(exact(&lists::STRIP))
                .chain(begins(&lists::STRIP_PREFIXES)),
        ),
    ]
}
