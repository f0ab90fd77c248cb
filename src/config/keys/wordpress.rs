//! `sites[].wordpress`.

use super::{Absent::*, Kind::*, *};

/// `sites[].wordpress`.
pub static WORDPRESS: Table = Table {
    name: "sites[].wordpress",
    doc: "What a site with `preset: wordpress` adds to the preset's rules. Lists are additions. A name may end in `*`; \
          case does not count, and dots count as `_`, as PHP reads them.",
    keys: &[
        key(
            "write_snooping",
            Choice(&["targeted", "site", "off"]),
            Value("targeted"),
            "Writes that pass through the gateway (REST, wp-admin, comments, XML-RPC) purge what they change, softly: \
             `targeted` as far as it can be told, `site` the whole host each time, `off` nothing.",
        ),
        key(
            "bypass_cookies",
            List(&Text),
            Value("[]"),
            "Cookies that mean a person: requests with one pass the cache.",
        ),
        key(
            "ignore_cookies",
            List(&Text),
            Value("[]"),
            "Cookies that mean nobody, although the preset would let them pass: `woocommerce_current_currency`. They are not \
             forwarded with requests that may be cached.",
        ),
        key(
            "vary_cookies",
            List(&Text),
            Value("[]"),
            "Cookies that choose among the pages of a URL, each with its values: `pll_language=de|en`, \
             `woocommerce_current_currency=EUR|USD`, `_lscache_vary=…`. They are part of the key and forwarded; requests with \
             another value pass. At most 8.",
        ),
        key(
            "mobile",
            Flag,
            Value("false"),
            "Telephones, as WordPress' `wp_is_mobile` knows them, get pages of their own.",
        ),
        key(
            "bypass_paths",
            List(&UrlPath),
            Value("[]"),
            "Paths that are never cached, with all below them, at the root and in every site of a multisite install: `/members/`.",
        ),
        key(
            "bypass_parameters",
            List(&Text),
            Value("[]"),
            "Query parameters whose requests pass the cache.",
        ),
        key(
            "ignore_parameters",
            List(&Text),
            Value("[]"),
            "Query parameters that are dropped before keying and before forwarding, as tracking parameters are.",
        ),
        key(
            "known_parameters",
            List(&Text),
            Value("[]"),
            "Query parameters that make a page of their own, cached like any page.",
        ),
        key(
            "unknown_parameters",
            Choice(&["second_sight", "store", "bypass", "drop"]),
            Value("second_sight"),
            "URLs with a parameter that is on no list: stored for a short while (`ttl.unknown_parameters`) once they come a \
             second time; stored at once; passed to the origin; or the parameter is dropped, as tracking parameters are \
             (parameters of files stay).",
        ),
        key(
            "second_sight_within",
            DURATION,
            Value("2m"),
            "How soon a URL with such a parameter, or a search, must come again to be stored.",
        ),
        key(
            "variants_max",
            integer(1, 10_000),
            Value("64"),
            "Most URLs of one path, with such parameters or search terms, that are stored at a time; others are fetched each \
             time until one of them has expired.",
        ),
        key(
            "ajax_actions",
            List(&Text),
            Value("[]"),
            "Actions of `admin-ajax.php` that are the same for everybody: answers to anonymous `GET …?action=NAME` are cached \
             (`ttl.ajax`). All others pass.",
        ),
        key(
            "nonce_life",
            DURATION,
            Value("1d"),
            "How long WordPress' nonces are valid, when a plugin changed `nonce_life`. Pages with a nonce are not served beyond it.",
        ),
        key(
            "admin_timeout",
            DURATION,
            Value("5m"),
            "Wait for the origin's first byte, and between two, of wp-admin, cron and writes: updates and imports take their \
             time. At least the origin's own timeouts.",
        ),
        key(
            "ttl",
            Map(&WORDPRESS_TTL),
            Nothing,
            "Freshness of answers that say nothing about it, by class. Pages take `cache.ttl`.",
        ),
    ],
};

/// `sites[].wordpress.ttl`.
pub static WORDPRESS_TTL: Table = Table {
    name: "sites[].wordpress.ttl",
    doc: "Freshness by class of answer. Nothing dynamic lives longer than `cache.ttl`.",
    keys: &[
        key("search", DURATION_OR_ZERO, Value("1m"), "Search results."),
        key("feed", DURATION_OR_ZERO, Value("5m"), "Feeds."),
        key("sitemap", DURATION_OR_ZERO, Value("5m"), "Sitemaps."),
        key(
            "rest",
            DURATION_OR_ZERO,
            Value("1m"),
            "REST answers to anonymous readers.",
        ),
        key(
            "not_found",
            DURATION_OR_ZERO,
            Value("10s"),
            "404, also where WordPress itself forbids caching; at most 60 s.",
        ),
        key(
            "redirect",
            DURATION_OR_ZERO,
            Value("5m"),
            "301 and 308; at most 60 s where WordPress forbids caching.",
        ),
        key(
            "ajax",
            DURATION_OR_ZERO,
            Value("1m"),
            "Answers of `ajax_actions`, also where WordPress forbids caching.",
        ),
        key(
            "unknown_parameters",
            DURATION_OR_ZERO,
            Value("1m"),
            "Longest freshness of a URL with a parameter that is on no list.",
        ),
        key(
            "file",
            DURATION_OR_ZERO,
            Value("7d"),
            "Style sheets, scripts, images, fonts, media.",
        ),
        key(
            "download",
            DURATION_OR_ZERO,
            Value("1h"),
            "Documents, archives and texts.",
        ),
        key(
            "versioned_file",
            DURATION_OR_ZERO,
            Value("365d"),
            "Files with a version or a hash in their URL.",
        ),
    ],
};
