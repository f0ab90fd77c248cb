//! With and without the lane the same answers: random requests, good and bad, to two gateways that differ in
//! nothing else. `POPGATE_AGREEMENT_REQUESTS` says how many.
//!
//! Each case is one connection: a few requests, some of them broken, then one that closes it. Answers are
//! compared whole; what differs by nature (`Date`, `CF-Ray`) is left out, and seconds may differ by one.

mod answers;
mod requests;

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::support::*;
use answers::{answers, talk};
use requests::{Case, HOSTS, TARGETS, wild};

/// What is known before the first comparison.
struct World {
    lane: Gateway,
    plain: Gateway,
    _origin: Origin,
    _tokens: tempfile::TempDir,
}

/// The origin: always the same for the same request, so that both caches go through the same states.
fn answer(seen: &origin::Seen) -> Reply {
    let path = seen.target.split('?').next().unwrap_or_default();
    let text = |name: &str| seen.header(name).unwrap_or_default();
    let filler = "<p>lorem ipsum dolor sit amet</p>".repeat(12);
    let html = |what: &str| format!("<html>{what} {} {filler}</html>", text("host"));
    let page = Answer::ok(html(&seen.target))
        .header("Content-Type", "text/html")
        .header("ETag", "\"v1\"")
        .header("Last-Modified", "Sat, 05 Nov 1994 00:00:00 GMT");
    let page = match path {
        "/encoding" => page.header("Vary", "Accept-Encoding"),
        "/language" => page.header("Vary", "Accept-Language, Accept-Encoding"),
        "/varies" => page.header("Vary", "X-Test, Host"),
        "/cookie" => page.header("Vary", "Cookie"),
        "/country" => page.header("Vary", "CF-IPCountry"),
        "/moved" => Answer::new(301, "").header("Location", "/page"),
        "/gone" => Answer::new(404, html("gone")).header("Content-Type", "text/html"),
        "/large" => Answer::ok(html("large").repeat(60)).header("Content-Type", "text/html"),
        "/empty" => Answer::ok("").header("Content-Type", "text/css"),
        "/internal" => page
            .header("X-Powered-By", "PHP")
            .header("Surrogate-Key", "a b")
            .header("Link", "<a>")
            .header("Link", "<b>"),
        "/litespeed" => page
            .header("X-LiteSpeed-Cache-Control", "public,max-age=604800")
            .header("X-LiteSpeed-Tag", "a,b")
            .header("LSC-Cookie", "a=b"),
        "/currency" => page.header("X-LiteSpeed-Vary", "cookie=currency"),
        "/upstream" => page
            .header("Cache-Status", "inner; hit")
            .header("X-Cache", "MISS"),
        _ => page,
    };
    let has_tag = page.headers.iter().any(|(name, _)| name == "ETag");
    let page = if has_tag && text("if-none-match").contains("\"v1\"") {
        Answer::new(304, "").header("ETag", "\"v1\"")
    } else {
        page
    };
    page.header("Cache-Control", "max-age=3600").into()
}

impl World {
    async fn start(more: serde_json::Value) -> Self {
        let origin = Origin::start(answer).await;
        let tokens = tempfile::tempdir().unwrap();
        let token_file = tokens.path().join("tokens");
        std::fs::write(&token_file, "0123456789abcdef0123456789abcdef\n").unwrap();
        let conf = |lane: bool| {
            Conf::origin(&origin)
                .with(json!({
                    "lane": lane,
                    "cache": { "uncacheable_memory": "1d" },
                    "geo": { "networks": { "127.0.0.0/8": { "country": "VN" } } },
                    "timeouts": { "keepalive": "1s", "read": "1s" },
                    "log": { "access": "@DIR@/access.log" },
                    // Nothing is refreshed in the background, and no purge is put off: whether that is done is a
                    // matter of luck.
                    "sites": [
                        { "hosts": ["plain.example", "*.plain.example"], "origin": "app",
                          "purge": { "token_file": token_file, "api_hosts": ["api.example"] } },
                        { "hosts": ["lite.example"], "origin": "app",
                          "purge": { "protocols": ["purge", "ban", "nginx_helper", "litespeed"] } },
                        { "hosts": ["blog.example", "*.blog.example"], "origin": "app", "preset": "wordpress",
                          "wordpress": { "write_snooping": "off" },
                          "cache": { "stale_while_revalidate": "0s", "refresh_after_purge": "off" } },
                        { "hosts": ["filtered.example", "*.filtered.example"], "origin": "app",
                          "cache": { "debug_headers": false, "request_directives": "ignore" },
                          "purge": { "protocols": ["purge", "litespeed"] },
                          "filters": [
                            { "strip_query": { "ignore": ["utm_*"] } },
                            { "key_by": { "country": true, "headers": ["X-Device"] } },
                            { "headers": { "request": { "set": { "X-Test": "1" } },
                                           "response": { "set": { "X-Frame-Options": "DENY" }, "remove": ["Link"] } } },
                          ] },
                        { "hosts": ["bare.example"], "endpoints": ["fast_user"] },
                    ],
                }))
                .with(more.clone())
        };
        let world = Self {
            lane: Gateway::start(conf(true)).await,
            plain: Gateway::start(conf(false)).await,
            _origin: origin,
            _tokens: tokens,
        };
        for host in HOSTS {
            world.warm_up(host).await;
        }
        world
    }

    /// Fills both caches with what requests for this host mostly ask for.
    async fn warm_up(&self, host: &str) {
        for gateway in [&self.lane, &self.plain] {
            let mut client = Http1::connect(gateway.address()).await;
            for target in TARGETS {
                for (name, value) in [
                    ("X-None", ""),
                    ("Accept-Encoding", "gzip"),
                    ("Accept-Language", "vi"),
                    ("X-Test", "2"),
                    ("X-Device", "phone"),
                ] {
                    client
                        .fetch(&Req::get(target).host(host).header(name, value))
                        .await;
                }
            }
        }
    }

    /// Sends the same bytes to both, on a connection each, and compares what comes back.
    async fn compare(&self, case: &Case) -> Result<(), String> {
        let bytes = case.bytes();
        let exchange = |gateway: &Gateway| talk(gateway.address(), bytes.clone());
        let (one, other) = tokio::join!(exchange(&self.lane), exchange(&self.plain));
        let (one, other) = (answers(&one), answers(&other));
        let same = one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.agrees_with(b));
        if same {
            return Ok(());
        }
        let asked = bytes.escape_ascii();
        Err(format!(
            "asked:\n{asked}\nwith the lane: {one:#?}\nwithout: {other:#?}"
        ))
    }
}

/// How long one pair of gateways is asked: a preset gives some pages a minute, and at its end the one that
/// stored a page some milliseconds later has it still.
const WORLD: Duration = Duration::from_secs(40);

/// Asks `requests` random requests, fewer where that takes too long, on one connection after the other; how many
/// it were. A failing case is not made smaller: the caches are in another state by then.
fn agree(runtime: &Runtime, world: &World, requests: usize) -> usize {
    let begin = Instant::now();
    let mut runner = TestRunner::default();
    let strategy = vec(wild(), 1..6).prop_map(Case);
    let mut asked = 0;
    while asked < requests && begin.elapsed() < WORLD {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        if let Err(difference) = runtime.block_on(world.compare(&case)) {
            panic!("after {asked} requests: {difference}");
        }
        asked += case.0.len();
    }
    println!("{asked} requests agreed");
    asked
}

fn world(runtime: &Runtime, more: serde_json::Value) -> World {
    runtime.block_on(World::start(more))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The access lines so far, without what differs by nature.
fn lines(gateway: &Gateway) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(gateway.folder().join("access.log")).unwrap_or_default();
    text.lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            for name in ["time", "ray", "duration_ms", "upstream", "upstream_ms"] {
                line.as_object_mut().unwrap().remove(name);
            }
            line
        })
        .collect()
}

/// Both logs tell the same decisions with the same reasons.
fn logs_agree(runtime: &Runtime, world: &World) {
    runtime.block_on(eventually("logs of one length", async || {
        lines(&world.lane).len() == lines(&world.plain).len()
    }));
    for (one, other) in lines(&world.lane).iter().zip(&lines(&world.plain)) {
        assert_eq!(one, other);
    }
    let hits = |gateway: &Gateway| {
        lines(gateway)
            .iter()
            .filter(|line| line["cache"] == "hit")
            .count()
    };
    println!(
        "{} hits among {} lines",
        hits(&world.lane),
        lines(&world.lane).len()
    );
}

/// The lane had its part in it: without the lane no request passes it by.
fn the_lane_answered(runtime: &Runtime, world: &World) {
    let passed = |gateway: &Gateway| {
        runtime.block_on(gateway.metric("popgate_lane_passed_total", &[("reason", "off")]))
    };
    assert!(passed(&world.plain) > 0.0);
    assert_eq!(passed(&world.lane), 0.0);
    let count =
        |labels: &[(&str, &str)]| runtime.block_on(world.lane.metric("popgate_lane_passed_total", labels));
    let hits = runtime.block_on(world.lane.metric("popgate_requests_total", &[("cache", "hit")]));
    println!("{hits} hits, {} requests passed the lane", count(&[]));
}

/// How many requests are sent: so many, unless the environment says otherwise.
fn requests(usual: usize) -> usize {
    std::env::var("POPGATE_AGREEMENT_REQUESTS").map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn answers_and_logs_are_the_same_with_and_without_the_lane() {
    let runtime = runtime();
    let world = world(&runtime, json!({}));
    agree(&runtime, &world, requests(1500).min(5000));
    logs_agree(&runtime, &world);
    the_lane_answered(&runtime, &world);
}

#[test]
fn answers_and_logs_are_the_same_behind_a_trusted_proxy() {
    let runtime = runtime();
    let world = world(&runtime, json!({ "trusted_proxies": ["127.0.0.1"] }));
    agree(&runtime, &world, requests(1500).min(5000));
    logs_agree(&runtime, &world);
}

#[test]
fn answers_are_the_same_over_many_requests() {
    let (mut asked, all) = (0, requests(2000));
    for round in 0.. {
        if asked >= all {
            break;
        }
        let runtime = runtime();
        let more = match round % 2 {
            0 => json!({ "log": { "access": "off" } }),
            _ => json!({ "log": { "access": "off" }, "trusted_proxies": ["127.0.0.1"] }),
        };
        let world = world(&runtime, more);
        asked += agree(&runtime, &world, all - asked);
        the_lane_answered(&runtime, &world);
        println!("{asked} requests in all");
    }
}
