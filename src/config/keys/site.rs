//! Sites.

use super::{Absent::*, Kind::*, *};

/// `sites[]`.
pub static SITE: Table = Table {
    name: "sites[]",
    doc: "Hosts, their origin and how they are cached. The first host is the site's label in metrics and logs.",
    keys: &[
        key(
            "hosts",
            List(&HostPattern),
            Required,
            "At least one: `blog.example`, `*.blog.example` (any number of labels in front), or `*` for any host.",
        ),
        key(
            "path",
            UrlPath,
            Value("/"),
            "Only paths below this prefix, whole segments: `/shop` is `/shop` and `/shop/…`. The longest prefix wins.",
        ),
        key(
            "origin",
            OriginName,
            Nothing,
            "Name of the origin. A site without one serves its endpoints only.",
        ),
        key(
            "preset",
            Choice(&["standard", "wordpress"]),
            Value("standard"),
            "Rules of the application behind: `standard` is RFC 9111 and nothing else, `wordpress` knows its cookies and paths.",
        ),
        key(
            "wordpress",
            Map(&WORDPRESS),
            Nothing,
            "Rules added to those of `preset: wordpress`.",
        ),
        key(
            "endpoints",
            List(&Choice(&["fast_user"])),
            Value("[]"),
            "Endpoints popgate answers itself.",
        ),
        key(
            "cache",
            Either(&[Word("off"), Map(&SITE_CACHE)]),
            Nothing,
            "How the site is cached; `off` for not at all.",
        ),
        key(
            "filters",
            List(&Filter),
            Value("[]"),
            "Filters in order: a name, or a mapping from a name to its options. `geo_headers` comes first unless named.",
        ),
        key("purge_from", List(&Cidr), Nothing, "The same as `purge.from`."),
        key(
            "purge",
            Map(&SITE_PURGE),
            Nothing,
            "Who may purge the site by request, and in which protocols.",
        ),
        key(
            "body_max",
            size(0, 64 * TIB),
            Value("64MiB"),
            "Largest request body (413).",
        ),
    ],
};

/// `sites[].purge`.
pub static SITE_PURGE: Table = Table {
    name: "sites[].purge",
    doc: "Who may purge a site by request, and in which protocols. The admin listener can purge everything.",
    keys: &[
        key(
            "from",
            List(&Cidr),
            Value("[127.0.0.0/8, ::1]"),
            "Who may send `PURGE`, `BAN` and `GET /purge/…` to the site's own address without a token. The peer and, \
             behind a trusted proxy, the visitor must both be on the list.",
        ),
        key(
            "token_file",
            Path,
            Nothing,
            "File with tokens, one a line; each lets its bearer purge the site from anywhere and call the APIs.",
        ),
        key(
            "protocols",
            List(&Choice(&[
                "purge",
                "ban",
                "varnish_tags",
                "nginx_helper",
                "cloudpanel",
                "litespeed",
                "fastly",
                "cloudflare",
            ])),
            Told(
                "`[purge, ban, fastly, cloudflare]`; `wordpress`: also `varnish_tags`, `nginx_helper`, `litespeed`",
            ),
            "What is understood, see [operations](operations.md#purging).",
        ),
        key(
            "api_hosts",
            List(&HostPattern),
            Value("[]"),
            "Hosts or addresses whose requests are calls of Fastly's or Cloudflare's purge API; several sites may share \
             one.",
        ),
        key(
            "mode",
            Choice(&["soft", "hard"]),
            Value("soft"),
            "What a purge does that says neither: mark stale, or delete.",
        ),
    ],
};

/// `sites[].cache`.
pub static SITE_CACHE: Table = Table {
    name: "sites[].cache",
    doc: "How a site is cached. Defaults that differ by preset are told for both.",
    keys: &[
        key(
            "enabled",
            Flag,
            Value("true"),
            "`false`: nothing is looked up or stored.",
        ),
        key(
            "ttl",
            DURATION_OR_ZERO,
            Told("`0s`; `wordpress`: `5m`"),
            "Freshness of answers that say nothing about it; zero is none.",
        ),
        key(
            "ttl_max",
            DURATION,
            Value("365d"),
            "Longest freshness, whatever the origin says.",
        ),
        key(
            "stale_while_revalidate",
            DURATION_OR_ZERO,
            Told("`0s`; `wordpress`: `1d`"),
            "How long after its freshness an answer is served while a new one is fetched. The answer's own directive wins.",
        ),
        key(
            "stale_if_error",
            DURATION_OR_ZERO,
            Told("`0s`; `wordpress`: `1d`"),
            "How long after its freshness an answer is served when the origin fails. The answer's own directive wins.",
        ),
        key(
            "heuristic",
            Flag,
            Value("false"),
            "Where RFC 9111 4.2.2 allows it, 10 % of the age of `Last-Modified` as freshness.",
        ),
        key(
            "request_directives",
            Choice(&["honour", "ignore"]),
            Told("`honour`; `wordpress`: `ignore`"),
            "`Cache-Control` of requests: `honour` all of RFC 9111 5.2.1, or `ignore` all but `only-if-cached` and \
             `no-store`, so that a visitor's reload costs the origin nothing.",
        ),
        key(
            "stale_with_s_maxage",
            Flag,
            Value("true"),
            "Honour `stale-while-revalidate` also beside `s-maxage`.",
        ),
        key(
            "insecure_store_set_cookie",
            Flag,
            Value("false"),
            "Store answers with `Set-Cookie` where RFC 9111 allows: one visitor's cookie may reach others. Warns at start.",
        ),
        key(
            "debug_headers",
            Flag,
            Value("true"),
            "Send `Cache-Status` and `X-Cache` to clients.",
        ),
        key(
            "leak_check",
            Either(&[Word("off"), integer(1, 1_000_000_000)]),
            Told("`off`; `wordpress`: `1000`"),
            "One of so many hits is fetched again without cookies, in the background, and compared. A page that shows what only \
             one person should see is taken out of the cache.",
        ),
        key(
            "leak_pass",
            DURATION,
            Value("10m"),
            "How long requests for such a page pass the cache.",
        ),
        key(
            "refresh_after_purge",
            Either(&[Word("off"), REFRESHED, Map(&REFRESH_AFTER_PURGE)]),
            Told("`off`; `wordpress`: `32`"),
            "After a purge so many of the hottest purged URLs are fetched in the background, most requested first. \
             Fetching pauses while the origin is slow, fails or has requests waiting.",
        ),
    ],
};

const REFRESHED: Kind = integer(1, 1000);

/// `sites[].cache.refresh_after_purge` as a mapping.
pub static REFRESH_AFTER_PURGE: Table = Table {
    name: "sites[].cache.refresh_after_purge",
    doc: "What is fetched again after a purge, when it needs more than a number of URLs.",
    keys: &[
        key(
            "urls",
            REFRESHED,
            Value("32"),
            "Most URLs of a purge that are fetched, and most that wait for it.",
        ),
        key(
            "concurrent",
            integer(1, 64),
            Value("2"),
            "Most fetches at a time.",
        ),
    ],
};
