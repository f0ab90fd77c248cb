//! Many clients, one cold key.

use std::time::Instant;

use crate::support::*;
use futures::future::join_all;

/// Locks that outlast a slow machine.
fn patient(origin: &Origin) -> Conf {
    Conf::origin(origin).with(json!({ "cache": { "lock_wait": "60s", "lock_age": "60s" } }))
}

/// So many clients, each on a connection of its own, that have asked for one page.
async fn crowd(gateway: &Gateway, count: usize, target: &str) -> Vec<Http1> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Http1::connect(gateway.address()).await;
        client.request(&Req::get(target)).await;
        clients.push(client);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_on_one_cold_key_are_one_origin_request_over_http1() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let gateway = Gateway::start(patient(&origin)).await;
    let mut clients = crowd(&gateway, 1000, "/cold").await;
    gateway
        .metric_becomes("popgate_connections", &[], |now| now >= 1000.0)
        .await;
    origin.reached(1).await;
    gate.open();
    let responses = join_all(clients.iter_mut().map(|client| client.read("GET"))).await;
    assert!(
        responses
            .iter()
            .all(|response| response.status == 200 && response.text() == "body")
    );
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_on_one_cold_key_are_one_origin_request_over_http2() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let gateway = Gateway::start(patient(&origin)).await;
    let connections = join_all((0..100).map(|_| Http2::connect(gateway.h2c()))).await;
    let mut pending = Vec::new();
    for client in &connections {
        for _ in 0..10 {
            pending.push(client.begin(&Req::get("/cold"), true).await.unwrap().0);
        }
    }
    origin.reached(1).await;
    gate.open();
    let responses = join_all(
        pending
            .into_iter()
            .map(async |response| http2::collect(response.await.unwrap()).await),
    )
    .await;
    assert!(
        responses
            .iter()
            .all(|response| response.as_ref().unwrap().text() == "body")
    );
    assert_eq!((responses.len(), origin.count()), (1000, 1));
}

#[tokio::test]
async fn a_waiter_says_that_it_was_collapsed() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let gateway = Gateway::start(patient(&origin)).await;
    let mut first = Http1::connect(gateway.address()).await;
    first.request(&Req::get("/")).await;
    origin.reached(1).await;
    // On one connection the second request is read only after the first is answered, so each has its own.
    let mut second = Http1::connect(gateway.address()).await;
    second.request(&Req::get("/")).await;
    gateway
        .metric_becomes("popgate_connections", &[], |now| now >= 2.0)
        .await;
    gate.open();
    let (first, second) = (first.read("GET").await, second.read("GET").await);
    assert_eq!(origin.count(), 1);
    assert!(!first.cache_status().contains("collapsed"), "{first:?}");
    // A second client that came too late for the wait is a plain hit.
    assert!(
        second.cache_status().contains("collapsed") || second.x_cache() == "HIT",
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_goes_away_costs_at_most_one_more_fetch() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let gateway = Gateway::start(patient(&origin)).await;
    let mut leader = Http1::connect(gateway.address()).await;
    leader.request(&Req::get("/")).await;
    origin.reached(1).await;
    let mut followers = crowd(&gateway, 100, "/").await;
    gateway
        .metric_becomes("popgate_connections", &[], |now| now >= 101.0)
        .await;
    drop(leader);
    gateway
        .metric_becomes("popgate_connections", &[], |now| now <= 101.0)
        .await;
    gate.open();
    let responses = join_all(followers.iter_mut().map(|client| client.read("GET"))).await;
    assert!(
        responses
            .iter()
            .all(|response| response.status == 200 && response.text() == "body")
    );
    assert!(origin.count() <= 2, "{} fetches", origin.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_of_an_uncacheable_answer_are_not_served_one_after_another() {
    let gate = Gate::new();
    let herd = gate.clone();
    let origin = Origin::start(numbered(move |n, _| {
        let answer = Answer::ok("x").header("Cache-Control", "private");
        if n == 1 { answer } else { answer.after(&herd) }
    }))
    .await;
    let conf = patient(&origin).app(json!({ "connections_max": 200 }));
    let gateway = Gateway::start(conf).await;
    // The first answer teaches that this key is uncacheable …
    gateway.get("/").await;
    // … so that all of a herd are at the origin at once, none behind another.
    let mut clients = crowd(&gateway, 50, "/").await;
    eventually("the whole herd is at the origin", async || {
        origin.active().now() == 50
    })
    .await;
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read("GET").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_of_a_first_uncacheable_answer_go_on_together() {
    let (first, rest) = (Gate::new(), Gate::new());
    let gates = (first.clone(), rest.clone());
    let origin = Origin::start(numbered(move |n, _| {
        let answer = Answer::ok("x").header("Cache-Control", "private");
        answer.after(if n == 1 { &gates.0 } else { &gates.1 })
    }))
    .await;
    let gateway = Gateway::start(patient(&origin).app(json!({ "connections_max": 200 }))).await;
    let mut clients = crowd(&gateway, 50, "/").await;
    origin.reached(1).await;
    first.open();
    eventually("all waiters are at the origin", async || {
        origin.active().now() >= 49
    })
    .await;
    rest.open();
    for client in &mut clients {
        assert_eq!(client.read("GET").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fill_does_not_turn_into_a_herd() {
    let gate = Gate::new();
    let slow = gate.clone();
    let origin = Origin::start(move |_| Answer::new(503, "no").after(&slow).into()).await;
    let gateway = Gateway::start(patient(&origin).app(json!({ "connections_max": 20 }))).await;
    let mut clients = crowd(&gateway, 100, "/").await;
    origin.reached(1).await;
    let lookups = [("tier", "memory"), ("result", "miss")];
    gateway
        .metric_becomes("popgate_cache_lookups_total", &lookups, |now| now >= 100.0)
        .await;
    let begun = Instant::now();
    let mut given_up = 0;
    gate.open();
    for client in &mut clients {
        let response = client.read("GET").await;
        assert_eq!(response.status, 503);
        given_up += usize::from(response.header("Retry-After").as_deref() == Some("1"));
    }
    // One failed, and eight more of those who waited for it.
    assert!(given_up >= 90, "{given_up}");
    assert!(origin.count() <= 9, "{} fetches", origin.count());
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_crowd_nine_ask_an_origin_that_drops_connections_and_none_of_them_thrice() {
    let gate = Gate::new();
    let slow = gate.clone();
    let origin = Origin::start(move |_| Reply::CloseAfter(slow.clone())).await;
    let conf = patient(&origin).app(json!({ "connections_max": 20, "retries": 2 }));
    let gateway = Gateway::start(conf).await;
    let mut clients = crowd(&gateway, 100, "/").await;
    let lookups = [("tier", "memory"), ("result", "miss")];
    gateway
        .metric_becomes("popgate_cache_lookups_total", &lookups, |now| now >= 100.0)
        .await;
    origin.reached(1).await;
    gate.open();
    for client in &mut clients {
        let response = client.read("GET").await;
        assert!(matches!(response.status, 502 | 503), "{}", response.status);
    }
    assert!(origin.count() <= 10, "{} fetches", origin.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_reads_slowly_does_not_hold_the_others_back() {
    let body = vec![b'x'; 4_000_000];
    let origin = Origin::fixed(Answer::fresh(body)).await;
    let gateway = Gateway::start(patient(&origin)).await;
    let mut leader = Http1::connect(gateway.address()).await;
    leader.request(&Req::get("/")).await;
    leader.bytes(1000).await;
    let follower = gateway.get("/").await;
    assert_eq!((follower.status, follower.body.len()), (200, 4_000_000));
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_stay_until_a_slow_origin_begins_to_answer() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let conf = Conf::origin(&origin).with(json!({ "cache": { "lock_age": "1ms" } }));
    let gateway = Gateway::start(conf).await;
    let mut clients = crowd(&gateway, 100, "/").await;
    gateway
        .metric_becomes("popgate_connections", &[], |now| now >= 100.0)
        .await;
    origin.reached(1).await;
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read("GET").await.text(), "body");
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_server_is_not_asked_again_after_it_timed_out() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("late").after(&gate)).await;
    let timeouts = json!({ "timeouts": { "first_byte": "200ms" } });
    let gateway = Gateway::start(Conf::origin(&origin).app(timeouts)).await;
    assert_eq!(gateway.get("/").await.status, 504);
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_reads_nothing_is_followed_by_one_other() {
    let origin = Origin::fixed(Answer::fresh(vec![b'x'; 20_000_000])).await;
    let conf = Conf::origin(&origin).with(json!({ "cache": { "lock_age": "300ms" } }));
    let gateway = Gateway::start(conf).await;
    let mut leader = Http1::connect(gateway.address()).await;
    leader.request(&Req::get("/")).await;
    leader.bytes(1000).await;
    let followers = join_all((0..20).map(|_| gateway.get("/"))).await;
    assert!(followers.iter().all(|answer| answer.body.len() == 20_000_000));
    assert!(origin.count() <= 3, "{} fetches", origin.count());
}
