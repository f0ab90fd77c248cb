//! The comparison as a whole.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;

use super::*;
use crate::cache::KeyHash;

/// Headers and body of a page with this text.
struct Made(StatusCode, HeaderMap, String);

impl Made {
    fn page(&self) -> Page<'_> {
        Page {
            status: self.0,
            headers: &self.1,
            body: self.2.as_bytes(),
        }
    }
}

fn html(inside: &str) -> Made {
    let kind = HeaderValue::from_static("text/html; charset=UTF-8");
    let body =
        format!("<html><body><h1>Shop</h1>{inside}<p>Contact us: shop@example.invalid</p></body></html>");
    Made(
        StatusCode::OK,
        HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]),
        body,
    )
}

fn answer(status: u16, location: Option<&'static str>) -> Made {
    let mut headers = HeaderMap::new();
    if let Some(location) = location {
        headers.insert(header::LOCATION, HeaderValue::from_static(location));
    }
    Made(StatusCode::from_u16(status).unwrap(), headers, String::new())
}

fn judged(stored: &Made, first: &Made, second: &Made) -> Verdict {
    verdict(&stored.page(), &first.page(), &second.page())
}

fn leaks(stored: &str, anonymous: &str) -> String {
    let anonymous = html(anonymous);
    match judged(&html(stored), &anonymous, &anonymous) {
        Verdict::Leak(suspicions) => {
            let words: Vec<_> = suspicions.iter().map(|suspicion| suspicion.as_str()).collect();
            words.join(",")
        }
        Verdict::Changed => String::new(),
        Verdict::Unknown => panic!("not compared"),
    }
}

#[test]
fn a_copy_made_for_a_person_is_a_leak() {
    for (stored, anonymous, what) in [
        ("<p>Hello, Alice</p>", "", "greeting"),
        ("<p>Hello, Alice</p>", "<p>Hello, Guest</p>", "greeting"),
        (
            "<p>Welcome back, Alice!</p>",
            "<a href=\"/login/\">Log in</a>",
            "greeting",
        ),
        (
            "<a href=\"/?action=logout\">x</a>",
            "<a href=\"/login/\">Log in</a>",
            "session",
        ),
        (
            "<input name=\"author\" value=\"Bob\">",
            "<input name=\"author\" value=\"\">",
            "form",
        ),
        ("bob@example.invalid", "", "email"),
        (
            "Order number: 10234 for bob@example.invalid",
            "No order",
            "email,order",
        ),
        (
            "<b class=\"cart-count\">3</b>",
            "<b class=\"cart-count\">0</b>",
            "cart",
        ),
        ("{\"user_id\":17}", "{\"user_id\":0}", "identity"),
        (
            "Your address: 203.0.113.9",
            "Your address: 198.51.100.7",
            "network",
        ),
    ] {
        assert_eq!(leaks(stored, anonymous), what, "{stored}");
        assert!(
            !same_to_anybody(&html(stored).page(), &html(anonymous).page()),
            "{stored}"
        );
    }
}

#[test]
fn a_page_that_changed_since_is_no_leak() {
    for (stored, anonymous) in [
        ("<h2>Old news</h2>", "<h2>New news</h2>"),
        ("<h2>Old news</h2><p>by Alice</p>", ""),
        ("<h2>Sale</h2> 12 left", "<h2>Sale is over</h2>"),
        // An editor has put another of its kind in its place.
        ("Write to old@example.invalid", "Write to new@example.invalid"),
        ("<p>Dear Customers</p>", "<p>Dear Buyers</p>"),
        (
            "<h2>Our team</h2>Write to alice@example.invalid",
            "<h2>The team has left</h2>",
        ),
        // Something new that looks personal is none of the copy's.
        ("", "<p>Hello, Alice</p>"),
    ] {
        assert_eq!(leaks(stored, anonymous), "", "{stored}");
    }
}

#[test]
fn what_differs_from_fetch_to_fetch_is_no_leak() {
    let quote = |name: &str| html(&format!("<p>Dear {name}, thanks!</p>"));
    assert_eq!(
        judged(&quote("Alice"), &quote("Bob"), &quote("Carol")),
        Verdict::Changed
    );
    let noise = |nonce: &str, second: u8| {
        html(&format!(
            "<script nonce=\"{nonce}\"></script><!-- generated in 0.{second} s at 10:00:{second} -->{second} views"
        ))
    };
    assert!(same_to_anybody(&noise("abc", 1).page(), &noise("xyz", 27).page()));
}

#[test]
fn a_page_that_others_must_log_in_for_is_a_leak_and_one_that_is_gone_is_not() {
    let stored = html("");
    let twice = |anonymous: Made| judged(&stored, &anonymous, &anonymous);
    for guarded in [
        answer(401, None),
        answer(403, None),
        answer(302, Some("/wp-login.php?redirect_to=x")),
        answer(303, Some("https://a.example/my-account/")),
    ] {
        assert_eq!(twice(guarded), Verdict::Leak(vec![Suspicion::Guarded]));
    }
    for gone in [
        answer(404, None),
        answer(410, None),
        answer(301, Some("/new-address/")),
    ] {
        assert_eq!(twice(gone), Verdict::Changed);
    }
    for failed in [answer(500, None), answer(503, None), answer(429, None)] {
        assert_eq!(twice(failed), Verdict::Unknown);
    }
    assert_eq!(judged(&stored, &answer(403, None), &stored), Verdict::Changed);
}

#[test]
fn only_texts_are_compared() {
    let with = |kind: &'static str| {
        let mut made = html("");
        made.1
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        is_readable(&made.page())
    };
    for kind in [
        "text/html",
        "application/json; charset=UTF-8",
        "application/rss+xml",
        "text/javascript",
    ] {
        assert!(with(kind), "{kind}");
    }
    for kind in ["image/png", "application/pdf", ""] {
        assert!(!with(kind), "{kind}");
    }
    let mut coded = html("");
    coded
        .1
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    assert!(!is_readable(&coded.page()));
}

#[test]
fn one_of_so_many_is_chosen() {
    assert!(!is_chosen(0, 0));
    assert!((0..100).all(|random| is_chosen(1, random)));
    assert_eq!((0..1000).filter(|random| is_chosen(100, *random)).count(), 10);
}

#[test]
fn a_url_passes_until_its_time_is_over() {
    let at = Duration::from_secs;
    let mut passing = Passing::default();
    assert!(!passing.passes(KeyHash(1), at(0)));
    passing.pass(KeyHash(1), at(10), at(0));
    assert!(passing.passes(KeyHash(1), at(9)));
    assert!(!passing.passes(KeyHash(2), at(9)));
    assert!(!passing.passes(KeyHash(1), at(10)));
    assert!(passing.is_empty());
}

#[test]
fn so_many_urls_pass_and_the_first_to_end_makes_place() {
    let at = Duration::from_secs;
    let mut passing = Passing::default();
    for n in 0..=PASSING_MAX {
        passing.pass(KeyHash(n as u128), at(1000 + n as u64), at(0));
    }
    assert_eq!(passing.len(), PASSING_MAX);
    assert!(!passing.passes(KeyHash(0), at(1)));
    assert!(passing.passes(KeyHash(PASSING_MAX as u128), at(1)));
}

/// Text as pages have it, without anything that marks a person.
fn plain() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[a-z]{1,8}",
            "[0-9]{1,6}",
            "<p>[a-z ]{0,20}</p>",
            Just("<!-- generated in 0.2 s -->".to_owned()),
            Just("nonce=\"r4nd0m\"".to_owned()),
            "[0-9a-f]{10}",
        ],
        0..20,
    )
    .prop_map(|words| words.join(" "))
}

/// Marks of a person.
fn personal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z][a-z]{3,8}"
            .prop_filter("nobody", |name| name != "World")
            .prop_map(|name| format!("<p>Hello, X{name}</p>")),
        Just("<a href=\"?action=logout\">".to_owned()),
        "[a-z]{3,8}".prop_map(|name| format!("<input name=author value={name}z>")),
        "[a-z]{3,8}".prop_map(|name| format!("{name}@example.invalid")),
    ]
}

#[test]
fn a_greeting_without_a_name_is_no_mark() {
    let greets = html("hi");
    let others = html("");
    assert_eq!(judged(&greets, &others, &others), Verdict::Changed);
}

proptest! {
    #[test]
    fn a_copy_that_is_what_anybody_gets_is_the_same(text in "\\PC{0,200}") {
        let page = html(&text);
        prop_assert!(same_to_anybody(&page.page(), &page.page()));
    }

    #[test]
    fn without_a_mark_there_is_no_alarm(stored in plain(), first in plain(), second in plain()) {
        prop_assert_eq!(judged(&html(&stored), &html(&first), &html(&second)), Verdict::Changed);
    }

    #[test]
    fn a_mark_that_anonymous_visitors_see_raises_none(mark in personal(), old in plain(), new in plain()) {
        let (stored, fresh) = (html(&format!("{old} {mark}")), html(&format!("{mark} {new}")));
        prop_assert_eq!(judged(&stored, &fresh, &fresh), Verdict::Changed);
    }

    #[test]
    fn a_mark_of_a_person_is_found_in_any_page(mark in personal(), before in plain(), after in plain()) {
        let (stored, fresh) = (html(&format!("{before} {mark} {after}")), html(&format!("{before} {after}")));
        prop_assert!(matches!(judged(&stored, &fresh, &fresh), Verdict::Leak(_)));
        prop_assert!(!same_to_anybody(&stored.page(), &fresh.page()));
    }

    #[test]
    fn no_bytes_make_it_panic(one in prop::collection::vec(any::<u8>(), 0..300), other in "\\PC{0,200}") {
        let (mut coded, other) = (html(""), html(&other));
        coded.1.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let odd = Page { body: &one, ..coded.page() };
        let _ = verdict(&odd, &other.page(), &odd);
        let _ = verdict(&other.page(), &odd, &other.page());
        let _ = same_to_anybody(&odd, &other.page());
    }
}
