//! `popgate advise` names what lowers the hit ratio.

use serde_json::Value;

use crate::support::*;

async fn advice(gateway: &Gateway) -> Value {
    let response = gateway.admin(Req::get("/advise")).await.unwrap();
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_slice(&response.body).unwrap()
}

/// The first site's advice once it has seen so many requests: they are noted after their answers.
async fn after(gateway: &Gateway, requests: u64) -> Value {
    eventually("the books", async || {
        advice(gateway).await["sites"][0]["requests"] == json!(requests)
    })
    .await;
    advice(gateway).await["sites"][0].clone()
}

fn names(list: &Value) -> Vec<(&str, u64)> {
    let entries = list.as_array().unwrap().iter();
    entries
        .map(|named| (named["name"].as_str().unwrap(), named["count"].as_u64().unwrap()))
        .collect()
}

#[tokio::test]
async fn hits_are_not_counted() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    assert_eq!(advice(&gateway).await["sites"], json!([]));
    for _ in 0..5 {
        gateway.get("/").await;
    }
    let site = after(&gateway, 1).await;
    assert_eq!((&site["site"], &site["misses"]), (&json!(SITE), &json!(1)));
}

#[tokio::test]
async fn parameters_vary_fields_and_set_cookie_are_named() {
    let origin = Origin::start(|seen| match seen.target.split('?').next() {
        Some("/shop") => Answer::fresh("x").header("Set-Cookie", "a=1").into(),
        _ => Answer::fresh("x").header("Vary", "User-Agent").into(),
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    for n in 0..6 {
        gateway.get(&format!("/?sid={n}&page=1")).await;
    }
    for _ in 0..3 {
        gateway.get("/shop").await;
    }
    gateway.fetch(Req::new("POST", "/").body("x")).await;
    let site = after(&gateway, 10).await;
    assert_eq!(names(&site["parameters"]), [("page", 6), ("sid", 6)]);
    assert_eq!(names(&site["vary"]), [("user-agent", 6)]);
    assert_eq!(names(&site["bypass"]), [("method", 1)]);
    assert_eq!(names(&site["set_cookie"])[0].0, "/shop");
    assert_eq!(names(&site["refused"])[0].0, "set-cookie");
    let advice = site["advice"].to_string();
    for part in [
        "parameter sid",
        "Vary: user-agent",
        "answers under /shop set a cookie",
    ] {
        assert!(advice.contains(part), "{part}: {advice}");
    }
}

#[tokio::test]
async fn only_the_cookies_that_pass_a_request_are_named() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin).site(json!({ "preset": "wordpress" }))).await;
    let cookies = "theme=dark; wordpress_logged_in_abc=1; PHPSESSID=2";
    gateway.fetch(Req::get("/").header("Cookie", cookies)).await;
    let site = after(&gateway, 1).await;
    assert_eq!(names(&site["bypass"]), [("cookie", 1)]);
    let named: Vec<_> = names(&site["cookies"])
        .into_iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    assert_eq!(named, ["phpsessid", "wordpress_logged_in_abc"]);
}

#[tokio::test]
async fn the_lists_are_bounded_whatever_clients_send() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    let mut client = Http1::connect(gateway.address()).await;
    for n in 0..300 {
        client.get(&format!("/?p{n}=1&often=1")).await;
    }
    let site = after(&gateway, 300).await;
    assert_eq!(site["parameters"].as_array().unwrap().len(), 10);
    assert_eq!(names(&site["parameters"])[0], ("often", 300));
    assert_eq!(gateway.metric("popgate_advise_names", &[]).await, 32.0);
}

#[tokio::test]
async fn the_command_line_tells_it() {
    let origin = Origin::fixed(Answer::ok("x").header("Cache-Control", "private")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.get("/a").await;
    after(&gateway, 1).await;
    let file = gateway.file();
    let ask = |more: &[&str]| {
        let mut arguments = vec!["advise", "-c", file.to_str().unwrap()];
        arguments.extend(more);
        let output = gateway::popgate(&arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = ask(&[]);
    assert!(
        text.contains("answers say private") && text.contains("/a (private) 1"),
        "{text}"
    );
    assert!(ask(&["--site", "other.example"]).contains("no request but hits"));
    let told: Value = serde_json::from_str(&ask(&["--json", "--site", SITE])).unwrap();
    assert_eq!(told["sites"][0]["not_stored"], json!(1));
}
