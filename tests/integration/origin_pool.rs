//! Connections to origins: caps, queues, failures, retries, balance and health.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use crate::support::*;

/// Numbers the requests of herds.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

async fn herd(gateway: &Gateway, count: usize) -> Vec<Http1> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Http1::connect(gateway.address()).await;
        // Keys of their own: requests for one key wait for each other before they come to the queue.
        let path = format!("/{}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        client.request(&Req::get(&path)).await;
        clients.push(client);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_capped_at_20_never_sees_more_and_none_of_200_fails() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("x").after(&gate)).await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "connections_max": 20 }))).await;
    let mut clients = herd(&gateway, 200).await;
    eventually("20 requests at the origin", async || origin.active().now() == 20).await;
    gateway
        .metric_becomes("popgate_origin_queue", &[("origin", "app")], |now| now == 180.0)
        .await;
    gate.open();
    let statuses = join_all(
        clients
            .iter_mut()
            .map(async |client| client.read("GET").await.status),
    )
    .await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!((origin.active().max(), origin.count()), (20, 200));
    assert!(
        origin.connections().max() <= 20,
        "{} connections",
        origin.connections().max()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_503_with_retry_after() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("x").after(&gate)).await;
    let conf =
        Conf::origin(&origin).app(json!({ "connections_max": 2, "queue_max": 3, "queue_timeout": "30s" }));
    let gateway = Gateway::start(conf).await;
    let mut clients = herd(&gateway, 2).await;
    eventually("both connections are busy", async || origin.active().now() == 2).await;
    let mut waiting = herd(&gateway, 3).await;
    gateway
        .metric_becomes("popgate_origin_queue", &[], |now| now == 3.0)
        .await;
    let refused = gateway.get("/one-too-many").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.header("retry-after").unwrap().parse::<u32>().is_ok(),
        "{refused:?}"
    );
    gate.open();
    for client in clients.iter_mut().chain(&mut waiting) {
        assert_eq!(client.read("GET").await.status, 200);
    }
    let labels = [("origin", "app"), ("result", "queue_full")];
    assert_eq!(
        gateway.metric("popgate_origin_requests_total", &labels).await,
        1.0
    );
}

#[tokio::test]
async fn a_wait_beyond_the_queue_timeout_is_503_with_retry_after() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("x").after(&gate)).await;
    let gateway =
        Gateway::start(Conf::origin(&origin).app(json!({ "connections_max": 1, "queue_timeout": "100ms" })))
            .await;
    let mut first = herd(&gateway, 1).await;
    origin.reached(1).await;
    let refused = gateway.get("/waits").await;
    assert_eq!(
        (refused.status, refused.header("retry-after").is_some()),
        (503, true),
        "{refused:?}"
    );
    gate.open();
    assert_eq!(first[0].read("GET").await.status, 200);
}

#[tokio::test]
async fn a_client_that_gives_up_in_the_queue_leaves_no_trace() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("x").after(&gate)).await;
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "connections_max": 1 }))).await;
    let mut first = herd(&gateway, 1).await;
    origin.reached(1).await;
    let waiting = herd(&gateway, 5).await;
    gateway
        .metric_becomes("popgate_origin_queue", &[], |now| now >= 1.0)
        .await;
    drop(waiting);
    gate.open();
    assert_eq!(first[0].read("GET").await.status, 200);
    gateway
        .metric_becomes("popgate_origin_queue", &[], |now| now == 0.0)
        .await;
    assert_eq!(gateway.get("/after").await.status, 200);
}

on_both_wires!(
    an_origin_that_is_down_is_502,
    an_origin_that_talks_garbage_is_502,
    an_origin_that_is_silent_is_504
);

async fn an_origin_that_is_down_is_502(wire: Wire) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    origin.down().await;
    let response = wire.get(&gateway, "/").await;
    assert_eq!(
        (response.status, response.body.is_empty()),
        (502, false),
        "{response:?}"
    );
    origin.up().await;
    eventually("the origin is back", async || {
        wire.get(&gateway, "/").await.status == 200
    })
    .await;
}

async fn an_origin_that_talks_garbage_is_502(wire: Wire) {
    let replies = [
        Reply::Raw(b"garbage without end\r\n\r\n".to_vec()),
        Reply::Raw(b"HTTP/1.1 abc\r\n\r\n".to_vec()),
        Reply::Close,
        Reply::Reset,
    ];
    for reply in replies {
        let shown = format!("{reply:?}");
        let origin = Origin::start(move |_| reply.clone()).await;
        let gateway = Gateway::start(Conf::origin(&origin)).await;
        let response = wire.get(&gateway, "/").await;
        assert_eq!(response.status, 502, "{shown}: {response:?}");
    }
}

async fn an_origin_that_is_silent_is_504(wire: Wire) {
    let origin = Origin::start(|_| Reply::Hang).await;
    let conf = Conf::origin(&origin).app(json!({ "timeouts": { "first_byte": "200ms" }, "retries": 0 }));
    let gateway = Gateway::start(conf).await;
    assert_eq!(wire.get(&gateway, "/").await.status, 504);
}

#[tokio::test]
async fn bytes_beyond_the_answer_are_not_taken_for_another() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/over" => Reply::Raw(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
                .to_vec(),
        ),
        _ => Answer::ok("right").into(),
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    assert_eq!(gateway.get("/over").await.text(), "ok");
    assert_eq!(gateway.get("/next").await.text(), "right");
}

#[tokio::test]
async fn a_header_above_its_limit_is_502() {
    let origin = Origin::start(|_| Answer::ok("x").header("X-Big", &"a".repeat(200_000)).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    assert_eq!(gateway.get("/").await.status, 502);
}

#[tokio::test]
async fn an_idempotent_request_is_tried_again() {
    let origin = Origin::start(|_| Answer::ok("first").into()).await;
    origin.answer_with(failing_once());
    let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "idle_min": 0 }))).await;
    let response = gateway.get("/").await;
    assert_eq!(
        (response.status, response.text().as_str(), origin.count()),
        (200, "second", 2),
        "{response:?}"
    );
    assert_eq!(
        gateway
            .metric("popgate_origin_retries_total", &[("origin", "app")])
            .await,
        1.0
    );
}

#[tokio::test]
async fn a_post_that_was_sent_is_not_tried_again() {
    let origin = Origin::start(failing_once()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let response = gateway.fetch(Req::new("POST", "/").body("order")).await;
    assert_eq!((response.status, origin.count()), (502, 1), "{response:?}");
}

fn failing_once() -> impl Fn(&origin::Seen) -> Reply + Send + Sync + 'static {
    let failed = std::sync::atomic::AtomicBool::new(false);
    move |_| {
        if failed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            Answer::ok("second").into()
        } else {
            Reply::Close
        }
    }
}

async fn two_servers(extra: serde_json::Value) -> (Origin, Origin, Gateway) {
    let (one, other) = (
        Origin::fixed(Answer::ok("one")).await,
        Origin::fixed(Answer::ok("other")).await,
    );
    let conf = Conf::origin(&one)
        .app(json!({ "servers": [one.to_string(), other.to_string()] }))
        .app(extra);
    let gateway = Gateway::start(conf).await;
    (one, other, gateway)
}

/// Requests that are no health checks.
fn visits(origin: &Origin) -> usize {
    origin.count() - origin.count_of("/health")
}

#[tokio::test]
async fn requests_go_to_servers_in_turn() {
    let (one, other, gateway) = two_servers(json!({})).await;
    for n in 0..20 {
        assert_eq!(gateway.get(&format!("/{n}")).await.status, 200);
    }
    assert_eq!((visits(&one), visits(&other)), (10, 10));
}

#[tokio::test]
async fn consistent_hashing_sends_a_url_to_one_server() {
    let (one, other, gateway) = two_servers(json!({ "balance": "consistent_hash" })).await;
    for _ in 0..5 {
        for n in 0..20 {
            gateway.get(&format!("/{n}")).await;
        }
    }
    for n in 0..20 {
        let target = format!("/{n}");
        let exactly = |origin: &Origin| origin.seen().iter().filter(|seen| seen.target == target).count();
        assert!(
            [(0, 5), (5, 0)].contains(&(exactly(&one), exactly(&other))),
            "{target}"
        );
    }
    assert!(visits(&one) > 0 && visits(&other) > 0);
}

#[tokio::test]
async fn least_connections_prefers_the_idle_server() {
    let gate = Gate::new();
    let (one, other, gateway) = two_servers(json!({ "balance": "least_connections" })).await;
    let busy = gate.clone();
    one.answer_with(move |_| Answer::ok("one").after(&busy).into());
    let busy = gate.clone();
    other.answer_with(move |_| Answer::ok("other").after(&busy).into());
    let mut clients = herd(&gateway, 10).await;
    eventually("all are at a server", async || {
        one.active().now() + other.active().now() == 10
    })
    .await;
    assert_eq!((one.active().now(), other.active().now()), (5, 5));
    gate.open();
    for client in &mut clients {
        client.read("GET").await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_costs_no_visitor_anything() {
    let (one, other, gateway) = two_servers(json!({})).await;
    one.down().await;
    for n in 0..30 {
        let response = gateway.get(&format!("/{n}")).await;
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "other"),
            "{n}: {response:?}"
        );
    }
    assert_eq!(visits(&other), 30);
}

#[tokio::test]
async fn a_server_that_fails_its_health_checks_gets_no_visitors_until_it_is_well() {
    let (one, _other, gateway) = two_servers(json!({
        "health": { "path": "/healthz", "interval": "100ms", "timeout": "1s", "unhealthy_after": 2, "healthy_after": 1 },
    }))
    .await;
    one.answer_with(|seen| match seen.target.as_str() {
        "/healthz" => Answer::new(500, "ill").into(),
        _ => Answer::ok("one").into(),
    });
    let server = one.to_string();
    let labels = [("origin", "app"), ("server", server.as_str())];
    gateway
        .metric_becomes("popgate_origin_healthy", &labels, |now| now == 0.0)
        .await;
    let before = visits(&one);
    for n in 0..20 {
        assert_eq!(gateway.get(&format!("/{n}")).await.text(), "other");
    }
    assert_eq!(visits(&one), before);
    one.answer_with(|_| Answer::ok("one").into());
    gateway
        .metric_becomes("popgate_origin_healthy", &labels, |now| now == 1.0)
        .await;
    eventually("it gets visitors again", async || {
        gateway.get("/x").await.text() == "one"
    })
    .await;
}

#[tokio::test]
async fn connections_are_reused() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for n in 0..20 {
        gateway.get(&format!("/{n}")).await;
    }
    assert!(
        origin.opened() <= 3,
        "{} connections for 20 requests",
        origin.opened()
    );
    assert!(gateway.metric("popgate_origin_reuse_total", &[]).await >= 17.0);
}

#[tokio::test]
async fn warm_connections_are_opened_ahead() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let _gateway = Gateway::start(Conf::origin(&origin).app(json!({ "idle_min": 3 }))).await;
    eventually("three warm connections", async || origin.connections().now() >= 3).await;
    assert_eq!(origin.count(), 0);
}

#[tokio::test]
async fn a_fresh_hit_needs_no_origin() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    origin.down().await;
    for _ in 0..10 {
        gateway.get("/").await.expect(200, "HIT");
    }
}
