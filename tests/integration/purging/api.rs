//! Fastly's and Cloudflare's purge APIs on a host of their own.

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A site with the APIs on `api.internal`, whose tags are [`tagged`].
async fn with_api() -> (Stored, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("purge.tokens");
    std::fs::write(&file, format!("{TOKEN}\nits-successor-token\n")).unwrap();
    let purge = json!({ "purge": { "from": [], "token_file": file, "api_hosts": ["api.internal"] } });
    (stored(purge, &ALL).await, folder)
}

fn request(line: &str, fields: &str, body: &str) -> String {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\n", body.len())
    };
    format!("{line} HTTP/1.1\nHost: api.internal\n{fields}{length}Connection: close\n\n{body}")
}

fn fastly(line: &str, fields: &str) -> String {
    request(
        line,
        &format!("Fastly-Key: {TOKEN}\nAccept: application/json\n{fields}"),
        "",
    )
}

fn cloudflare(line: &str, body: &str) -> String {
    let fields = format!("Authorization: Bearer {TOKEN}\nContent-Type: application/json\n");
    request(line, &fields, body)
}

fn zone() -> String {
    popgate::purging::cloudflare::zone_id(SITE)
}

fn cloudflare_purge(body: &str) -> String {
    cloudflare(&format!("POST /client/v4/zones/{}/purge_cache", zone()), body)
}

const DONE: &str = r#"{"success":true,"errors":[],"messages":[],"result":{"id":"ZONE"}}"#;

#[tokio::test]
async fn fastly_purges_a_batch_of_keys() {
    let (site, _folder) = with_api().await;
    let (status, media_type, body) = site
        .exchange(&fastly(
            "POST /service/site.example/purge",
            "Fastly-Soft-Purge: 1\nSurrogate-Key: p-15 holos\nContent-Length: 0\n",
        ))
        .await;
    assert_eq!((status, media_type.as_str()), (200, "application/json"));
    let body: Value = serde_json::from_str(&body).unwrap();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["p-15", "holos"]);
    site.purged("/post-7/").await;
    site.kept("/category/").await;
    assert_eq!(site.counted("fastly", "ok").await, 1.0);
}

#[tokio::test]
async fn fastly_purges_one_key_or_all() {
    let (site, _folder) = with_api().await;
    let (status, _, body) = site
        .exchange(&fastly(
            "POST /service/site.example/purge/p-15",
            "Content-Length: 0\n",
        ))
        .await;
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"status":"ok","id":""#), "{body}");
    site.purged("/post-7/").await;
    site.kept("/").await;
    let (status, _, body) = site
        .exchange(&fastly(
            "POST /service/site.example/purge_all",
            "Content-Length: 0\n",
        ))
        .await;
    assert_eq!((status, body.as_str()), (200, r#"{"status":"ok"}"#));
    site.purged("/").await;
}

#[tokio::test]
async fn fastly_tells_about_the_service() {
    let (site, _folder) = with_api().await;
    let (status, _, body) = site.exchange(&fastly("GET /service/site.example", "")).await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""name":"site.example""#), "{body}");
    assert_eq!(site.exchange(&fastly("GET /service/other", "")).await.0, 404);
}

#[tokio::test]
async fn fastly_purges_a_url_at_the_public_host() {
    let (site, _folder) = with_api().await;
    let purge = format!(
        "PURGE http://site.example/post-7/ HTTP/1.1\nHost: site.example\nFastly-Key: {TOKEN}\n\
         Fastly-Soft-Purge: 1\nConnection: close\n\n"
    );
    let (status, _, body) = site.exchange(&purge).await;
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"status":"ok","id":""#), "{body}");
    site.purged("/post-7/").await;
}

#[tokio::test]
async fn cloudflare_purges_files_tags_hosts_prefixes_and_everything() {
    for (body, hit, kept) in [
        (
            r#"{"files":["https://site.example/post-7/"]}"#,
            "/post-7/",
            "/category/",
        ),
        (
            r#"{"files":[{"url":"http://site.example/post-7/","headers":{"CF-Device-Type":"mobile"}}]}"#,
            "/post-7/",
            "/category/",
        ),
        (r#"{"tags":["t-4"]}"#, "/category/", "/"),
        (r#"{"prefixes":["site.example/cat"]}"#, "/category/", "/post-7/"),
        (r#"{"hosts":["site.example"]}"#, "/", ""),
        (r#"{"purge_everything":true}"#, "/category/", ""),
    ] {
        let (site, _folder) = with_api().await;
        let answer = site.exchange(&cloudflare_purge(body)).await;
        let done = DONE.replace("ZONE", &zone());
        assert_eq!(answer, (200, "application/json".to_owned(), done), "{body}");
        site.purged(hit).await;
        if !kept.is_empty() {
            site.kept(kept).await;
        }
    }
}

#[tokio::test]
async fn cloudflare_takes_delete_and_the_older_key_fields() {
    let (site, _folder) = with_api().await;
    let body = r#"{"purge_everything":true}"#;
    let fields = "X-Auth-Email: a@b.example\nX-Auth-Key: its-successor-token\n";
    let line = format!("DELETE /client/v4/zones/{}/purge_cache", zone());
    assert_eq!(site.exchange(&request(&line, fields, body)).await.0, 200);
    site.purged("/").await;
}

#[tokio::test]
async fn cloudflare_answers_what_its_plugin_asks_first() {
    let (site, _folder) = with_api().await;
    let get = async |path: &str| {
        let (status, _, body) = site
            .exchange(&cloudflare(&format!("GET /client/v4/{path}"), ""))
            .await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let zones = get("zones/?name=site.example&status=active").await;
    assert_eq!(zones["result"][0]["id"], zone());
    assert_eq!(zones["result_info"]["total_pages"], 1);
    assert_eq!(get("zones?name=other.example").await["result"], json!([]));
    let rules = get(&format!("zones/{}/pagerules?status=active", zone())).await;
    assert_eq!(rules["result"][0]["actions"][0]["value"], "cache_everything");
    let setting = get(&format!("zones/{}/settings/always_use_https", zone())).await;
    assert_eq!(setting["result"]["value"], "on");
}

#[tokio::test]
async fn cloudflare_says_what_is_wrong() {
    let (site, _folder) = with_api().await;
    for (request, status, code) in [
        (cloudflare_purge("{}"), 400, 1012),
        (cloudflare_purge("{"), 400, 6007),
        (cloudflare_purge(r#"{"hosts":["other.example"]}"#), 400, 1012),
        (
            cloudflare("POST /client/v4/zones/none/purge_cache", "{}"),
            404,
            7003,
        ),
        (cloudflare("PATCH /client/v4/zones", ""), 404, 7003),
    ] {
        let (got, _, body) = site.exchange(&request).await;
        assert_eq!(got, status, "{request}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["success"], &body["errors"][0]["code"]),
            (&json!(false), &json!(code))
        );
    }
    site.kept("/").await;
    assert_eq!(site.counted("cloudflare", "invalid").await, 5.0);
}

#[tokio::test]
async fn without_the_token_nothing_is_purged() {
    let (site, _folder) = with_api().await;
    let everything = r#"{"purge_everything":true}"#;
    let purge_cache = format!("POST /client/v4/zones/{}/purge_cache", zone());
    for (request, protocol, body) in [
        (
            request(
                "POST /service/site.example/purge_all",
                "Fastly-Key: wrong\nContent-Length: 0\n",
                "",
            ),
            "fastly",
            r#"{"msg":"Provided credentials are missing or invalid"}"#,
        ),
        (
            request("POST /service/site.example/purge/t-4", "Content-Length: 0\n", ""),
            "fastly",
            r#"{"msg":"Provided credentials are missing or invalid"}"#,
        ),
        (
            request(&purge_cache, "Authorization: Bearer wrong\n", everything),
            "cloudflare",
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}"#,
        ),
        (
            request(&purge_cache, "", everything),
            "cloudflare",
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}"#,
        ),
    ] {
        let before = site.counted(protocol, "refused").await;
        let answer = site.exchange(&request).await;
        assert_eq!(
            answer,
            (403, "application/json".to_owned(), body.to_owned()),
            "{request}"
        );
        assert_eq!(site.counted(protocol, "refused").await, before + 1.0);
    }
    for page in ALL {
        site.kept(page).await;
    }
}
