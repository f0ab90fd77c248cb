//! Geo databases: looked up, replaced while running, refused when damaged.

use std::path::{Path, PathBuf};

use crate::support::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/geo")
        .join(name)
}

/// Puts a database in place as an update does: written beside it, then renamed.
fn put(name: &str, at: &Path) {
    let beside = at.with_extension("new");
    std::fs::copy(fixture(name), &beside).unwrap();
    std::fs::rename(beside, at).unwrap();
}

struct Located {
    origin: Origin,
    gateway: Gateway,
    database: PathBuf,
    _folder: tempfile::TempDir,
}

impl Located {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("city.mmdb");
        put("GeoIP2-City-Test.mmdb", &database);
        let origin = Origin::fixed(Answer::ok("x")).await;
        let conf = Conf::origin(&origin)
            .with(json!({
                "trusted_proxies": ["127.0.0.0/8"],
                "geo": { "databases": [database, fixture("GeoLite2-ASN-Test.mmdb")], "reload_interval": "100ms" },
            }))
            .site(json!({ "filters": [{ "geo_headers": { "location": true } }] }));
        let gateway = Gateway::start(conf).await;
        Self {
            origin,
            gateway,
            database,
            _folder: folder,
        }
    }

    /// The field that the origin is sent for a visitor at this address.
    async fn field(&self, address: &str, name: &str) -> Option<String> {
        self.gateway
            .fetch(Req::get("/").header("X-Forwarded-For", address))
            .await;
        self.origin.last().header(name)
    }
}

#[tokio::test]
async fn city_and_network_come_from_their_databases() {
    let located = Located::start().await;
    for (name, value) in [
        ("cf-ipcountry", "SE"),
        ("cf-ipcity", "Linköping"),
        ("cf-ipcontinent", "EU"),
    ] {
        assert_eq!(
            located.field("89.160.20.112", name).await.as_deref(),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(
        located.field("1.128.0.1", "cf-ipasn").await.as_deref(),
        Some("1221")
    );
    assert_eq!(
        located.field("127.0.0.1", "cf-ipcountry").await.as_deref(),
        Some("XX")
    );
}

#[tokio::test]
async fn a_replaced_database_is_taken_up_without_a_restart() {
    let located = Located::start().await;
    assert!(located.field("89.160.20.112", "cf-ipcity").await.is_some());
    put("GeoIP2-Country-Test.mmdb", &located.database);
    eventually("the new database", async || {
        located.field("89.160.20.112", "cf-ipcity").await.is_none()
    })
    .await;
    assert_eq!(
        located.field("89.160.20.112", "cf-ipcountry").await.as_deref(),
        Some("SE")
    );
    let reloads = located
        .gateway
        .metric("popgate_geo_reloads_total", &[("result", "ok")])
        .await;
    assert!(reloads >= 1.0);
}

#[tokio::test]
async fn a_damaged_or_emptied_database_leaves_the_old_one_in_use() {
    let located = Located::start().await;
    let failed = [("result", "error")];
    for spoil in ["rename", "truncate"] {
        let before = located.gateway.metric("popgate_geo_reloads_total", &failed).await;
        match spoil {
            "rename" => put("GeoIP2-City-Test-Invalid-Node-Count.mmdb", &located.database),
            _ => std::fs::write(&located.database, "").unwrap(),
        }
        located
            .gateway
            .metric_becomes("popgate_geo_reloads_total", &failed, |now| now > before)
            .await;
        assert_eq!(
            located.field("89.160.20.112", "cf-ipcountry").await.as_deref(),
            Some("SE"),
            "{spoil}"
        );
    }
}

#[tokio::test]
async fn a_missing_or_damaged_database_is_an_error_at_start() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    for file in [
        fixture("absent.mmdb"),
        fixture("README.md"),
        fixture("GeoIP2-City-Test-Invalid-Node-Count.mmdb"),
    ] {
        let conf = Conf::origin(&origin).with(json!({ "geo": { "databases": [file] } }));
        let refused = Gateway::try_start(&conf).await.err().unwrap();
        assert!(refused.code.is_some_and(|code| code != 0), "{refused:?}");
        assert!(
            refused
                .output
                .contains(file.file_name().unwrap().to_str().unwrap()),
            "{refused:?}"
        );
    }
}
