use proptest::prelude::*;

use super::*;
use crate::refresh::testing::{ask, entry};

fn note(hot: &mut Hot, path: &str, times: u64) {
    hot.note(times, &entry(path, 1, &[]), || ask(path));
}

fn hottest(hot: &mut Hot, most: usize) -> Vec<String> {
    let found = hot.purged(PurgeSeq(9), |_| true, most);
    found.into_iter().map(|(_, url)| url.path.to_string()).collect()
}

#[test]
fn the_most_requested_come_first() {
    let mut hot = Hot::default();
    for (path, times) in [("/b", 2), ("/a", 3), ("/d", 1), ("/c", 2)] {
        note(&mut hot, path, times);
    }
    assert_eq!(hottest(&mut hot, 3), ["/a", "/b", "/c"]);
}

#[test]
fn only_what_was_fetched_before_the_purge_is_hit_and_once() {
    let mut hot = Hot::default();
    hot.note(1, &entry("/old", 3, &[]), || ask("/old"));
    hot.note(1, &entry("/new", 5, &[]), || ask("/new"));
    let purge_at_5 = |subject: &Subject<'_>| subject.seq < PurgeSeq(5);
    let found = hot.purged(PurgeSeq(5), purge_at_5, 9);
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].1.path, "/old");
    assert!(hot.purged(PurgeSeq(5), purge_at_5, 9).is_empty());
    assert_eq!(
        hot.purged(PurgeSeq(6), |subject| subject.seq < PurgeSeq(6), 9)
            .len(),
        2
    );
}

#[test]
fn a_new_copy_brings_its_tags() {
    let mut hot = Hot::default();
    hot.note(1, &entry("/a", 3, &["before"]), || ask("/a"));
    hot.note(1, &entry("/a", 4, &["after"]), || ask("/a"));
    let tagged = |subject: &Subject<'_>| subject.tags.iter().any(|tag| **tag == *"after");
    assert_eq!(hot.purged(PurgeSeq(9), tagged, 9).len(), 1);
}

#[test]
fn a_new_copy_is_asked_for_as_its_first_visitor_did_in_the_spelling_of_the_key() {
    let mut hot = Hot::default();
    for (seq, agent) in [(3, "one"), (3, "two"), (4, "three")] {
        let mut request = ask("/A%7e");
        request.headers.push((http::header::USER_AGENT, agent.into()));
        hot.note(1, &entry("/a", seq, &[]), || request);
    }
    let found = hot.purged(PurgeSeq(9), |_| true, 9);
    let asked = &found[0].1.ask;
    assert_eq!(
        (asked.target.as_str(), &*asked.headers[0].1),
        ("/a", b"three".as_slice())
    );
}

#[test]
fn yesterdays_favourite_makes_way() {
    let mut hot = Hot::default();
    note(&mut hot, "/yesterday", 1000);
    assert!(!hot.fade(HALF_LIFE / 2));
    assert!(hot.fade(HALF_LIFE * 10));
    note(&mut hot, "/today", 2);
    assert_eq!(hottest(&mut hot, 9), ["/today", "/yesterday"]);
    hot.fade(HALF_LIFE * 200);
    assert!(hottest(&mut hot, 9).is_empty());
}

#[test]
fn a_url_too_long_to_keep_is_not_counted() {
    let mut hot = Hot::default();
    note(&mut hot, &format!("/{}", "x".repeat(WEIGHT_MAX)), 1);
    assert!(hottest(&mut hot, 9).is_empty());
}

#[test]
fn less_room_keeps_the_hottest() {
    let mut hot = Hot::default();
    hot.make_room(COUNTED_MAX);
    for n in 0..2 * COUNTED_MIN {
        note(&mut hot, &format!("/{n}"), n as u64 + 1);
    }
    hot.make_room(1);
    assert_eq!(hot.known.len(), COUNTED_MIN);
    assert_eq!(hottest(&mut hot, 1), [format!("/{}", 2 * COUNTED_MIN - 1)]);
}

proptest! {
    #[test]
    fn the_rare_never_push_the_frequent_out(rare in prop::collection::vec(0_u32..10_000, 0..2000)) {
        let mut hot = Hot::default();
        for n in &rare {
            note(&mut hot, "/hot", 2);
            note(&mut hot, &format!("/{n}"), 1);
        }
        prop_assert!(hot.known.len() <= hot.capacity);
        for known in hot.known.values() {
            prop_assert!(known.error <= known.count);
            prop_assert!(known.error <= rare.len() as u64 * 3 * ONE / hot.capacity as u64);
        }
        if rare.len() > 10 {
            prop_assert_eq!(hottest(&mut hot, 1), ["/hot"]);
        }
    }
}
