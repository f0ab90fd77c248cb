use std::time::{Instant, UNIX_EPOCH};

use super::*;
use crate::cache::entry::Searched;
use crate::cache::entry::testing::plain;
use crate::cache::key::KeyHash;

mod shared;

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

fn log_with(records: usize, shared: bool, clock: &Clock) -> Arc<PurgeLog> {
    let limits = PurgeLimits {
        records,
        life: Duration::from_secs(86_400),
        shared,
        blind: Duration::from_secs(30),
    };
    PurgeLog::new(limits, clock.clone(), Metrics::new().unwrap())
}

fn entry(base: u128, seq: PurgeSeq) -> Entry {
    Entry {
        host: "a".into(),
        seq,
        ..plain(KeyHash(base), UNIX_EPOCH, Duration::ZERO)
    }
}

fn url(base: u128) -> PurgeRequest {
    PurgeRequest {
        urls: vec![PurgeUrl {
            base: KeyHash(base),
            host: "a".into(),
        }],
        ..Default::default()
    }
}

fn id(text: &str) -> StreamId {
    StreamId::parse(text.as_bytes()).unwrap()
}

#[test]
fn purges_are_told_of_once_they_have_their_place() {
    use futures::FutureExt as _;
    let told = |log: &PurgeLog| log.applied().now_or_never().is_some();
    let alone = log_with(10, false, &clock());
    assert!(!told(&alone));
    alone.purge(&url(1));
    alone.purge(&url(2));
    assert!(told(&alone) && !told(&alone));
    let shared = log_with(10, true, &clock());
    shared.purge(&url(1));
    assert!(!told(&shared), "it has none in the stream yet");
    let record = |by| Record {
        by,
        ..Record::unknown()
    };
    shared.apply_record(id("100-0"), &record(shared.id));
    assert!(!told(&shared), "it was told of when it was announced");
    shared.apply_record(id("100-1"), &record(shared.id.wrapping_add(1)));
    assert!(told(&shared));
}

#[test]
fn a_subject_is_hit_as_an_entry_would_be() {
    let log = log_with(10, false, &clock());
    let before = entry(1, log.head());
    log.purge(&url(1));
    assert!(log.is_hit(&Subject::of(&before)));
    assert!(!log.is_hit(&Subject::of(&entry(1, log.head()))));
    assert!(!log.is_hit(&Subject::of(&entry(2, before.seq))));
}

#[test]
fn a_log_of_its_own_starts_at_the_present_and_is_in_step() {
    let clock = clock();
    let log = log_with(10, false, &clock);
    assert_eq!(log.head(), PurgeSeq(1_700_000_000_000 << 22));
    assert!(log.synced());
    assert_eq!(log.verdict(&entry(1, log.head())), Verdict::Valid);
}

#[test]
fn a_purge_hits_fills_that_began_before_it_and_none_after() {
    let clock = clock();
    let log = log_with(10, false, &clock);
    let before = entry(1, log.head());
    clock.advance(Duration::from_secs(5));
    assert_eq!(log.purge(&url(1)), None, "nobody to announce it to");
    assert_eq!(log.verdict(&before), Verdict::Stale { at: clock.now() });
    assert_eq!(log.verdict(&entry(1, log.head())), Verdict::Valid);
    assert_eq!(log.verdict(&entry(2, before.seq)), Verdict::Valid);
    log.purge(&url(1).hard());
    assert_eq!(log.verdict(&before), Verdict::Gone);
}

#[test]
fn a_request_that_names_nothing_changes_nothing() {
    let log = log_with(10, false, &clock());
    let head = log.head();
    log.purge(&PurgeRequest::default());
    assert_eq!((log.head(), log.records()), (head, 0));
}

#[test]
fn records_stay_within_their_limit_and_are_counted() {
    let clock = clock();
    let log = log_with(100, false, &clock);
    let old = entry(1, log.head());
    for base in 1..=1000 {
        log.purge(&url(base));
        assert!(log.records() <= 100);
    }
    assert_eq!(log.metrics.purges.with_label_values(&["url"]).get(), 1000);
    assert_eq!(
        log.metrics.purge_records.get(),
        i64::try_from(log.records()).unwrap()
    );
    assert!(matches!(log.verdict(&old), Verdict::Stale { .. }));
}

#[test]
fn tidying_folds_what_is_older_than_any_entry() {
    let clock = clock();
    let log = log_with(100, false, &clock);
    for base in 1..=50 {
        log.purge(&url(base));
    }
    let young = entry(99, log.head());
    clock.advance(Duration::from_secs(86_401));
    log.purge(&url(7));
    log.tidy();
    assert_eq!(log.records(), 2);
    assert_eq!(log.verdict(&young), Verdict::Valid);
}

#[test]
fn a_shared_log_starts_before_everything_and_out_of_step() {
    let log = log_with(10, true, &clock());
    assert_eq!(log.head(), PurgeSeq(0));
    assert!(!log.synced());
    assert_eq!(log.metrics.purge_synced.get(), 0);
}

#[test]
fn an_own_purge_counts_on_from_the_head_whatever_the_clock_says() {
    let log = log_with(10, true, &clock());
    log.apply_record(id("100-0"), &Record::unknown());
    let before = entry(1, log.head());
    assert!(log.purge(&url(1)).is_some());
    assert_eq!(log.head(), PurgeSeq((100 << 22) + 1));
    assert!(matches!(log.verdict(&before), Verdict::Stale { .. }));
    log.apply_record(
        id("101-0"),
        &Record {
            by: 0,
            hard: false,
            scopes: url(1).scopes(),
        },
    );
    assert_eq!(log.head(), id("101-0").seq());
}

#[test]
fn a_record_is_applied_once() {
    let log = log_with(10, true, &clock());
    let record = Record {
        by: 0,
        hard: false,
        scopes: url(1).scopes(),
    };
    assert!(log.apply_record(id("100-0"), &record));
    let after = entry(1, log.head());
    assert!(!log.apply_record(id("100-0"), &record));
    assert!(!log.apply_record(id("99-5"), &Record::unknown()));
    assert_eq!(log.verdict(&after), Verdict::Valid);
}

#[test]
fn an_own_record_that_comes_back_hits_no_fill_since() {
    let log = log_with(10, true, &clock());
    let record = Record {
        by: log.id,
        hard: false,
        scopes: url(1).scopes(),
    };
    log.purge(&url(1));
    log.confirm(id("100-0"), &record);
    let since = entry(1, log.head());
    assert_eq!(since.seq, id("100-0").seq());
    assert!(!log.apply_record(id("100-0"), &record));
    assert_eq!(log.verdict(&since), Verdict::Valid);
    let other = Record {
        by: log.id + 1,
        ..record
    };
    assert!(
        log.apply_record(id("100-1"), &other),
        "another popgate's is applied"
    );
    assert!(matches!(log.verdict(&since), Verdict::Stale { .. }));
}

#[test]
fn a_record_placed_behind_the_head_hits_what_was_filled_before_it_came() {
    let log = log_with(10, true, &clock());
    log.apply_record(id("100-0"), &Record::unknown());
    log.purge(&url(5));
    log.purge(&url(6));
    let filled = entry(1, log.head());
    log.apply_record(
        id("100-1"),
        &Record {
            by: 0,
            hard: false,
            scopes: url(1).scopes(),
        },
    );
    assert!(matches!(log.verdict(&filled), Verdict::Stale { .. }));
}

#[test]
fn what_lies_before_the_first_known_record_is_stale() {
    let log = log_with(10, true, &clock());
    let old = entry(1, id("50-0").seq());
    let young = entry(1, id("100-0").seq());
    log.forget_before(id("100-0"));
    assert!(matches!(log.verdict(&old), Verdict::Stale { .. }));
    assert_eq!(log.verdict(&young), Verdict::Valid);
}

#[test]
fn a_server_clock_ahead_of_ours_gives_no_time_in_the_future() {
    let clock = clock();
    let log = log_with(10, true, &clock);
    let old = entry(1, log.head());
    log.apply_record(id("1800000000000-0"), &Record::unknown());
    assert_eq!(log.verdict(&old), Verdict::Stale { at: clock.now() });
}

#[test]
fn an_entry_that_was_looked_at_is_not_looked_at_again_until_something_is_purged() {
    let log = log_with(100, false, &clock());
    let old = entry(1, log.head());
    log.purge(&url(2));
    assert_eq!(log.verdict(&old), Verdict::Valid);
    assert!(old.searched.is(log.revision.load(Ordering::Relaxed)));
    log.purge(&url(1));
    assert!(!old.searched.is(log.revision.load(Ordering::Relaxed)));
    assert!(matches!(log.verdict(&old), Verdict::Stale { .. }));
    assert!(matches!(log.verdict(&old), Verdict::Stale { .. }), "every time");
}

fn tag(tag: String) -> PurgeRequest {
    PurgeRequest {
        tags: vec![tag.into()],
        ..Default::default()
    }
}

#[test]
fn many_tag_purges_leave_memory_bounded_and_lose_none() {
    let log = log_with(1000, false, &clock());
    let before = Entry {
        tags: ["t-7".into()].into(),
        ..entry(1, log.head())
    };
    for n in 0..20_000 {
        log.purge(&tag(format!("t-{n}")));
        assert!(log.records() <= 1000);
    }
    assert!(matches!(log.verdict(&before), Verdict::Stale { .. }));
    let after = Entry {
        tags: ["t-7".into()].into(),
        ..entry(1, log.head())
    };
    assert_eq!(log.verdict(&after), Verdict::Valid);
}

/// A log that another popgate writes to, and that beats by hand.
fn beating() -> (Arc<PurgeLog>, Instant) {
    let log = log_with(100, true, &clock());
    log.apply_record(id("100-0"), &Record::unknown());
    log.set_synced(Some(1));
    let now = Instant::now();
    log.beat_once(now, log.clock.now());
    (log, now)
}

#[test]
fn what_was_fetched_before_a_stop_is_in_doubt_until_the_stream_was_read() {
    let (log, now) = beating();
    let before = entry(1, log.head());
    let epoch = log.gap_epoch();
    log.beat_once(now + Duration::from_millis(90), log.clock.now());
    assert_eq!(
        log.verdict(&before),
        Verdict::Valid,
        "no longer than a purge may take"
    );
    log.beat_once(now + Duration::from_secs(5), log.clock.now());
    assert_eq!(log.verdict(&before), Verdict::Stale { at: log.clock.now() });
    assert_eq!(
        log.verdict(&entry(1, log.head())),
        Verdict::Valid,
        "fetched since"
    );
    assert!(!log.close_gap(epoch), "read before the stop");
    assert!(log.close_gap(log.gap_epoch()));
    assert_eq!(log.verdict(&before), Verdict::Valid);
    assert_eq!(log.metrics.purge_gaps.get(), 1);
}

#[test]
fn what_another_popgate_fetched_is_in_doubt_whatever_its_place() {
    let (log, now) = beating();
    log.beat_once(now + Duration::from_secs(5), log.clock.now());
    let theirs = Entry {
        searched: Searched::foreign(),
        ..entry(1, PurgeSeq(log.head().0 + 7))
    };
    assert!(matches!(log.verdict(&theirs), Verdict::Stale { .. }));
    log.close_gap(log.gap_epoch());
    assert_eq!(log.verdict(&theirs), Verdict::Valid);
}

#[test]
fn a_machine_that_slept_is_one_that_stood_still() {
    let (log, now) = beating();
    let before = entry(1, log.head());
    let wall = log.clock.now() + Duration::from_secs(3600);
    log.beat_once(now + Duration::from_millis(25), wall);
    assert!(matches!(log.verdict(&before), Verdict::Stale { .. }));
}

#[test]
fn a_short_stop_is_forgiven_when_redis_cannot_be_asked_a_long_one_is_not() {
    let (log, now) = beating();
    let before = entry(1, log.head());
    log.beat_once(now + Duration::from_millis(300), log.clock.now());
    assert!(log.has_gap() && log.forgive_gap());
    assert_eq!(log.verdict(&before), Verdict::Valid);
    log.beat_once(now + Duration::from_secs(3), log.clock.now());
    assert!(!log.forgive_gap());
    assert!(matches!(log.verdict(&before), Verdict::Stale { .. }));
}

#[test]
fn a_log_out_of_step_for_long_holds_what_is_older_in_doubt() {
    let (log, now) = beating();
    let before = entry(1, log.head());
    log.set_synced(None);
    let mut at = now;
    let mut beats = |upto: Duration| {
        while at < now + upto {
            at += Duration::from_millis(50);
            log.beat_once(at, log.clock.now());
        }
    };
    beats(Duration::from_secs(29));
    assert_eq!(
        log.verdict(&before),
        Verdict::Valid,
        "a redis that is away for a moment"
    );
    beats(Duration::from_secs(31));
    assert!(matches!(log.verdict(&before), Verdict::Stale { .. }));
    assert_eq!(log.verdict(&entry(1, log.head())), Verdict::Valid);
    log.set_synced(Some(2));
    assert!(log.close_gap(log.gap_epoch()));
    assert_eq!(log.verdict(&before), Verdict::Valid);
}

#[test]
fn without_a_beat_nothing_is_in_doubt() {
    let log = log_with(100, true, &clock());
    assert!(!log.in_doubt());
    let own = log_with(100, false, &clock());
    own.beat_once(Instant::now(), own.clock.now());
    assert!(!own.in_doubt());
}

#[tokio::test]
async fn who_waits_goes_on_when_the_gap_is_closed() {
    let (log, _) = beating();
    let now = Instant::now();
    log.beat_once(now, log.clock.now());
    log.beat_once(now + Duration::from_secs(2), log.clock.now());
    let waits = Arc::clone(&log);
    let waiting = tokio::spawn(async move { waits.settle().await });
    tokio::task::yield_now().await;
    log.close_gap(log.gap_epoch());
    waiting.await.unwrap();
    assert!(!log.has_gap());
}
