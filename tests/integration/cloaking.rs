//! What is not part of the key never ends up in a copy that others get.

use crate::support::origin::Seen;
use crate::support::*;

const EVIL: &str = "evil.example";

/// An origin that repeats all it is sent: target, every header, the body.
async fn mirror() -> Origin {
    Origin::start(|seen: &Seen| {
        let headers: Vec<String> = seen.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        let text = format!(
            "<html>{} {}\n{}\n{}\n{}</html>",
            seen.method,
            seen.target,
            headers.join("\n"),
            String::from_utf8_lossy(&seen.body),
            "x".repeat(300)
        );
        Answer::fresh(text).header("Content-Type", "text/html").into()
    })
    .await
}

async fn behind(origin: &Origin, preset: &str) -> Gateway {
    Gateway::start(Conf::origin(origin).site(json!({ "preset": preset }))).await
}

const PRESETS: [&str; 2] = ["standard", "wordpress"];

on_both_wires!(
    headers_that_overrule_are_not_in_what_others_get,
    a_body_on_a_get_is_not_in_what_others_get,
    no_spelling_of_a_path_gets_the_copy_of_another,
);

async fn headers_that_overrule_are_not_in_what_others_get(wire: Wire) {
    let origin = mirror().await;
    for preset in PRESETS {
        let gateway = behind(&origin, preset).await;
        for name in [
            "X-Forwarded-Host",
            "X-Forwarded-Server",
            "X-Forwarded-Scheme",
            "X-Forwarded-Port",
            "X-Forwarded-Prefix",
            "X-Forwarded-Path",
            "X-Forwarded-For",
            "X-Host",
            "X-Original-Host",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "Forwarded",
            "True-Client-IP",
            "Client-IP",
            "X-Client-IP",
            "CF-Connecting-IP",
            "CF-IPCountry",
            "X_Forwarded_Host",
            "X-Accel-Redirect",
            "Surrogate-Capability",
            "X-LSCACHE",
            "Proxy",
        ] {
            let target = format!("/{}", name.to_ascii_lowercase());
            let request = Req::get(&target).header(name, EVIL);
            let poisoned = wire.fetch(&gateway, request).await.expect(200, "MISS");
            let next = wire.get(&gateway, &target).await.expect(200, "HIT");
            for answer in [poisoned, next] {
                assert!(!answer.text().contains(EVIL), "{preset} {name} {answer:?}");
            }
        }
    }
}

async fn a_body_on_a_get_is_not_in_what_others_get(wire: Wire) {
    let origin = mirror().await;
    for preset in PRESETS {
        let gateway = behind(&origin, preset).await;
        for fat in [
            Req::get("/fat").body(EVIL),
            Req::get("/fat")
                .header("content-length", &EVIL.len().to_string())
                .body(EVIL),
            Req::get("/fat")
                .header("x-http-method-override", "POST")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(EVIL),
        ] {
            let answer = wire.fetch(&gateway, fat).await;
            assert_eq!(answer.x_cache(), "BYPASS", "{preset} {answer:?}");
            assert!(answer.cache_status().contains("detail=body"), "{answer:?}");
        }
        let clean = wire.get(&gateway, "/fat").await.expect(200, "MISS");
        assert!(!clean.text().contains(EVIL), "{clean:?}");
    }
}

/// Spellings that one party may read as another path.
const ODD: [&str; 16] = [
    "/account/x.css",
    "/account/;x.css",
    "/account;x.css",
    "/account%2fx.css",
    "/account%3bx.css",
    "/account%3fx.css",
    "/account%23x.css",
    "/account%00.css",
    "/account%0a.css",
    "/static/../account",
    "/static/..%2faccount",
    "/static/%2e%2e/account",
    "/static\\..\\account",
    "//account",
    "/account%252fx.css",
    "/account/%2e/x.css",
];

async fn no_spelling_of_a_path_gets_the_copy_of_another(wire: Wire) {
    let origin = mirror().await;
    for preset in PRESETS {
        let gateway = behind(&origin, preset).await;
        for clean in ["/account", "/static", "/x.css"] {
            wire.get(&gateway, clean).await;
        }
        for odd in ODD {
            // What no URI can hold cannot be sent by the HTTP/2 client.
            if wire == Wire::H2 && odd.contains('\\') {
                continue;
            }
            let answer = wire.get(&gateway, odd).await;
            if answer.status != 400 {
                let own = format!("GET {odd}\n");
                assert!(answer.text().contains(&own), "{preset} {odd} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn wordpress_stores_nothing_under_a_path_that_two_may_read_differently() {
    let origin = mirror().await;
    let gateway = behind(&origin, "wordpress").await;
    for odd in ODD.into_iter().filter(|odd| *odd != "//account") {
        for _ in 0..2 {
            let answer = gateway.get(odd).await;
            assert!(
                answer.status == 400 || answer.x_cache() == "BYPASS",
                "{odd} {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_under_the_name_of_a_file_is_not_stored() {
    let origin = mirror().await;
    let gateway = behind(&origin, "wordpress").await;
    for target in [
        "/profile/x.css",
        "/profile/avatar.png",
        "/members.js",
        "/index.php/x.css",
    ] {
        for _ in 0..2 {
            let answer = gateway.get(target).await;
            assert_ne!(answer.x_cache(), "HIT", "{target} {answer:?}");
        }
    }
}

#[tokio::test]
async fn parameters_that_are_dropped_never_reach_the_origin_however_they_are_cloaked() {
    let origin = mirror().await;
    for conf in [
        Conf::origin(&origin).site(json!({ "preset": "wordpress" })),
        Conf::origin(&origin)
            .site(json!({ "filters": [{ "strip_query": { "ignore": ["utm_*", "fbclid"] } }] })),
    ] {
        let gateway = Gateway::start(conf).await;
        for cloaked in [
            "/?utm_source=evil.example",
            "/?utm_source=x;p=evil.example",
            "/?utm_source=x;utm_content=1;p=evil.example",
            "/?utm%5Fsource=evil.example",
            "/?%75tm_source=evil.example",
            "/?fbclid=evil.example&utm_medium=evil.example",
        ] {
            let answer = gateway.get(cloaked).await;
            assert!(!answer.text().contains(EVIL), "{cloaked} {answer:?}");
        }
        let clean = gateway.get("/").await;
        assert!(clean.text().contains("GET /\n"), "{clean:?}");
    }
}

#[tokio::test]
async fn parameters_that_are_kept_are_in_the_key_whatever_separates_them() {
    let origin = mirror().await;
    for preset in PRESETS {
        let gateway = behind(&origin, preset).await;
        gateway.get("/?p=7").await;
        for other in [
            "/?p=7;p=evil.example",
            "/?p=7&p=evil.example",
            "/?p=7%26p=evil.example",
            "/?p=7&amp;p=evil.example",
            "/?p=7&P=evil.example",
            "/?p[]=evil.example&p=7",
        ] {
            let answer = gateway.get(other).await;
            assert_ne!(answer.x_cache(), "HIT", "{preset} {other} {answer:?}");
            let clean = gateway.get("/?p=7").await.expect(200, "HIT");
            assert!(!clean.text().contains(EVIL), "{preset} {other} {clean:?}");
        }
    }
}

#[tokio::test]
async fn what_an_attacker_makes_the_origin_refuse_is_not_stored() {
    let origin = Origin::start(|seen| match seen.header("x-oversized") {
        Some(_) => Answer::new(400, "bad request").into(),
        None => Answer::ok("<html>".to_owned() + &"x".repeat(300) + "</html>")
            .header("Content-Type", "text/html")
            .into(),
    })
    .await;
    for preset in PRESETS {
        let gateway = behind(&origin, preset).await;
        let bad = gateway.fetch(Req::get("/").header("X-Oversized", "x")).await;
        assert_eq!(bad.status, 400);
        assert_eq!(gateway.get("/").await.status, 200, "{preset}");
    }
}

#[tokio::test]
async fn a_page_says_that_it_is_stored_only_when_that_is_certain() {
    let origin = Origin::start(|seen| {
        let (kind, text) = match seen.target.as_str() {
            "/short/" => ("text/html", "<html></html>".to_owned()),
            "/open/" => ("text/html", "<html>".to_owned() + &"x".repeat(300)),
            "/page/" => ("text/html", format!("<html>{}</html>", "x".repeat(300))),
            _ => ("text/css", "a {}".to_owned()),
        };
        Answer::ok(text).header("Content-Type", kind).into()
    })
    .await;
    let gateway = behind(&origin, "wordpress").await;
    for (target, then) in [("/short/", "MISS"), ("/open/", "MISS"), ("/page/", "HIT")] {
        let first = gateway.get(target).await.expect(200, "MISS");
        assert!(!first.cache_status().contains("stored"), "{first:?}");
        gateway.get(target).await.expect(200, then);
    }
    let file = gateway.get("/style.css").await.expect(200, "MISS");
    assert!(file.cache_status().contains("; stored"), "{file:?}");
}
