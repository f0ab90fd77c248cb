//! With and without the lane the same answers: random requests, good and bad, to two gateways that differ in
//! nothing else. `POPGATE_AGREEMENT_REQUESTS` says how many.
//!
//! Each case is one connection: a few requests, some of them broken, then one that closes it. Answers are
//! compared whole; what differs by nature (`Date`, `CF-Ray`) is left out, and seconds may differ by one.

use std::io;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::support::*;

const TARGETS: &[&str] = &[
    "/page",
    "/page?a=1&b=2",
    "/page?b=2&a=1",
    "/page?utm_source=x",
    "/page?",
    "/encoding",
    "/language",
    "/varies",
    "/cookie",
    "/moved",
    "/gone",
    "/large",
    "/empty",
    "/internal",
    "/litespeed",
    "/currency",
    "/upstream",
    "/country",
    "/%7euser",
    "/%7Euser",
];
const WILD_TARGETS: &[&str] = &[
    "*",
    "//page",
    "page",
    "http://w.example/page",
    "http://plain.example/page",
    "https://plain.example/page",
    "/a b",
    "/a\\b",
    "/[x]",
    "/{x}",
    "/x|y",
    "/page#top",
    "/\u{e4}",
    "/%",
    "/%zz",
    "/../page",
    "/./page",
    "/page/..;/x",
    "/wp-admin/",
    "/wp-json/wp/v2/posts",
    "/index.php",
    "/page?_wpnonce=1",
    "/page?rest_route=/wp/v2/users",
    "/none",
    "/purge/page",
    "/purgeall",
    "/service/plain.example/purge/page",
    "plain.example:80",
];
const HOSTS: &[&str] = &[
    "plain.example",
    "filtered.example",
    "blog.example",
    "lite.example",
    "bare.example",
];
const WILD_HOSTS: &[&str] = &[
    "PLAIN.example",
    "plain.example:80",
    "plain.example:8080",
    "plain.example:",
    "plain.example.",
    "plain.example:0",
    "blog.example:443",
    "u@plain.example",
    "plain.example:x",
    "",
    " ",
    "a..b",
    "[::1]",
    "unknown.example",
    "api.example",
    "plain.example, blog.example",
    "plain.example:99999",
];
const METHODS: &[&str] = &[
    "HEAD", "POST", "OPTIONS", "get", "PURGE", "BAN", "CONNECT", "DELETE", "G ET", "",
];
const VERSIONS: &[&str] = &["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", ""];
const FIELDS: &[(&str, &[&str])] = &[
    ("Accept", &["*/*", "text/html"]),
    (
        "Accept-Encoding",
        &["gzip", "gzip, br", "identity;q=0", "*;q=0", "br;q=x", "", "GZIP"],
    ),
    ("Accept-Language", &["en", "vi", "en, vi;q=0.5", "EN", "*", ""]),
    ("X-Test", &["1", "2", "", "1, 2"]),
    ("X-Device", &["phone", ""]),
    ("User-Agent", &["test", "\u{e4}"]),
    (
        "Cookie",
        &[
            "a=b",
            "wordpress_logged_in_x=1",
            "_ga=1; wp-settings-1=x",
            "=",
            "woocommerce_cart_hash=1",
            "_lscache_vary=x",
            "a=b; currency=EUR",
            "currency=",
        ],
    ),
    (
        "If-None-Match",
        &[
            "\"v1\"",
            "W/\"v1\"",
            "\"v0\"",
            "*",
            "v1",
            "\"v0\", \"v1\"",
            "",
            "\"v1",
        ],
    ),
    (
        "If-Modified-Since",
        &[
            "Sat, 05 Nov 1994 00:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "now",
            "",
        ],
    ),
    ("If-Match", &["\"v1\"", "*"]),
    ("If-Unmodified-Since", &["Sun, 06 Nov 1994 08:49:37 GMT"]),
    ("If-Range", &["\"v1\"", "\"v0\""]),
    (
        "Range",
        &["bytes=0-1", "bytes=-1", "bytes=9-", "bytes=x", "lines=1-2"],
    ),
    (
        "Cache-Control",
        &[
            "no-cache",
            "no-store",
            "max-age=0",
            "max-age=9999999",
            "min-fresh=1",
            "min-fresh=9999999",
            "only-if-cached",
            "max-stale",
            "x",
        ],
    ),
    ("Pragma", &["no-cache", "x"]),
    ("Authorization", &["Basic YTpi"]),
    (
        "Connection",
        &[
            "keep-alive",
            "close",
            "Keep-Alive",
            "close, X-Test",
            "upgrade",
            "x-test",
            "",
            "accept-language",
        ],
    ),
    ("Keep-Alive", &["timeout=5"]),
    ("Content-Length", &["0", "00", "5", "+5", "-1", "5, 5", "x", ""]),
    (
        "Transfer-Encoding",
        &["chunked", "identity", "gzip, chunked", "xchunked", "Chunked"],
    ),
    ("Upgrade", &["h2c", "websocket"]),
    ("Expect", &["100-continue", "x"]),
    ("TE", &["trailers", "gzip"]),
    ("Trailer", &["X-Sum"]),
    ("Content-Type", &["text/plain", "application/grpc"]),
    ("Origin", &["https://blog.example"]),
    ("X-WP-Nonce", &["1"]),
    ("X-Forwarded-For", &["192.0.2.1", "192.0.2.1, 127.0.0.1", "x"]),
    ("X-Forwarded-Proto", &["https", "http", "ftp", "https, http"]),
    ("X-Forwarded-Host", &["other.example"]),
    ("CF-IPCountry", &["VN", "XX", "?"]),
    ("CF-Connecting-IP", &["192.0.2.2"]),
    ("CF-Ray", &["0-x"]),
    ("X-Real-IP", &["192.0.2.3"]),
    ("Proxy-Connection", &["close", "keep-alive"]),
    ("Popgate-Background", &["https 192.0.2.1"]),
    ("X-Original-URL", &["/secret"]),
    ("Via", &["1.1 x"]),
    ("X:Y", &["1"]),
    ("X Y", &["1"]),
    ("", &["1"]),
];

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
                          "cache": { "stale_while_revalidate": "0s" } },
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

/// Everything that comes until the gateway closes.
async fn talk(address: std::net::SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let send = async {
        // The gateway may close before all is sent.
        let _ = to.write_all(&bytes).await;
    };
    let mut got = Vec::new();
    let receive = async {
        match from.read_to_end(&mut got).await {
            Ok(_) => {}
            // Bytes behind a refusal: what came before the reset counts.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
    };
    soon("the end of the connection", async { tokio::join!(send, receive) }).await;
    got
}

/// One answer, ready to be compared.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status_line: String,
    fields: Vec<(String, String)>,
    /// Numbers that may differ by one.
    seconds: Vec<(String, i64)>,
    body: String,
}

impl Told {
    fn agrees_with(&self, other: &Self) -> bool {
        let near = self.seconds.len() == other.seconds.len()
            && self
                .seconds
                .iter()
                .zip(&other.seconds)
                .all(|(a, b)| a.0 == b.0 && a.1.abs_diff(b.1) <= 1);
        self.status_line == other.status_line
            && self.fields == other.fields
            && self.body == other.body
            && near
    }
}

/// Splits a stream of answers; no body of this world says `HTTP/1.1 `. Whether the engine says `100 Continue`
/// before it has the origin's answer is a matter of luck, so interim answers do not count.
fn answers(bytes: &[u8]) -> Vec<Told> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.1 ")
        .skip(1)
        .filter(|answer| !answer.starts_with("100 "))
        .map(|answer| {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
            let mut lines = head.split("\r\n");
            let status_line = lines.next().unwrap_or_default().to_owned();
            let (mut fields, mut seconds) = (Vec::new(), Vec::new());
            for line in lines {
                let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                let name = name.to_owned();
                match name.to_ascii_lowercase().as_str() {
                    "date" | "cf-ray" => fields.push((name, String::new())),
                    "age" => seconds.push((name, value.parse().unwrap())),
                    "cache-status" if value.contains("; ttl=") => {
                        let (front, back) = value.split_once("; ttl=").unwrap();
                        let end = back.find(';').unwrap_or(back.len());
                        seconds.push((name.clone(), back[..end].parse().unwrap()));
                        fields.push((name, format!("{front}{}", &back[end..])));
                    }
                    _ => fields.push((name, value.to_owned())),
                }
            }
            fields.sort();
            seconds.sort();
            Told {
                status_line,
                fields,
                seconds,
                body: without_id(body),
            }
        })
        .collect()
}

/// A purge's answer without its place in the log, which begins anew with each process.
fn without_id(body: &str) -> String {
    match body.split_once("\"id\":\"") {
        Some((front, back)) => format!("{front}{}", back.trim_start_matches(|c| c != '"')),
        None => body.to_owned(),
    }
}

/// One request's text, and what breaks it.
#[derive(Debug, Clone)]
struct Wild {
    method: &'static str,
    target: &'static str,
    version: &'static str,
    host: Option<&'static str>,
    fields: Vec<(&'static str, &'static str)>,
    /// A line that ends otherwise.
    line_end: Option<(Index, &'static str)>,
    /// A byte that is replaced, put in or taken away.
    typo: Option<(Index, u8, u8)>,
    body: &'static str,
}

/// One connection's requests.
#[derive(Debug, Clone)]
struct Case(Vec<Wild>);

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.0.iter().flat_map(Wild::bytes).collect();
        bytes.extend_from_slice(b"GET /page HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n");
        bytes
    }
}

impl Wild {
    fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} {}", self.method, self.target, self.version)];
        lines.extend(self.host.map(|host| format!("Host: {host}")));
        lines.extend(self.fields.iter().map(|(name, value)| format!("{name}: {value}")));
        let odd = self
            .line_end
            .as_ref()
            .map(|(at, end)| (at.index(lines.len()), *end));
        let mut bytes = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            bytes.extend_from_slice(line.as_bytes());
            let end = odd.filter(|(odd, _)| *odd == at).map_or("\r\n", |(_, end)| end);
            bytes.extend_from_slice(end.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_bytes());
        if let Some((at, kind, byte)) = &self.typo {
            let at = at.index(bytes.len());
            match kind % 3 {
                0 => bytes[at] = *byte,
                1 => bytes.insert(at, *byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    }
}

fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: impl Strategy<Value = T> + 'static,
    wild: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![9 => usual, 1 => wild]
}

fn field() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(FIELDS).prop_flat_map(|(name, values)| (Just(name), select(values)))
}

fn wild() -> impl Strategy<Value = Wild> {
    (
        mostly(Just("GET"), select(METHODS)),
        mostly(select(TARGETS), select(WILD_TARGETS)),
        prop_oneof![30 => Just("HTTP/1.1"), 1 => select(VERSIONS)],
        prop_oneof![
            20 => select(HOSTS).prop_map(Some),
            3 => select(WILD_HOSTS).prop_map(Some),
            1 => Just(None),
        ],
        prop_oneof![3 => vec(field(), 0..2), 2 => vec(field(), 0..5)],
        option::weighted(0.03, (any::<Index>(), select(&["\n", "\r", "\r\r\n", "\n\r\n", " \r\n", "\r\n \r\n"]))),
        option::weighted(0.08, (any::<Index>(), any::<u8>(), any::<u8>())),
        prop_oneof![12 => Just(""), 1 => Just("hello"), 1 => Just("5\r\nhello\r\n0\r\n\r\n"), 1 => Just("\r\n")],
    )
        .prop_map(|(method, target, version, host, fields, line_end, typo, body)| Wild {
            method,
            target,
            version,
            host,
            fields,
            line_end,
            typo,
            body,
        })
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
