//! SIGHUP changes everything but listeners and threads.

use crate::support::*;

async fn hit_after_miss(gateway: &Gateway, target: &str) {
    gateway.get(target).await.expect(200, "MISS");
    gateway.get(target).await.expect(200, "HIT");
}

#[tokio::test]
async fn a_smaller_memory_keeps_what_fits_and_a_larger_one_all() {
    let origin = Origin::fixed(Answer::fresh(vec![b'x'; 100_000])).await;
    let conf = Conf::origin(&origin);
    let sized = |memory: &str| {
        let cache = json!({ "cache": { "memory": memory, "object_max": "200KiB" } });
        conf.clone().with(cache)
    };
    let gateway = Gateway::start(sized("16MiB")).await;
    for n in 0..40 {
        gateway.get(&format!("/{n}")).await.expect(200, "MISS");
    }
    let held = [("tier", "memory")];
    gateway
        .metric_becomes("popgate_cache_entries", &held, |now| now == 40.0)
        .await;
    gateway.rewrite(&sized("2MiB"));
    gateway.reload("ok").await;
    gateway
        .metric_becomes("popgate_cache_entries", &held, |now| (1.0..=20.0).contains(&now))
        .await;
    assert_eq!(
        gateway.metric("popgate_cache_bytes_max", &held).await,
        2.0 * 1024.0 * 1024.0
    );
    let kept = gateway.metric("popgate_cache_entries", &held).await;
    gateway.rewrite(&sized("32MiB"));
    gateway.reload("ok").await;
    gateway
        .metric_becomes("popgate_cache_entries", &held, |now| now == kept)
        .await;
    hit_after_miss(&gateway, "/new").await;
}

#[tokio::test]
async fn a_redis_that_is_added_gets_what_is_stored_and_its_removal_keeps_memory() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    hit_after_miss(&gateway, "/before").await;
    let shared = conf.clone().with(json!({ "cache": { "redis": redis.url(0) } }));
    gateway.rewrite(&shared);
    gateway.reload("ok").await;
    gateway.in_step().await;
    // Fetched before the purges in Redis were known: not fresh any more.
    assert_ne!(gateway.get("/before").await.x_cache(), "HIT");
    hit_after_miss(&gateway, "/after").await;
    eventually("the entry is in Redis", async || {
        redis.keys(0).await.iter().any(|key| key.contains("o:"))
    })
    .await;
    let other = Gateway::start(shared).await;
    other.in_step().await;
    other.get("/after").await.expect(200, "HIT");
    gateway.rewrite(&conf);
    gateway.reload("ok").await;
    gateway.get("/after").await.expect(200, "HIT");
    hit_after_miss(&gateway, "/alone").await;
}

#[tokio::test]
async fn a_purge_is_heard_through_the_redis_of_the_last_reload() {
    let (Some(first), Some(second)) = (Redis::start().await, Redis::start().await) else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let over = |redis: &Redis| Conf::origin(&origin).with(json!({ "cache": { "redis": redis.url(0) } }));
    let (moved, stays) = (
        Gateway::start(over(&first)).await,
        Gateway::start(over(&second)).await,
    );
    moved.in_step().await;
    stays.in_step().await;
    hit_after_miss(&moved, "/").await;
    moved.rewrite(&over(&second));
    moved.reload("ok").await;
    moved.in_step().await;
    assert_ne!(moved.get("/").await.x_cache(), "HIT");
    moved.get("/").await.expect(200, "HIT");
    let purge = json!({ "urls": [format!("http://{SITE}/")] });
    assert_eq!(stays.purge(purge).await.status, 200);
    eventually("the purge has come", async || {
        moved.get("/").await.x_cache() != "HIT"
    })
    .await;
}

#[tokio::test]
async fn lock_object_and_pop_are_those_of_the_last_reload() {
    let origin = Origin::fixed(Answer::fresh(vec![b'x'; 10_000])).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    hit_after_miss(&gateway, "/1").await;
    gateway.rewrite(
        &conf
            .clone()
            .with(json!({ "pop": "sin2", "cache": { "object_max": "5KiB" } })),
    );
    gateway.reload("ok").await;
    let answer = gateway.get("/1").await;
    assert!(answer.header("cf-ray").unwrap().ends_with("-sin2"));
    answer.expect(200, "HIT");
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("popgate_build_info", &[("pop", "sin2")]),
        1.0
    );
    gateway.get("/2").await;
    assert_ne!(gateway.get("/2").await.x_cache(), "HIT", "too large now");
}

#[tokio::test]
async fn kv_moves_to_another_store_and_back_without_losing_a_value() {
    let conf = Conf::fast_user();
    let stored = |path: &str, memory: &str| {
        let kv = json!({ "kv": { "path": format!("@DIR@/{path}"), "memory": memory } });
        conf.clone().with(kv)
    };
    let gateway = Gateway::start(stored("kv1", "16MiB")).await;
    let puts = [("op", "put"), ("result", "ok")];
    let kinds = async |result: &str| {
        gateway
            .metric(
                "popgate_kv_operations_total",
                &[("op", "get"), ("result", result)],
            )
            .await
    };
    gateway.get("/api/fast-user").await;
    gateway
        .metric_becomes("popgate_kv_operations_total", &puts, |now| now == 1.0)
        .await;
    // The same store under other limits, then another, then the first again.
    for (path, memory, hits) in [("kv1", "8MiB", 1.0), ("kv2", "8MiB", 1.0), ("kv1", "8MiB", 2.0)] {
        gateway.rewrite(&stored(path, memory));
        gateway.reload("ok").await;
        assert_eq!(gateway.get("/api/fast-user").await.status, 200);
        assert_eq!(kinds("hit").await, hits, "{path} {memory}");
    }
}

#[tokio::test]
async fn a_kv_that_cannot_be_opened_changes_nothing() {
    let conf = Conf::fast_user();
    let gateway = Gateway::start(conf.clone()).await;
    std::fs::write(gateway.folder().join("file"), "no folder").unwrap();
    gateway.rewrite(&conf.with(json!({ "pop": "sin2", "kv": { "path": "@DIR@/file" } })));
    gateway.reload("error").await;
    let answer = gateway.get("/api/fast-user").await;
    assert!(answer.header("cf-ray").unwrap().ends_with("-tst1"), "{answer:?}");
}

#[tokio::test]
async fn the_access_log_goes_where_the_last_reload_says() {
    let conf = Conf::fast_user();
    let gateway = Gateway::start(conf.clone()).await;
    gateway.get("/api/fast-user").await;
    gateway.rewrite(
        &conf
            .clone()
            .with(json!({ "log": { "access": "@DIR@/access.log", "level": "debug" } })),
    );
    gateway.reload("ok").await;
    gateway.get("/api/fast-user?logged").await;
    let file = gateway.folder().join("access.log");
    eventually("a line", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("?logged"))
    })
    .await;
    gateway.rewrite(&conf);
    gateway.reload("ok").await;
    gateway.get("/api/fast-user?silent").await;
    assert!(!std::fs::read_to_string(&file).unwrap().contains("?silent"));
}

#[tokio::test]
async fn the_admin_token_is_that_of_the_last_reload() {
    let conf = Conf::fast_user();
    let gateway = Gateway::start(conf.clone()).await;
    let token = "a-token-of-more-than-sixteen-bytes";
    std::fs::write(gateway.folder().join("token"), token).unwrap();
    gateway.rewrite(&conf.with(json!({ "admin": { "token_file": "@DIR@/token" } })));
    let status = async |request: Req| gateway.admin(request).await.map(|answer| answer.status);
    gateway.signal("HUP");
    eventually("the token is asked for", async || {
        status(Req::get("/metrics")).await == Some(401)
    })
    .await;
    let bearer = format!("Bearer {token}");
    assert_eq!(
        status(Req::get("/metrics").header("Authorization", &bearer)).await,
        Some(200)
    );
}

#[tokio::test]
async fn the_number_of_connections_is_that_of_the_last_reload() {
    let conf = Conf::fast_user();
    let gateway = Gateway::start(conf.clone()).await;
    // Each of the two listeners keeps one at hand for whoever comes next.
    let limited = |connections: u64| {
        conf.clone()
            .with(json!({ "limits": { "connections": connections } }))
    };
    gateway.rewrite(&limited(3));
    gateway.reload("ok").await;
    let mut served = Vec::new();
    for _ in 0..2 {
        let mut client = Http1::connect(gateway.address()).await;
        assert_eq!(client.get("/api/fast-user").await.status, 200);
        served.push(client);
    }
    let mut third = Http1::connect(gateway.address()).await;
    third.request(&Req::get("/api/fast-user")).await;
    assert_eq!(gateway.metric("popgate_connections", &[]).await, 2.0);
    assert_eq!(gateway.metric("popgate_connections_max", &[]).await, 3.0);
    gateway.rewrite(&limited(4));
    gateway.reload("ok").await;
    assert_eq!(third.read("GET").await.status, 200);
}

#[tokio::test]
async fn http2_streams_are_those_of_the_last_reload_for_new_connections() {
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::ok("x").after(&gate)).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    gateway.rewrite(&conf.with(json!({ "limits": { "h2_streams": 1 } })));
    gateway.reload("ok").await;
    let client = Http2::connect(gateway.h2c()).await;
    let first = client.begin(&Req::get("/1"), true).await.unwrap().0;
    origin.reached(1).await;
    let second = tokio::spawn(async move { client.begin(&Req::get("/2"), true).await.unwrap().0.await });
    gate.open();
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    assert_eq!(origin.active().max(), 1);
}

fn popgate_reload(gateway: &Gateway) -> std::process::Output {
    popgate_reload_with(gateway, &[])
}

fn popgate_reload_with(gateway: &Gateway, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(crate::support::gateway::POPGATE)
        .arg("reload")
        .arg("-c")
        .arg(gateway.file())
        .args(arguments)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn popgate_reload_waits_for_the_outcome_and_prints_it() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin);
    let gateway = Gateway::start(conf.clone()).await;
    gateway.rewrite(&conf.clone().with(json!({ "pop": "other", "threads": 3 })));
    let done = popgate_reload(&gateway);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("threads: "), "{done:?}");
    let ray = gateway.get("/").await.header("cf-ray").unwrap();
    assert!(ray.ends_with("-other"), "in force when the command ends: {ray}");
    std::fs::create_dir(gateway.folder().join("bad")).unwrap();
    std::fs::write(gateway.folder().join("bad/kv.redb"), vec![7; 8192]).unwrap();
    for (broken, word) in [
        (conf.clone().with(json!({ "lisen": 1 })), "popgate.yaml:"),
        (
            conf.with(json!({ "pop": "third", "kv": { "path": "@DIR@/bad" } })),
            "bad/kv.redb",
        ),
    ] {
        gateway.rewrite(&broken);
        let refused = popgate_reload(&gateway);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(78), "{said}");
        assert!(said.starts_with("error: ") && said.contains(word), "{said}");
        let ray = gateway.get("/").await.header("cf-ray").unwrap();
        assert!(ray.ends_with("-other"), "{ray}");
    }
}

#[tokio::test]
async fn a_reload_over_the_admin_listener_needs_the_token() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret-s3cret-s3cret-s3cret").unwrap();
    let conf = Conf::origin(&origin).with(json!({ "admin": { "token_file": token.path() } }));
    let gateway = Gateway::start(conf).await;
    let ask = || Req::new("POST", "/reload");
    assert_eq!(gateway.admin(ask()).await.unwrap().status, 401);
    let right = ask().header("Authorization", "Bearer s3cret-s3cret-s3cret-s3cret");
    assert_eq!(gateway.admin(right).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn popgate_reload_takes_the_token_away_when_it_is_given_the_old_one() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret-s3cret-s3cret-s3cret").unwrap();
    let conf = Conf::origin(&origin);
    let guarded = conf
        .clone()
        .with(json!({ "admin": { "token_file": token.path() } }));
    let gateway = Gateway::start(guarded).await;
    gateway.rewrite(&conf);
    let refused = popgate_reload(&gateway);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("--token-file FILE"),
        "{said}"
    );
    let done = popgate_reload_with(&gateway, &["--token-file", token.path().to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    assert!(
        popgate_reload(&gateway).status.success(),
        "no token is asked for any more"
    );
}

#[tokio::test]
async fn a_listener_off_loopback_never_loses_its_token() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret-s3cret-s3cret-s3cret").unwrap();
    let conf = Conf::origin(&origin);
    let open = json!({ "admin": { "address": "0.0.0.0:@ADMIN@", "token_file": token.path() } });
    let gateway = Gateway::start(conf.clone().with(open)).await;
    // Fine for a loopback listener, but the one that runs is none.
    gateway.rewrite(&conf);
    gateway.signal("HUP");
    eventually("a refusal", async || gateway.stderr().contains("keep a token")).await;
    assert_eq!(gateway.admin(Req::get("/metrics")).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_reloads_under_load_on_both_wires_fail_no_request() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh(vec![b'x'; 2_000])).await;
    let conf = Conf::origin(&origin).site(json!({ "endpoints": ["fast_user"] }));
    let gateway = Arc::new(Gateway::start(conf.clone()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..100)
        .map(|client| {
            let (gateway, stop) = (Arc::clone(&gateway), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut h1 = Http1::connect(gateway.address()).await;
                let h2 = Http2::connect(gateway.h2c()).await;
                let mut served = 0;
                while !stop.load(Ordering::Relaxed) {
                    let request = match served % 3 {
                        0 => Req::get("/api/fast-user"),
                        _ => Req::get(&format!("/{client}/{}", served % 50)),
                    };
                    let (first, second) = tokio::join!(h1.fetch(&request), h2.fetch(&request));
                    assert_eq!((first.status, second.status), (200, 200));
                    served += 2;
                }
                served
            })
        })
        .collect();
    for round in 0..20_u8 {
        let mut next = conf.clone().with(json!({
            "pop": format!("pop{round}"),
            "kv": { "path": format!("@DIR@/kv{}", round % 2) },
            "log": { "access": format!("@DIR@/access{}.log", round % 2) },
            "cache": { "memory": format!("{}MiB", 1 + round % 4), "object_max": "512KiB" },
        }));
        if round % 3 != 0 {
            next = next.with(json!({ "cache": { "redis": { "url": redis.url(round % 2) } } }));
        }
        gateway.rewrite(&next);
        gateway.reload("ok").await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut served = 0;
    for client in clients {
        served += client.await.unwrap();
    }
    eprintln!("{served} requests over 20 reloads");
    assert!(served > 400, "{served}");
}
