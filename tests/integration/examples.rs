//! Every file in `config/examples` starts a gateway that does what it is an example of.
//!
//! Only what must differ on a test machine is rewritten: addresses of listeners, servers and Redis, and
//! paths of files. Each example that is added needs its line in [`every_example_is_driven`].

mod databases;

use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")
}

/// What WordPress's preset takes for a whole page: not short, and closed.
fn page() -> String {
    format!(
        "<!DOCTYPE html><html><body>{}</body></html>",
        "<p>Hello, world</p>".repeat(20)
    )
}

/// An example, made to fit this machine.
struct Example {
    text: String,
    certs: Certs,
    files: tempfile::TempDir,
}

impl Example {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let mut example = Self {
            text,
            certs: Certs::new(),
            files: tempfile::tempdir().unwrap(),
        };
        example.listeners();
        example.certificates();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/geo");
        let fixture = |name| fixtures.join(name).to_str().unwrap().to_owned();
        example
            .replace("databases/city.mmdb", &fixture("GeoIP2-City-Test.mmdb"))
            .replace("databases/asn.mmdb", &fixture("GeoLite2-ASN-Test.mmdb"))
    }

    /// `address:` of listeners becomes `@PORT0@`, `@PORT1@` … in order.
    fn listeners(&mut self) {
        let address = Regex::new(r"(?m)^(  - address: )\S+").unwrap();
        let mut next = 0;
        let text = address.replace_all(&self.text, |found: &regex::Captures| {
            next += 1;
            format!("{}127.0.0.1:@PORT{}@", &found[1], next - 1)
        });
        self.text = text.into_owned();
        self.text = self.text.replace("127.0.0.1:9090", "127.0.0.1:@ADMIN@");
        if !self.text.contains("@ADMIN@") {
            self.text
                .push_str("\nadmin: { address: \"127.0.0.1:@ADMIN@\" }\n");
        }
        if !Regex::new("(?m)^kv:").unwrap().is_match(&self.text) {
            self.text.push_str("\nkv: { path: \"@DIR@/kv\" }\n");
        }
    }

    /// `certificates/NAME.crt` and its key become files of the test's authority.
    fn certificates(&mut self) {
        let named = Regex::new(r"certificates/([a-z.]+)\.crt").unwrap();
        let names: Vec<String> = named
            .captures_iter(&self.text)
            .map(|found| found[1].to_owned())
            .collect();
        for name in names {
            let (certificate, key) = match name.as_str() {
                "ca" => (self.certs.ca(), self.certs.ca()),
                _ => self.certs.issue(&name.replace("wildcard.", "*.")),
            };
            self.text = self
                .text
                .replace(&format!("certificates/{name}.crt"), certificate.to_str().unwrap())
                .replace(&format!("certificates/{name}.key"), key.to_str().unwrap());
        }
    }

    /// Replaces a part that must be there.
    fn replace(mut self, part: &str, by: &str) -> Self {
        self.text = self.text.replace(part, by);
        self
    }

    /// As `replace`, and fails when the example does not have it.
    fn with(self, part: &str, by: impl ToString) -> Self {
        assert!(self.text.contains(part), "no {part} in:\n{}", self.text);
        self.replace(part, &by.to_string())
    }

    /// A file with this content, for a path in the example.
    fn file(self, part: &str, content: &str) -> Self {
        let file = self.files.path().join(part.replace('/', "-"));
        std::fs::write(&file, content).unwrap();
        self.with(part, file.display())
    }

    async fn start(&self) -> Gateway {
        Gateway::start_text(&self.text).await
    }
}

#[test]
fn every_example_is_driven() {
    let driven = [
        "cluster.yaml",
        "databases.yaml",
        "filters.yaml",
        "full.yaml",
        "geo.yaml",
        "limits.yaml",
        "minimal.yaml",
        "origins.yaml",
        "purging.yaml",
        "redis.yaml",
        "sentinel.yaml",
        "tls.yaml",
        "websocket-grpc.yaml",
        "wordpress.yaml",
    ];
    let mut there: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, driven, "each example has a test here");
}

#[tokio::test]
async fn minimal() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Example::read("minimal.yaml")
        .with("127.0.0.1:18080", &origin)
        .start()
        .await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
}

#[tokio::test]
async fn filters() {
    let origin = Origin::fixed(Answer::fresh("x").header("X-Powered-By", "PHP")).await;
    let gateway = Example::read("filters.yaml")
        .with("127.0.0.1:18080", &origin)
        .start()
        .await;
    let miss = gateway
        .get("/?utm_source=a&id=1&fbclid=b")
        .await
        .expect(200, "MISS");
    assert_eq!(miss.header("x-frame-options").as_deref(), Some("SAMEORIGIN"));
    assert_eq!(miss.header("x-powered-by"), None);
    assert_eq!(origin.last().target, "/?id=1");
    let hit = gateway.get("/?id=1&gclid=c").await.expect(200, "HIT");
    assert_eq!(hit.header("x-frame-options").as_deref(), Some("SAMEORIGIN"));
    assert_eq!(hit.header("x-powered-by"), None);
}

#[tokio::test]
async fn geo() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Example::read("geo.yaml")
        .with("127.0.0.1:18080", &origin)
        .with("10.0.0.0/8", "127.0.0.0/8")
        .start()
        .await;
    let visitors = [
        ("203.0.113.7", "VN", "Hanoi"),
        ("2001:db8::1", "DE", ""),
        ("89.160.20.112", "SE", "Linköping"),
    ];
    for (address, country, city) in visitors {
        gateway
            .fetch(Req::get("/").header("X-Forwarded-For", address))
            .await;
        let seen = origin.last();
        assert_eq!(seen.header("cf-ipcountry").as_deref(), Some(country), "{address}");
        assert_eq!(seen.header("cf-ipcity").unwrap_or_default(), city, "{address}");
    }
}

#[tokio::test]
async fn limits() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Example::read("limits.yaml")
        .with("127.0.0.1:18080", &origin)
        .start()
        .await;
    assert_eq!(gateway.get("/").await.status, 200);
    assert_eq!(gateway.get(&format!("/{}", "a".repeat(5000))).await.status, 414);
    let many = (0..80).fold(Req::get("/"), |request, n| request.header(&format!("x-{n}"), "1"));
    assert_eq!(gateway.fetch(many).await.status, 431);
    let large = Req::new("POST", "/").header("Content-Length", "2000000");
    assert_eq!(gateway.fetch(large).await.status, 413);
}

#[tokio::test]
async fn origins() {
    let folder = tempfile::tempdir().unwrap();
    let app = [(); 3].map(|()| Origin::fixed(Answer::ok("app")));
    let app = futures::future::join_all(app).await;
    let legacy = Origin::unix(&folder.path().join("legacy.sock"), |_| {
        Answer::ok("legacy").into()
    });
    let api = Certs::new();
    let api_origin = Origin::tls(api.acceptor("api.example", &[]), false, |_| {
        Answer::ok("api").into()
    })
    .await;
    let example = Example::read("origins.yaml")
        .with("127.0.0.1:18081", &app[0])
        .with("127.0.0.1:18082", &app[1])
        .with("localhost:18083", format!("localhost:{}", app[2].port()))
        .with("unix:/run/popgate-example/legacy.sock", &legacy)
        .with("api.example:443", &api_origin)
        .with(
            "    tls: true",
            format!("    tls: {{ sni: api.example, ca: \"{}\" }}", api.ca().display()),
        );
    let gateway = example.start().await;
    for (target, answer) in [("/", "app"), ("/old/page", "legacy"), ("/api/v1", "api")] {
        let response = gateway.fetch(Req::get(target).host("app.example")).await;
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, answer),
            "{target}: {response:?}"
        );
    }
    assert_eq!(legacy.last().all("host"), ["legacy.example"]);
    eventually("health checks of all three", async || {
        app.iter().all(|app| app.count_of("/healthz") > 0)
    })
    .await;
}

/// One answer from the cache and one from the endpoint.
async fn cached_and_fast_user(gateway: &Gateway) {
    gateway.in_step().await;
    gateway.get("/").await.expect(200, "MISS");
    gateway.get("/").await.expect(200, "HIT");
    let user = gateway.get("/api/fast-user").await;
    assert_eq!(user.text(), r#"{"status":"New Guest","location":"Unknown"}"#);
}

#[tokio::test]
async fn redis() {
    let Some(redis) = Redis::start().await else { return };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let gateway = Example::read("redis.yaml")
        .with("127.0.0.1:18080", &origin)
        .with("redis://127.0.0.1:6379/0", redis.url(0))
        .with("redis://127.0.0.1:6379/1", redis.url(1))
        .start()
        .await;
    cached_and_fast_user(&gateway).await;
    eventually("an entry and a value", async || {
        !redis.keys(0).await.is_empty() && !redis.keys(1).await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn cluster() {
    let Some(redis) = Redis::cluster().await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let node = format!("127.0.0.1:{}", redis.port);
    let gateway = Example::read("cluster.yaml")
        .with("127.0.0.1:18080", &origin)
        .with("127.0.0.1:7000", &node)
        .with("127.0.0.1:7001", &node)
        .with("127.0.0.1:7002", &node)
        .start()
        .await;
    cached_and_fast_user(&gateway).await;
    eventually("an entry and a value", async || {
        let keys = redis.keys(0).await;
        keys.iter().any(|key| key.contains("user_")) && keys.len() > 1
    })
    .await;
}

#[tokio::test]
async fn sentinel() {
    let Some(redis) = Redis::start().await else { return };
    let Some(sentinel) = redis.sentinel("mymaster").await else {
        return;
    };
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let address = format!("127.0.0.1:{}", sentinel.port);
    let gateway = Example::read("sentinel.yaml")
        .with("127.0.0.1:18080", &origin)
        .with("127.0.0.1:26379", &address)
        .with("127.0.0.1:26380", &address)
        .with("127.0.0.1:26381", &address)
        .start()
        .await;
    cached_and_fast_user(&gateway).await;
    eventually("an entry and a value", async || {
        !redis.keys(0).await.is_empty() && !redis.keys(1).await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn tls() {
    let origin = Origin::fixed(Answer::fresh("x")).await;
    let example = Example::read("tls.yaml").with("127.0.0.1:18080", &origin);
    let gateway = example.start().await;
    for name in ["blog.example", "a.shop.example"] {
        let stream = example
            .certs
            .connect(gateway.listener(1).port(), name, &["h2"])
            .await
            .unwrap();
        let response = Http2::over(stream).await.fetch(&Req::get("/").host(name)).await;
        response.expect(200, "MISS");
        assert_eq!(
            origin.last().header("x-forwarded-proto").as_deref(),
            Some("https")
        );
    }
    assert_eq!(
        gateway
            .fetch(Req::get("/plain").host("blog.example"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn websocket_grpc() {
    let chat = Origin::start(|_| Reply::Echo).await;
    let rpc = Origin::http2(|_| Answer::ok("reply").trailer("grpc-status", "0").into()).await;
    let example = Example::read("websocket-grpc.yaml")
        .with("127.0.0.1:18081", &chat)
        .with("127.0.0.1:50051", &rpc);
    let gateway = example.start().await;
    let mut client = Http1::connect(gateway.listener(0)).await;
    client
        .request(
            &Req::get("/")
                .host("chat.example")
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket"),
        )
        .await;
    assert_eq!(soon("the upgrade", client.read_head()).await.unwrap().status, 101);
    client.send("ping").await;
    assert_eq!(client.bytes(4).await, b"ping");
    let call = Req::new("POST", "/a.B/C")
        .host("rpc.example")
        .header("content-type", "application/grpc")
        .body("call");
    let plain = Http2::connect(gateway.listener(0)).await.fetch(&call).await;
    assert_eq!(
        (plain.text().as_str(), plain.trailer("grpc-status")),
        ("reply", Some("0"))
    );
    let stream = example
        .certs
        .connect(gateway.listener(1).port(), "app.example", &["h2"])
        .await
        .unwrap();
    let secure = Http2::over(stream).await.fetch(&call).await;
    assert_eq!(secure.trailer("grpc-status"), Some("0"));
}

#[tokio::test]
async fn wordpress() {
    let origin = Origin::fixed(Answer::ok(page()).header("Content-Type", "text/html")).await;
    let gateway = Example::read("wordpress.yaml")
        .with("127.0.0.1:18080", &origin)
        .start()
        .await;
    let get = |target: &str| Req::get(target).host("blog.example");
    gateway.fetch(get("/hello/")).await.expect(200, "MISS");
    gateway
        .fetch(get("/hello/?utm_source=mail"))
        .await
        .expect(200, "HIT");
    let cookie = get("/hello/").header("Cookie", "wordpress_logged_in_abc=1");
    gateway.fetch(cookie).await.expect(200, "BYPASS");
    assert_ne!(gateway.fetch(get("/wp-admin/")).await.x_cache(), "HIT");
    assert_ne!(gateway.fetch(get("/wp-admin/")).await.x_cache(), "HIT");
}

#[tokio::test]
async fn purging() {
    let token = "0123456789abcdef0123456789abcdef";
    let origin = Origin::start(|_| {
        Answer::ok(page())
            .header("Content-Type", "text/html")
            .header("Surrogate-Key", "p-15")
            .into()
    })
    .await;
    let gateway = Example::read("purging.yaml")
        .with("127.0.0.1:18080", &origin)
        .file("secrets/purge.tokens", token)
        .start()
        .await;
    let page = || Req::get("/hello/").host("blog.example");
    let purges = [
        Req::new("PURGE", "/hello/").host("blog.example"),
        Req::get("/purge/hello/").host("blog.example"),
        Req::new("POST", "/service/blog.example/purge/p-15")
            .host("purge.internal")
            .header("Fastly-Key", token),
    ];
    gateway.fetch(page()).await.expect(200, "MISS");
    for purge in purges {
        eventually("a hit", async || gateway.fetch(page()).await.x_cache() == "HIT").await;
        let answer = gateway.fetch(purge).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        gateway.fetch(page()).await.expect(200, "STALE");
    }
    let stranger = Req::new("POST", "/service/blog.example/purge_all").host("purge.internal");
    assert_eq!(gateway.fetch(stranger).await.status, 403);
}

#[tokio::test]
async fn full() {
    let example = Example::read("full.yaml");
    let origin = Origin::tls(example.certs.acceptor("blog.example", &[]), false, |_| {
        Answer::ok(page()).header("Content-Type", "text/html").into()
    })
    .await;
    // Its Redis is not there: a gateway starts and serves without.
    let example = example
        .with("127.0.0.1:18080", &origin)
        .with("127.0.0.1:26379", format!("127.0.0.1:{}", free_port()))
        .with("announce: 3s", "announce: 0s")
        .file("secrets/admin.token", "0123456789abcdef0123456789abcdef\n")
        .file("secrets/purge.tokens", "0123456789abcdef0123456789abcdef\n")
        .file("secrets/redis.password", "password\n")
        .file("secrets/shop", "password\n")
        .with("password_env: REPORT_PASSWORD", "password: report")
        .with("- 127.0.0.1:3307", "- \"unix:@DIR@/mysql.sock\"")
        .with("127.0.0.1:3308", "127.0.0.1:@PORT8@")
        .with("10.0.0.5:3306", "127.0.0.1:1")
        .with("10.0.0.6:3306", "127.0.0.1:2")
        .with("pop: sin1 ", "pop: tst1 ");
    let gateway = example.start().await;
    gateway
        .fetch(Req::get("/").host("blog.example"))
        .await
        .expect(200, "MISS");
    gateway
        .fetch(Req::get("/").host("blog.example"))
        .await
        .expect(200, "HIT");
    let user = gateway
        .fetch(Req::get("/api/fast-user").host("blog.example"))
        .await;
    assert_eq!(user.text(), r#"{"status":"New Guest","location":"XX"}"#);
    assert_eq!(gateway.admin(Req::get("/metrics")).await.unwrap().status, 401);
    assert_eq!(gateway.admin(Req::get("/readyz")).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_shipped_configuration_runs_as_it_is() {
    let gateway = Example::read("../popgate.yaml").start().await;
    let user = gateway.get("/api/fast-user").await;
    assert_eq!(user.text(), r#"{"status":"New Guest","location":"Unknown"}"#);
}
