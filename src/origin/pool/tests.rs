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

#[tokio::test(start_paused = true)]
async fn f1a_after_five_refused_connections_requests_fail_at_once_until_the_next_trial() {
    let origin = origin(1, 64);
    fail(&origin, 5, Outcome::ConnectFailed);
    assert!(no_server(open_now(&origin)));
    tokio::time::advance(Duration::from_millis(500)).await;
    let mut trial = take(&origin);
    assert!(no_server(open_now(&origin)));
    trial.report(Outcome::ConnectFailed);
    drop(trial);
    assert!(no_server(open_now(&origin)));
}

#[tokio::test(start_paused = true)]
async fn f1a_an_origin_that_is_back_answers_within_a_second_however_long_it_was_gone() {
    let origin = origin(2, 64);
    fail(&origin, 10, Outcome::ConnectFailed);
    for _ in 0..600 {
        tokio::time::advance(Duration::from_millis(100)).await;
        if let Some(Ok(mut trial)) = open_now(&origin) {
            trial.report(Outcome::ConnectFailed);
        }
        assert!(origin.locked().panic, "said once, not at every trial");
    }
    tokio::time::advance(Duration::from_millis(900)).await;
    let mut trial = take(&origin);
    trial.report(Outcome::Ok);
    for _ in 0..10 {
        take(&origin).report(Outcome::Ok);
    }
    assert!(!origin.locked().panic);
}

#[tokio::test]
async fn a_trial_without_a_result_lets_the_next_request_try() {
    let origin = origin(1, 64);
    fail(&origin, 5, Outcome::ConnectFailed);
    origin.locked().slots[0].breaker.abandon(Instant::now());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(take(&origin));
    assert!(open_now(&origin).unwrap().is_ok());
}

#[tokio::test]
async fn those_who_wait_fail_at_once_when_the_last_server_becomes_unreachable() {
    let origin = origin(1, 1);
    let mut held = take(&origin);
    let mut waiting = Box::pin(origin.lease(0, NOBODY, None));
    assert!((&mut waiting).now_or_never().is_none());
    for _ in 0..5 {
        held.report(Outcome::ConnectFailed);
    }
    drop(held);
    assert!(no_server(waiting.now_or_never()));
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_gets_no_requests_while_another_is_in_order() {
    let (origin, metrics) = build(settings(2, 64));
    let bad = take(&origin).server_id();
    for _ in 0..5 {
        origin.report(bad, Outcome::Status5xx, Instant::now());
    }
    for _ in 0..10 {
        assert_ne!(take(&origin).server_id(), bad);
    }
    assert!(metrics.render().unwrap().contains("} 0\npopgate_origin_healthy{"));
    tokio::time::advance(Duration::from_secs(1)).await;
    let trials: Vec<_> = (0..6)
        .map(|_| take(&origin))
        .filter(|lease| lease.server_id() == bad)
        .collect();
    assert_eq!(trials.len(), 1);
}

#[tokio::test]
async fn the_only_server_keeps_its_requests_however_often_it_answers_5xx() {
    let origin = origin(1, 64);
    fail(&origin, 50, Outcome::Status5xx);
    fail(&origin, 50, Outcome::Timeout);
    drop(take(&origin));
}

#[tokio::test]
async fn when_every_server_is_unhealthy_all_are_tried() {
    let (origin, _) = build(Settings {
        health: Some(health()),
        ..settings(2, 64)
    });
    let ids: Vec<_> = origin.locked().slots.iter().map(|slot| slot.server.id).collect();
    origin.checked(ids[0], false, "status 500");
    assert!((0..4).all(|_| take(&origin).server_id() == ids[1]));
    origin.checked(ids[1], false, "status 500");
    let tried: std::collections::HashSet<_> = (0..4).map(|_| take(&origin).server_id()).collect();
    assert_eq!(tried.len(), 2);
    assert!(origin.locked().panic);
    origin.checked(ids[0], true, "");
    assert!((0..4).all(|_| take(&origin).server_id() == ids[0]));
    assert!(!origin.locked().panic);
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
async fn a_reload_keeps_the_state_of_servers_that_stay() {
    let origin = origin(2, 8);
    let mut lease = take(&origin);
    let stays = lease.server_id();
    for _ in 0..5 {
        lease.report(Outcome::ConnectFailed);
    }
    origin.reconfigure(Arc::new(settings(3, 9)), None);
    let state = origin.locked();
    let slot = state.slots.iter().find(|slot| slot.server.id == stays).unwrap();
    assert_eq!((slot.in_flight, slot.share), (1, 3));
    assert!(!slot.usable(Instant::now()));
}

#[tokio::test]
async fn a_server_that_left_still_counts_until_its_connections_close() {
    let (origin, metrics) = build(settings(1, 2));
    let lease = take(&origin);
    let guard = lease.connector().try_open().unwrap();
    let idle = lease.connector().try_open().unwrap();
    drop(lease);
    let moved = Settings {
        servers: settings(2, 2).servers.split_off(1),
        ..settings(1, 2)
    };
    origin.reconfigure(Arc::new(moved), None);
    assert!(
        open_now(&origin).is_none(),
        "both connections to the old server are still open"
    );
    drop(guard);
    let lease = take(&origin);
    assert!(lease.connector().may_open());
    assert!(open_now(&origin).is_none());
    drop(idle);
    assert!(origin.locked().retired.is_empty());
    let text = metrics.render().unwrap();
    assert!(!text.contains(r#"server="192.0.2.1:80""#), "{text}");
}

#[tokio::test]
async fn a_server_that_left_gets_no_new_series() {
    let (origin, metrics) = build(settings(2, 4));
    let lease = take(&origin);
    let remaining: Vec<_> = settings(2, 4)
        .servers
        .into_iter()
        .filter(
            |server| !matches!(server, config::Server::Address(at) if at.to_string() == lease.server_name()),
        )
        .collect();
    origin.reconfigure(
        Arc::new(Settings {
            servers: remaining,
            ..settings(1, 4)
        }),
        None,
    );
    for _ in 0..5 {
        origin.report(lease.server_id(), Outcome::ConnectFailed, Instant::now());
    }
    assert!(
        !metrics
            .render()
            .unwrap()
            .contains(&format!("server=\"{}\"", lease.server_name()))
    );
}

#[tokio::test]
async fn a_lowered_cap_holds_for_new_requests() {
    let origin = origin(1, 4);
    let mut leases: Vec<_> = std::iter::from_fn(|| open_now(&origin))
        .map(Result::unwrap)
        .collect();
    origin.reconfigure(Arc::new(settings(1, 2)), None);
    leases.truncate(2);
    assert!(open_now(&origin).is_none());
    leases.truncate(1);
    assert!(open_now(&origin).unwrap().is_ok());
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
