//! The rules in force at a site with `preset: wordpress`: the preset's and the site's own.

use std::time::Duration;

use super::super::model::{UnknownParameters, Wordpress, WriteSnooping};
use super::super::value::duration_text;
use super::row;
use crate::preset;

/// Columns of a long list.
const WIDTH: usize = 110;

pub(super) fn rows(out: &mut String, rules: &Wordpress) {
    let writes = match rules.write_snooping {
        WriteSnooping::Off => "purge nothing",
        WriteSnooping::Targeted => "purge what they change, softly",
        WriteSnooping::Site => "purge the whole host, softly",
    };
    row(out, "writes", writes);
    row(out, "classes", &classes(rules));
    row(out, "unlisted", &unlisted(rules));
    row(
        out,
        "slow",
        &format!(
            "wp-admin, cron and writes may take {}; nonces live {}, pages with one end an hour before them",
            duration_text(rules.admin_timeout),
            duration_text(rules.nonce_life)
        ),
    );
    if rules.mobile {
        row(out, "mobile", "telephones get pages of their own");
    }
    for rule in preset::wordpress_rules(rules)
        .into_iter()
        .filter(|rule| !rule.what.is_empty())
    {
        list(out, rule.name, rule.does, &rule.what);
    }
}

/// What is done with a list, and the list below it, wrapped.
fn list(out: &mut String, name: &str, does: &str, what: &[String]) {
    row(out, name, &format!("{does}:"));
    let mut line = String::new();
    for item in what {
        if !line.is_empty() && line.len() + item.len() + 1 > WIDTH {
            row(out, "", &line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(item);
    }
    if !line.is_empty() {
        row(out, "", &line);
    }
}

fn unlisted(rules: &Wordpress) -> String {
    let ttl = duration_text(rules.ttl.unknown_parameters);
    let within = duration_text(rules.second_sight_within);
    let kept = match rules.unknown_parameters {
        UnknownParameters::SecondSight => {
            format!("parameters make a page, stored for {ttl} when asked for twice within {within}")
        }
        UnknownParameters::Store => format!("parameters make a page, stored for {ttl}"),
        UnknownParameters::Bypass => "parameters pass".to_owned(),
        UnknownParameters::Drop => "parameters are dropped, but those of files".to_owned(),
    };
    format!("{kept}; at most {} of a path", rules.variants_max)
}

fn classes(rules: &Wordpress) -> String {
    let ttl = &rules.ttl;
    let said = |name: &str, ttl: Duration| format!("{name} {}", duration_text(ttl));
    [
        said("search", ttl.search),
        said("feeds", ttl.feed),
        said("sitemaps", ttl.sitemap),
        said("REST", ttl.rest),
        said("ajax", ttl.ajax),
        said("404", ttl.not_found),
        said("redirects", ttl.redirect),
        said("files", ttl.file),
        said("documents", ttl.download),
        said("versioned files", ttl.versioned_file),
    ]
    .join(", ")
}
