//! `popgate why` tells the decision that a request then meets.

mod purges;

use serde_json::Value;

use crate::support::*;

/// Asks about a URL of [`SITE`], with more of the question in `more`.
async fn why(gateway: &Gateway, target: &str, more: Value) -> Value {
    let mut question = json!({ "url": format!("http://{SITE}{target}") });
    for (key, value) in more.as_object().into_iter().flatten() {
        question[key] = value.clone();
    }
    let request = Req::new("POST", "/why").body(serde_json::to_vec(&question).unwrap());
    let response = gateway.admin(request).await.unwrap();
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_slice(&response.body).unwrap()
}

/// Answer and reason.
fn verdict(told: &Value) -> (&str, Option<&str>) {
    let verdict = &told["verdict"];
    (verdict["answer"].as_str().unwrap(), verdict["reason"].as_str())
}

async fn gateway(answer: Answer) -> (Origin, Gateway) {
    let origin = Origin::fixed(answer).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    (origin, gateway)
}

async fn wordpress(answer: Answer) -> (Origin, Gateway) {
    let origin = Origin::fixed(answer).await;
    let conf = Conf::origin(&origin).site(json!({ "preset": "wordpress" }));
    (origin, Gateway::start(conf).await)
}

fn page() -> Answer {
    Answer::ok(format!("<html>{}</html>", "words ".repeat(100)))
        .header("Content-Type", "text/html; charset=utf-8")
}

#[tokio::test]
async fn a_hit_with_all_that_is_stored() {
    let (_origin, gateway) = gateway(
        Answer::fresh("body")
            .header("ETag", "\"v1\"")
            .header("Vary", "Accept-Language, Accept-Encoding")
            .header("Surrogate-Key", "home post-1")
            .header("Age", "5"),
    )
    .await;
    let headers = json!({ "headers": ["Accept-Language: vi", "Accept-Encoding: gzip"] });
    let warm = Req::get("/a?b=%c3")
        .header("Accept-Language", "vi")
        .header("Accept-Encoding", "gzip");
    gateway.fetch(warm.clone()).await.expect(200, "MISS");
    let told = why(&gateway, "/a?b=%c3", headers).await;
    assert_eq!(verdict(&told), ("hit", None), "{told:#}");
    let entry = &told["stored"]["entry"];
    assert_eq!(
        (&told["stored"]["memory"], &entry["status"]),
        (&json!(true), &json!(200))
    );
    assert_eq!((&entry["bytes"], &entry["etag"]), (&json!(4), &json!("\"v1\"")));
    assert_eq!(entry["tags"], json!(["home", "post-1"]));
    assert!(
        entry["age"].as_u64().unwrap() >= 5 && entry["ttl"].as_i64().unwrap() > 0,
        "{entry:#}"
    );
    let key = &told["key"];
    assert_eq!(
        (&key["query"], &key["query_sent"]),
        (&json!("b=%C3"), &json!("b=%c3"))
    );
    assert_eq!(
        key["variant"],
        json!([["accept-encoding", "gzip,identity"], ["accept-language", "vi"]])
    );
    assert_ne!(key["slot"], key["root"]);
    let origin = &told["origin"];
    assert_eq!(
        (&origin["name"], &origin["servers"][0]["usable"]),
        (&json!("app"), &json!(true))
    );
    gateway.fetch(warm).await.expect(200, "HIT");
    let other = why(
        &gateway,
        "/a?b=%c3",
        json!({ "headers": ["Accept-Language: en"] }),
    )
    .await;
    assert_eq!(verdict(&other), ("miss", None), "another variant: {other:#}");
}

#[tokio::test]
async fn a_cold_miss_asking_changes_nothing() {
    let (origin, gateway) = gateway(Answer::fresh("body")).await;
    for _ in 0..3 {
        let told = why(&gateway, "/", json!({})).await;
        assert_eq!(verdict(&told), ("miss", None), "{told:#}");
        assert_eq!(told["not_stored"], Value::Null);
    }
    assert_eq!(
        (
            origin.count(),
            gateway.metric("popgate_requests_total", &[]).await
        ),
        (0, 0.0)
    );
    gateway.get("/").await.expect(200, "MISS");
}

#[tokio::test]
async fn a_head_of_a_cold_page_fills_nothing() {
    let (_origin, gateway) = gateway(Answer::fresh("body")).await;
    let told = why(&gateway, "/", json!({ "method": "HEAD" })).await;
    assert_eq!(verdict(&told), ("miss", None));
    assert_eq!(told["request"]["may_fill"], json!(false));
}

#[tokio::test]
async fn a_stale_page_that_is_served_while_it_is_refreshed() {
    let (origin, gateway) =
        gateway(Answer::ok("x").header("Cache-Control", "max-age=60, stale-while-revalidate=600")).await;
    gateway.get("/").await;
    gateway.purged(json!({ "prefixes": [format!("{SITE}/")] })).await;
    let told = why(&gateway, "/", json!({})).await;
    assert_eq!(verdict(&told), ("stale", Some("while-revalidate")), "{told:#}");
    let purge = &told["purges"][0];
    assert_eq!(
        (&purge["scope"], &purge["name"], &purge["hard"]),
        (&json!("prefix"), &json!("/"), &json!(false))
    );
    assert_eq!(told["stored"]["entry"]["serves_when_origin_is_gone"], json!(true));
    assert_eq!(origin.count(), 1, "asking refreshes nothing");
    gateway.get("/").await.expect(200, "STALE");
}

#[tokio::test]
async fn a_stale_page_that_is_validated_first() {
    let (_origin, gateway) = gateway(
        Answer::ok("x")
            .header("Cache-Control", "max-age=0")
            .header("ETag", "\"1\""),
    )
    .await;
    gateway.get("/").await;
    let told = why(&gateway, "/", json!({})).await;
    assert_eq!(verdict(&told), ("revalidate", None), "{told:#}");
    let asked = why(
        &gateway,
        "/",
        json!({ "headers": ["Cache-Control: only-if-cached"] }),
    )
    .await;
    assert_eq!(verdict(&asked), ("unsatisfied", Some("only-if-cached")));
}

#[tokio::test]
async fn a_client_that_wants_validation() {
    let (_origin, gateway) = gateway(Answer::fresh("x")).await;
    gateway.get("/").await;
    let told = why(&gateway, "/", json!({ "headers": ["Cache-Control: no-cache"] })).await;
    assert_eq!(
        verdict(&told),
        ("revalidate", Some("request-no-cache")),
        "{told:#}"
    );
    assert_eq!(told["request"]["directives"], json!(["no-cache"]));
}

/// Asks about a request to a WordPress site that passes the cache, and then sends it.
async fn bypass(target: &str, field: Option<(&str, &str)>, reason: &str) {
    let (origin, gateway) = wordpress(page()).await;
    let mut request = Req::get(target);
    let mut more = json!({});
    if let Some((name, value)) = field {
        request = request.header(name, value);
        more = json!({ "headers": [format!("{name}: {value}")] });
    }
    let told = why(&gateway, target, more).await;
    assert_eq!(verdict(&told), ("bypass", Some(reason)), "{told:#}");
    assert_eq!(told["request"]["decision"], json!("bypass"));
    assert_eq!((&told["key"], origin.count()), (&Value::Null, 0));
    gateway.fetch(request).await.expect(200, "BYPASS");
}

#[tokio::test]
async fn bypass_by_cookie() {
    bypass("/", Some(("Cookie", "wordpress_logged_in_x=1")), "cookie").await;
}

#[tokio::test]
async fn bypass_by_path() {
    bypass("/wp-admin/", None, "path").await;
}

#[tokio::test]
async fn bypass_by_query() {
    bypass("/?preview=true", None, "query").await;
}

#[tokio::test]
async fn bypass_by_authorization() {
    bypass("/", Some(("Authorization", "Basic eDp5")), "authorization").await;
}

#[tokio::test]
async fn bypass_by_method() {
    let (_origin, gateway) = gateway(Answer::fresh("x")).await;
    let told = why(&gateway, "/", json!({ "method": "post" })).await;
    assert_eq!(verdict(&told), ("bypass", Some("method")), "{told:#}");
}

#[tokio::test]
async fn a_tracking_parameter_is_not_part_of_the_key() {
    let (_origin, gateway) = wordpress(page()).await;
    gateway.get("/a/").await.expect(200, "MISS");
    let told = why(&gateway, "/a/?utm_source=x", json!({})).await;
    assert_eq!(verdict(&told), ("hit", None), "{told:#}");
    assert_eq!(told["key"]["query_sent"], json!("utm_source=x"));
    assert_eq!(told["key"]["query"], Value::Null);
    assert_eq!(told["request"]["class"], json!("html"));
}

/// The reason given for an answer that was not stored, after one request.
async fn not_stored(answer: Answer, conf: Value, request: Req, question: Value) -> String {
    let origin = Origin::fixed(answer).await;
    let gateway = Gateway::start(Conf::origin(&origin).with(conf)).await;
    gateway.fetch(request).await;
    // An answer without a length is known to be too large at its end.
    eventually("the reason", async || {
        why(&gateway, "/", question.clone()).await["not_stored"] != Value::Null
    })
    .await;
    let told = why(&gateway, "/", question).await;
    let (answer, reason) = verdict(&told);
    assert_eq!(
        (answer, reason),
        ("miss", told["not_stored"]["reason"].as_str()),
        "{told:#}"
    );
    assert!(told["not_stored"]["ago"].as_u64().is_some());
    reason.unwrap().to_owned()
}

async fn not_stored_by_header(answer: Answer, reason: &str) {
    let told = not_stored(answer, json!({}), Req::get("/"), json!({})).await;
    assert_eq!(told, reason);
}

#[tokio::test]
async fn an_answer_was_not_stored_by_set_cookie() {
    not_stored_by_header(Answer::fresh("x").header("Set-Cookie", "a=1"), "set-cookie").await;
}

#[tokio::test]
async fn an_answer_was_not_stored_by_vary() {
    not_stored_by_header(Answer::fresh("x").header("Vary", "*"), "vary-any").await;
}

#[tokio::test]
async fn an_answer_was_not_stored_by_cache_control() {
    not_stored_by_header(Answer::ok("x").header("Cache-Control", "private"), "private").await;
}

#[tokio::test]
async fn an_answer_to_authorization_was_not_stored() {
    let question = json!({ "headers": ["Authorization: Basic eDp5"] });
    let request = Req::get("/").header("Authorization", "Basic eDp5");
    assert_eq!(
        not_stored(Answer::fresh("x"), json!({}), request, question).await,
        "authorization"
    );
}

#[tokio::test]
async fn an_answer_was_not_stored_by_size_announced_or_not() {
    let conf = json!({ "cache": { "object_max": "64KiB" } });
    let body = vec![b'x'; 100_000];
    let chunked = Answer::with(200, Body::Chunked(vec![body.clone()])).header("Cache-Control", "max-age=60");
    for answer in [Answer::fresh(body), chunked] {
        assert_eq!(
            not_stored(answer, conf.clone(), Req::get("/"), json!({})).await,
            "too-large"
        );
    }
}

#[tokio::test]
async fn an_answer_was_not_stored_by_status() {
    let answer = Answer::new(429, "x").header("Cache-Control", "max-age=60");
    assert_eq!(
        not_stored(answer, json!({}), Req::get("/"), json!({})).await,
        "status"
    );
}

#[tokio::test]
async fn a_refusal_is_forgotten_when_an_answer_is_stored() {
    let origin = Origin::start(numbered(|n, _| match n {
        1 => Answer::fresh("x").header("Set-Cookie", "a=1"),
        _ => Answer::fresh("x"),
    }))
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/").await;
    assert_eq!(
        why(&gateway, "/", json!({})).await["not_stored"]["reason"],
        json!("set-cookie")
    );
    gateway.get("/").await;
    let told = why(&gateway, "/", json!({})).await;
    assert_eq!(
        (verdict(&told), &told["not_stored"]),
        (("hit", None), &Value::Null)
    );
}

#[tokio::test]
async fn what_answers_before_the_cache_is_named() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin).site(json!({
        "endpoints": ["fast_user"], "filters": [{ "allow_methods": { "methods": ["GET", "POST"] } }],
    }));
    let gateway = Gateway::start(conf).await;
    let refused = why(&gateway, "/", json!({ "method": "DELETE" })).await;
    assert_eq!(
        verdict(&refused),
        ("filter", Some("allow_methods")),
        "{refused:#}"
    );
    let endpoint = why(&gateway, "/api/fast-user", json!({})).await;
    assert_eq!(verdict(&endpoint).0, "endpoint");
    let elsewhere = why(&gateway, "/", json!({ "headers": ["Host: other.example"] })).await;
    assert_eq!(verdict(&elsewhere), ("refused", Some("unknown_site")));
    let long = why(&gateway, &format!("/{}", "x".repeat(10_000)), json!({})).await;
    assert_eq!(verdict(&long), ("refused", Some("uri_too_long")));
}

#[tokio::test]
async fn nothing_of_another_visitor_is_told() {
    let origin = Origin::fixed(
        Answer::fresh("<p>dear Mai Lan</p>")
            .header("Set-Cookie", "sid=a-secret")
            .header("X-Account", "mai-lan"),
    )
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let visit = Req::get("/?token=hers").header("Cookie", "session=top-secret");
    gateway.fetch(visit).await;
    for target in ["/", "/?token=hers"] {
        let told = why(&gateway, target, json!({})).await.to_string();
        for secret in ["Mai Lan", "mai-lan", "a-secret", "top-secret"] {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn the_visitor_is_whom_a_trusted_peer_speaks_for() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let conf = Conf::origin(&origin).with(json!({
        "trusted_proxies": ["10.0.0.0/8"],
        "geo": { "networks": { "203.0.113.0/24": { "country": "JP" } } },
    }));
    let gateway = Gateway::start(conf).await;
    let headers = json!(["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"]);
    let told = why(&gateway, "/", json!({ "client": "10.1.1.1", "headers": headers })).await;
    let visitor = &told["visitor"];
    assert_eq!(
        (&visitor["ip"], &visitor["country"]),
        (&json!("203.0.113.9"), &json!("JP"))
    );
    assert_eq!(
        (&visitor["scheme"], &told["key"]["scheme"]),
        (&json!("https"), &json!("https"))
    );
    let told = why(
        &gateway,
        "/",
        json!({ "client": "192.0.2.1", "headers": headers }),
    )
    .await;
    assert_eq!(
        (&told["visitor"]["ip"], &told["visitor"]["country"]),
        (&json!("192.0.2.1"), &json!("XX"))
    );
}

#[tokio::test]
async fn what_lies_in_redis_only_is_told() {
    let Some(redis) = Redis::start().await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("x").header("Vary", "Accept-Language")).await;
    let conf = Conf::origin(&origin).with(json!({ "cache": { "redis": redis.url(0) } }));
    let (one, two) = (Gateway::start(conf.clone()).await, Gateway::start(conf).await);
    one.in_step().await;
    two.in_step().await;
    one.get("/").await;
    eventually("the copy in redis", async || {
        why(&two, "/", json!({})).await["stored"]["redis"] == json!("yes")
    })
    .await;
    let told = why(&two, "/", json!({})).await;
    assert_eq!(verdict(&told), ("hit", None), "{told:#}");
    assert_eq!(told["stored"]["memory"], json!(false), "asking promotes nothing");
}

#[tokio::test]
async fn the_command_line_tells_it_as_text_and_as_json() {
    let (_origin, gateway) = gateway(Answer::fresh("x").header("Set-Cookie", "a=1")).await;
    gateway.get("/").await;
    let (file, url) = (gateway.file(), format!("http://{SITE}/"));
    let ask = |more: &[&str]| {
        let mut arguments = vec!["why", "-c", file.to_str().unwrap(), &url];
        arguments.extend(more);
        let output = gateway::popgate(&arguments);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (good, text) = ask(&["-H", "Accept: */*", "--client", "192.0.2.7"]);
    assert!(good, "{text}");
    assert!(
        text.starts_with(&format!("GET {url}\nMISS [set-cookie]: ")),
        "{text}"
    );
    for part in [
        "not stored last time: set-cookie, status 200",
        "192.0.2.7",
        "origin     app",
        "base ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (good, json) = ask(&["--json", "-X", "POST"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((good, verdict(&told)), (true, ("bypass", Some("method"))));
    assert!(!ask(&["-H", "no header"]).0);
}

#[tokio::test]
async fn a_question_may_come_as_a_query() {
    let (_origin, gateway) = gateway(Answer::fresh("x")).await;
    let ask = async |query: &str| gateway.admin(Req::get(&format!("/why?{query}"))).await.unwrap();
    let text = ask(&format!(
        "url=http%3A%2F%2F{SITE}%2F&header=Cookie:+a&format=text"
    ))
    .await;
    assert!(text.text().contains("MISS"), "{text:?}");
    for wrong in ["", "url=nonsense", "url=http://a/&client=x", "other=1"] {
        assert_eq!(ask(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(gateway.admin(Req::new("PUT", "/why")).await.unwrap().status, 405);
}
