//! Purges in the words of `popgate why`.

use super::*;

/// Stores a page, purges it by the admin listener, and asks; the purge told, after checking verdict and id.
async fn purged(what: Value) -> Value {
    let (origin, gateway) = gateway(Answer::fresh("x").header("Cache-Tag", "home")).await;
    gateway.get("/news/?a=1").await.expect(200, "MISS");
    let mut request = what;
    request["hard"] = json!(true);
    let report = gateway.purge(request).await;
    let report: Value = serde_json::from_slice(&report.body).unwrap();
    let told = why(&gateway, "/news/?a=1", json!({})).await;
    assert_eq!(verdict(&told), ("miss", Some("purged")), "{told:#}");
    let purges = told["purges"].as_array().unwrap();
    assert_eq!(purges.len(), 1, "{told:#}");
    let purge = purges[0].clone();
    assert_eq!((&purge["hard"], &purge["id"]), (&json!(true), &report["id"]));
    assert!(purge["ago"].as_u64().unwrap() < 60 && purge["at"].as_str().unwrap().ends_with('Z'));
    let text = told["verdict"]["text"].as_str().unwrap();
    let (scope, id) = (purge["scope"].as_str().unwrap(), purge["id"].as_str().unwrap());
    assert!(text.contains(scope) && text.contains(id), "{text}");
    assert_eq!(origin.count(), 1);
    gateway.get("/news/?a=1").await.expect(200, "MISS");
    assert_eq!(
        verdict(&why(&gateway, "/news/?a=1", json!({})).await),
        ("hit", None)
    );
    purge
}

fn named(purge: &Value) -> (&str, &str, Option<&str>) {
    let text = |field: &str| purge[field].as_str();
    (text("scope").unwrap(), text("name").unwrap(), text("host"))
}

#[tokio::test]
async fn a_miss_by_a_purge_of_a_tag() {
    assert_eq!(
        named(&purged(json!({ "tags": ["home"] })).await),
        ("tag", "home", None)
    );
    let here = purged(json!({ "tags": ["home"], "on": [SITE] })).await;
    assert_eq!(named(&here), ("tag", "home", Some(SITE)));
}

#[tokio::test]
async fn a_miss_by_a_purge_of_the_url() {
    let url = format!("http://{SITE}/news/?a=1");
    assert_eq!(
        named(&purged(json!({ "urls": [url] })).await),
        ("url", "/news/", Some(SITE))
    );
}

#[tokio::test]
async fn a_miss_by_a_purge_of_the_host() {
    assert_eq!(
        named(&purged(json!({ "hosts": [SITE] })).await),
        ("host", "", Some(SITE))
    );
}

#[tokio::test]
async fn a_miss_by_a_purge_of_a_prefix() {
    let prefix = format!("{SITE}/ne");
    assert_eq!(
        named(&purged(json!({ "prefixes": [prefix] })).await),
        ("prefix", "/ne", Some(SITE))
    );
}

#[tokio::test]
async fn a_miss_by_a_purge_of_everything_that_left_no_trace_in_memory() {
    assert_eq!(
        named(&purged(json!({ "everything": true })).await),
        ("everything", "", None)
    );
}

#[tokio::test]
async fn purges_by_method_name_a_path_or_an_expression() {
    let (_origin, gateway) = gateway(Answer::fresh("x")).await;
    let purge = async |method: &str, target: &str| {
        let mode = Req::new(method, target).header("X-Purge-Mode", "hard");
        let response = gateway.fetch(mode).await;
        assert_eq!(response.status, 200, "{response:?}");
    };
    let told = async |target: &str| {
        let told = why(&gateway, target, json!({})).await;
        told["purges"]
            .as_array()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    };
    gateway.get("/a/?b=1").await;
    purge("PURGE", "/a").await;
    assert_eq!(named(&told("/a/?b=1").await), ("url", "/a", Some(SITE)));
    gateway.get("/c1.html").await;
    let ban = Req::new("BAN", "/").header("X-Ban-Url", "^/c[0-9]\\.html$");
    assert_eq!(gateway.fetch(ban).await.status, 200);
    assert_eq!(
        named(&told("/c1.html").await),
        ("regex", "^/c[0-9]\\.html$", Some(SITE))
    );
    assert_eq!(told("/d.html").await, Value::Null);
}

#[tokio::test]
async fn a_purge_over_redis_is_told_by_its_place_in_the_stream() {
    let Some(redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin).with(json!({ "cache": { "redis": redis.url(0) } }));
    let (one, two) = (Gateway::start(conf.clone()).await, Gateway::start(conf).await);
    for gateway in [&one, &two] {
        gateway.in_step().await;
        gateway.get("/").await;
    }
    for hard in [false, true] {
        let report = one.purge(json!({ "hosts": [SITE], "hard": hard })).await;
        let report: Value = serde_json::from_slice(&report.body).unwrap();
        for gateway in [&one, &two] {
            eventually("the purge", async || {
                let told = why(gateway, "/", json!({})).await;
                told["purges"][0]["id"] == report["id"] && told["purges"][0]["hard"] == json!(hard)
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_purge_is_a_purge_if_the_sender_may() {
    let (_origin, gateway) = wordpress(page()).await;
    let ask = async |method: &str, client: &str| {
        let told = why(&gateway, "/", json!({ "method": method, "client": client })).await;
        assert_eq!(told["verdict"]["answer"], json!("purge"), "{told:#}");
        told["verdict"]["text"].as_str().unwrap().to_owned()
    };
    assert!(ask("PURGE", "127.0.0.1").await.contains("a purge as purge"));
    assert!(ask("BAN", "192.0.2.1").await.contains("403"));
}

/// An origin whose pages are chosen by a cookie, and a gateway that has one for those without it.
async fn chosen_by_cookie(site: Value) -> (Origin, Gateway) {
    let page = page()
        .header("Cache-Control", "max-age=60")
        .header("X-LiteSpeed-Vary", "cookie=currency");
    let origin = Origin::fixed(page).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(site)).await;
    gateway.get("/").await.expect(200, "MISS");
    assert_eq!(verdict(&why(&gateway, "/", json!({})).await), ("hit", None));
    (origin, gateway)
}

#[tokio::test]
async fn a_cookie_that_chooses_a_page_of_its_own_passes() {
    let site = json!({ "preset": "wordpress", "purge": { "protocols": ["litespeed"] } });
    let (_origin, gateway) = chosen_by_cookie(site).await;
    let more = json!({ "headers": ["Cookie: currency=EUR"] });
    let told = why(&gateway, "/", more).await;
    assert_eq!(verdict(&told), ("bypass", Some("cookie")), "{told:#}");
    let request = Req::get("/").header("Cookie", "currency=EUR");
    gateway.fetch(request).await.expect(200, "BYPASS");
}

#[tokio::test]
async fn a_page_for_those_without_a_cookie_is_no_hit_for_those_with_it() {
    let (_origin, gateway) = chosen_by_cookie(json!({})).await;
    let more = json!({ "headers": ["Cookie: currency=EUR"] });
    let told = why(&gateway, "/", more).await;
    assert_eq!(verdict(&told), ("miss", None), "{told:#}");
    let entry = &told["stored"]["entry"];
    assert_eq!(
        (&entry["for_others"], &entry["gone"]),
        (&json!(true), &json!(false))
    );
    let request = Req::get("/").header("Cookie", "currency=EUR");
    gateway.fetch(request).await.expect(200, "MISS");
}
