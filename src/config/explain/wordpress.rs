//! What a site with `preset: wordpress` does beyond the others.

use std::time::Duration;

use super::super::model::{NamePattern, UnknownParameters, Wordpress, WriteSnooping};
use super::super::value::duration_text;
use super::row;

pub(super) fn rows(out: &mut String, rules: &Wordpress) {
    let writes = match rules.write_snooping {
        WriteSnooping::Off => "purge nothing",
        WriteSnooping::Targeted => "purge what they change, softly",
        WriteSnooping::Site => "purge the whole host, softly",
    };
    row(out, "writes", writes);
    let unknown = match rules.unknown_parameters {
        UnknownParameters::Store => {
            format!(
                "unknown ones are stored for {}",
                duration_text(rules.ttl.unknown_parameters)
            )
        }
        UnknownParameters::Pass => "unknown ones pass".to_owned(),
    };
    row(out, "parameters", &unknown);
    let names = |list: &[NamePattern]| {
        list.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, said) in [
        ("+ passing", names(&rules.bypass_parameters)),
        ("+ dropped", names(&rules.ignore_parameters)),
        ("+ known", names(&rules.known_parameters)),
        ("+ cookies", names(&rules.bypass_cookies)),
        ("- cookies", names(&rules.ignore_cookies)),
        ("+ paths", paths(&rules.bypass_paths)),
    ] {
        if !said.is_empty() {
            row(out, name, &said);
        }
    }
    row(out, "classes", &classes(rules));
    row(
        out,
        "slow",
        &format!(
            "wp-admin, cron and writes may take {}; nonces live {}",
            duration_text(rules.admin_timeout),
            duration_text(rules.nonce_life)
        ),
    );
}

fn paths(list: &[String]) -> String {
    list.iter()
        .map(|path| format!("/{path}/"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn classes(rules: &Wordpress) -> String {
    let ttl = &rules.ttl;
    let said = |name: &str, ttl: Duration| format!("{name} {}", duration_text(ttl));
    [
        said("search", ttl.search),
        said("feeds", ttl.feed),
        said("sitemaps", ttl.sitemap),
        said("REST", ttl.rest),
        said("404", ttl.not_found),
        said("redirects", ttl.redirect),
        said("files", ttl.file),
        said("documents", ttl.download),
        said("versioned files", ttl.versioned_file),
    ]
    .join(", ")
}
