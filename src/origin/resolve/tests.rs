use parking_lot::Mutex;

use super::*;
use crate::origin::testing::{build, settings};

/// Answers by script; an empty answer is a failure.
#[derive(Debug, Default)]
struct Script(Mutex<Vec<&'static str>>);

impl Script {
    fn say(&self, addresses: &[&'static str]) {
        *self.0.lock() = addresses.to_vec();
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let addresses: Vec<_> = self
            .0
            .lock()
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
            .collect();
        if addresses.is_empty() {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(addresses)
        }
    }
}

fn named() -> Arc<Origin> {
    let servers = vec![Server::Name("web.internal".into(), 8080)];
    build(Settings {
        servers,
        ..settings(0, 8)
    })
    .0
}

fn addresses(origin: &Origin) -> Vec<String> {
    origin
        .locked()
        .slots
        .iter()
        .map(|slot| slot.server.target.address.to_string())
        .collect()
}

#[tokio::test]
async fn each_address_of_a_name_is_a_server() {
    let (origin, script) = (named(), Script::default());
    script.say(&["10.0.0.2", "10.0.0.1", "10.0.0.2"]);
    assert!(origin.resolve_once(&script).await);
    assert_eq!(addresses(&origin), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[tokio::test]
async fn a_failed_resolution_keeps_the_last_good_addresses() {
    let (origin, script) = (named(), Script::default());
    script.say(&["10.0.0.1"]);
    origin.resolve_once(&script).await;
    script.say(&[]);
    assert!(!origin.resolve_once(&script).await);
    assert_eq!(addresses(&origin), ["10.0.0.1:8080"]);
}

#[tokio::test]
async fn an_address_that_stays_keeps_its_server() {
    let (origin, script) = (named(), Script::default());
    script.say(&["10.0.0.1", "10.0.0.2"]);
    origin.resolve_once(&script).await;
    let before = origin.locked().slots[1].server.id;
    script.say(&["10.0.0.3", "10.0.0.2"]);
    origin.resolve_once(&script).await;
    assert_eq!(addresses(&origin), ["10.0.0.2:8080", "10.0.0.3:8080"]);
    assert_eq!(origin.locked().slots[0].server.id, before);
}

#[tokio::test]
async fn requests_wait_for_the_first_resolution() {
    let (origin, script) = (named(), Script::default());
    script.say(&["10.0.0.1"]);
    let (lease, _) = tokio::join!(origin.lease(0, &[], None), origin.resolve_once(&script));
    assert_eq!(lease.unwrap().server_name(), "web.internal:8080/10.0.0.1");
}

#[tokio::test]
async fn a_name_without_an_address_fails_requests_at_once() {
    let (origin, script) = (named(), Script::default());
    origin.resolve_once(&script).await;
    assert!(origin.lease(0, &[], None).await.is_err());
}

#[tokio::test]
async fn literal_addresses_are_never_resolved() {
    let (origin, _) = build(settings(2, 8));
    let script = Script::default();
    assert!(origin.resolve_once(&script).await);
    assert_eq!(addresses(&origin), ["192.0.2.1:80", "192.0.2.2:80"]);
}

#[tokio::test]
async fn a_reload_keeps_resolved_addresses_until_the_next_answer() {
    let (origin, script) = (named(), Script::default());
    script.say(&["10.0.0.1"]);
    origin.resolve_once(&script).await;
    let settings = Settings {
        connections_max: 4,
        ..(*origin.settings()).clone()
    };
    origin.reconfigure(Arc::new(settings), None);
    assert_eq!(addresses(&origin), ["10.0.0.1:8080"]);
}
