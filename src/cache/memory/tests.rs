use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::HeaderValue;

use super::*;
use crate::cache::entry::PurgeSeq;
use crate::cache::entry::testing::plain;

/// The variant of a request: its `x-v` field.
fn by_header(base: KeyHash, names: &[HeaderName], request: &HeaderMap) -> KeyHash {
    let mut parts: Vec<&[u8]> = vec![];
    for name in names {
        parts.push(request.get(name).map_or(b"", |value| value.as_bytes()));
    }
    KeyHash(base.0 ^ KeyHash::of(&parts).0)
}

fn memory(capacity: u64) -> (Memory, Clock, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    (
        Memory::new(capacity, by_header, clock.clone(), &metrics),
        clock,
        metrics,
    )
}

fn entry(slot: u128, body: usize, clock: &Clock) -> Entry {
    Entry {
        body: Bytes::from(vec![1; body]),
        seq: PurgeSeq(1),
        ..plain(KeyHash(slot), clock.now(), Duration::from_secs(60))
    }
}

fn put(memory: &Memory, entry: Entry) {
    memory.insert(entry.slot, Slot::Object(Arc::new(entry)));
}

#[test]
fn what_was_stored_is_found() {
    let (memory, clock, metrics) = memory(1 << 20);
    put(&memory, entry(1, 100, &clock));
    let place = memory.find(KeyHash(1), &HeaderMap::new());
    assert_eq!(place.slot, KeyHash(1));
    assert_eq!(place.entry.unwrap().body.len(), 100);
    assert!(memory.find(KeyHash(2), &HeaderMap::new()).entry.is_none());
    memory.run_pending();
    assert_eq!(metrics.cache_entries.with_label_values(&["memory"]).get(), 1);
    let bytes = metrics.cache_bytes.with_label_values(&["memory"]).get();
    assert!(bytes > 100 + i64::try_from(OVERHEAD).unwrap(), "{bytes}");
}

#[test]
fn a_marker_leads_to_the_variant_of_the_request() {
    let (memory, clock, _) = memory(1 << 20);
    let names = [HeaderName::from_static("x-v")];
    let request = HeaderMap::from_iter([(names[0].clone(), HeaderValue::from_static("a"))]);
    let slot = by_header(KeyHash(1), &names, &request);
    put(
        &memory,
        Entry {
            base: KeyHash(1),
            ..entry(slot.0, 10, &clock)
        },
    );
    let dead_at = clock.now() + Duration::from_secs(60);
    memory.insert(
        KeyHash(1),
        Slot::Vary(Arc::new(VaryNames {
            names: names.clone().into(),
            dead_at,
            superseded: Default::default(),
        })),
    );

    assert!(memory.find(KeyHash(1), &request).entry.is_some());
    let other = HeaderMap::from_iter([(names[0].clone(), HeaderValue::from_static("b"))]);
    let place = memory.find(KeyHash(1), &other);
    assert!(place.entry.is_none());
    assert_eq!(
        place.slot,
        by_header(KeyHash(1), &names, &other),
        "where it would lie"
    );
}

#[test]
fn the_capacity_is_kept_also_by_large_objects_in_a_row() {
    let (memory, clock, metrics) = memory(64 << 20);
    for slot in 0..30 {
        put(&memory, entry(slot, 8 << 20, &clock));
        // Before moka's own housekeeping after 64 writes.
        assert!(memory.cache.weighted_size() <= 64 << 20);
    }
    let evicted = metrics
        .cache_evictions
        .with_label_values(&["memory", "size"])
        .get();
    assert!(evicted >= 22, "{evicted}");
}

#[test]
fn the_least_recently_used_goes_first_and_what_was_just_filled_stays() {
    let (memory, clock, _) = memory(100_000);
    for slot in 0..50 {
        put(&memory, entry(slot, 10_000, &clock));
        memory.run_pending();
        assert!(memory.object(KeyHash(slot)).is_some(), "its waiters find it");
        assert!(memory.object(KeyHash(0)).is_some(), "used all the time");
    }
    assert!(memory.object(KeyHash(2)).is_none());
}

#[test]
fn what_is_larger_than_the_whole_tier_is_not_kept() {
    let (memory, clock, _) = memory(100_000);
    put(&memory, entry(1, 200_000, &clock));
    memory.run_pending();
    assert!(memory.object(KeyHash(1)).is_none());
}

#[test]
fn a_dead_entry_is_not_found() {
    let (memory, clock, _) = memory(1 << 20);
    let dead = entry(1, 10, &clock);
    clock.advance(Duration::from_secs(61) + DISCONNECTED_MAX);
    put(&memory, dead);
    assert!(memory.object(KeyHash(1)).is_none());
}

#[test]
fn an_entry_that_was_fresh_or_can_be_validated_outlives_its_windows() {
    let (_, clock, _) = memory(1 << 20);
    let mut entry = entry(1, 10, &clock);
    let now = clock.now();
    assert_eq!(dead_at(&entry), entry.times.fresh_until + DISCONNECTED_MAX);
    entry.times.fresh_until = now;
    assert_eq!(dead_at(&entry), now);
    entry
        .headers
        .insert(header::ETAG, HeaderValue::from_static("\"a\""));
    assert_eq!(dead_at(&entry), now + DISCONNECTED_MAX);
    entry.times.stale_if_error = DISCONNECTED_MAX * 2;
    assert_eq!(dead_at(&entry), now + DISCONNECTED_MAX * 2);
}

#[test]
fn clearing_frees_every_entry() {
    let (memory, clock, _) = memory(64 << 20);
    let watched = Arc::new(entry(0, 10, &clock));
    let weak = Arc::downgrade(&watched);
    memory.insert(KeyHash(0), Slot::Object(watched));
    for slot in 1..20_000 {
        put(&memory, entry(slot, 100, &clock));
    }
    memory.clear();
    assert_eq!(memory.size(), (0, 0));
    assert!(weak.upgrade().is_none(), "its memory is free");
    assert!((0..20_000).all(|slot| memory.object(KeyHash(slot)).is_none()));
    put(&memory, entry(1, 10, &clock));
    assert!(memory.object(KeyHash(1)).is_some(), "what comes after stays");
}

#[test]
fn promotion_never_replaces_something_newer() {
    let (memory, clock, _) = memory(1 << 20);
    let old = entry(1, 10, &clock);
    clock.advance(Duration::from_secs(1));
    put(&memory, entry(1, 20, &clock));
    memory.promote(KeyHash(1), Slot::Object(Arc::new(old.clone())));
    assert_eq!(memory.object(KeyHash(1)).unwrap().body.len(), 20);
    clock.advance(Duration::from_secs(1));
    memory.promote(KeyHash(1), Slot::Object(Arc::new(entry(1, 30, &clock))));
    assert_eq!(memory.object(KeyHash(1)).unwrap().body.len(), 30);
}

#[test]
fn a_hard_judged_entry_is_removed_only_while_it_is_the_one_in_its_slot() {
    let (memory, clock, _) = memory(1 << 20);
    put(&memory, entry(1, 10, &clock));
    let old = memory.object(KeyHash(1)).unwrap();
    put(&memory, entry(1, 20, &clock));
    memory.remove_entry(&old);
    let new = memory.object(KeyHash(1)).unwrap();
    memory.remove_entry(&new);
    assert!(memory.object(KeyHash(1)).is_none());
}

#[test]
fn a_compact_entry_owns_its_memory() {
    let (_, clock, _) = memory(1 << 20);
    let buffer = Bytes::from(vec![b'x'; 65_536]);
    let mut slices = entry(1, 0, &clock);
    slices.body = buffer.slice(100..200);
    let value = HeaderValue::from_maybe_shared(buffer.slice(0..50)).unwrap();
    slices.headers.append("x-a", value.clone());
    slices.headers.append("x-b", HeaderValue::from_static("b"));
    slices.headers.append("x-a", HeaderValue::from_static("c"));
    let range = buffer.as_ptr_range();
    let own = compact(slices.clone());
    assert_eq!((&own.headers, &own.body), (&slices.headers, &slices.body));
    assert!(!range.contains(&own.body.as_ptr()));
    assert!(
        own.headers
            .values()
            .all(|value| !range.contains(&value.as_bytes().as_ptr()))
    );
}

#[test]
fn a_body_that_owns_its_memory_is_not_copied() {
    let (_, clock, _) = memory(1 << 20);
    let own = entry(1, 100_000, &clock);
    let before = own.body.as_ptr();
    assert_eq!(compact(own).body.as_ptr(), before);
}

/// What the process takes, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Runs in a process of its own, so that nothing else is measured.
#[test]
#[ignore = "the body of many_distinct_keys_stay_within_the_limit"]
fn many_keys_child() {
    let (memory, clock, _) = memory(128 << 20);
    let before = resident();
    let mut most = 0;
    for slot in 0..500_000_u32 {
        let mut entry = entry(KeyHash::of(&[&slot.to_be_bytes()]).0, 16, &clock);
        entry.path = format!("/path/of/an/object/{slot}").into();
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("etag", "\"0123456789abcdef\""),
            ("x-powered-by", "php"),
        ] {
            entry.headers.append(name, HeaderValue::from_static(value));
        }
        put(&memory, compact(entry));
        if slot % 10_000 == 0 {
            most = most.max(resident());
        }
    }
    let (bytes, entries) = memory.size();
    let held = most - before;
    println!(
        "{entries} entries of {bytes} bytes took {held}: {} each",
        held / entries
    );
    assert!(held < (128 + 24) << 20, "{held}");
    memory.clear();
}

#[test]
fn many_distinct_keys_stay_within_the_limit() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "cache::memory::tests::many_keys_child",
        ])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    println!("{output}");
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}
