//! A miss, then hits, and what they say about themselves.

use crate::support::*;

on_both_wires!(
    a_cold_key_is_a_miss_and_a_warm_one_a_hit,
    a_miss_says_that_it_was_stored_and_for_how_long,
    a_hit_says_how_long_it_stays_fresh_and_its_age,
    every_answer_carries_a_ray_with_the_pop,
    an_answer_never_names_the_engine,
    a_hit_has_the_same_bytes_as_the_miss,
);

async fn a_cold_key_is_a_miss_and_a_warm_one_a_hit(wire: Wire) {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/a").await.expect(200, "MISS");
    let hit = wire.get(&gateway, "/a").await.expect(200, "HIT");
    assert_eq!((hit.text().as_str(), origin.count()), ("body", 1));
    wire.get(&gateway, "/b").await.expect(200, "MISS");
}

async fn a_miss_says_that_it_was_stored_and_for_how_long(wire: Wire) {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let miss = wire.get(&gateway, "/").await;
    assert_eq!(miss.all("cache-status").len(), 1, "{miss:?}");
    let status = miss.cache_status();
    assert!(status.starts_with("popgate; fwd=uri-miss"), "{status}");
    assert!(status.contains("; stored"), "{status}");
    assert!(status.contains("; ttl=60"), "{status}");
}

async fn a_hit_says_how_long_it_stays_fresh_and_its_age(wire: Wire) {
    let origin = Origin::fixed(Answer::fresh("body").header("Age", "20")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    wire.get(&gateway, "/").await.expect(200, "MISS");
    let hit = wire.get(&gateway, "/").await.expect(200, "HIT");
    let age = hit.age().unwrap();
    assert!((20..30).contains(&age), "{hit:?}");
    assert_eq!(hit.all("age").len(), 1);
    let status = hit.cache_status();
    let ttl = status
        .strip_prefix("popgate; hit; ttl=")
        .map(|ttl| ttl.parse::<u64>().unwrap());
    assert!(ttl.is_some_and(|ttl| (30..=40).contains(&ttl)), "{status}");
}

async fn every_answer_carries_a_ray_with_the_pop(wire: Wire) {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let rays = [
        wire.get(&gateway, "/").await.header("cf-ray").unwrap(),
        wire.get(&gateway, "/").await.header("cf-ray").unwrap(),
    ];
    assert_ne!(rays[0], rays[1]);
    for ray in rays {
        let (id, pop) = ray.split_once('-').unwrap();
        assert_eq!((id.len(), pop), (16, "tst1"), "{ray}");
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ray}");
    }
}

async fn an_answer_never_names_the_engine(wire: Wire) {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/down" => Reply::Close,
        _ => Answer::fresh("x").header("Keep-Alive", "timeout=5").into(),
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for target in ["/", "/", "/down"] {
        let response = wire.get(&gateway, target).await;
        let server = response.header("server").unwrap_or_default();
        assert!(!server.to_lowercase().contains("pingora"), "{response:?}");
        assert_eq!(response.header("keep-alive"), None, "{response:?}");
    }
}

async fn a_hit_has_the_same_bytes_as_the_miss(wire: Wire) {
    let body: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let origin = Origin::fixed(
        Answer::fresh(body.clone())
            .header("Content-Type", "application/x-thing")
            .header("X-Twice", "1")
            .header("X-Twice", "2")
            .header("ETag", "\"v1\""),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let miss = wire.get(&gateway, "/").await.expect(200, "MISS");
    let hit = wire.get(&gateway, "/").await.expect(200, "HIT");
    assert!(miss.body == body && hit.body == body);
    for name in [
        "content-type",
        "x-twice",
        "etag",
        "cache-control",
        "content-length",
    ] {
        assert_eq!(miss.all(name), hit.all(name), "{name}");
    }
}

#[tokio::test]
async fn both_protocols_share_one_entry() {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    Wire::H2.get(&gateway, "/").await.expect(200, "MISS");
    Wire::H1.get(&gateway, "/").await.expect(200, "HIT");
    Wire::H2.get(&gateway, "/").await.expect(200, "HIT");
}

#[tokio::test]
async fn many_requests_go_over_one_connection_pipelined_or_not() {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    client.get("/").await.expect(200, "MISS");
    let three = [
        http1::encode(&Req::get("/")),
        http1::encode(&Req::get("/?other")),
        http1::encode(&Req::get("/")),
    ];
    client.send(three.concat()).await;
    let results = [
        client.read("GET").await,
        client.read("GET").await,
        client.read("GET").await,
    ];
    assert_eq!(results.each_ref().map(Response::x_cache), ["HIT", "MISS", "HIT"]);
    assert!(results.iter().all(|response| response.text() == "body"));
}

#[tokio::test]
async fn hosts_do_not_share_entries() {
    let origin = Origin::start(|seen| Answer::fresh(seen.header("host").unwrap()).into()).await;
    let conf = Conf::origin(&origin).site(json!({ "hosts": ["a.example", "b.example"] }));
    let gateway = Gateway::start(conf).await;
    for host in ["a.example", "b.example"] {
        let response = gateway.fetch(Req::get("/").host(host)).await.expect(200, "MISS");
        assert_eq!(response.text(), host);
    }
    gateway
        .fetch(Req::get("/").host("A.EXAMPLE:80"))
        .await
        .expect(200, "HIT");
}

#[tokio::test]
async fn debug_headers_can_be_switched_off() {
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(Conf::origin(&origin).cache(json!({ "debug_headers": false }))).await;
    for _ in 0..2 {
        let response = gateway.get("/").await;
        assert_eq!(
            (response.header("x-cache"), response.header("cache-status")),
            (None, None)
        );
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn a_cache_status_of_the_origin_stays_in_front_of_ours() {
    let origin = Origin::fixed(Answer::fresh("body").header("Cache-Status", "inner; hit")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for _ in 0..2 {
        let response = gateway.get("/").await;
        assert_eq!(
            response.cache_status().matches("popgate;").count(),
            1,
            "{response:?}"
        );
        assert!(response.cache_status().starts_with("inner; hit"), "{response:?}");
    }
}

#[tokio::test]
async fn rfc9110_8_6_a_stored_204_has_no_content_length() {
    let origin = Origin::fixed(Answer::new(204, "").header("Cache-Control", "max-age=60")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(204, "MISS");
    let hit = gateway.get("/").await.expect(204, "HIT");
    assert_eq!(hit.header("content-length"), None, "{hit:?}");
}
