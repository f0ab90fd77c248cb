//! Start, stop and reload.

use crate::support::*;

#[tokio::test]
async fn a_stop_announces_itself_finishes_what_is_in_flight_and_exits_0() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("finished").after(&gate)).await;
    let conf = Conf::origin(&origin).with(json!({ "shutdown": { "announce": "1s", "grace": "20s" } }));
    let mut gateway = Gateway::start(conf).await;
    let mut in_flight = Http1::connect(gateway.address()).await;
    in_flight.request(&Req::get("/slow")).await;
    origin.reached(1).await;
    gateway.signal("TERM");
    eventually("not ready any more", async || !gateway.ready().await).await;
    let health = gateway.admin(Req::get("/healthz")).await;
    assert!(
        health.is_none_or(|health| health.status == 200),
        "alive as long as it answers"
    );
    gate.open();
    let response = in_flight.read("GET").await;
    assert_eq!((response.status, response.text().as_str()), (200, "finished"));
    let status = gateway.exit().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.output());
}

#[tokio::test]
async fn while_a_stop_is_announced_new_requests_are_answered() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "shutdown": { "announce": "20s" } }));
    let gateway = Gateway::start(conf).await;
    gateway.signal("TERM");
    eventually("not ready any more", async || gateway.announces_a_stop().await).await;
    assert_eq!(gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn while_a_stop_is_announced_answers_say_that_their_connection_closes() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "shutdown": { "announce": "20s" } }));
    let gateway = Gateway::start(conf).await;
    let mut kept = Http1::connect(gateway.address()).await;
    let before = kept.get("/").await;
    assert_eq!(before.header("connection").as_deref(), Some("keep-alive"));
    gateway.signal("TERM");
    eventually("not ready any more", async || gateway.announces_a_stop().await).await;
    let last = kept.get("/").await;
    assert_eq!(
        (last.status, last.header("connection").as_deref()),
        (200, Some("close"))
    );
    assert!(kept.try_fetch(&Req::get("/")).await.is_err());
}

#[tokio::test]
async fn a_connection_takes_so_many_requests() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "limits": { "keepalive_requests": 2 } }));
    let gateway = Gateway::start(conf).await;
    let mut client = Http1::connect(gateway.address()).await;
    for connection in ["keep-alive", "close"] {
        let response = client.get("/").await;
        assert_eq!(response.header("connection").as_deref(), Some(connection));
    }
    assert!(client.try_fetch(&Req::get("/")).await.is_err());
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_its_grace() {
    let origin = Origin::start(|_| Reply::Hang).await;
    let conf = Conf::origin(&origin).with(json!({ "shutdown": { "announce": "0s", "grace": "500ms" } }));
    let mut gateway = Gateway::start(conf).await;
    let mut stuck = Http1::connect(gateway.address()).await;
    stuck.request(&Req::get("/")).await;
    origin.reached(1).await;
    gateway.signal("INT");
    gateway.exit().await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_stop() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "shutdown": { "announce": "0s", "grace": "60s" } }));
    let mut gateway = Gateway::start(conf).await;
    let mut idle = Http1::connect(gateway.address()).await;
    idle.get("/").await;
    let idle_h2 = Http2::connect(gateway.h2c()).await;
    idle_h2.get("/").await;
    gateway.signal("TERM");
    assert_eq!(gateway.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_reload_brings_a_new_site_and_keeps_the_cache() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    gateway.get("/").await.expect(200, "MISS");
    assert_eq!(gateway.fetch(Req::get("/").host("new.example")).await.status, 421);
    gateway.rewrite(&conf.site(json!({ "hosts": [SITE, "new.example"] })));
    gateway.reload("ok").await;
    assert_eq!(gateway.fetch(Req::get("/").host("new.example")).await.status, 200);
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn a_reload_moves_a_site_to_another_origin() {
    let (old, new) = (
        Origin::fixed(Answer::ok("old")).await,
        Origin::fixed(Answer::ok("new")).await,
    );
    let conf = Conf::origin(&old);
    let gateway = Gateway::start(conf.clone()).await;
    let mut kept = Http1::connect(gateway.address()).await;
    assert_eq!(kept.get("/").await.text(), "old");
    gateway.rewrite(&conf.app(json!({ "servers": [new.to_string()] })));
    gateway.reload("ok").await;
    assert_eq!(kept.get("/").await.text(), "new", "on the same client connection");
}

#[tokio::test]
async fn a_broken_file_keeps_the_running_configuration_and_says_why() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    for broken in [
        "listen: [",
        "",
        "sites: 5\n",
        &conf.clone().with(json!({ "lisen": 1 })).text(),
    ] {
        gateway.rewrite_text(broken);
        gateway.reload("error").await;
        assert_eq!(gateway.get("/").await.status, 200);
        assert_eq!(gateway.metric("popgate_config_reload_failed", &[]).await, 1.0);
    }
    let said = gateway.output();
    assert!(said.contains("lisen") && said.contains("popgate.yaml"), "{said}");
    gateway.rewrite(&conf);
    gateway.reload("ok").await;
    assert_eq!(gateway.metric("popgate_config_reload_failed", &[]).await, 0.0);
}

#[tokio::test]
async fn a_changed_listener_needs_a_restart_and_the_reload_says_so() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    gateway.rewrite(&conf.with(json!({ "listen": [{ "address": "127.0.0.1:@PORT5@" }] })));
    gateway.signal("HUP");
    eventually("a word about listeners", async || {
        let said = gateway.output();
        said.contains("listen") && said.contains("restart")
    })
    .await;
    assert_eq!(gateway.get("/").await.status, 200);
}

#[tokio::test]
async fn what_needs_a_restart_is_told_at_each_reload_until_it_is_as_it_runs() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    let told = || gateway.stderr().matches("needs a restart").count();
    gateway.rewrite(&conf.clone().with(json!({ "threads": 7 })));
    for times in 1..=2 {
        gateway.reload("ok").await;
        assert_eq!(told(), times);
    }
    gateway.rewrite(&conf);
    gateway.reload("ok").await;
    assert_eq!(told(), 2);
}

#[tokio::test]
async fn reloads_under_load_fail_no_request_and_close_no_connection() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    let mut client = Http1::connect(gateway.address()).await;
    for round in 0..5 {
        gateway.rewrite(&conf.clone().cache(json!({ "ttl": format!("{}s", round + 1) })));
        gateway.signal("HUP");
        for n in 0..50 {
            let response = client.get(&format!("/{round}/{n}")).await;
            assert_eq!(response.status, 200, "{response:?}");
            assert_ne!(response.header("connection").as_deref(), Some("close"));
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin)
        .with(json!({ "listen": [{ "address": format!("127.0.0.1:{}", origin.port()) }] }));
    let refused = Gateway::try_start(&conf).await.err().unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.output.contains(&origin.port().to_string()), "{refused:?}");
}

#[tokio::test]
async fn health_and_readiness_are_told_apart_from_the_rest() {
    let gateway = Gateway::start(Conf::fast_user()).await;
    for (target, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/nonsense", 404),
    ] {
        assert_eq!(
            gateway.admin(Req::get(target)).await.unwrap().status,
            status,
            "{target}"
        );
    }
    assert_eq!(gateway.admin(Req::get("/purge")).await.unwrap().status, 405);
}

#[tokio::test]
async fn a_token_file_guards_the_purge_api() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret-s3cret-s3cret-s3cret\n").unwrap();
    let conf = Conf::origin(&origin).with(json!({ "admin": { "token_file": token.path() } }));
    let gateway = Gateway::start(conf).await;
    let purge = || Req::new("POST", "/purge").body(r#"{"everything":true,"hard":true}"#);
    assert_eq!(gateway.admin(purge()).await.unwrap().status, 401);
    let wrong = purge().header("Authorization", "Bearer s3cret");
    assert_eq!(gateway.admin(wrong).await.unwrap().status, 401);
    let right = purge().header("Authorization", "Bearer s3cret-s3cret-s3cret-s3cret");
    assert_eq!(gateway.admin(right).await.unwrap().status, 200);
}
