//! The second tier: shared, best effort, never in the way.

use std::time::{Duration, Instant};

use crate::support::*;

const TIMEOUT: Duration = Duration::from_millis(100);

/// Waits long enough for a busy machine: what counts is what comes, not when.
fn tiered(origin: &Origin, url: &str) -> Conf {
    Conf::origin(origin).with(json!({ "cache": { "redis": { "url": url, "timeout": "2s" } } }))
}

/// Waits for Redis no longer than [`TIMEOUT`].
fn hurried(origin: &Origin, url: &str) -> Conf {
    tiered(origin, url).with(json!({ "cache": { "redis": { "timeout": "100ms" } } }))
}

/// A gateway that has found its Redis.
async fn in_step(conf: Conf) -> Gateway {
    let gateway = Gateway::start(conf).await;
    gateway.in_step().await;
    gateway
}

/// Waits until Redis holds an entry.
async fn entry_in(redis: &Redis) {
    eventually("an entry in Redis", async || {
        redis
            .keys(0)
            .await
            .iter()
            .any(|key| key.starts_with("popgate:") && !key.contains("purge"))
    })
    .await;
}

#[tokio::test]
async fn an_entry_of_one_popgate_is_a_hit_in_another() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("body").header("X-Some", "field")).await;
    let one = in_step(tiered(&origin, &redis.url(0))).await;
    let other = in_step(tiered(&origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    let hit = other.get("/").await.expect(200, "HIT");
    assert_eq!(
        (hit.text().as_str(), hit.header("x-some").as_deref()),
        ("body", Some("field"))
    );
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn entries_survive_a_restart_in_redis() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = in_step(tiered(&origin, &redis.url(0))).await;
    gateway.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    let gateway = gateway.restart().await;
    gateway.in_step().await;
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn without_memory_every_hit_comes_from_redis_and_a_herd_is_one_fetch() {
    let Some(redis) = Redis::start().await else { return };
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let conf = tiered(&origin, &redis.url(0)).with(json!({ "cache": { "memory": "off" } }));
    let gateway = in_step(conf).await;
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let address = gateway.address();
            tokio::spawn(async move { Http1::connect(address).await.get("/").await })
        })
        .collect();
    let lookups = [("tier", "memory"), ("result", "miss")];
    gateway
        .metric_becomes("popgate_cache_lookups_total", &lookups, |now| now >= 50.0)
        .await;
    gate.open();
    for client in clients {
        assert_eq!(client.await.unwrap().text(), "body");
    }
    gateway.get("/").await.expect(200, "HIT");
    assert_eq!(origin.count(), 1);
    assert_eq!(
        gateway
            .metric("popgate_cache_entries", &[("tier", "memory")])
            .await,
        0.0
    );
}

#[tokio::test]
async fn everything_in_redis_has_a_ttl() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("body").header("Vary", "Accept-Language")).await;
    let gateway = in_step(tiered(&origin, &redis.url(0))).await;
    for language in ["vi", "en"] {
        gateway
            .fetch(Req::get("/").header("Accept-Language", language))
            .await;
    }
    gateway
        .purged(json!({ "urls": [format!("http://{SITE}/other")] }))
        .await;
    entry_in(&redis).await;
    let mut connection = redis.connection(0).await;
    for key in redis.keys(0).await {
        let ttl: i64 = ::redis::cmd("TTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(ttl > 0 || key.contains("purge"), "{key} has TTL {ttl}");
    }
}

#[tokio::test]
async fn a_purge_in_one_popgate_reaches_another() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(n.to_string()))).await;
    let one = in_step(tiered(&origin, &redis.url(0))).await;
    let other = in_step(tiered(&origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    other.get("/").await.expect(200, "HIT");
    one.purged(json!({ "urls": [format!("http://{SITE}/")], "hard": true }))
        .await;
    eventually("the purge arrives", async || other.get("/").await.text() != "1").await;
}

#[tokio::test]
async fn a_purge_survives_a_restart_of_who_was_told() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(n.to_string()))).await;
    let gateway = in_step(tiered(&origin, &redis.url(0))).await;
    gateway.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    gateway.purged(json!({ "everything": true, "hard": true })).await;
    let gateway = gateway.crash_and_restart().await;
    assert_ne!(gateway.get("/").await.text(), "1");
}

#[tokio::test]
async fn one_that_was_cut_off_catches_up_before_it_serves_older_entries_as_fresh() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(n.to_string()))).await;
    let one = in_step(tiered(&origin, &redis.url(0))).await;
    let other = in_step(tiered(&origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    other.get("/").await.expect(200, "HIT");
    // Stopped like a machine that lost its network: it misses the purge.
    other.signal("STOP");
    one.purged(json!({ "urls": [format!("http://{SITE}/")], "hard": true }))
        .await;
    other.signal("CONT");
    eventually("the purge is caught up", async || {
        other.get("/").await.text() != "1"
    })
    .await;
    other.in_step().await;
}

#[tokio::test]
async fn without_redis_requests_go_on_and_it_comes_back_by_itself() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = in_step(hurried(&origin, &redis.url(0))).await;
    gateway.get("/warm").await.expect(200, "MISS");
    entry_in(&redis).await;
    redis.kill();
    gateway.get("/warm").await.expect(200, "HIT");
    for n in 0..20 {
        gateway.get(&format!("/cold/{n}")).await.expect(200, "MISS");
    }
    gateway
        .metric_becomes("popgate_redis_breaker_open", &[("use", "cache")], |now| {
            now == 1.0
        })
        .await;
    let errors = gateway.metric("popgate_redis_errors_total", &[]).await;
    assert!(errors > 0.0);
    redis.up().await;
    eventually("Redis is used again", async || {
        gateway.get(&format!("/again/{}", rand::random::<u32>())).await;
        !redis.keys(0).await.is_empty()
    })
    .await;
    gateway
        .metric_becomes("popgate_redis_breaker_open", &[("use", "cache")], |now| {
            now == 0.0
        })
        .await;
}

/// Asks for cold keys on one connection until `stop`; every answer and the longest wait.
async fn load(gateway: &Gateway, name: &str, stop: &std::sync::atomic::AtomicBool) -> (usize, Duration) {
    let mut client = Http1::connect(gateway.address()).await;
    let (mut asked, mut longest) = (0, Duration::ZERO);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        let begun = Instant::now();
        let response = client.get(&format!("/{name}/{asked}")).await;
        longest = longest.max(begun.elapsed());
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "body"),
            "{response:?}"
        );
        asked += 1;
    }
    (asked, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_redis_under_load_fails_no_request_and_adds_at_most_the_timeout() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = in_step(hurried(&origin, &redis.url(0))).await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let names: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
    let workers = futures::future::join_all(names.iter().map(|name| load(&gateway, name, &stop)));
    let drive = async {
        origin.reached(300).await;
        redis.kill();
        gateway
            .metric_becomes("popgate_redis_errors_total", &[], |now| now > 0.0)
            .await;
        let seen = origin.count();
        origin.reached(seen + 300).await;
        redis.up().await;
        eventually("Redis is used again", async || !redis.keys(0).await.is_empty()).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (results, ()) = tokio::join!(workers, drive);
    let longest = results.iter().map(|(_, longest)| *longest).max().unwrap();
    // A lookup and a wait for a shared worker on a busy machine; far below anything that hangs.
    assert!(longest < TIMEOUT * 10, "{longest:?}");
}

#[tokio::test]
async fn a_paused_redis_costs_its_timeout_until_the_breaker_opens() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = in_step(hurried(&origin, &redis.url(0))).await;
    gateway.get("/warm").await.expect(200, "MISS");
    redis.pause();
    gateway.get("/warm").await.expect(200, "HIT");
    let begun = Instant::now();
    for n in 0..50 {
        gateway.get(&format!("/{n}")).await.expect(200, "MISS");
    }
    assert!(
        begun.elapsed() < TIMEOUT * 25,
        "{:?}: every request waited",
        begun.elapsed()
    );
    gateway
        .metric_becomes("popgate_redis_breaker_open", &[("use", "cache")], |now| {
            now == 1.0
        })
        .await;
    redis.resume();
    gateway
        .metric_becomes("popgate_redis_breaker_open", &[("use", "cache")], |now| {
            now == 0.0
        })
        .await;
}

#[tokio::test]
async fn garbage_from_redis_is_a_miss() {
    let garbage = redis::GarbageRedis::start().await;
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let conf = tiered(&origin, &format!("redis://127.0.0.1:{}/0", garbage.port));
    let gateway = Gateway::start(conf).await;
    for n in 0..10 {
        let response = gateway.get(&format!("/{n}")).await.expect(200, "MISS");
        assert_eq!(response.text(), "body");
    }
    gateway.get("/0").await.expect(200, "HIT");
}

#[tokio::test]
async fn entries_that_do_not_parse_are_misses() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let one = in_step(tiered(&origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    let other = in_step(tiered(&origin, &redis.url(0))).await;
    let mut connection = redis.connection(0).await;
    for key in redis.keys(0).await.iter().filter(|key| !key.contains("purge")) {
        let spoil = ::redis::cmd("SETRANGE")
            .arg(key)
            .arg(0)
            .arg("garbage")
            .query_async(&mut connection)
            .await;
        let _: Result<i64, _> = spoil;
    }
    assert_eq!(other.get("/").await.expect(200, "MISS").text(), "body");
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_read_only_redis_fails_no_request() {
    let Some(redis) = Redis::start().await else { return };
    let mut connection = redis.connection(0).await;
    let () = ::redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg("1")
        .query_async(&mut connection)
        .await
        .unwrap();
    let origin = Origin::fixed(Answer::fresh("body")).await;
    let gateway = Gateway::start(tiered(&origin, &redis.url(0))).await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    gateway
        .metric_becomes("popgate_redis_errors_total", &[], |now| now > 0.0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_with_a_dead_redis_is_still_one_origin_request() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let gate = Gate::new();
    let origin = Origin::fixed(Answer::fresh("body").after(&gate)).await;
    let conf =
        hurried(&origin, &redis.url(0)).with(json!({ "cache": { "lock_wait": "60s", "lock_age": "60s" } }));
    let gateway = Gateway::start(conf).await;
    redis.kill();
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = Http1::connect(gateway.address()).await;
        client.request(&Req::get("/")).await;
        clients.push(client);
    }
    gateway
        .metric_becomes("popgate_connections", &[], |now| now >= 200.0)
        .await;
    origin.reached(1).await;
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read("GET").await.status, 200);
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn a_hard_purge_while_redis_is_away_does_not_bring_the_old_copy_back() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(n.to_string()))).await;
    let gateway = in_step(hurried(&origin, &redis.url(0))).await;
    gateway.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    redis.pause();
    let response = gateway
        .purge(json!({ "urls": [format!("http://{SITE}/")], "hard": true }))
        .await;
    assert!((200..600).contains(&response.status));
    assert_ne!(gateway.get("/").await.text(), "1");
    redis.resume();
    assert_ne!(gateway.get("/").await.text(), "1");
}

#[tokio::test]
async fn what_another_popgate_fetched_later_is_taken_instead_of_a_stale_copy() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(format!("{n}")))).await;
    let one = in_step(tiered(&origin, &redis.url(0))).await;
    let other = in_step(tiered(&origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(&redis).await;
    other.get("/").await.expect(200, "HIT");
    one.purge(json!({ "urls": [format!("http://{SITE}/")] })).await;
    eventually("the other has heard of it", async || {
        other.metric("popgate_purge_records", &[]).await >= 1.0
    })
    .await;
    assert_ne!(one.get("/").await.x_cache(), "HIT");
    eventually("the new one is there", async || {
        one.get("/").await.x_cache() == "HIT"
    })
    .await;
    let fetched = origin.count();
    eventually("the new one is taken from Redis", async || {
        let answer = other.get("/").await;
        answer.x_cache() == "HIT" && answer.text() != "1"
    })
    .await;
    assert!(origin.count() <= fetched + 1, "{} fetches", origin.count());
}

/// Two gateways that hold the first answer in memory.
async fn both_hold(origin: &Origin, redis: &Redis) -> (Gateway, Gateway) {
    let one = in_step(tiered(origin, &redis.url(0))).await;
    let other = in_step(tiered(origin, &redis.url(0))).await;
    one.get("/").await.expect(200, "MISS");
    entry_in(redis).await;
    for gateway in [&one, &other, &other] {
        assert_eq!(gateway.get("/").await.expect(200, "HIT").text(), "1");
    }
    (one, other)
}

/// A visitor's reload at one popgate; the body that it got.
async fn reload_at(gateway: &Gateway) -> String {
    let reload = Req::get("/").header("Cache-Control", "no-cache");
    gateway.fetch(reload).await.text()
}

#[tokio::test]
async fn what_one_popgate_reloads_replaces_the_fresh_copy_of_another() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(format!("{n}")))).await;
    let (one, other) = both_hold(&origin, &redis).await;
    assert_eq!(reload_at(&one).await, "2");
    eventually("the newer one is served", async || {
        other.get("/").await.expect(200, "HIT").text() == "2"
    })
    .await;
    let passed = async || {
        other
            .metric("popgate_lane_passed_total", &[("reason", "superseded")])
            .await
    };
    let before = passed().await;
    assert!(before >= 1.0);
    assert_eq!(other.get("/").await.expect(200, "HIT").text(), "2");
    assert_eq!(passed().await, before, "the lane has it again");
    assert_eq!(origin.count(), 2);
    // And back.
    assert_eq!(reload_at(&other).await, "3");
    eventually("the newest one is served", async || {
        one.get("/").await.text() == "3"
    })
    .await;
}

#[tokio::test]
async fn a_write_through_one_popgate_ends_the_freshness_at_another() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(format!("{n}")))).await;
    let (one, other) = both_hold(&origin, &redis).await;
    assert_eq!(one.fetch(Req::new("POST", "/").body("x")).await.status, 200);
    eventually("another answer", async || other.get("/").await.text() != "1").await;
}

#[tokio::test]
async fn a_superseded_copy_is_served_without_redis() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(format!("{n}")))).await;
    let (one, other) = both_hold(&origin, &redis).await;
    assert_eq!(reload_at(&one).await, "2");
    other
        .metric_becomes("popgate_cache_superseded_total", &[("what", "stored")], |heard| {
            heard >= 1.0
        })
        .await;
    redis.kill();
    for _ in 0..5 {
        assert_eq!(other.get("/").await.expect(200, "HIT").text(), "1");
    }
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn why_says_that_a_copy_is_superseded() {
    let Some(mut redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::start(numbered(|n, _| Answer::fresh(format!("{n}")))).await;
    let (one, other) = both_hold(&origin, &redis).await;
    assert_eq!(reload_at(&one).await, "2");
    let why = async || {
        let url = format!("/why?url=http://{SITE}/&format=text");
        other.admin(Req::get(&url)).await.unwrap().text()
    };
    eventually("said", async || why().await.contains("memory yes (superseded")).await;
    assert!(why().await.contains("answered from Redis"), "{}", why().await);
    redis.kill();
    eventually("said", async || why().await.contains("answered from memory")).await;
}
