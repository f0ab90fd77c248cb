//! The HTTP cache's tiers and the key-value store.

use super::{Absent::*, Kind::*, *};

/// `cache`.
pub static CACHE: Table = Table {
    name: "cache",
    doc: "The tiered HTTP cache of this PoP.",
    keys: &[
        key(
            "memory",
            Either(&[Word("off"), size(MIB, TIB)]),
            Value("256MiB"),
            "Bytes of the memory tier; keys and headers are counted. `off`: every hit comes from Redis, which must be given then; \
             each costs a way there and back.",
        ),
        key(
            "redis",
            Either(&[RedisUrl, List(&RedisUrl), Map(&CACHE_REDIS)]),
            Nothing,
            "The second tier: a URL, a list of URLs (a cluster), or a mapping. Best effort: an error is a miss.",
        ),
        key(
            "object_max",
            size(KIB, 64 * GIB),
            Value("32MiB"),
            "Largest body that is stored.",
        ),
        key(
            "lock_wait",
            DURATION,
            Value("60s"),
            "Longest wait for other requests' fetches of the same key; then a request fetches for itself.",
        ),
        key(
            "lock_age",
            DURATION,
            Value("5s"),
            "Time from the head of an answer after which a fill that is still coming in no longer holds others back.",
        ),
        key(
            "lock_retries",
            integer(1, 1000),
            Value("8"),
            "When a fetch fails, this many of those who waited for it try again at once; if they fail too, the others get 503.",
        ),
        key(
            "uncacheable_memory",
            DURATION,
            Value("10s"),
            "How long a key that turned out uncacheable passes without waiting for others.",
        ),
        key(
            "purges_max",
            integer(100, 10_000_000),
            Value("10000"),
            "Most purge records kept in memory before they are folded into wider ones.",
        ),
        key(
            "purge_log",
            Either(&[Word("off"), Path]),
            Told("`purges` beside the `path` of an embedded `kv`, else `off`"),
            "File that keeps purges over a restart: those that wait for Redis, and without Redis the last ones.",
        ),
    ],
};

const REDIS_URL: Key = key(
    "url",
    Either(&[RedisUrl, List(&RedisUrl)]),
    Required,
    "Where the servers are: `redis://[user:password@]host:port/db`, `rediss://…` with TLS, \
     `redis+sentinel://host:port,host:port/service/db`, `redis+cluster://host:port,host:port`, or a list of \
     `redis://` URLs for a cluster.",
);
const PASSWORD_FILE: Key = key(
    "password_file",
    Path,
    Nothing,
    "File with the password, instead of writing it into the URL; one line.",
);
const SENTINEL_USERNAME: Key = key(
    "sentinel_username",
    Text,
    Nothing,
    "User for the sentinels themselves.",
);
const SENTINEL_PASSWORD: Key = key(
    "sentinel_password",
    Text,
    Nothing,
    "Password for the sentinels themselves; the URL's is the primary's.",
);
const REDIS_CA: Key = key(
    "ca",
    Path,
    Nothing,
    "PEM file with the CA for `rediss://`, instead of the public roots.",
);
const INSECURE_REDIS_TLS: Key = key(
    "insecure_redis_tls",
    Flag,
    Value("false"),
    "Accept any certificate of a `rediss://` server. Warns at start.",
);

/// `cache.redis` as a mapping.
pub static CACHE_REDIS: Table = Table {
    name: "cache.redis",
    doc: "The Redis tier when it needs more than a URL.",
    keys: &[
        REDIS_URL,
        PASSWORD_FILE,
        SENTINEL_USERNAME,
        SENTINEL_PASSWORD,
        REDIS_CA,
        INSECURE_REDIS_TLS,
        key(
            "timeout",
            DURATION,
            Value("50ms"),
            "Longest wait for one command; then it is a miss.",
        ),
        key(
            "queue_max",
            integer(1, 1_000_000),
            Value("1024"),
            "Writes that wait for Redis; more are dropped and counted.",
        ),
        key(
            "queue_bytes",
            size(MIB, 64 * GIB),
            Value("64MiB"),
            "Bytes of bodies those may hold together.",
        ),
        key(
            "object_max",
            size(KIB, 512 * MIB),
            Value("1MiB"),
            "Largest entry written to Redis.",
        ),
        key(
            "ttl_max",
            DURATION,
            Value("7d"),
            "Longest time to live given to an entry.",
        ),
        key(
            "prefix",
            Text,
            Value("popgate:"),
            "Start of every key of the cache.",
        ),
        key(
            "blind_max",
            DURATION,
            Value("30s"),
            "How long purges of others may be out of reach. Then what was fetched earlier counts as stale until they \
             have been read.",
        ),
    ],
};

/// `kv`.
pub static KV: Table = Table {
    name: "kv",
    doc: "The key-value store behind native endpoints: embedded, in Redis, or in memory only.",
    keys: &[
        key(
            "path",
            Path,
            Told(
                "`$STATE_DIRECTORY/kv`; else for root `/var/lib/popgate/kv`; else `$XDG_STATE_HOME/popgate/kv` or `~/.local/state/popgate/kv`",
            ),
            "Folder of the embedded store; made when it is missing. Not together with `redis`.",
        ),
        key(
            "redis",
            Either(&[RedisUrl, List(&RedisUrl), Map(&KV_REDIS)]),
            Nothing,
            "Redis instead of `path`, when several machines share one store; written as in `cache.redis`.",
        ),
        key(
            "persist",
            Flag,
            Value("true"),
            "`false` keeps values in memory only: they are gone after a restart. Not together with `path` or `redis`.",
        ),
        key(
            "memory",
            size(64 * KIB, TIB),
            Value("16MiB"),
            "Bytes of the memory tier in front of the store.",
        ),
        key("value_max", size(1, 512 * MIB), Value("1MiB"), "Largest value."),
        key(
            "memory_ttl",
            DURATION,
            Value("60s"),
            "How long a value is served from memory before Redis is asked again; the embedded store has no need of it.",
        ),
        key(
            "negative_ttl",
            DURATION_OR_ZERO,
            Value("1s"),
            "How long \"no such key\" is remembered. Zero is allowed.",
        ),
        key(
            "timeout",
            DURATION,
            Value("50ms"),
            "Longest wait for one operation.",
        ),
        key(
            "queue_max",
            integer(1, 1_000_000),
            Value("4096"),
            "Background writes that wait; more are dropped and counted.",
        ),
    ],
};

/// `kv.redis` as a mapping.
pub static KV_REDIS: Table = Table {
    name: "kv.redis",
    doc: "The store in Redis when it needs more than a URL.",
    keys: &[
        REDIS_URL,
        PASSWORD_FILE,
        SENTINEL_USERNAME,
        SENTINEL_PASSWORD,
        REDIS_CA,
        INSECURE_REDIS_TLS,
    ],
};
