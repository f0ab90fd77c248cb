//! The top level of the file.

use super::{Absent::*, Kind::*, *};

/// The whole file.
pub static ROOT: Table = Table {
    name: "top level",
    doc: "The whole file.",
    keys: &[
        key(
            "pop",
            Text,
            Told("the host name"),
            "Name of this point of presence, the end of `CF-Ray`: letters, digits, `-` and `_`, at most 32.",
        ),
        key(
            "listen",
            List(&Map(&LISTEN)),
            Required,
            "Sockets that serve visitors; at least one.",
        ),
        key(
            "admin",
            Either(&[Word("off"), Map(&ADMIN)]),
            Nothing,
            "Metrics, health and the purge API on a listener of their own; `off` for none.",
        ),
        key(
            "trusted_proxies",
            List(&Cidr),
            Value("[]"),
            "Peers whose `X-Forwarded-For` and PROXY header are believed. Nobody unless named.",
        ),
        key(
            "geo",
            Map(&GEO),
            Nothing,
            "Where visitors are. Without any source no geo header is sent.",
        ),
        key(
            "cache",
            Map(&CACHE),
            Nothing,
            "The tiered HTTP cache of this PoP; sites choose their own rules.",
        ),
        key(
            "kv",
            Map(&KV),
            Nothing,
            "The key-value store behind native endpoints.",
        ),
        key(
            "origins",
            Named {
                names: "name",
                table: &ORIGIN,
            },
            Nothing,
            "Groups of servers that give the same answers, by a name that sites refer to.",
        ),
        key(
            "sites",
            List(&Map(&SITE)),
            Required,
            "What is served under which hosts; at least one.",
        ),
        key(
            "databases",
            Named {
                names: "name",
                table: &DATABASE,
            },
            Nothing,
            "Warm, shared connections to databases, by a name of your choice.",
        ),
        key(
            "limits",
            Map(&LIMITS),
            Nothing,
            "What one client and one request may cost.",
        ),
        key("timeouts", Map(&TIMEOUTS), Nothing, "How long a client may take."),
        key("shutdown", Map(&SHUTDOWN), Nothing, "How a stop goes."),
        key("log", Map(&LOG), Nothing, "Access log and messages."),
        key(
            "lane",
            Flag,
            Value("true"),
            "Answer ordinary HTTP/1.1 requests for fresh pages in memory before the engine sees them: the same answers for less work.",
        ),
        key(
            "threads",
            integer(0, 1024),
            Value("0"),
            "Worker threads; 0 is one for each core.",
        ),
    ],
};
