//! Random requests, good and bad.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

pub const TARGETS: &[&str] = &[
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
pub const HOSTS: &[&str] = &[
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

/// One request's text, and what breaks it.
#[derive(Debug, Clone)]
pub struct Wild {
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
pub struct Case(pub Vec<Wild>);

impl Case {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.0.iter().flat_map(Wild::bytes).collect();
        bytes.extend_from_slice(b"GET /page HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n");
        bytes
    }
}

impl Wild {
    pub fn bytes(&self) -> Vec<u8> {
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

pub fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: impl Strategy<Value = T> + 'static,
    wild: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![9 => usual, 1 => wild]
}

pub fn field() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(FIELDS).prop_flat_map(|(name, values)| (Just(name), select(values)))
}

pub fn wild() -> impl Strategy<Value = Wild> {
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
