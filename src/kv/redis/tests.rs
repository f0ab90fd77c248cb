use std::path::PathBuf;

use super::*;
use crate::config;
use crate::kv::{self, Expiry, Kv, Put};
use crate::redis_link::testing::{TestRedis, down, up};

fn open_with(redis: &TestRedis, change: impl FnOnce(&mut config::Kv)) -> Arc<KvHandle> {
    let mut config = config::Kv {
        store: config::KvStore::Redis(redis.target()),
        memory: 1 << 20,
        value_max: 1 << 20,
        memory_ttl: Duration::from_secs(60),
        negative_ttl: Duration::from_secs(60),
        timeout: Duration::from_secs(5),
        queue_max: 4096,
    };
    change(&mut config);
    kv::open(&config, Metrics::new().unwrap(), Clock::System).unwrap()
}

async fn open(redis: &TestRedis) -> Arc<KvHandle> {
    let handle = open_with(redis, |_| ());
    kv::testing::ready(&handle).await;
    handle
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn read(handle: &KvHandle, name: &str) -> Option<String> {
    let item = handle.get(&key(name)).await.unwrap();
    item.map(|item| String::from_utf8(item.value.to_vec()).unwrap())
}

/// Reads until the value is `wanted`: a report of a change needs its way through the network.
async fn sees(handle: &KvHandle, name: &str, wanted: Option<&str>) {
    let seen = async {
        while read(handle, name).await.as_deref() != wanted {
            tokio::task::yield_now().await;
        }
    };
    // Far below memory_ttl and negative_ttl: only a report can be this fast.
    tokio::time::timeout(Duration::from_secs(15), seen)
        .await
        .expect("the change was not seen at once");
}

fn commands(redis: &TestRedis) -> String {
    redis.cli(&["INFO", "commandstats"])
}

#[tokio::test]
async fn redis_cli_reads_and_writes_the_same_plain_keys() {
    let redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    let put = Put::new("{\"name\":\"An\"}", Expiry::After(Duration::from_secs(100)));
    assert_eq!(handle.put(&key("user_1"), put).await, Ok(true));
    assert_eq!(redis.cli(&["GET", "user_1"]), "{\"name\":\"An\"}");
    assert_eq!(redis.cli(&["TTL", "user_1"]), "100");
    assert_eq!(redis.cli(&["DBSIZE"]), "1", "no metadata, no sibling");
    redis.cli(&["SET", "user_2", "plain"]);
    assert_eq!(read(&handle, "user_2").await.as_deref(), Some("plain"));
}

#[tokio::test]
async fn metadata_comes_back_and_goes_with_its_value() {
    let redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    let put = Put {
        metadata: Some("meta".into()),
        ..Put::new("v", Expiry::Never)
    };
    handle.put(&key("k"), put).await.unwrap();
    assert_eq!(redis.cli(&["GET", "popgate:meta:{k}"]), "meta");
    let other = open(&redis).await;
    let item = other.get(&key("k")).await.unwrap().unwrap();
    assert_eq!(
        (&item.value[..], item.metadata.as_deref()),
        (&b"v"[..], Some(&b"meta"[..]))
    );
    handle
        .put(&key("k"), Put::new("v2", Expiry::Never))
        .await
        .unwrap();
    assert_eq!(redis.cli(&["EXISTS", "popgate:meta:{k}"]), "0");
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    handle.put(&key("k"), Put::new("", Expiry::Never)).await.unwrap();
    let other = open(&redis).await;
    assert_eq!(read(&other, "k").await.as_deref(), Some(""));
}

#[tokio::test]
async fn a_put_in_one_popgate_is_seen_in_the_other_at_once() {
    let redis = TestRedis::start(&[]);
    let (one, two) = (open(&redis).await, open(&redis).await);
    assert_eq!(read(&two, "k").await, None);
    one.put(&key("k"), Put::new("1", Expiry::Never)).await.unwrap();
    sees(&two, "k", Some("1")).await;
    one.put(&key("k"), Put::new("2", Expiry::Never)).await.unwrap();
    sees(&two, "k", Some("2")).await;
    two.put(&key("k"), Put::new("3", Expiry::Never)).await.unwrap();
    sees(&one, "k", Some("3")).await;
    one.delete(&key("k")).await.unwrap();
    sees(&two, "k", None).await;
    redis.cli(&["SET", "k", "by hand"]);
    sees(&one, "k", Some("by hand")).await;
    redis.cli(&["FLUSHALL"]);
    sees(&one, "k", None).await;
}

#[tokio::test]
async fn a_value_in_memory_is_not_asked_for_again() {
    let redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    redis.cli(&["SET", "k", "v"]);
    redis.cli(&["CONFIG", "RESETSTAT"]);
    for _ in 0..100 {
        assert_eq!(read(&handle, "k").await.as_deref(), Some("v"));
    }
    assert!(
        commands(&redis).contains("cmdstat_pttl:calls=1,"),
        "{}",
        commands(&redis)
    );
}

#[tokio::test]
async fn after_a_reconnect_what_was_read_before_is_asked_for_again() {
    let mut redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    let link = handle.link().unwrap();
    redis.cli(&["SET", "k", "old"]);
    assert_eq!(read(&handle, "k").await.as_deref(), Some("old"));
    redis.kill();
    down(&link).await;
    redis.run();
    redis.cli(&["SET", "k", "new"]);
    up(&link).await;
    assert_eq!(read(&handle, "k").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn while_redis_is_away_memory_answers_for_what_it_knows() {
    let mut redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    redis.cli(&["SET", "k", "v"]);
    assert_eq!(read(&handle, "k").await.as_deref(), Some("v"));
    redis.kill();
    down(&handle.link().unwrap()).await;
    assert_eq!(read(&handle, "k").await.as_deref(), Some("v"));
    assert!(handle.get(&key("other")).await.is_err());
    assert!(
        handle
            .put(&key("other"), Put::new("v", Expiry::Never))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_value_over_the_limit_or_of_another_type_is_an_error_and_the_link_stays_up() {
    let redis = TestRedis::start(&[]);
    let handle = open_with(&redis, |config| config.value_max = 1000);
    kv::testing::ready(&handle).await;
    let link = handle.link().unwrap();
    let generation = up(&link).await;
    redis.cli(&["SETRANGE", "huge", "100000000", "x"]);
    redis.cli(&["LPUSH", "list", "x"]);
    for _ in 0..5 {
        assert_eq!(
            handle.get(&key("huge")).await,
            Err(KvError::ValueTooLarge { len: 1001, max: 1000 })
        );
        assert!(matches!(handle.get(&key("list")).await, Err(KvError::Store(_))));
    }
    assert_eq!(up(&link).await, generation);
}

#[tokio::test]
async fn a_list_shows_every_string_key_with_the_prefix_and_no_metadata() {
    let redis = TestRedis::start(&[]);
    let handle = open(&redis).await;
    for n in 0..50 {
        let put = Put {
            metadata: Some("m".into()),
            ..Put::new("v", Expiry::Never)
        };
        handle.put(&key(&format!("user*{n}")), put).await.unwrap();
    }
    handle
        .put(&key("userx"), Put::new("v", Expiry::Never))
        .await
        .unwrap();
    redis.cli(&["LPUSH", "user*list", "x"]);
    let mut found = std::collections::BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = handle.list("user*", cursor.as_ref(), 7).await.unwrap();
        assert!(page.keys.len() <= 7);
        found.extend(page.keys);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, (0..50).map(|n| key(&format!("user*{n}"))).collect());
    assert_eq!(handle.list("", None, 1000).await.unwrap().keys.len(), 51);
    assert_eq!(
        handle.list("", Some(&Cursor("x.1".into())), 7).await,
        Err(KvError::BadCursor)
    );
}

#[tokio::test]
async fn without_client_tracking_values_are_still_read_and_written() {
    let redis = TestRedis::start(&[]);
    redis.cli(&["ACL", "SETUSER", "default", "-client|tracking"]);
    let handle = open(&redis).await;
    assert_eq!(handle.link().unwrap().tracked(), None);
    handle.put(&key("k"), Put::new("v", Expiry::Never)).await.unwrap();
    assert_eq!(read(&handle, "k").await.as_deref(), Some("v"));
}

#[test]
fn globs_in_a_prefix_are_literal() {
    assert_eq!(escape_glob("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
}

#[tokio::test]
async fn an_unreadable_ca_is_an_error_at_open() {
    let login = config::RedisLogin {
        tls: true,
        ca: Some(PathBuf::from("/nowhere")),
        ..Default::default()
    };
    let server = config::RedisServer {
        host: "127.0.0.1".into(),
        port: 1,
        login,
    };
    let link = Invalidations::default().link(
        &RedisTarget::Single(server),
        Duration::from_millis(50),
        Metrics::new().unwrap(),
    );
    assert!(matches!(link, Err(RedisLinkError::CaUnreadable { .. })));
}
