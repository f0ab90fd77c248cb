use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn read(path: &str, fields: &[(&str, &str)]) -> Purge {
    let headers: HeaderMap = fields
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let head = Head {
        method: "PURGE",
        path,
        query,
        headers: &headers,
    };
    purge(&head, false).unwrap()
}

fn path(path: &str) -> Vec<Target> {
    vec![Target::Path {
        host: None,
        path: path.into(),
    }]
}

fn tags(tags: &[&str]) -> Vec<Target> {
    tags.iter().map(|tag| Target::Tag((*tag).into())).collect()
}

#[test]
fn a_plain_purge_names_a_path_whatever_its_query() {
    for method in [
        &[][..],
        &[("X-Purge-Method", "default")],
        &[("X-Purge-Method", "unheard-of")],
    ] {
        assert_eq!(read("/post-7/?a=1", method).ask.targets, path("/post-7/"));
    }
}

#[test]
fn exact_respects_the_query() {
    let purge = read("/a?b=1", &[("X-Purge-Method", "exact")]);
    assert_eq!(
        purge.ask.targets,
        [Target::Url {
            host: None,
            target: "/a?b=1".into()
        }]
    );
}

#[test]
fn star_paths_and_regex_purge_what_lies_below() {
    for (target, fields) in [
        ("/.*", &[][..]),
        ("/.*", &[("X-Purge-Method", "regex")]),
        ("/", &[("X-Purge-Regex", ".*")]),
    ] {
        assert_eq!(read(target, fields).ask.targets, [Target::Host(None)], "{target}");
    }
    let below = read("/wp-content/themes/.*", &[("X-Purge-Method", "regex")]);
    assert_eq!(
        below.ask.targets,
        [Target::Prefix {
            host: None,
            path: "/wp-content/themes/".into()
        }]
    );
}

#[test]
fn the_tags_of_varnish_http_purge_match_whole_and_without_the_site() {
    let fields = |pattern| {
        read(
            "/",
            &[("X-Purge-Method", "tags"), ("X-Cache-Tags-Pattern", pattern)],
        )
        .ask
        .targets
    };
    assert_eq!(
        fields("site-1|p-15|pt-post|home"),
        tags(&["p-15", "pt-post", "home"])
    );
    assert_eq!(fields("site-1"), tags(&["site-1"]));
}

#[test]
fn tag_fields_are_lists_or_alternations() {
    for (name, value) in [
        ("xkey", "a b"),
        ("Surrogate-Key", "a b"),
        ("X-Cache-Tags", "a,b"),
        ("Cache-Tags", "(^|,)(a|b)(,|$)"),
    ] {
        assert_eq!(
            read("/", &[(name, value)]).ask.targets,
            tags(&["a", "b"]),
            "{name}"
        );
    }
}

#[test]
fn the_mode_is_what_the_request_says() {
    assert_eq!(read("/", &[]).ask.hard, None);
    assert_eq!(read("/", &[("X-Purge-Mode", "hard")]).ask.hard, Some(true));
    assert_eq!(read("/", &[("X-Purge-Mode", "soft")]).ask.hard, Some(false));
    assert_eq!(read("/", &[("xkey-softpurge", "a")]).ask.hard, Some(false));
    assert_eq!(read("/", &[("xkey-purge", "a")]).ask.hard, Some(true));
    assert_eq!(read("/", &[("Fastly-Soft-Purge", "1")]).ask.hard, Some(false));
}

#[test]
fn another_host_may_be_named() {
    let purge = read(
        "/x/",
        &[
            ("X-VC-Purge-Host", "www.blog.example"),
            ("X-VC-Purge-Method", "default"),
        ],
    );
    assert_eq!(purge.host.as_deref(), Some("www.blog.example"));
    assert_eq!(purge.flavour, Flavour::VarnishCaching);
    assert!(reply(&purge, "1-0", &json!({})).body.contains("Error 200 Purged"));
}

#[test]
fn cloudpanel_means_the_host() {
    let headers = HeaderMap::new();
    let head = Head {
        method: "PURGE",
        path: "/",
        query: None,
        headers: &headers,
    };
    assert_eq!(purge(&head, true).unwrap().ask.targets, [Target::Host(None)]);
    assert_eq!(purge(&head, false).unwrap().ask.targets, path("/"));
}

#[test]
fn a_bad_expression_is_refused() {
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-purge-method"),
        HeaderValue::from_static("regex"),
    )]);
    let head = Head {
        method: "PURGE",
        path: "/(",
        query: None,
        headers: &headers,
    };
    assert!(purge(&head, false).is_err());
}
