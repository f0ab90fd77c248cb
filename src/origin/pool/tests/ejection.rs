//! Servers that fail.

use super::*;

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
