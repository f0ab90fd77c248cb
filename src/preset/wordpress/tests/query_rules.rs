//! Queries.

use std::time::Duration;

use http::Method;

use super::{ask_with, bypassed, cached};
use crate::config::{UnknownParameters, Wordpress};
use crate::preset::wordpress::query::lists;
use crate::preset::{MadeUp, PageClass, RequestVerdict};

#[test]
fn tracking_parameters_are_dropped_and_the_rest_sorted() {
    for (query, kept) in [
        ("utm_source=a&utm_new=b&fbclid=c", None),
        ("p=7&utm_source=a", Some("p=7")),
        ("paged=2&cat=5&gclid=x", Some("cat=5&paged=2")),
        (
            "mtm_x=1&matomo_y=2&UTM_Source=3&utm.source=4&%75tm_source=5&ScCid=6",
            None,
        ),
        (
            "filter_color[]=b&filter_color[]=a",
            Some("filter_color[]=b&filter_color[]=a"),
        ),
        ("&&", None),
        ("", None),
        ("s=%e4%BD%a0+a", Some("s=%E4%BD%A0+a")),
        ("tag=%41b", Some("tag=Ab")),
        ("tag=CaSe", Some("tag=CaSe")),
        ("tag=100%", Some("tag=100%25")),
    ] {
        assert_eq!(
            cached(&format!("/?{query}"), &[]).query.as_deref(),
            kept,
            "{query}"
        );
    }
}

#[test]
fn acts_and_previews_bypass() {
    for query in [
        "preview=true&p=7",
        "preview.id=7",
        "customize_changeset_uuid=x",
        "unapproved=5&moderation-hash=abc",
        "replytocom=5",
        "add-to-cart=9",
        "add%2Dto%2Dcart=9",
        "remove_item=1",
        "wc-ajax=get_refreshed_fragments",
        "wc-api=x",
        "edd_action=x",
        "doing_wp_cron=1",
        "elementor-preview=7",
        "utm_source=x&add-to-cart=9",
        "token=x",
        "preview%00x=1",
        "preview[]=1",
    ] {
        assert_eq!(bypassed(&format!("/?{query}"), &[]), "query", "{query}");
    }
}

#[test]
fn a_semicolon_separates_nothing() {
    assert_eq!(cached("/?utm_source=x;add-to-cart=9", &[]).query, None);
}

#[test]
fn unknown_parameters_are_keyed_for_a_minute_at_most() {
    let request = cached("/?who-knows=1", &[]);
    assert_eq!(request.query.as_deref(), Some("who-knows=1"));
    assert_eq!(request.ttl_max, Some(Duration::from_secs(60)));
    assert_eq!(cached("/?p=7", &[]).ttl_max, None);
}

#[test]
fn what_anybody_can_make_up_is_stored_when_it_comes_again() {
    let second_sight = MadeUp {
        seen_within: Some(Duration::from_secs(120)),
        variants_max: 64,
    };
    for target in [
        "/?who-knows=1",
        "/?s=lorem",
        "/shop/?s=lorem&utm_source=x",
        "/feed/?x=1",
    ] {
        assert_eq!(cached(target, &[]).made_up, Some(second_sight), "{target}");
    }
    for target in [
        "/",
        "/?p=7",
        "/?utm_source=x",
        "/wp-content/themes/t/a.css?20240101",
    ] {
        assert_eq!(cached(target, &[]).made_up, None, "{target}");
    }
}

#[test]
fn a_site_says_what_becomes_of_unknown_parameters() {
    let with = |unknown_parameters, target: &str| {
        let rules = Wordpress {
            unknown_parameters,
            ..Wordpress::default()
        };
        ask_with(&rules, &Method::GET, target, &[])
    };
    let kept = |verdict| match verdict {
        RequestVerdict::Cache(request) => (request.query, request.made_up),
        RequestVerdict::Bypass(reason) => panic!("{reason}"),
    };
    let at_once = Some(MadeUp {
        seen_within: None,
        variants_max: 64,
    });
    let store = with(UnknownParameters::Store, "/?x=1");
    assert_eq!(kept(store), (Some("x=1".to_owned()), at_once));
    let bypass = with(UnknownParameters::Bypass, "/?x=1");
    assert_eq!(bypass, RequestVerdict::Bypass("unknown-parameter"));
    let drop = with(UnknownParameters::Drop, "/?x=1&p=7");
    assert_eq!(kept(drop), (Some("p=7".to_owned()), None));
    let file = with(UnknownParameters::Drop, "/wp-content/themes/t/a.css?20240101");
    assert_eq!(kept(file).0.as_deref(), Some("20240101"));
}

#[test]
fn an_unknown_parameter_of_a_file_is_not_capped() {
    assert_eq!(cached("/wp-content/themes/t/a.css?20240101", &[]).ttl_max, None);
}

#[test]
fn the_query_can_say_what_is_asked_for() {
    assert_eq!(cached("/?s=lorem", &[]).class, PageClass::Search);
    assert_eq!(cached("/?feed=rss2", &[]).class, PageClass::Feed);
    assert_eq!(cached("/feed/?s=lorem", &[]).class, PageClass::Feed);
}

#[test]
fn the_lists_are_sorted_and_disjoint() {
    let all = [&lists::STRIP[..], &lists::BYPASS, &lists::KEYED];
    for list in all {
        assert!(list.is_sorted(), "{list:?}");
        assert!(list.iter().all(|name| name.to_ascii_lowercase() == *name));
    }
    let mut names: Vec<_> = all.into_iter().flatten().collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
