use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::cache::entry::testing::plain;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn entry(base: u128, host: &str, path: &str, tags: &[&str], seq: u64) -> Entry {
    Entry {
        host: host.into(),
        path: path.into(),
        seq: PurgeSeq(seq),
        tags: tags.iter().map(|tag| Box::from(*tag)).collect(),
        ..plain(KeyHash(base), at(0), Duration::ZERO)
    }
}

fn soft(seq: u64) -> Stamp {
    Stamp {
        seq: PurgeSeq(seq),
        at: at(seq),
        hard: false,
    }
}

fn hard(seq: u64) -> Stamp {
    Stamp {
        hard: true,
        ..soft(seq)
    }
}

fn url(base: u128, host: &str) -> Scope {
    Scope::Url {
        base: KeyHash(base),
        host: host.into(),
    }
}

fn prefix(host: &str, path: &str) -> Scope {
    Scope::Prefix {
        host: host.into(),
        path: path.into(),
    }
}

fn host_tag(host: &str, tag: &str) -> Scope {
    Scope::HostTag {
        host: host.into(),
        tag: tag.into(),
    }
}

fn path(host: &str, path: &str) -> Scope {
    Scope::Path {
        host: host.into(),
        path: path.into(),
    }
}

fn pattern(host: &str, pattern: &str) -> Scope {
    Scope::Pattern {
        host: host.into(),
        pattern: pattern.into(),
    }
}

fn marks(purges: &[(Scope, Stamp)]) -> Marks {
    let mut marks = Marks::default();
    for (scope, stamp) in purges {
        marks.add(scope, *stamp);
    }
    marks
}

#[test]
fn each_scope_hits_what_it_names_and_nothing_else() {
    let page = |seq| entry(1, "a", "/blog/x", &["t", "u"], seq);
    for (scope, other) in [
        (Scope::Everything, None),
        (Scope::Host("a".into()), Some(entry(1, "b", "/blog/x", &[], 1))),
        (prefix("a", "/blog"), Some(entry(1, "a", "/shop", &[], 1))),
        (prefix("a", "/blog/x"), Some(entry(1, "b", "/blog/x", &[], 1))),
        (url(1, "a"), Some(entry(2, "a", "/blog/x", &[], 1))),
        (Scope::Tag("u".into()), Some(entry(1, "a", "/blog/x", &["uu"], 1))),
        (host_tag("a", "u"), Some(entry(1, "b", "/blog/x", &["u"], 1))),
        (path("a", "/Blog/x/"), Some(entry(1, "a", "/blog/x/y", &[], 1))),
        (path("a", "/blog/x"), Some(entry(1, "b", "/blog/x", &[], 1))),
        (pattern("a", "^/b.og/x$"), Some(entry(1, "a", "/blog/xy", &[], 1))),
        (pattern("a", "log"), Some(entry(1, "b", "/blog/x", &[], 1))),
    ] {
        let marks = marks(&[(scope.clone(), soft(5))]);
        assert_eq!(marks.verdict(&page(4)), Verdict::Stale { at: at(5) }, "{scope:?}");
        assert_eq!(
            marks.verdict(&page(5)),
            Verdict::Valid,
            "{scope:?}: fetched after it"
        );
        if let Some(other) = other {
            assert_eq!(marks.verdict(&other), Verdict::Valid, "{scope:?}");
        }
    }
}

#[test]
fn a_domain_covers_every_host_below_it_and_not_itself() {
    for scope in [
        Scope::Host("*.b.example".into()),
        host_tag("*.b.example", "t"),
        prefix("*.b.example", "/x"),
        pattern("*.b.example", "x"),
    ] {
        let marks = marks(&[(scope.clone(), soft(5))]);
        let verdict = |host| marks.verdict(&entry(1, host, "/x", &["t"], 1));
        let stale = Verdict::Stale { at: at(5) };
        assert_eq!(
            [verdict("a.b.example"), verdict("c.a.b.example")],
            [stale; 2],
            "{scope:?}"
        );
        assert_eq!(
            [verdict("b.example"), verdict("ab.example"), verdict("example")],
            [Verdict::Valid; 3],
            "{scope:?}"
        );
    }
}

#[test]
fn an_expression_matches_path_and_query() {
    let marks = marks(&[(pattern("a", r"^/list\?page=\d$"), soft(5))]);
    let list = |query: Option<&str>| Entry {
        query: query.map(Into::into),
        ..entry(1, "a", "/list", &[], 1)
    };
    assert_eq!(marks.verdict(&list(Some("page=2"))), Verdict::Stale { at: at(5) });
    assert_eq!(marks.verdict(&list(None)), Verdict::Valid);
}

#[test]
fn expressions_are_few_and_what_is_none_purges_the_host() {
    let mut marks = Marks::default();
    for n in 0..200 {
        marks.add(&pattern("a", &format!("^/{n}$")), soft(n + 1));
    }
    assert!(marks.len() <= PATTERNS_MAX + 1);
    assert_eq!(
        marks.verdict(&entry(1, "a", "/other", &[], 0)),
        Verdict::Stale { at: at(1) },
        "the oldest purge the host"
    );
    assert_eq!(
        marks.verdict(&entry(1, "a", "/199", &[], 199)),
        Verdict::Stale { at: at(200) }
    );
    assert_eq!(marks.verdict(&entry(1, "a", "/198", &[], 199)), Verdict::Valid);
    assert_eq!(marks.verdict(&entry(1, "b", "/199", &[], 0)), Verdict::Valid);
    let bad = self::marks(&[(pattern("a", "("), soft(5))]);
    assert_eq!(
        bad.verdict(&entry(1, "a", "/", &[], 1)),
        Verdict::Stale { at: at(5) }
    );
}

#[test]
fn a_hard_purge_wins_over_soft_ones() {
    let marks = marks(&[
        (url(1, "a"), soft(3)),
        (Scope::Host("a".into()), hard(5)),
        (url(1, "a"), soft(7)),
    ]);
    assert_eq!(marks.verdict(&entry(1, "a", "/", &[], 4)), Verdict::Gone);
    assert_eq!(
        marks.verdict(&entry(1, "a", "/", &[], 5)),
        Verdict::Stale { at: at(7) }
    );
}

#[test]
fn a_later_purge_opens_no_new_stale_window() {
    let marks = marks(&[
        (url(1, "a"), soft(3)),
        (url(1, "a"), soft(9)),
        (Scope::Everything, soft(6)),
    ]);
    assert_eq!(
        marks.verdict(&entry(1, "a", "/", &[], 2)),
        Verdict::Stale { at: at(3) }
    );
    assert_eq!(
        marks.verdict(&entry(1, "a", "/", &[], 4)),
        Verdict::Stale { at: at(6) }
    );
    assert_eq!(
        marks.verdict(&entry(1, "a", "/", &[], 7)),
        Verdict::Stale { at: at(9) }
    );
}

#[test]
fn a_prefix_ends_where_a_character_ends() {
    let marks = marks(&[(prefix("a", "/ab"), soft(5))]);
    assert_eq!(marks.verdict(&entry(1, "a", "/é", &[], 1)), Verdict::Valid);
    assert_eq!(marks.verdict(&entry(1, "a", "/", &[], 1)), Verdict::Valid);
}

#[test]
fn purging_the_same_again_takes_no_more_room() {
    let again: Vec<_> = (1..100).map(|seq| (url(1, "a"), soft(seq))).collect();
    assert_eq!(marks(&again).len(), 1);
}

#[test]
fn a_host_with_many_records_is_folded_before_others() {
    let mut marks = Marks::default();
    for base in 0..100 {
        marks.add(&url(base, "busy"), soft(base as u64 + 1));
    }
    marks.add(&url(1000, "quiet"), soft(200));
    marks.fold(60);
    assert!(marks.len() <= 60);
    assert_eq!(
        marks.verdict(&entry(7777, "busy", "/", &[], 0)),
        Verdict::Stale { at: at(1) }
    );
    assert_eq!(
        marks.verdict(&entry(7777, "busy", "/", &[], 60)),
        Verdict::Valid,
        "only the oldest half was folded"
    );
    assert_eq!(marks.verdict(&entry(7777, "quiet", "/", &[], 1)), Verdict::Valid);
}

#[test]
fn old_records_become_one_that_hits_nothing_younger() {
    let mut marks = marks(&[
        (url(1, "a"), soft(10)),
        (Scope::Host("b".into()), hard(20)),
        (Scope::Tag("t".into()), soft(30)),
        (url(2, "a"), soft(100)),
    ]);
    marks.expire(at(50));
    assert_eq!(marks.len(), 2);
    assert_eq!(marks.verdict(&entry(9, "z", "/", &[], 30)), Verdict::Valid);
    assert_eq!(
        marks.verdict(&entry(1, "a", "/", &[], 9)),
        Verdict::Gone,
        "was hit and is hit"
    );
    assert_eq!(
        marks.verdict(&entry(2, "a", "/", &[], 50)),
        Verdict::Stale { at: at(100) }
    );
}

#[test]
fn draining_gives_every_mark_once() {
    let purges = [
        (Scope::Everything, soft(1)),
        (Scope::Host("a".into()), soft(2)),
        (prefix("a", "/x"), hard(3)),
        (url(1, "a"), soft(4)),
        (Scope::Tag("t".into()), soft(5)),
        (host_tag("*.a", "t"), soft(6)),
        (path("a", "/x"), soft(7)),
        (pattern("a", "x"), soft(8)),
        (Scope::Host("*.a".into()), hard(9)),
    ];
    let mut all = marks(&purges);
    let mut drained = all.drain();
    assert!(all.is_empty());
    drained.sort_by_key(|(_, mark)| mark.newest());
    let scopes: Vec<Scope> = drained.iter().map(|(scope, _)| scope.clone()).collect();
    assert_eq!(scopes, purges.map(|(scope, _)| scope));
}

fn scope() -> impl Strategy<Value = Scope> {
    let host = || prop_oneof!["a", "b", "c", "d", Just("*.b".to_owned())].prop_map(String::into_boxed_str);
    prop_oneof![
        1 => Just(Scope::Everything),
        2 => host().prop_map(Scope::Host),
        4 => (host(), "/[xy]{0,3}").prop_map(|(host, path)| Scope::Prefix { host, path: path.into() }),
        8 => (0_u128..20, host()).prop_map(|(base, host)| Scope::Url { base: KeyHash(base), host }),
        4 => "[tuv]{1,2}".prop_map(|tag| Scope::Tag(tag.into())),
        4 => (host(), "[tuv]").prop_map(|(host, tag)| Scope::HostTag { host, tag: tag.into() }),
        4 => (host(), "/[xy]{0,2}/?").prop_map(|(host, path)| Scope::Path { host, path: path.into() }),
        2 => (host(), "\\^?[xy]{1,2}\\$?").prop_map(|(host, pattern)| Scope::Pattern { host, pattern: pattern.into() }),
    ]
}

/// How bad a verdict is.
fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Valid => 0,
        Verdict::Stale { .. } => 1,
        Verdict::Gone => 2,
    }
}

proptest! {
    #[test]
    fn folding_never_loses_a_purge(
        purges in prop::collection::vec((scope(), any::<bool>()), 1..80), target in 1_usize..20,
        oldest in 0_u64..100,
        looks in prop::collection::vec((0_u128..20, "([a-d]|x\\.b)", "/[xy]{0,4}", 0_u64..90), 20),
    ) {
        let mut marks = Marks::default();
        for (seq, (scope, is_hard)) in (1..).zip(&purges) {
            marks.add(scope, if *is_hard { hard(seq) } else { soft(seq) });
        }
        let newest = purges.len() as u64;
        let looks: Vec<Entry> =
            looks.iter().map(|(base, host, path, seq)| entry(*base, host, path, &["t"], *seq)).collect();
        let before: Vec<Verdict> = looks.iter().map(|entry| marks.verdict(entry)).collect();
        marks.expire(at(oldest));
        marks.fold(target);
        prop_assert!(marks.len() <= target);
        for (entry, before) in looks.iter().zip(before) {
            let after = marks.verdict(entry);
            prop_assert!(badness(after) >= badness(before), "{:?} {:?} {:?}", entry, before, after);
            if entry.seq.0 >= newest {
                prop_assert_eq!(after, Verdict::Valid);
            }
        }
    }

    #[test]
    fn the_count_is_true(purges in prop::collection::vec(scope(), 0..80), target in 1_usize..60) {
        let mut marks = Marks::default();
        for (seq, scope) in (1..).zip(&purges) {
            marks.add(scope, soft(seq));
        }
        marks.fold(target);
        let count = marks.len();
        prop_assert_eq!(marks.drain().len(), count);
    }
}
