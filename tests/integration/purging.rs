//! Purge protocols, byte for byte: what plugins and programs send to a running gateway, and what they get.

mod api;
mod litespeed;
mod proof;

use serde_json::Value;

use crate::support::origin::Seen;
use crate::support::*;

/// A site, its origin, and pages that are stored already.
struct Stored {
    origin: Origin,
    gateway: Gateway,
}

/// `X-Tags` of the origin's answers.
fn tagged(seen: &Seen, n: usize) -> Answer {
    let tags = match seen.target.as_str() {
        "/post-7/" => "p-15 t-4",
        "/category/" => "t-4",
        _ => "home",
    };
    Answer::fresh(format!("{n}")).header("Surrogate-Key", tags)
}

async fn stored(site: Value, pages: &[&str]) -> Stored {
    let origin = Origin::start(numbered(|n, seen| tagged(seen, n))).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    let stored = Stored { origin, gateway };
    for page in pages {
        stored.gateway.get(page).await.expect(200, "MISS");
        stored.gateway.get(page).await.expect(200, "HIT");
    }
    stored
}

impl Stored {
    /// Sends these bytes on a connection of its own; the answer's status, media type and body.
    async fn exchange(&self, request: &str) -> (u16, String, String) {
        let mut client = Http1::connect(self.gateway.address()).await;
        client.send(request.replace('\n', "\r\n")).await;
        let method = request.split(' ').next().unwrap_or_default();
        let response = client.read(method).await;
        let media_type = response.header("content-type").unwrap_or_default();
        assert_eq!(response.header("cache-control").as_deref(), Some("no-store"));
        (response.status, media_type, response.text())
    }

    /// Asserts what is still served as a hit, and what is not.
    async fn purged(&self, page: &str) {
        assert_ne!(self.gateway.get(page).await.x_cache(), "HIT", "{page}");
    }

    async fn kept(&self, page: &str) {
        self.gateway.get(page).await.expect(200, "HIT");
    }

    async fn counted(&self, protocol: &str, result: &str) -> f64 {
        self.gateway
            .metric(
                "popgate_purge_requests_total",
                &[("protocol", protocol), ("result", result)],
            )
            .await
    }
}

const ALL: [&str; 3] = ["/post-7/", "/category/", "/"];

#[tokio::test]
async fn varnish_http_purge_names_a_page_whatever_its_query() {
    let site = stored(json!({}), &["/post-7/", "/post-7/?a=1", "/post-7", "/"]).await;
    let (status, media_type, body) = site
        .exchange(
            "PURGE /post-7/ HTTP/1.1\nHost: site.example\nUser-Agent: WordPress/6.1.9; http://site.example\n\
             Referer: http://site.example/post-7/\nX-Purge-Method: default\nConnection: close\n\n",
        )
        .await;
    assert_eq!((status, media_type.as_str()), (200, "application/json"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["purged"], "url");
    assert!(body["id"].as_str().unwrap().contains('-'));
    site.purged("/post-7/").await;
    site.purged("/post-7/?a=1").await;
    site.purged("/post-7").await;
    site.kept("/").await;
    assert_eq!(site.counted("purge", "ok").await, 1.0);
}

#[tokio::test]
async fn varnish_http_purge_empties_the_cache_with_a_regex() {
    let site = stored(json!({}), &ALL).await;
    let (status, ..) = site
        .exchange("PURGE /.* HTTP/1.1\nHost: site.example\nX-Purge-Method: regex\nConnection: close\n\n")
        .await;
    assert_eq!(status, 200);
    for page in ALL {
        site.purged(page).await;
    }
}

#[tokio::test]
async fn varnish_http_purge_sends_tags_of_which_the_site_does_not_count() {
    let origin = Origin::start(|seen| {
        let tags = match seen.target.as_str() {
            "/post-7/" => "site-1,p-15,pt-post",
            _ => "site-1,home",
        };
        Answer::fresh("x").header("X-Cache-Tags", tags).into()
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let site = Stored { origin, gateway };
    for page in ["/post-7/", "/"] {
        site.gateway.get(page).await.expect(200, "MISS");
    }
    let (status, ..) = site
        .exchange(
            "PURGE / HTTP/1.1\nHost: site.example\nX-Purge-Method: tags\n\
             X-Cache-Tags-Pattern: site-1|p-15|archive\nConnection: close\n\n",
        )
        .await;
    assert_eq!(status, 200);
    site.purged("/post-7/").await;
    site.kept("/").await;
}

#[tokio::test]
async fn w3_total_cache_flushes_without_a_method_field() {
    let site = stored(json!({}), &ALL).await;
    let (status, ..) = site
        .exchange(
            "PURGE /.* HTTP/1.1\nHost: site.example\nUser-Agent: W3 Total Cache/2.8\nConnection: close\n\n",
        )
        .await;
    assert_eq!(status, 200);
    for page in ALL {
        site.purged(page).await;
    }
}

#[tokio::test]
async fn wp_rocket_purges_below_a_path() {
    let site = stored(json!({}), &["/category/", "/category/a/", "/"]).await;
    let (status, ..) = site
        .exchange(
            "PURGE /category/.* HTTP/1.1\nHost: site.example\nX-Purge-Method: regex\nConnection: close\n\n",
        )
        .await;
    assert_eq!(status, 200);
    site.purged("/category/").await;
    site.purged("/category/a/").await;
    site.kept("/").await;
}

#[tokio::test]
async fn varnish_caching_looks_for_its_phrase() {
    let site = stored(json!({}), &["/post-7/"]).await;
    let (status, media_type, body) = site
        .exchange(
            "PURGE /.* HTTP/1.1\nHost: 127.0.0.1\nX-VC-Purge-Method: regex\nX-VC-Purge-Host: site.example\n\
             Connection: close\n\n",
        )
        .await;
    // The host it was sent to is no site's.
    assert_eq!(status, 421, "{media_type} {body}");
    let (status, media_type, body) = site
        .exchange(
            "PURGE /.* HTTP/1.1\nHost: site.example\nX-VC-Purge-Method: regex\nX-VC-Purge-Host: site.example\n\
             Connection: close\n\n",
        )
        .await;
    assert_eq!((status, media_type.as_str()), (200, "text/html; charset=utf-8"));
    assert!(body.contains("Error 200 Purged"), "{body}");
    site.purged("/post-7/").await;
}

#[tokio::test]
async fn xkey_is_told_how_much_was_invalidated() {
    let site = stored(json!({}), &ALL).await;
    let answer = site
        .exchange("PURGE / HTTP/1.1\nHost: site.example\nxkey: t-4\nConnection: close\n\n")
        .await;
    let expected = (
        200,
        "text/plain; charset=utf-8".into(),
        "Invalidated 1 objects\n".into(),
    );
    assert_eq!(answer, expected);
    site.purged("/post-7/").await;
    site.purged("/category/").await;
    site.kept("/").await;
}

#[tokio::test]
async fn a_ban_matches_a_regular_expression_against_path_and_query() {
    let site = stored(
        json!({}),
        &["/post-7/", "/list?page=2", "/list?page=3", "/other?page=2"],
    )
    .await;
    let answer = site
        .exchange("BAN / HTTP/1.1\nHost: site.example\nX-Ban-Url: ^/li.t\\?page=2$\nConnection: close\n\n")
        .await;
    assert_eq!(
        answer,
        (200, "text/plain; charset=utf-8".into(), "Ban added\n".into())
    );
    site.purged("/list?page=2").await;
    site.kept("/list?page=3").await;
    site.kept("/other?page=2").await;
    site.kept("/post-7/").await;
    assert_eq!(
        site.gateway
            .metric("popgate_purges_total", &[("kind", "regex")])
            .await,
        1.0
    );
}

#[tokio::test]
async fn a_ban_does_not_hit_what_was_fetched_after_it() {
    let site = stored(json!({}), &["/post-7/"]).await;
    site.exchange("BAN / HTTP/1.1\nHost: site.example\nX-Ban-Url: p.st\nConnection: close\n\n")
        .await;
    site.purged("/post-7/").await;
    site.kept("/post-7/").await;
}

#[tokio::test]
async fn godaddy_bans_a_path_without_fields() {
    let site = stored(json!({}), &["/post-7/", "/"]).await;
    let (status, ..) = site
        .exchange("BAN /post-7 HTTP/1.1\nHost: site.example\nConnection: close\n\n")
        .await;
    assert_eq!(status, 200);
    site.purged("/post-7/").await;
    site.kept("/").await;
}

#[tokio::test]
async fn an_expression_that_costs_too_much_is_refused() {
    let site = stored(json!({}), &["/"]).await;
    let (status, _, body) = site
        .exchange("BAN / HTTP/1.1\nHost: site.example\nX-Ban-Url: (a{1000}){1000}\nConnection: close\n\n")
        .await;
    assert_eq!(status, 400);
    assert!(body.contains("regular expression"), "{body}");
    site.kept("/").await;
    assert_eq!(site.counted("ban", "invalid").await, 1.0);
}

#[tokio::test]
async fn nginx_helper_purges_with_get() {
    let site = json!({ "preset": "wordpress", "cache": { "refresh_after_purge": "off" } });
    let site = stored(site, &[]).await;
    for page in ["/post-7/", "/", "/category/page/2/", "/category/"] {
        site.gateway.get(page).await;
    }
    let answer = site
        .exchange("GET /purge/post-7/ HTTP/1.1\nHost: site.example\nConnection: close\n\n")
        .await;
    let body = "Successful purge\nKey : /post-7/\n";
    assert_eq!(answer, (200, "text/plain; charset=utf-8".into(), body.into()));
    assert_eq!(site.counted("nginx_helper", "ok").await, 1.0);
    assert!(
        site.origin
            .seen()
            .iter()
            .all(|seen| !seen.target.starts_with("/purge"))
    );
    let (status, ..) = site
        .exchange("PURGE /purgeall HTTP/1.1\nHost: site.example\nConnection: close\n\n")
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_path_that_begins_with_purge_is_a_page_where_nginx_helper_is_not_spoken() {
    let site = stored(json!({}), &["/purge/x"]).await;
    site.kept("/purge/x").await;
}

#[tokio::test]
async fn who_is_not_allowed_purges_nothing_in_any_protocol() {
    let site = stored(
        json!({ "purge": { "from": ["10.9.8.7/32"], "protocols": ["purge", "ban", "nginx_helper"] } }),
        &ALL,
    )
    .await;
    for (request, protocol) in [
        ("PURGE /post-7/ HTTP/1.1\nHost: site.example\n", "purge"),
        (
            "PURGE /.* HTTP/1.1\nHost: site.example\nX-Purge-Method: regex\n",
            "purge",
        ),
        ("BAN / HTTP/1.1\nHost: site.example\nX-Ban-Url: .*\n", "ban"),
        ("FLUSH / HTTP/1.1\nHost: site.example\n", "ban"),
        (
            "GET /purge/post-7/ HTTP/1.1\nHost: site.example\n",
            "nginx_helper",
        ),
        ("PURGE /purgeall HTTP/1.1\nHost: site.example\n", "nginx_helper"),
        // An address in a header is no permission.
        (
            "PURGE /post-7/ HTTP/1.1\nHost: site.example\nX-Forwarded-For: 10.9.8.7\n",
            "purge",
        ),
        (
            "PURGE /post-7/ HTTP/1.1\nHost: site.example\nFastly-Key: 0123456789abcdef\n",
            "purge",
        ),
    ] {
        let before = site.counted(protocol, "refused").await;
        let (status, _, body) = site.exchange(&format!("{request}Connection: close\n\n")).await;
        assert_eq!(status, 403, "{request}");
        assert!(body.contains("not allowed"), "{body}");
        assert_eq!(site.counted(protocol, "refused").await, before + 1.0, "{request}");
    }
    for page in ALL {
        site.kept(page).await;
    }
}

#[tokio::test]
async fn a_visitor_behind_an_allowed_proxy_may_not_purge() {
    let origin = Origin::start(numbered(|n, seen| tagged(seen, n))).await;
    let conf = Conf::origin(&origin).with(json!({ "trusted_proxies": ["127.0.0.1/32"] }));
    let site = Stored {
        gateway: Gateway::start(conf).await,
        origin,
    };
    site.gateway.get("/").await.expect(200, "MISS");
    let (status, ..) = site
        .exchange("PURGE / HTTP/1.1\nHost: site.example\nX-Forwarded-For: 203.0.113.9\nConnection: close\n\n")
        .await;
    assert_eq!(status, 403);
    site.kept("/").await;
}

#[tokio::test]
async fn a_token_lets_its_bearer_purge_from_anywhere() {
    let token = "a-token-of-some-length";
    let origin = Origin::start(numbered(|n, seen| tagged(seen, n))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, token).unwrap();
    let conf = Conf::origin(&origin).site(json!({ "purge": { "from": [], "token_file": file } }));
    let gateway = Gateway::start(conf).await;
    let site = Stored { origin, gateway };
    for (field, status) in [
        (format!("Authorization: Bearer {token}"), 200),
        (format!("X-Purge-Key: {token}"), 200),
        (format!("X-Purge-Key: {token}x"), 403),
    ] {
        site.gateway.get("/").await;
        let request = format!("PURGE / HTTP/1.1\nHost: site.example\n{field}\nConnection: close\n\n");
        assert_eq!(site.exchange(&request).await.0, status, "{field}");
    }
}

#[tokio::test]
async fn a_purge_reaches_no_other_site() {
    let origin = Origin::start(|_| Answer::fresh("x").header("Surrogate-Key", "post-15").into()).await;
    let conf = Conf::origin(&origin).with(json!({ "sites": [
        { "hosts": ["a.example", "www.a.example"], "origin": "app" },
        { "hosts": ["b.example", "*.b.example"], "origin": "app", "purge": { "from": [] } },
    ] }));
    let site = Stored {
        gateway: Gateway::start(conf).await,
        origin,
    };
    let hosts = ["a.example", "www.a.example", "b.example", "x.b.example"];
    let get = async |host: &str| site.gateway.fetch(Req::get("/").host(host)).await.x_cache();
    for host in hosts {
        assert_eq!(get(host).await, "MISS");
    }
    let tagged = |named: &str| {
        format!("PURGE / HTTP/1.1\nHost: a.example\nSurrogate-Key: post-15\n{named}Connection: close\n\n")
    };
    let (status, _, body) = site.exchange(&tagged("X-Purge-Host: b.example\n")).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(site.exchange(&tagged("")).await.0, 200);
    for (host, now) in hosts.iter().zip(["EXPIRED", "EXPIRED", "HIT", "HIT"]) {
        assert_eq!(get(host).await, now, "{host}");
    }
    // The admin names a tag on all sites, unless it says on which.
    site.gateway
        .purged(json!({ "tags": ["post-15"], "on": ["b.example"], "hard": true }))
        .await;
    for (host, now) in hosts.iter().zip(["HIT", "HIT", "MISS", "MISS"]) {
        assert_eq!(get(host).await, now, "{host}");
    }
    site.gateway
        .purged(json!({ "tags": ["post-15"], "hard": true }))
        .await;
    for host in hosts {
        assert_eq!(get(host).await, "MISS", "{host}");
    }
}

#[tokio::test]
async fn a_site_may_say_that_purges_are_hard() {
    let site = stored(json!({ "purge": { "mode": "hard" } }), &["/"]).await;
    let (_, _, body) = site
        .exchange("PURGE / HTTP/1.1\nHost: site.example\nConnection: close\n\n")
        .await;
    assert!(body.contains("\"hard\":true"), "{body}");
    site.gateway.get("/").await.expect(200, "MISS");
    let (_, _, body) = site
        .exchange("PURGE / HTTP/1.1\nHost: site.example\nX-Purge-Mode: soft\nConnection: close\n\n")
        .await;
    assert!(body.contains("\"hard\":false"), "{body}");
}

#[tokio::test]
async fn a_ban_is_never_the_origins_to_answer() {
    let only = json!({ "purge": { "protocols": ["purge"], "from": ["192.0.2.0/24"] } });
    let site = stored(only, &["/post-7/"]).await;
    let asked = site.origin.count();
    let (status, ..) = site
        .exchange("BAN /post-7/ HTTP/1.1\nHost: site.example\nConnection: close\n\n")
        .await;
    assert_eq!((status, site.origin.count()), (403, asked));
    assert!(site.counted("ban", "refused").await >= 1.0);
    site.kept("/post-7/").await;
}
