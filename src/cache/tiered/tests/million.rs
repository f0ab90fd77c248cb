//! What a million purges cost those who look up.

use std::time::Instant;

use super::*;

const ENTRIES: u128 = 1000;
const RECORDS: usize = 10_000;

fn cache() -> Alone {
    let clock = Clock::manual(UNIX_EPOCH + START);
    let metrics = Metrics::new().unwrap();
    let limits = PurgeLimits {
        records: RECORDS,
        life: Duration::from_secs(86_400),
        shared: false,
        blind: Duration::from_secs(30),
    };
    let log = PurgeLog::new(limits, clock.clone(), Arc::clone(&metrics));
    let config = cache_config();
    let tiered = Tiered::new("t", &config, None, log, &metrics, clock.clone(), by_values);
    Alone {
        tiered,
        clock,
        metrics,
    }
}

/// Fills memory with entries of eight tags each.
fn fill(cache: &Alone) {
    for n in 0..ENTRIES {
        let entry = Entry {
            tags: (0..8).map(|t| format!("kept-{n}-{t}").into()).collect(),
            ..entry(&cache.tiered, n, KeyHash(n), "x", cache.clock.now())
        };
        cache.tiered.put(entry, &[]);
    }
}

async fn purge_tag(cache: &Alone, n: u32) {
    let request = PurgeRequest {
        tags: vec![format!("t-{n}").into()],
        ..PurgeRequest::default()
    };
    cache.tiered.purge(&request).await;
}

/// Nanoseconds of one lookup in memory that hits; the best of a few rounds.
fn nanos_per_lookup(cache: &Alone) -> f64 {
    let headers = HeaderMap::new();
    let round = || {
        let began = Instant::now();
        for _ in 0..200 {
            for n in 0..ENTRIES {
                let found = cache.tiered.get_memory(KeyHash(n), &headers);
                assert!(std::hint::black_box(found).is_some());
            }
        }
        began.elapsed().as_secs_f64() * 1e9 / 200.0 / 1000.0
    };
    (0..5).map(|_| round()).fold(f64::MAX, f64::min)
}

/// Bytes of memory that this process has for itself.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

#[tokio::test]
#[ignore = "a measurement: the machine must have nothing else to do"]
async fn a_million_tag_purges_leave_lookups_as_fast_as_before() {
    let cache = cache();
    fill(&cache);
    let before = nanos_per_lookup(&cache);
    let held = resident();
    let began = Instant::now();
    for n in 0..999_000 {
        purge_tag(&cache, n).await;
    }
    fill(&cache);
    for n in 999_000..1_000_000 {
        purge_tag(&cache, n).await;
    }
    let purge = began.elapsed().as_secs_f64() * 1e9 / 1e6;
    let after = nanos_per_lookup(&cache);
    let grown = resident().saturating_sub(held);
    println!(
        "lookup {before:.0} ns before, {after:.0} ns after: ratio {:.2}; one purge {purge:.0} ns; {} records; {} KiB more",
        after / before,
        cache.tiered.stats().purge_records,
        grown / 1024
    );
    assert!(grown < 16 << 20, "{grown} bytes");
    assert!(cache.tiered.stats().purge_records <= RECORDS);
    assert!(after / before < 1.5, "{before} ns, then {after} ns");
}
