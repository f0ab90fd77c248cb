//! Metrics and the access log.

use serde_json::Value;

use crate::support::*;

/// Every metric that the contract names, but those of database pools.
const CONTRACT: &[&str] = &[
    "popgate_requests_total",
    "popgate_request_seconds",
    "popgate_cache_lookups_total",
    "popgate_cache_bytes",
    "popgate_cache_entries",
    "popgate_cache_evictions_total",
    "popgate_origin_requests_total",
    "popgate_origin_connections",
    "popgate_origin_reuse_total",
    "popgate_kv_operations_total",
    "popgate_geo_lookups_total",
    "popgate_purges_total",
    "popgate_build_info",
    "process_resident_memory_bytes",
    "process_open_fds",
];

#[tokio::test]
async fn the_metrics_of_the_contract_are_there_after_use() {
    let origin = Origin::start(numbered(|n, _| {
        Answer::ok(vec![b'x'; 400_000])
            .header("Cache-Control", "max-age=60")
            .header("X-N", &n.to_string())
    }))
    .await;
    let conf = Conf::origin(&origin)
        .with(json!({
            "cache": { "memory": "1MiB", "object_max": "512KiB" },
            "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } },
        }))
        .site(json!({ "endpoints": ["fast_user"] }));
    let gateway = Gateway::start(conf).await;
    for n in 0..10 {
        gateway.get(&format!("/{n}")).await;
    }
    gateway.get("/9").await;
    gateway.get("/api/fast-user").await;
    gateway.purged(json!({ "everything": true, "hard": true })).await;
    eventually("all metrics", async || {
        let metrics = gateway.metrics().await;
        CONTRACT.iter().all(|name| metrics.has(name))
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_site_status_and_cache() {
    let origin = Origin::start(|seen| match seen.target.as_str() {
        "/absent" => Answer::new(404, "no").into(),
        _ => Answer::fresh("x").into(),
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    gateway.get("/").await;
    Wire::H2.get(&gateway, "/").await;
    gateway.get("/absent").await;
    let labels = |status, cache| [("site", SITE), ("status", status), ("cache", cache)];
    gateway
        .metric_becomes("popgate_requests_total", &labels("200", "hit"), |now| now == 2.0)
        .await;
    gateway
        .metric_becomes("popgate_requests_total", &labels("200", "miss"), |now| now == 1.0)
        .await;
    gateway
        .metric_becomes("popgate_requests_total", &[("status", "404")], |now| now == 1.0)
        .await;
}

#[tokio::test]
async fn no_label_takes_a_value_that_a_client_chooses() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "hosts": ["*"] }))).await;
    for n in 0..5 {
        gateway
            .fetch(Req::new("WEIRDMETHOD", "/weirdpath").host(&format!("weirdhost{n}.example")))
            .await;
    }
    let text = gateway.metrics().await.text;
    assert!(!text.to_lowercase().contains("weird"), "{text}");
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[tokio::test]
async fn the_access_log_has_one_json_line_a_request_with_the_decision() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway =
        Gateway::start(Conf::origin(&origin).with(json!({ "log": { "access": "@DIR@/access.log" } }))).await;
    let file = gateway.folder().join("access.log");
    let read = || lines(&std::fs::read_to_string(&file).unwrap_or_default());
    gateway.get("/path?query=1").await;
    // A line is written after its answer: of two connections, either may be the first.
    eventually("the first line", async || read().len() == 1).await;
    Wire::H2.get(&gateway, "/path?query=1").await;
    eventually("two lines", async || read().len() == 2).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let logged = read();
    let ray = logged.iter().all(|line| line.to_string().contains("tst1"));
    assert!(
        ray && logged.iter().all(|line| line.to_string().contains("/path")),
        "{text}"
    );
    assert!(
        logged[0].to_string().to_lowercase().contains("\"miss\""),
        "{text}"
    );
    assert!(logged[1].to_string().to_lowercase().contains("\"hit\""), "{text}");
}

#[tokio::test]
async fn the_access_log_goes_to_standard_output_when_asked() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(json!({ "log": { "access": "stdout" } }))).await;
    gateway.get("/told").await;
    eventually("a line", async || {
        lines(&gateway.stdout())
            .iter()
            .any(|line| line.to_string().contains("/told"))
    })
    .await;
}

#[tokio::test]
async fn the_access_log_is_off_by_default() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let mut gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/silent").await;
    gateway.signal("TERM");
    gateway.exit().await;
    assert!(!gateway.output().contains("/silent"), "{}", gateway.output());
}

#[tokio::test]
async fn sigusr1_reopens_the_access_log() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway =
        Gateway::start(Conf::origin(&origin).with(json!({ "log": { "access": "@DIR@/access.log" } }))).await;
    let (file, rotated) = (
        gateway.folder().join("access.log"),
        gateway.folder().join("access.log.1"),
    );
    gateway.get("/before").await;
    eventually("the first line", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("/before"))
    })
    .await;
    std::fs::rename(&file, &rotated).unwrap();
    gateway.signal("USR1");
    eventually("a new file", async || file.exists()).await;
    gateway.get("/after").await;
    eventually("the line in the new file", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("/after"))
    })
    .await;
    assert!(!std::fs::read_to_string(&rotated).unwrap().contains("/after"));
}

#[tokio::test]
async fn control_bytes_of_a_client_do_not_break_log_lines() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway =
        Gateway::start(Conf::origin(&origin).with(json!({ "log": { "access": "@DIR@/access.log" } }))).await;
    gateway
        .fetch(Req::get("/a%0a%22b").header("User-Agent", "quote \" backslash \\ tab \t end"))
        .await;
    let file = gateway.folder().join("access.log");
    eventually("a line", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!((text.lines().count(), lines(&text).len()), (1, 1), "{text}");
}
