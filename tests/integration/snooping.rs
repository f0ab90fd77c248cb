//! Writes that pass by a WordPress site, with answers as WordPress gives them.

use crate::support::origin::Seen;
use crate::support::*;

fn page(n: usize) -> Answer {
    let body = format!("<html><body>{n} {}</body></html>", "x".repeat(300));
    Answer::ok(body).header("Content-Type", "text/html").header(
        "Link",
        "<http://site.example/wp-json/>; rel=\"https://api.w.org/\"",
    )
}

fn item(id: usize) -> String {
    format!(
        "{{\"id\":{id},\"status\":\"publish\",\"type\":\"post\",\"link\":\"http://{SITE}/p{id}/\",\"author\":1,\"categories\":[3]}}"
    )
}

fn json_answer(body: Body) -> Answer {
    Answer::with(200, body).header("Content-Type", "application/json; charset=UTF-8")
}

async fn wordpress(write: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Origin, Gateway) {
    let origin = Origin::start(numbered(move |n, seen| {
        if seen.method == "GET" && !seen.target.contains("_method") {
            page(n)
        } else {
            write(seen)
        }
    }))
    .await;
    // What a purge hits stays as it is until somebody asks.
    let conf = Conf::origin(&origin)
        .site(json!({ "preset": "wordpress" }))
        .cache(json!({ "refresh_after_purge": "off" }));
    let gateway = Gateway::start(conf).await;
    (origin, gateway)
}

async fn warm(gateway: &Gateway, targets: &[&str]) {
    for target in targets {
        gateway.get(target).await.expect(200, "MISS");
        gateway.get(target).await.expect(200, "HIT");
    }
}

fn write(id: usize) -> Req {
    Req::new("POST", &format!("/wp-json/wp/v2/posts/{id}"))
        .header("content-type", "application/json")
        .body("{\"title\":\"x\"}")
}

on_both_wires!(an_edit_is_seen_before_its_writer_could_look);

async fn an_edit_is_seen_before_its_writer_could_look(wire: Wire) {
    // In pieces, and without a length.
    let (_origin, gateway) = wordpress(|_| {
        let text = item(7).into_bytes();
        json_answer(Body::Chunked(text.chunks(10).map(<[u8]>::to_vec).collect()))
    })
    .await;
    warm(&gateway, &["/p7/", "/p7/embed/", "/", "/other/"]).await;
    let answer = wire.fetch(&gateway, write(7)).await;
    assert_eq!(answer.text(), item(7), "{answer:?}");
    for target in ["/p7/", "/p7/embed/", "/"] {
        gateway.get(target).await.expect(200, "EXPIRED");
        gateway.get(target).await.expect(200, "HIT");
    }
}

#[tokio::test]
async fn the_origin_is_asked_for_an_answer_that_can_be_read() {
    let (origin, gateway) = wordpress(|_| json_answer(Body::Sized(item(7).into_bytes()))).await;
    gateway
        .fetch(write(7).header("accept-encoding", "gzip, br"))
        .await
        .expect(200, "BYPASS");
    assert_eq!(
        origin.last().header("accept-encoding").as_deref(),
        Some("identity")
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_was_a_write_all_the_same() {
    let (_origin, gateway) = wordpress(|_| {
        json_answer(Body::Cut {
            declared: 1000,
            sent: b"{\"id\":7,".to_vec(),
        })
    })
    .await;
    warm(&gateway, &["/p7/", "/x/"]).await;
    let _ = gateway.fetch(write(7)).await;
    gateway
        .metric_becomes("popgate_snooped_writes_total", &[("kind", "unknown")], |n| {
            n == 1.0
        })
        .await;
    for target in ["/p7/", "/x/"] {
        assert_ne!(gateway.get(target).await.x_cache(), "HIT");
    }
}

#[tokio::test]
async fn a_flood_of_writes_folds_into_few_purges() {
    let (_origin, gateway) = wordpress(|seen| {
        let id = seen.target.rsplit('/').next().unwrap().parse().unwrap();
        json_answer(Body::Sized(item(id).into_bytes()))
    })
    .await;
    warm(&gateway, &["/p200/"]).await;
    let mut client = Http1::connect(gateway.address()).await;
    for id in 1..=200 {
        client.fetch(&write(id)).await.expect(200, "BYPASS");
    }
    let folded = gateway
        .metric("popgate_snooped_writes_total", &[("kind", "folded")])
        .await;
    assert!(folded > 0.0);
    // The last write is seen, too, though it was folded.
    eventually("no old copy of what was written last", async || {
        gateway.get("/p200/").await.x_cache() != "HIT"
    })
    .await;
    let purges = gateway.metric("popgate_purges_total", &[("kind", "tag")]).await;
    assert!(purges < 200.0 * 5.0, "{purges}");
}

#[tokio::test]
async fn an_edit_is_not_hidden_behind_an_origin_that_fails() {
    let (origin, gateway) = wordpress(|_| json_answer(Body::Sized(item(7).into_bytes()))).await;
    warm(&gateway, &["/p7/"]).await;
    gateway.fetch(write(7)).await.expect(200, "BYPASS");
    origin.down().await;
    // What was changed is gone, but better an old page than none.
    gateway.get("/p7/").await.expect(200, "STALE");
}

#[tokio::test]
async fn a_write_of_the_whole_site_leaves_its_pages_stale_but_served() {
    let (_origin, gateway) =
        wordpress(|_| Answer::new(302, "").header("Location", "options-general.php")).await;
    warm(&gateway, &["/p7/"]).await;
    let form = Req::new("POST", "/wp-admin/options.php")
        .header("cookie", "wordpress_logged_in_0=x")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("blogname=x");
    gateway.fetch(form).await.expect(302, "BYPASS");
    gateway.get("/p7/").await.expect(200, "STALE");
    eventually("the new page", async || {
        gateway.get("/p7/").await.x_cache() == "HIT"
    })
    .await;
}
