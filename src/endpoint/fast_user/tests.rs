use std::path::Path;

use super::*;
use crate::clock::Clock;
use crate::config;
use crate::kv;
use crate::redis_link::testing::{TestRedis, server};
use crate::telemetry::Metrics;

const TIMEOUT: Duration = Duration::from_millis(500);

fn open(store: config::KvStore) -> (Arc<KvHandle>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let config = config::Kv {
        store,
        memory: 1 << 20,
        value_max: 1 << 20,
        memory_ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(1),
        timeout: TIMEOUT,
        queue_max: 4096,
    };
    (
        kv::open(&config, Arc::clone(&metrics), Clock::System).unwrap(),
        metrics,
    )
}

fn embedded(folder: &Path) -> Arc<KvHandle> {
    open(config::KvStore::Embedded(folder.to_owned())).0
}

fn redis(redis: &TestRedis) -> Arc<KvHandle> {
    open(config::KvStore::Redis(redis.target())).0
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// The answer as bytes of a response, so that tests compare all of it.
fn bytes(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status.as_u16());
    for (name, value) in &answer.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    text + "\n" + std::str::from_utf8(&answer.body).unwrap()
}

const GUEST_VN: &str = "200\ncontent-type: application/json\nx-served-by: Edge-Node-VN\n\n\
    {\"status\":\"New Guest\",\"location\":\"VN\"}";

async fn visit(kv: &Arc<KvHandle>) -> String {
    let (answer, deferred) = answer(kv, Some("VN"), ip("203.0.113.7")).await;
    if let Some(deferred) = deferred {
        deferred.fire();
    }
    bytes(&answer)
}

#[tokio::test]
async fn a_first_visit_is_greeted_and_stored_after_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let kv = embedded(folder.path());
    let (greeted, deferred) = answer(&kv, Some("VN"), ip("203.0.113.7")).await;
    assert_eq!(bytes(&greeted), GUEST_VN);
    let key = Key::new("user_203.0.113.7").unwrap();
    assert_eq!(
        kv.get(&key).await,
        Ok(None),
        "nothing is stored before the answer is sent"
    );
    assert_eq!(deferred.unwrap().fire(), Enqueued::Queued);
    let item = kv.get(&key).await.unwrap().unwrap();
    assert_eq!(&item.value[..], b"{\"status\":\"New Guest\",\"location\":\"VN\"}");
    let left = item
        .expires_at
        .unwrap()
        .duration_since(std::time::SystemTime::now())
        .unwrap();
    assert!(
        left <= GUEST_TTL && left > GUEST_TTL - Duration::from_secs(60),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_stored_value_is_returned_as_it_is() {
    let (kv, _metrics) = open(config::KvStore::Memory);
    let key = Key::new("user_2001:db8::1").unwrap();
    kv.put(&key, Put::new("  not even {json", Expiry::Never))
        .await
        .unwrap();
    let (answer, deferred) = answer(&kv, Some("DE"), ip("2001:db8::1")).await;
    assert_eq!(
        bytes(&answer),
        "200\ncontent-type: application/json\nx-served-by: Edge-Node-DE\n\n  not even {json"
    );
    assert!(deferred.is_none());
}

#[tokio::test]
async fn a_visitor_without_country_and_address_is_unknown_at_0_0_0_0() {
    let (kv, _metrics) = open(config::KvStore::Memory);
    let (answer, deferred) = answer(&kv, None, None).await;
    assert_eq!(
        bytes(&answer),
        "200\ncontent-type: application/json\nx-served-by: Edge-Node-Unknown\n\n\
         {\"status\":\"New Guest\",\"location\":\"Unknown\"}"
    );
    deferred.unwrap().fire();
    assert!(
        kv.get(&Key::new("user_0.0.0.0").unwrap())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn an_ipv4_mapped_address_is_its_ipv4_address() {
    let (kv, _metrics) = open(config::KvStore::Memory);
    kv.put(
        &Key::new("user_203.0.113.7").unwrap(),
        Put::new("{}", Expiry::Never),
    )
    .await
    .unwrap();
    let (answer, _) = answer(&kv, Some("VN"), ip("::ffff:203.0.113.7")).await;
    assert_eq!(&answer.body[..], b"{}");
}

#[tokio::test]
async fn a_country_is_escaped_in_json_and_refused_in_headers() {
    let (kv, _metrics) = open(config::KvStore::Memory);
    let (quoted, _) = answer(&kv, Some("A\"\\"), ip("203.0.113.8")).await;
    assert_eq!(&quoted.body[..], br#"{"status":"New Guest","location":"A\"\\"}"#);
    let (split, _) = answer(&kv, Some("A\r\nX: y"), ip("203.0.113.8")).await;
    assert_eq!(split.headers[1].1, "Edge-Node-Unknown");
    assert_eq!(&split.body[..], br#"{"status":"New Guest","location":"Unknown"}"#);
}

#[tokio::test]
async fn the_answer_is_the_same_before_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kv = embedded(folder.path());
    assert_eq!(visit(&kv).await, GUEST_VN);
    assert_eq!(visit(&kv).await, GUEST_VN);
    assert_eq!(kv.drain(Duration::from_secs(10)).await, 0);
    drop(kv);
    let kv = embedded(folder.path());
    let (again, deferred) = answer(&kv, Some("JP"), ip("203.0.113.7")).await;
    assert_eq!(
        &again.body[..],
        b"{\"status\":\"New Guest\",\"location\":\"VN\"}",
        "stored by the first process"
    );
    assert!(deferred.is_none());
}

#[tokio::test]
async fn a_value_stored_before_the_greeting_is_kept() {
    let redis_server = TestRedis::start(&[]);
    let kv = redis(&redis_server);
    kv::testing::ready(&kv).await;
    let (_, deferred) = answer(&kv, Some("VN"), ip("203.0.113.7")).await;
    redis_server.cli(&["SET", "user_203.0.113.7", "{\"name\":\"An\"}"]);
    deferred.unwrap().fire();
    assert_eq!(kv.drain(Duration::from_secs(10)).await, 0);
    assert_eq!(
        redis_server.cli(&["GET", "user_203.0.113.7"]),
        "{\"name\":\"An\"}"
    );
}

#[tokio::test]
async fn the_answer_is_the_same_with_redis_up_paused_and_down() {
    let mut redis_server = TestRedis::start(&[]);
    let kv = redis(&redis_server);
    kv::testing::ready(&kv).await;
    assert_eq!(visit(&kv).await, GUEST_VN);
    redis_server.pause();
    let other = answer(&kv, Some("VN"), ip("203.0.113.99"));
    let (greeted, _) = tokio::time::timeout(Duration::from_secs(5), other)
        .await
        .expect("bounded by kv.timeout");
    assert_eq!(bytes(&greeted), GUEST_VN);
    redis_server.go_on();
    redis_server.kill();
    assert_eq!(visit(&kv).await, GUEST_VN);
    let (greeted, _) = answer(&kv, Some("VN"), ip("203.0.113.98")).await;
    assert_eq!(bytes(&greeted), GUEST_VN);
}

#[tokio::test]
async fn redis_that_was_never_there_costs_nothing() {
    let target = config::RedisTarget::Single(server(crate::redis_link::testing::free_port()));
    let (kv, _metrics) = open(config::KvStore::Redis(target));
    assert_eq!(visit(&kv).await, GUEST_VN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_visits_at_once_are_one_read_and_one_put() {
    let redis_server = TestRedis::start(&[]);
    let kv = redis(&redis_server);
    kv::testing::ready(&kv).await;
    redis_server.cli(&["CONFIG", "RESETSTAT"]);
    let visits = (0..1000).map(|_| {
        let kv = Arc::clone(&kv);
        tokio::spawn(async move { answer(&kv, Some("VN"), ip("203.0.113.7")).await })
    });
    let answers = futures::future::join_all(visits).await;
    let mut queued = 0;
    for visited in answers {
        let (answer, deferred) = visited.unwrap();
        assert_eq!(bytes(&answer), GUEST_VN);
        queued += usize::from(deferred.unwrap().fire() == Enqueued::Queued);
    }
    assert_eq!(queued, 1);
    assert_eq!(kv.drain(Duration::from_secs(10)).await, 0);
    let stats = redis_server.cli(&["INFO", "commandstats"]);
    assert!(stats.contains("cmdstat_pttl:calls=1,"), "{stats}");
    assert!(stats.contains("cmdstat_set:calls=1,"), "{stats}");
}
