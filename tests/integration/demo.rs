//! `popgate demo`: the main job with nothing else installed.

use std::process::{Child, Command, Stdio};

use crate::support::*;

struct Demo {
    child: Child,
    port: u16,
}

impl Demo {
    async fn start() -> Self {
        let (port, admin) = (free_port(), free_port());
        let child = Command::new(gateway::POPGATE)
            .args([
                "demo",
                "--port",
                &port.to_string(),
                "--admin-port",
                &admin.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let demo = Self { child, port };
        eventually("the demo listens", async || {
            Http1::try_connect(loopback(port)).await.is_ok()
        })
        .await;
        demo
    }

    async fn get(&self, target: &str) -> Response {
        Http1::connect(loopback(self.port))
            .await
            .fetch(&Req::get(target).host("localhost"))
            .await
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_demo_shows_a_miss_then_a_hit_geo_headers_and_fast_user() {
    let demo = Demo::start().await;
    demo.get("/").await.expect(200, "MISS");
    let hit = demo.get("/").await.expect(200, "HIT");
    assert!(
        hit.age().is_some() && hit.cache_status().starts_with("popgate; hit"),
        "{hit:?}"
    );
    let headers = demo.get("/headers").await.text().to_lowercase();
    assert!(
        headers.contains("cf-ipcountry") && headers.contains("cf-connecting-ip"),
        "{headers}"
    );
    let user = demo.get("/api/fast-user").await;
    assert_eq!(user.text(), r#"{"status":"New Guest","location":"VN"}"#);
}
