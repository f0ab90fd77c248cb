//! `GET /api/fast-user`, byte for byte, whatever happens to the store.

use crate::support::*;

const NEW: &str = r#"{"status":"New Guest","location":"VN"}"#;

async fn ask(gateway: &Gateway) -> String {
    let response = gateway.get("/api/fast-user").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        response.header("content-type").as_deref(),
        Some("application/json"),
        "{response:?}"
    );
    assert_eq!(
        response.header("x-served-by").as_deref(),
        Some("Edge-Node-VN"),
        "{response:?}"
    );
    response.text()
}

fn on_redis(redis: &Redis) -> Conf {
    let mut conf = Conf::fast_user();
    conf.0["kv"] = json!({ "redis": redis.url(1) });
    conf
}

/// Waits until the background write of a new guest has been counted.
async fn written(gateway: &Gateway) {
    let labels = [("op", "put"), ("result", "ok")];
    gateway
        .metric_becomes("popgate_kv_operations_total", &labels, |now| now >= 1.0)
        .await;
}

on_both_wires!(a_new_guest_is_answered_exactly, other_paths_are_not_found);

async fn a_new_guest_is_answered_exactly(wire: Wire) {
    let gateway = Gateway::start(Conf::fast_user()).await;
    let response = wire.get(&gateway, "/api/fast-user").await;
    assert_eq!((response.status, response.text().as_str()), (200, NEW));
    assert_eq!(
        response.header("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(response.header("x-served-by").as_deref(), Some("Edge-Node-VN"));
}

#[tokio::test]
async fn over_http1_the_names_are_written_as_contracted() {
    let gateway = Gateway::start(Conf::fast_user()).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.request(&Req::get("/api/fast-user")).await;
    let head = String::from_utf8(client.bytes(100).await).unwrap();
    assert!(
        head.starts_with(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Served-By: Edge-Node-VN\r\n"
        ),
        "{head}"
    );
}

async fn other_paths_are_not_found(wire: Wire) {
    let gateway = Gateway::start(Conf::fast_user()).await;
    for target in ["/", "/api", "/api/fast-user/", "/api/fast-userx"] {
        let response = wire.get(&gateway, target).await;
        assert_eq!(
            (response.status, response.text().as_str()),
            (404, "API Route Not Found"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn without_geo_the_country_is_unknown() {
    let mut conf = Conf::fast_user();
    conf.0.as_object_mut().unwrap().remove("geo");
    let gateway = Gateway::start(conf).await;
    let response = gateway.get("/api/fast-user").await;
    assert_eq!(response.text(), r#"{"status":"New Guest","location":"Unknown"}"#);
    assert_eq!(
        response.header("x-served-by").as_deref(),
        Some("Edge-Node-Unknown")
    );
}

#[tokio::test]
async fn the_answer_is_the_same_before_and_after_a_restart() {
    let gateway = Gateway::start(Conf::fast_user()).await;
    assert_eq!(ask(&gateway).await, NEW);
    assert_eq!(ask(&gateway).await, NEW);
    // A stop right after the answer drains the write.
    let gateway = gateway.restart().await;
    assert_eq!(ask(&gateway).await, NEW);
    let hits = gateway
        .metric("popgate_kv_operations_total", &[("op", "get"), ("result", "hit")])
        .await;
    assert_eq!(hits, 1.0, "the value was found, not made anew");
}

#[tokio::test]
async fn the_answer_is_the_same_after_kill_9() {
    let gateway = Gateway::start(Conf::fast_user()).await;
    assert_eq!(ask(&gateway).await, NEW);
    written(&gateway).await;
    let gateway = gateway.crash_and_restart().await;
    assert_eq!(ask(&gateway).await, NEW);
    let hits = gateway
        .metric("popgate_kv_operations_total", &[("op", "get"), ("result", "hit")])
        .await;
    assert_eq!(hits, 1.0, "the value survived");
}

#[tokio::test]
async fn a_known_visitor_gets_what_is_stored_byte_for_byte() {
    let Some(redis) = Redis::start().await else { return };
    let gateway = Gateway::start(on_redis(&redis).with(json!({ "kv": { "timeout": "2s" } }))).await;
    assert_eq!(ask(&gateway).await, NEW);
    written(&gateway).await;
    let keys = redis.keys(1).await;
    let key = keys.iter().find(|key| key.contains("user_127.0.0.1"));
    let key = key.unwrap_or_else(|| panic!("no key of the visitor among {keys:?}"));
    let mut connection = redis.connection(1).await;
    let ttl: i64 = ::redis::cmd("TTL")
        .arg(key)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!((3500..=3600).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn the_answer_is_the_same_with_redis_up_down_and_paused() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let gateway = Gateway::start(on_redis(&redis)).await;
    assert_eq!(ask(&gateway).await, NEW);
    redis.pause();
    for _ in 0..5 {
        assert_eq!(ask(&gateway).await, NEW);
    }
    redis.resume();
    redis.kill();
    for _ in 0..5 {
        assert_eq!(ask(&gateway).await, NEW);
    }
    redis.up().await;
    assert_eq!(ask(&gateway).await, NEW);
}

#[tokio::test]
async fn the_first_visitor_is_answered_though_redis_is_paused() {
    let Some(redis) = Redis::start().await else {
        return;
    };
    let gateway = Gateway::start(on_redis(&redis)).await;
    redis.pause();
    assert_eq!(ask(&gateway).await, NEW);
    redis.resume();
    eventually("the guest is remembered", async || {
        assert_eq!(ask(&gateway).await, NEW);
        gateway
            .metric("popgate_kv_operations_total", &[("op", "put"), ("result", "ok")])
            .await
            >= 1.0
    })
    .await;
}

#[tokio::test]
async fn a_gateway_starts_and_answers_without_its_redis() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    redis.kill();
    let gateway = Gateway::start(on_redis(&redis)).await;
    assert_eq!(ask(&gateway).await, NEW);
    let errors = ["kv_get", "kv_set", "connect"];
    eventually("errors are counted", async || {
        let metrics = gateway.metrics().await;
        errors
            .iter()
            .any(|op| metrics.sum("popgate_redis_errors_total", &[("op", op)]) > 0.0)
    })
    .await;
}

#[tokio::test]
async fn garbage_instead_of_redis_is_as_good_as_none() {
    let garbage = redis::GarbageRedis::start().await;
    let mut conf = Conf::fast_user();
    conf.0["kv"] = json!({ "redis": format!("redis://127.0.0.1:{}/1", garbage.port) });
    let gateway = Gateway::start(conf).await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway).await, NEW);
    }
}

#[tokio::test]
async fn a_put_of_one_popgate_is_seen_by_another() {
    let Some(redis) = Redis::start().await else { return };
    let patient = on_redis(&redis).with(json!({ "kv": { "timeout": "2s" } }));
    let one = Gateway::start(patient.clone()).await;
    let other = Gateway::start(patient).await;
    assert_eq!(ask(&one).await, NEW);
    written(&one).await;
    assert_eq!(ask(&other).await, NEW);
    let hits = other
        .metric("popgate_kv_operations_total", &[("op", "get"), ("result", "hit")])
        .await;
    assert_eq!(hits, 1.0, "found in Redis, not made anew");
}

#[tokio::test]
async fn the_endpoint_lives_beside_an_origin() {
    let origin = Origin::fixed(Answer::ok("origin")).await;
    let conf = Conf::origin(&origin)
        .with(json!({ "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } } }))
        .site(json!({ "endpoints": ["fast_user"] }));
    let gateway = Gateway::start(conf).await;
    assert_eq!(ask(&gateway).await, NEW);
    assert_eq!(gateway.get("/other").await.text(), "origin");
    assert_eq!(origin.count(), 1);
}
