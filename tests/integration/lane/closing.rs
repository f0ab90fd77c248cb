//! When a connection ends that the lane has answered on.

use super::*;

#[tokio::test]
async fn the_keep_alive_limit_counts_hits_and_misses_alike() {
    for lane in [true, false] {
        let more = json!({ "lane": lane, "limits": { "keepalive_requests": 3 } });
        let (_origin, gateway) = warm(page("body"), more).await;
        for targets in [["/", "/", "/"], ["/", "/x", "/"], ["/", "/", "/y"]] {
            let mut client = Http1::connect(gateway.address()).await;
            for (n, target) in targets.into_iter().enumerate() {
                let response = client.get(target).await;
                let expected = if n < 2 { "keep-alive" } else { "close" };
                assert_eq!(
                    response.header("connection").as_deref(),
                    Some(expected),
                    "{lane} {n}"
                );
            }
            assert!(client.closed().await);
        }
    }
}

#[tokio::test]
async fn connections_close_after_their_next_hit_while_draining() {
    let more = json!({ "shutdown": { "announce": "0s", "grace": "20s" } });
    let origin = Origin::fixed(page(vec![b'x'; 16 << 20])).await;
    let mut gateway = Gateway::start(Conf::origin(&origin).with(more)).await;
    gateway.get("/").await.expect(200, "MISS");
    // One client is in the midst of a large hit, another idles.
    let mut busy = Http1::connect(gateway.address()).await;
    busy.request(&Req::get("/")).await;
    let head = by_lane(busy.read_head().await.unwrap());
    assert_eq!(head.header("connection").as_deref(), Some("keep-alive"));
    let mut idle = Http1::connect(gateway.address()).await;
    by_lane(idle.fetch(&Req::new("HEAD", "/")).await);
    gateway.signal("TERM");
    assert!(idle.closed().await);
    assert_eq!(busy.bytes(16 << 20).await.len(), 16 << 20);
    assert!(busy.closed().await);
    assert!(gateway.exit().await.success());
}

#[tokio::test]
async fn while_a_stop_is_announced_hits_say_that_their_connection_closes() {
    let (_origin, gateway) = warm(page("body"), json!({ "shutdown": { "announce": "20s" } })).await;
    let mut client = Http1::connect(gateway.address()).await;
    by_lane(client.get("/").await);
    gateway.signal("TERM");
    eventually("not ready any more", async || !gateway.ready().await).await;
    let last = by_lane(client.get("/").await);
    assert_eq!(last.header("connection").as_deref(), Some("close"));
    assert!(client.closed().await);
}
