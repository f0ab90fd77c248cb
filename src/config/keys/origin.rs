//! Origins.

use super::{Absent::*, Kind::*, *};

/// `origins.<name>`.
pub static ORIGIN: Table = Table {
    name: "origins.<name>",
    doc: "Servers that give the same answers. The name is a label in metrics and logs.",
    keys: &[
        key(
            "servers",
            List(&Server),
            Required,
            "At least one: `10.0.0.1:80`, `web.internal:8080` (resolved again and again) or `unix:/run/web.sock`.",
        ),
        key(
            "balance",
            Choice(&["round_robin", "least_connections", "consistent_hash"]),
            Value("round_robin"),
            "How a server is picked: in turn, the one with the fewest requests in flight, or by cache key.",
        ),
        key(
            "connections_max",
            integer(1, 100_000),
            Value("64"),
            "Hard cap on connections over all servers.",
        ),
        key(
            "queue_max",
            integer(0, 1_000_000),
            Value("1024"),
            "Requests that may wait for a connection; more are answered with 503 and `Retry-After`, or stale.",
        ),
        key("queue_timeout", DURATION, Value("10s"), "Longest such wait."),
        key(
            "idle_min",
            integer(0, 10_000),
            Value("1"),
            "Warm connections kept ready to each server; 0 is none.",
        ),
        key(
            "timeouts",
            Map(&ORIGIN_TIMEOUTS),
            Nothing,
            "How long the origin may take.",
        ),
        key(
            "health",
            Map(&HEALTH),
            Nothing,
            "Active health checks; none unless named.",
        ),
        key(
            "eject",
            Map(&EJECT),
            Nothing,
            "Passive ejection of failing servers.",
        ),
        key(
            "tls",
            Either(&[Flag, Map(&ORIGIN_TLS)]),
            Value("false"),
            "TLS to the servers: `true` verifies against the public roots and the request's host.",
        ),
        key(
            "http2",
            Flag,
            Value("false"),
            "Speak HTTP/2: by ALPN with TLS, by prior knowledge without. gRPC needs it.",
        ),
        key(
            "retries",
            integer(0, 2),
            Value("1"),
            "Tries after the first, only where nothing was sent or the method is idempotent.",
        ),
        key(
            "resolve_interval",
            DURATION,
            Value("30s"),
            "How often names are resolved again.",
        ),
        key("host", Text, Told("the visitor's"), "`Host` sent to the origin."),
        key(
            "header_bytes_max",
            size(KIB, MIB),
            Value("64KiB"),
            "Most header bytes accepted in an answer.",
        ),
    ],
};

/// `origins.<name>.timeouts`.
pub static ORIGIN_TIMEOUTS: Table = Table {
    name: "origins.<name>.timeouts",
    doc: "How long the origin may take.",
    keys: &[
        key("connect", DURATION, Value("2s"), "TCP and TLS."),
        key(
            "first_byte",
            DURATION,
            Value("30s"),
            "Until the first byte of the answer, and between two reads of it.",
        ),
        key("write", DURATION, Value("30s"), "A write that makes no progress."),
        key(
            "idle",
            DURATION,
            Value("60s"),
            "An idle pooled connection; keep it below the server's own keep-alive time.",
        ),
    ],
};

/// `origins.<name>.health`.
pub static HEALTH: Table = Table {
    name: "origins.<name>.health",
    doc: "Active health checks.",
    keys: &[
        key("path", UrlPath, Value("/"), "Path asked with `GET`."),
        key(
            "host",
            Text,
            Told("the origin's `host`, else the first exact host of its first site"),
            "`Host` of the check.",
        ),
        key("interval", DURATION, Value("5s"), "Between two checks."),
        key("timeout", DURATION, Value("2s"), "For one check."),
        key(
            "healthy_after",
            integer(1, 100),
            Value("2"),
            "Good checks until a server is healthy again.",
        ),
        key(
            "unhealthy_after",
            integer(1, 100),
            Value("3"),
            "Bad checks until a server is unhealthy.",
        ),
        key(
            "statuses",
            Statuses,
            Value("200-399"),
            "Statuses that count as good.",
        ),
    ],
};

/// `origins.<name>.eject`.
pub static EJECT: Table = Table {
    name: "origins.<name>.eject",
    doc: "Passive ejection: consecutive failures put a server aside for a while.",
    keys: &[
        key(
            "failures",
            integer(0, 1000),
            Value("5"),
            "Consecutive failures; 0 never ejects.",
        ),
        key(
            "time",
            DURATION,
            Value("1s"),
            "First ejection; each further one is twice as long.",
        ),
        key("time_max", DURATION, Value("30s"), "Longest ejection."),
    ],
};

/// `origins.<name>.tls` as a mapping.
pub static ORIGIN_TLS: Table = Table {
    name: "origins.<name>.tls",
    doc: "TLS to the servers when it needs more than `true`.",
    keys: &[
        key(
            "sni",
            Text,
            Told("the request's host"),
            "Name that is sent and verified.",
        ),
        key(
            "ca",
            Path,
            Nothing,
            "PEM file with the CA, instead of the public roots.",
        ),
        key(
            "verify",
            Flag,
            Value("true"),
            "Verify the certificate. `false` warns at start.",
        ),
    ],
};
