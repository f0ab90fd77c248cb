//! Variants: `Vary` and content codings.

use crate::support::*;

#[tokio::test]
async fn each_named_request_field_selects_its_variant() {
    let origin = Origin::start(|seen| {
        let language = seen.header("accept-language").unwrap_or_default();
        Answer::fresh(language).header("Vary", "Accept-Language").into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for (language, cache) in [("vi", "MISS"), ("en", "MISS"), ("vi", "HIT"), ("en", "HIT")] {
        let response = gateway
            .fetch(Req::get("/").header("Accept-Language", language))
            .await
            .expect(200, cache);
        assert_eq!(response.text(), language);
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_request_without_the_field_is_a_variant_of_its_own() {
    let origin = Origin::start(|seen| {
        Answer::fresh(seen.header("x-device").unwrap_or_default())
            .header("Vary", "X-Device")
            .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway
        .fetch(Req::get("/").header("X-Device", "phone"))
        .await
        .expect(200, "MISS");
    assert_eq!(gateway.get("/").await.expect(200, "MISS").text(), "");
}

#[tokio::test]
async fn browsers_with_differently_written_encodings_share_a_variant() {
    let origin = Origin::start(|seen| {
        let gzip = seen
            .header("accept-encoding")
            .is_some_and(|value| value.contains("gzip"));
        let answer = Answer::fresh(if gzip { "gzipped" } else { "plain" }).header("Vary", "Accept-Encoding");
        if gzip {
            answer.header("Content-Encoding", "gzip")
        } else {
            answer
        }
        .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let first = gateway
        .fetch(Req::get("/").header("Accept-Encoding", "gzip, deflate, br"))
        .await;
    first.expect(200, "MISS");
    for spelling in [
        "gzip, deflate, br",
        "br;q=1.0, gzip;q=0.8, deflate",
        "deflate, gzip, br",
    ] {
        let response = gateway
            .fetch(Req::get("/").header("Accept-Encoding", spelling))
            .await;
        assert_eq!(response.expect(200, "HIT").text(), "gzipped");
    }
}

#[tokio::test]
async fn a_client_without_gzip_never_gets_gzip() {
    let origin = Origin::start(|seen| {
        let gzip = seen
            .header("accept-encoding")
            .is_some_and(|value| value.contains("gzip"));
        let answer = Answer::fresh(if gzip { "gzipped" } else { "plain" }).header("Vary", "Accept-Encoding");
        if gzip {
            answer.header("Content-Encoding", "gzip")
        } else {
            answer
        }
        .into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway
        .fetch(Req::get("/").header("Accept-Encoding", "gzip"))
        .await;
    for request in [
        Req::get("/"),
        Req::get("/").header("Accept-Encoding", "gzip;q=0, identity"),
    ] {
        let response = gateway.fetch(request).await;
        assert_eq!(
            (response.text().as_str(), response.header("content-encoding")),
            ("plain", None)
        );
    }
}

#[tokio::test]
async fn hits_carry_vary() {
    let origin = Origin::fixed(Answer::fresh("x").header("Vary", "Accept-Language")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    assert_eq!(
        gateway
            .get("/")
            .await
            .expect(200, "HIT")
            .header("vary")
            .as_deref(),
        Some("Accept-Language")
    );
}
