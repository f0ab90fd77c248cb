//! What is never stored.

use crate::support::*;

/// Asks twice with this request; whether the origin was asked twice.
async fn asked_twice(answer: Answer, request: Req) -> bool {
    let origin = Origin::fixed(answer).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for _ in 0..2 {
        let response = gateway.fetch(request.clone()).await;
        assert!(
            response.complete && response.header("cf-ray").is_some(),
            "{response:?}"
        );
    }
    origin.count() == 2
}

#[tokio::test]
async fn answers_with_set_cookie_are_never_stored() {
    assert!(asked_twice(Answer::fresh("x").header("Set-Cookie", "a=1"), Req::get("/")).await);
}

#[tokio::test]
async fn private_answers_are_never_stored() {
    assert!(
        asked_twice(
            Answer::ok("x").header("Cache-Control", "private, max-age=60"),
            Req::get("/")
        )
        .await
    );
}

#[tokio::test]
async fn no_store_answers_are_never_stored() {
    assert!(
        asked_twice(
            Answer::ok("x").header("Cache-Control", "no-store, max-age=60"),
            Req::get("/")
        )
        .await
    );
}

#[tokio::test]
async fn answers_to_authorization_are_never_stored() {
    let request = Req::get("/").header("Authorization", "Basic eDp5");
    assert!(asked_twice(Answer::fresh("x"), request).await);
}

#[tokio::test]
async fn answers_to_authorization_are_stored_when_public() {
    let request = Req::get("/").header("Authorization", "Basic eDp5");
    assert!(
        !asked_twice(
            Answer::ok("x").header("Cache-Control", "public, max-age=60"),
            request
        )
        .await
    );
}

#[tokio::test]
async fn vary_star_is_never_stored() {
    assert!(asked_twice(Answer::fresh("x").header("Vary", "Accept, *"), Req::get("/")).await);
}

#[tokio::test]
async fn partial_answers_are_never_stored() {
    let part = Answer::new(206, "ab")
        .header("Cache-Control", "max-age=60")
        .header("Content-Range", "bytes 0-1/10");
    assert!(asked_twice(part, Req::get("/").header("Range", "bytes=0-1")).await);
}

#[tokio::test]
async fn answers_to_post_are_never_stored() {
    assert!(asked_twice(Answer::fresh("x"), Req::new("POST", "/").body("form")).await);
}

#[tokio::test]
async fn requests_with_no_store_store_nothing() {
    assert!(
        asked_twice(
            Answer::fresh("x"),
            Req::get("/").header("Cache-Control", "no-store")
        )
        .await
    );
}

#[tokio::test]
async fn not_found_is_stored_when_it_says_how_long() {
    assert!(
        !asked_twice(
            Answer::new(404, "x").header("Cache-Control", "max-age=60"),
            Req::get("/")
        )
        .await
    );
}

#[tokio::test]
async fn a_cookie_of_the_visitor_does_not_matter_to_a_standard_site() {
    assert!(!asked_twice(Answer::fresh("x"), Req::get("/").header("Cookie", "a=1")).await);
}

on_both_wires!(a_truncated_body_is_cut_for_the_client_and_never_stored);

async fn a_truncated_body_is_cut_for_the_client_and_never_stored(wire: Wire) {
    for body in [
        Body::Cut {
            declared: 100_000,
            sent: vec![b'x'; 50_000],
        },
        Body::CutChunked(vec![b'x'; 50_000]),
    ] {
        let origin = Origin::fixed(Answer::with(200, body).header("Cache-Control", "max-age=60")).await;
        let gateway = Gateway::start(Conf::origin(&origin).app(json!({ "retries": 0 }))).await;
        assert!(
            !wire.get(&gateway, "/").await.complete,
            "a cut body ended as if it were whole"
        );
        origin.answer_with(|_| Answer::fresh("whole").into());
        let second = wire.get(&gateway, "/").await;
        assert_eq!(
            (second.text().as_str(), second.complete, origin.count()),
            ("whole", true, 2),
            "{second:?}"
        );
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole() {
    let origin = Origin::fixed(
        Answer::with(200, Body::UntilClose(b"to the end".to_vec())).header("Cache-Control", "max-age=60"),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let response = gateway.get("/").await;
    assert_eq!(
        (response.text().as_str(), response.complete),
        ("to the end", true)
    );
}

#[tokio::test]
async fn chunked_answers_are_stored_whole() {
    let origin = Origin::fixed(
        Answer::with(200, Body::Chunked(vec![vec![b'a'; 10_000], vec![b'b'; 10_000]]))
            .header("Cache-Control", "max-age=60"),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let miss = gateway.get("/").await.expect(200, "MISS");
    let hit = gateway.get("/").await.expect(200, "HIT");
    assert!(miss.body.len() == 20_000 && miss.body == hit.body);
}

#[tokio::test]
async fn answers_above_object_max_pass_whole_and_are_not_stored() {
    for body in [
        Body::Sized(vec![b'x'; 300_000]),
        Body::Chunked(vec![vec![b'x'; 100_000]; 3]),
    ] {
        let origin = Origin::fixed(Answer::with(200, body).header("Cache-Control", "max-age=60")).await;
        let conf = Conf::origin(&origin).with(json!({ "cache": { "object_max": "128KiB" } }));
        let gateway = Gateway::start(conf).await;
        for _ in 0..2 {
            let response = gateway.get("/").await;
            assert_eq!(
                (response.body.len(), response.complete),
                (300_000, true),
                "{response:?}"
            );
            assert_ne!(response.x_cache(), "HIT");
        }
        assert_eq!(origin.count(), 2);
    }
}

#[tokio::test]
async fn a_site_with_its_cache_off_stores_nothing() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "cache": "off" }))).await;
    for _ in 0..2 {
        assert_ne!(gateway.get("/").await.x_cache(), "HIT");
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn hop_by_hop_fields_are_neither_stored_nor_forwarded() {
    let origin = Origin::fixed(
        Answer::fresh("x")
            .header("Connection", "X-Secret")
            .header("X-Secret", "1")
            .header("Proxy-Authenticate", "Basic")
            .header("X-Kept", "1"),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for _ in 0..2 {
        let response = gateway.get("/").await;
        assert_eq!(response.header("x-secret"), None, "{response:?}");
        assert_eq!(response.header("x-kept").as_deref(), Some("1"));
    }
}
