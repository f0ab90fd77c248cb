//! HEAD, ranges and conditional requests, answered from stored objects.

use crate::support::*;

const BODY: &str = "0123456789abcdefghij";

async fn stored() -> (Origin, Gateway) {
    let origin = Origin::fixed(
        Answer::fresh(BODY)
            .header("ETag", "\"v1\"")
            .header("Last-Modified", "Tue, 03 Nov 2026 10:00:00 GMT")
            .header("Content-Type", "text/plain"),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    (origin, gateway)
}

on_both_wires!(
    head_is_answered_from_a_stored_get,
    head_on_a_cold_key_has_no_body,
    a_range_of_a_stored_object_is_206,
    an_unsatisfiable_range_is_416,
    a_matching_if_none_match_is_304,
    a_later_if_modified_since_is_304,
    another_if_none_match_is_200,
    if_none_match_on_a_cold_key_is_304_without_a_body,
);

async fn head_is_answered_from_a_stored_get(wire: Wire) {
    let (origin, gateway) = stored().await;
    let head = wire
        .fetch(&gateway, Req::new("HEAD", "/"))
        .await
        .expect(200, "HIT");
    assert_eq!(
        (head.body.len(), head.header("content-length").as_deref()),
        (0, Some("20"))
    );
    assert_eq!(origin.count(), 1);
}

async fn head_on_a_cold_key_has_no_body(wire: Wire) {
    let origin = Origin::fixed(Answer::fresh(BODY)).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let head = wire.fetch(&gateway, Req::new("HEAD", "/")).await;
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    assert_eq!(wire.get(&gateway, "/").await.text(), BODY);
}

async fn a_range_of_a_stored_object_is_206(wire: Wire) {
    let (origin, gateway) = stored().await;
    let ranges = [
        ("bytes=0-3", "0123", "bytes 0-3/20"),
        ("bytes=10-", "abcdefghij", "bytes 10-19/20"),
        ("bytes=-3", "hij", "bytes 17-19/20"),
    ];
    for (range, text, content_range) in ranges {
        let part = wire
            .fetch(&gateway, Req::get("/").header("Range", range))
            .await
            .expect(206, "HIT");
        assert_eq!(part.text(), text);
        assert_eq!(part.header("content-range").as_deref(), Some(content_range));
    }
    assert_eq!(origin.count(), 1);
}

async fn an_unsatisfiable_range_is_416(wire: Wire) {
    let (_origin, gateway) = stored().await;
    let refused = wire
        .fetch(&gateway, Req::get("/").header("Range", "bytes=100-"))
        .await;
    assert_eq!(refused.status, 416, "{refused:?}");
    assert_eq!(refused.header("content-range").as_deref(), Some("bytes */20"));
}

async fn a_matching_if_none_match_is_304(wire: Wire) {
    let (origin, gateway) = stored().await;
    for value in ["\"v1\"", "W/\"v1\"", "\"other\", \"v1\"", "*"] {
        let response = wire
            .fetch(&gateway, Req::get("/").header("If-None-Match", value))
            .await;
        assert_eq!(
            (response.status, response.body.len()),
            (304, 0),
            "{value}: {response:?}"
        );
        assert_eq!(response.header("etag").as_deref(), Some("\"v1\""));
    }
    assert_eq!(origin.count(), 1);
}

async fn a_later_if_modified_since_is_304(wire: Wire) {
    let (origin, gateway) = stored().await;
    let request = Req::get("/").header("If-Modified-Since", "Wed, 04 Nov 2026 10:00:00 GMT");
    assert_eq!(wire.fetch(&gateway, request).await.status, 304);
    let request = Req::get("/").header("If-Modified-Since", "Mon, 02 Nov 2026 10:00:00 GMT");
    assert_eq!(wire.fetch(&gateway, request).await.status, 200);
    assert_eq!(origin.count(), 1);
}

async fn another_if_none_match_is_200(wire: Wire) {
    let (origin, gateway) = stored().await;
    let request = Req::get("/")
        .header("If-None-Match", "\"v0\"")
        .header("If-Modified-Since", "Wed, 04 Nov 2026 10:00:00 GMT");
    assert_eq!(
        wire.fetch(&gateway, request).await.expect(200, "HIT").text(),
        BODY
    );
    assert_eq!(origin.count(), 1);
}

async fn if_none_match_on_a_cold_key_is_304_without_a_body(wire: Wire) {
    let origin = Origin::start(|seen| Answer::fresh(BODY).header("ETag", "\"v1\"").or_304(seen).into()).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for n in 0..10 {
        let target = format!("/{n}");
        let request = Req::get(&target).header("If-None-Match", "\"v1\"");
        let response = wire.fetch(&gateway, request).await;
        assert_eq!((response.status, response.body.len()), (304, 0), "{response:?}");
        assert_eq!(wire.get(&gateway, &target).await.text(), BODY);
    }
}

#[tokio::test]
async fn if_range_with_another_validator_gets_the_whole() {
    let (_origin, gateway) = stored().await;
    let request = Req::get("/")
        .header("Range", "bytes=0-3")
        .header("If-Range", "\"v0\"");
    assert_eq!(gateway.fetch(request).await.expect(200, "HIT").text(), BODY);
    let request = Req::get("/")
        .header("Range", "bytes=0-3")
        .header("If-Range", "\"v1\"");
    assert_eq!(gateway.fetch(request).await.expect(206, "HIT").text(), "0123");
}

#[tokio::test]
async fn a_range_on_a_cold_key_fetches_the_whole_once() {
    let origin = Origin::fixed(Answer::fresh(BODY).header("ETag", "\"v1\"")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let part = gateway.fetch(Req::get("/").header("Range", "bytes=0-3")).await;
    assert!(
        part.status == 206 && part.text() == "0123" || part.status == 200 && part.text() == BODY,
        "{part:?}"
    );
    assert_eq!(gateway.get("/").await.text(), BODY);
}

/// An origin that never gives the same answer twice, behind an object that was stored and softly purged.
async fn replaced(conf: fn(&Origin) -> Conf) -> (Origin, Gateway) {
    let counter = std::sync::atomic::AtomicUsize::new(0);
    let origin = Origin::start(move |_| {
        let n = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Answer::fresh(format!("version {n}"))
            .header("ETag", &format!("\"v{n}\""))
            .into()
    })
    .await;
    let gateway = Gateway::start(conf(&origin)).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.purged(json!({ "everything": true })).await;
    (origin, gateway)
}

fn part(n: usize) -> Req {
    match n {
        0 => Req::new("HEAD", "/"),
        1 => Req::get("/").header("Range", "bytes=0-3"),
        _ => Req::get("/").header("If-None-Match", "\"v1\""),
    }
}

on_both_wires!(
    parts_of_a_stale_object_that_has_changed_leave_no_lock_behind,
    parts_of_a_stale_object_refresh_the_whole_behind,
);

async fn parts_of_a_stale_object_that_has_changed_leave_no_lock_behind(wire: Wire) {
    for n in 0..3 {
        let (_origin, gateway) = replaced(|origin| Conf::origin(origin)).await;
        let response = wire.fetch(&gateway, part(n)).await;
        assert!(matches!(response.status, 200 | 206), "{response:?}");
        let next = wire.get(&gateway, "/").await;
        assert!(
            matches!(next.text().as_str(), "version 1" | "version 2"),
            "{next:?}"
        );
        wire.get(&gateway, "/").await.expect(200, "HIT");
    }
}

async fn parts_of_a_stale_object_refresh_the_whole_behind(wire: Wire) {
    for n in 0..3 {
        let (_origin, gateway) =
            replaced(|origin| Conf::origin(origin).cache(json!({ "stale_while_revalidate": "1h" }))).await;
        wire.fetch(&gateway, part(n)).await;
        eventually("the refresh", async || {
            wire.get(&gateway, "/").await.text() == "version 1"
        })
        .await;
    }
}
