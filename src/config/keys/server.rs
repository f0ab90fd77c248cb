//! Listeners, the admin listener, limits, timeouts, shutdown and logs.

use super::{Absent::*, Kind::*, *};

/// `listen[]`.
pub static LISTEN: Table = Table {
    name: "listen[]",
    doc: "One listening socket.",
    keys: &[
        key("address", Socket, Required, "Address and port to bind."),
        key(
            "tls",
            Map(&LISTEN_TLS),
            Nothing,
            "Terminate TLS here. Without it the listener speaks plain HTTP.",
        ),
        key(
            "h2c",
            Flag,
            Value("false"),
            "Also take HTTP/2 without TLS from clients that know it beforehand. Not together with `tls`.",
        ),
        key(
            "proxy_protocol",
            Flag,
            Value("false"),
            "Require a PROXY protocol v1 or v2 header; it is believed from `trusted_proxies` only and others are refused.",
        ),
    ],
};

/// `listen[].tls`.
pub static LISTEN_TLS: Table = Table {
    name: "listen[].tls",
    doc: "TLS of a listener.",
    keys: &[
        key(
            "certificates",
            List(&Map(&CERTIFICATE)),
            Required,
            "At least one. SNI picks: the exact name, then a wildcard, then the first.",
        ),
        key("h2", Flag, Value("true"), "Offer HTTP/2 by ALPN."),
    ],
};

/// `listen[].tls.certificates[]`.
pub static CERTIFICATE: Table = Table {
    name: "listen[].tls.certificates[]",
    doc: "A certificate chain and its private key.",
    keys: &[PEM_CHAIN, PEM_KEY],
};

/// `admin`.
pub static ADMIN: Table = Table {
    name: "admin",
    doc: "The admin listener: `/metrics`, `/healthz`, `/readyz` and `POST /purge`.",
    keys: &[
        key(
            "address",
            Socket,
            Value("127.0.0.1:9090"),
            "Address and port to bind. Off loopback only together with `token_file`.",
        ),
        key(
            "token_file",
            Path,
            Nothing,
            "File with the bearer token, one line of at least 16 bytes, that every request but the two health checks must carry.",
        ),
    ],
};

/// `limits`.
pub static LIMITS: Table = Table {
    name: "limits",
    doc: "What one client and one request may cost; the status of the answer in brackets.",
    keys: &[
        key(
            "header_bytes",
            size(KIB, MIB),
            Value("32KiB"),
            "Bytes of all request header lines (431).",
        ),
        key(
            "headers",
            integer(10, 256),
            Value("100"),
            "Number of request headers (431).",
        ),
        key(
            "uri_bytes",
            size(256, 60 * KIB),
            Value("8KiB"),
            "Bytes of the request target (414).",
        ),
        key(
            "connections",
            integer(1, 10_000_000),
            Value("20000"),
            "Client connections in all; more wait in the kernel's backlog.",
        ),
        key(
            "h2_streams",
            integer(1, 10_000),
            Value("100"),
            "Streams at a time on one HTTP/2 connection.",
        ),
        key(
            "keepalive_requests",
            integer(1, 1_000_000_000),
            Value("1000000"),
            "Requests on one keep-alive connection before it is closed.",
        ),
    ],
};

/// `timeouts`.
pub static TIMEOUTS: Table = Table {
    name: "timeouts",
    doc: "How long a client may take.",
    keys: &[
        key(
            "handshake",
            DURATION,
            Value("10s"),
            "TLS handshake or PROXY header of a new connection.",
        ),
        key(
            "keepalive",
            DURATION,
            Value("60s"),
            "An idle keep-alive connection.",
        ),
        key("read", DURATION, Value("30s"), "Between two reads of a request."),
        key("write", DURATION, Value("30s"), "A write that makes no progress."),
        key(
            "upgraded",
            DURATION,
            Value("1h"),
            "Between two reads on an upgraded connection (WebSocket).",
        ),
        key(
            "linger",
            DURATION_OR_ZERO,
            Value("5s"),
            "After an answer that ends a connection while its client still sends: how long that is read and thrown away, so that \
             the answer arrives. At most 1024 connections at a time. Zero: not at all.",
        ),
    ],
};

/// `shutdown`.
pub static SHUTDOWN: Table = Table {
    name: "shutdown",
    doc: "How a stop goes: `/readyz` fails, then no new connections, then requests in flight finish.",
    keys: &[
        key(
            "announce",
            DURATION_OR_ZERO,
            Value("3s"),
            "How long `/readyz` fails while connections are still accepted, so that a balancer notices. Zero is allowed.",
        ),
        key(
            "grace",
            DURATION,
            Value("20s"),
            "Longest wait for requests in flight.",
        ),
    ],
};

/// `log`.
pub static LOG: Table = Table {
    name: "log",
    doc: "Access log and messages. Messages go to standard error.",
    keys: &[
        key(
            "access",
            Either(&[Word("off"), Word("stdout"), Path]),
            Value("off"),
            "Access log as JSON lines: `off`, `stdout`, or a file, which is opened again on `SIGUSR1`.",
        ),
        key(
            "level",
            Choice(&["error", "warn", "info", "debug", "trace"]),
            Value("info"),
            "Level of messages.",
        ),
        key(
            "json",
            Flag,
            Value("false"),
            "Messages as JSON lines instead of text.",
        ),
        key(
            "queue_max",
            integer(16, 1_000_000),
            Value("8192"),
            "Access lines that wait for a slow disk; more are dropped and counted.",
        ),
    ],
};
