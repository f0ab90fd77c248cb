mod ejection;
mod reload;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;

use super::*;
use crate::config;
use crate::origin::testing::{build, health, origin, settings};

const NOBODY: &[ServerId] = &[];

fn open_now(origin: &Arc<Origin>) -> Option<Result<Lease, LeaseError>> {
    origin.lease(0, NOBODY, None).now_or_never()
}

/// A lease that is there without waiting.
fn take(origin: &Arc<Origin>) -> Lease {
    open_now(origin).unwrap().unwrap()
}

fn fail(origin: &Arc<Origin>, times: usize, outcome: Outcome) {
    for _ in 0..times {
        take(origin).report(outcome);
    }
}

fn no_server(result: Option<Result<Lease, LeaseError>>) -> bool {
    matches!(result, Some(Err(LeaseError::NoServer { .. })))
}

#[tokio::test(start_paused = true)]
async fn two_hundred_requests_on_a_cap_of_twenty_all_get_through_and_never_exceed_it() {
    let origin = origin(3, 20);
    let (now, most) = (Arc::new(Mutex::new(0usize)), Arc::new(Mutex::new(0usize)));
    let requests = (0..200).map(|key| {
        let (origin, now, most) = (origin.clone(), now.clone(), most.clone());
        tokio::spawn(async move {
            let lease = origin.lease(key, NOBODY, None).await.unwrap();
            let guard = lease
                .connector()
                .try_open()
                .expect("a lease always finds room for its connection");
            {
                let mut now = now.lock();
                *now += 1;
                let mut most = most.lock();
                *most = (*most).max(*now);
            }
            tokio::time::sleep(Duration::from_millis(50 + key % 7)).await;
            *now.lock() -= 1;
            drop(guard);
        })
    });
    for request in join_all(requests).await {
        request.unwrap();
    }
    assert_eq!(*most.lock(), 20);
    assert!(
        origin
            .locked()
            .all()
            .all(|slot| slot.in_flight == 0 && slot.open == 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_cap_holds_and_nothing_is_lost_when_requests_race_and_leave() {
    let (origin, _) = build(Settings {
        queue_max: 10_000,
        ..settings(3, 8)
    });
    let open = Arc::new(AtomicUsize::new(0));
    let requests = (0..64u64).map(|client| {
        let (origin, open) = (origin.clone(), open.clone());
        tokio::spawn(async move {
            for round in 0..100 {
                let mut waiting = Box::pin(origin.lease(client, NOBODY, None));
                if (client + round) % 5 == 0 {
                    let _ = (&mut waiting).now_or_never();
                    continue;
                }
                let lease = waiting.await.unwrap();
                let guard = lease.connector().try_open().expect("a lease always finds room");
                assert!(open.fetch_add(1, Ordering::SeqCst) < 8);
                tokio::task::yield_now().await;
                open.fetch_sub(1, Ordering::SeqCst);
                drop(guard);
            }
        })
    });
    for request in join_all(requests).await {
        request.unwrap();
    }
    let state = origin.locked();
    assert!(state.waiters.is_empty() && state.all().all(|slot| slot.in_flight == 0 && slot.open == 0));
}

#[tokio::test]
async fn a_servers_requests_never_exceed_its_share() {
    let origin = origin(3, 7);
    let leases: Vec<_> = std::iter::from_fn(|| open_now(&origin))
        .map(Result::unwrap)
        .collect();
    let mut counts: HashMap<_, usize> = HashMap::new();
    for lease in &leases {
        *counts.entry(lease.server_id()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [2, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_first_in_first_out() {
    let origin = origin(1, 1);
    let held = take(&origin);
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let (origin, order) = (origin.clone(), order.clone());
            let mut waiting = Box::pin(async move {
                let lease = origin.lease(0, NOBODY, None).await.unwrap();
                order.lock().push(number);
                drop(lease);
            });
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        })
        .collect();
    drop(held);
    join_all(waiting).await;
    assert_eq!(*order.lock(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_newcomer_does_not_overtake_those_who_wait() {
    let origin = origin(1, 1);
    let held = take(&origin);
    let mut first = Box::pin(origin.lease(0, NOBODY, None));
    assert!((&mut first).now_or_never().is_none());
    drop(held);
    assert!(open_now(&origin).is_none());
    assert!(first.now_or_never().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_at_the_queue_timeout() {
    let origin = origin(1, 1);
    let _held = take(&origin);
    let start = Instant::now();
    let error = origin.lease(0, NOBODY, None).await.unwrap_err();
    assert_eq!(error, LeaseError::QueueTimeout);
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(origin.locked().waiters.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_at_the_requests_own_deadline_when_that_is_earlier() {
    let origin = origin(1, 1);
    let _held = take(&origin);
    let start = Instant::now();
    let deadline = Some(start + Duration::from_secs(3));
    assert_eq!(
        origin.lease(0, NOBODY, deadline).await.unwrap_err(),
        LeaseError::QueueTimeout
    );
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (origin, metrics) = build(Settings {
        queue_max: 2,
        ..settings(1, 1)
    });
    let _held = take(&origin);
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(origin.lease(0, NOBODY, None))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    assert!(matches!(open_now(&origin), Some(Err(LeaseError::QueueFull))));
    let text = metrics.render().unwrap();
    assert!(
        text.contains(r#"popgate_origin_queue{origin="blog"} 2"#),
        "{text}"
    );
    assert!(text.contains(r#"popgate_origin_requests_total{origin="blog",result="queue_full"} 1"#));
}

#[tokio::test]
async fn a_waiter_that_leaves_leaves_no_hole() {
    let origin = origin(1, 1);
    let held = take(&origin);
    let mut first = Box::pin(origin.lease(0, NOBODY, None));
    let mut second = Box::pin(origin.lease(0, NOBODY, None));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    drop(held);
    assert!(second.now_or_never().unwrap().is_ok());
}

#[tokio::test]
async fn a_waiter_that_leaves_after_it_was_served_passes_its_place_on() {
    let origin = origin(1, 1);
    let held = take(&origin);
    let mut first = Box::pin(origin.lease(0, NOBODY, None));
    let mut second = Box::pin(origin.lease(0, NOBODY, None));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop(held);
    drop(first);
    assert!(second.now_or_never().unwrap().is_ok());
    assert_eq!(origin.locked().slots[0].in_flight, 0);
}

#[tokio::test]
async fn a_retry_goes_to_another_server_and_to_the_same_one_only_when_it_is_the_last() {
    let origin = origin(2, 8);
    let first = take(&origin);
    for _ in 0..4 {
        let retry = origin.lease(0, &[first.server_id()], None).await.unwrap();
        assert_ne!(retry.server_id(), first.server_id());
        drop(retry);
    }
    let single = super::tests::origin(1, 8);
    let first = take(&single);
    let retry = single.lease(0, &[first.server_id()], None).await.unwrap();
    assert_eq!(retry.server_id(), first.server_id());
}

#[tokio::test]
async fn consistent_hash_waits_for_its_own_server_and_blocks_nobody_else() {
    let (origin, _) = build(Settings {
        balance: Balance::ConsistentHash,
        ..settings(2, 2)
    });
    let held = take(&origin);
    let mut same_key = Box::pin(origin.lease(0, NOBODY, None));
    assert!((&mut same_key).now_or_never().is_none());
    let other_key = (1..100).find_map(|key| origin.lease(key, NOBODY, None).now_or_never());
    assert_ne!(other_key.unwrap().unwrap().server_id(), held.server_id());
    let server = held.server_id();
    drop(held);
    assert_eq!(same_key.now_or_never().unwrap().unwrap().server_id(), server);
}

#[tokio::test]
async fn an_http2_connection_is_shared_by_a_hundred_requests() {
    let (origin, _) = build(Settings {
        http2: true,
        ..settings(1, 2)
    });
    let leases: Vec<_> = std::iter::from_fn(|| open_now(&origin))
        .map(Result::unwrap)
        .collect();
    assert_eq!(leases.len(), 200);
    let open: Vec<_> = std::iter::from_fn(|| leases[0].connector().try_open()).collect();
    assert_eq!(open.len(), 2);
}

#[tokio::test]
async fn fewer_connections_than_servers_still_hold_the_cap() {
    let origin = origin(4, 2);
    let leases: Vec<_> = std::iter::from_fn(|| open_now(&origin))
        .map(Result::unwrap)
        .collect();
    assert_eq!(leases.len(), 2);
}

#[tokio::test]
async fn no_connection_is_opened_above_the_share() {
    let origin = origin(2, 4);
    let lease = take(&origin);
    let open: Vec<_> = std::iter::from_fn(|| lease.connector().try_open()).collect();
    assert_eq!(open.len(), 2);
    assert!(!lease.connector().may_open());
}

#[tokio::test]
async fn a_handed_over_connection_counts_until_it_is_reported_closed() {
    let origin = origin(1, 1);
    let lease = take(&origin);
    let connector = lease.connector().try_open().unwrap().hand_over().unwrap();
    assert!(!connector.may_open());
    connector.closed();
    assert!(connector.may_open());
}

#[tokio::test]
async fn a_request_is_counted_by_its_first_report() {
    let (origin, metrics) = build(settings(1, 4));
    let mut lease = take(&origin);
    lease.report(Outcome::Ok);
    lease.report(Outcome::Reset);
    let text = metrics.render().unwrap();
    assert!(text.contains(r#"popgate_origin_requests_total{origin="blog",result="ok"} 1"#));
    assert!(!text.contains(r#"result="reset""#));
}

#[tokio::test]
async fn gauges_follow_leases_and_connections() {
    let (origin, metrics) = build(settings(1, 4));
    let lease = take(&origin);
    let guard = lease.connector().try_open();
    let gauge = |state| {
        metrics
            .origin_connections
            .with_label_values(&["blog", state])
            .get()
    };
    assert_eq!((gauge("open"), gauge("active")), (1, 1));
    drop(lease);
    assert_eq!((gauge("open"), gauge("active")), (1, 0));
    drop(guard);
    assert_eq!((gauge("open"), gauge("active")), (0, 0));
    assert_eq!(
        metrics.origin_connections_max.with_label_values(&["blog"]).get(),
        4
    );
}
