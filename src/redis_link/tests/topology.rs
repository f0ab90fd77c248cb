//! TLS, Sentinel and Cluster with real servers.

use std::path::PathBuf;

use super::*;

/// A CA, and a certificate of it for `localhost` and 127.0.0.1, as PEM files in `dir`.
fn certificates(dir: &std::path::Path) -> [PathBuf; 3] {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let files = ["ca.pem", "server.pem", "server.key"].map(|name| dir.join(name));
    std::fs::write(&files[0], ca_certificate.pem()).unwrap();
    std::fs::write(&files[1], certificate.pem()).unwrap();
    std::fs::write(&files[2], key.serialize_pem()).unwrap();
    files
}

#[tokio::test]
async fn tls_is_verified_against_the_own_ca_and_not_at_all_when_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let [ca, certificate, key] = certificates(dir.path());
    let text = |path: &PathBuf| path.display().to_string();
    let (ca_text, certificate, key) = (text(&ca), text(&certificate), text(&key));
    let redis = TestRedis::start(&[
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-auth-clients",
        "no",
        "--tls-ca-cert-file",
        &ca_text,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
    ]);
    let with = |ca: Option<PathBuf>, insecure: bool| {
        let login = RedisLogin {
            tls: true,
            ca,
            insecure,
            ..RedisLogin::default()
        };
        RedisTarget::Single(RedisServer {
            login,
            ..redis.server()
        })
    };
    for target in [with(Some(ca), false), with(None, true)] {
        let (link, _metrics) = link(&target, TIMEOUT);
        up(&link).await;
        assert_eq!(set_and_get(&link, "v").await, "v");
    }
    for target in [with(None, false), redis.target()] {
        let error = Connector::new(&target).unwrap().connect().await.err().unwrap();
        let cause = Cause::of(&error);
        assert!(
            matches!(cause, Cause::Tls | Cause::Closed | Cause::Protocol),
            "{cause:?} {error}"
        );
    }
}

#[tokio::test]
async fn sentinels_name_the_primary_and_a_failover_is_followed() {
    let mut primary = TestRedis::start(&[]);
    let primary_port = primary.port.to_string();
    let replica = TestRedis::start(&["--replicaof", "127.0.0.1", &primary_port]);
    let mut sentinel = TestRedis::stopped(&["--sentinel"]);
    let file = sentinel.dir().join("sentinel.conf");
    let lines = [
        format!("sentinel monitor main 127.0.0.1 {primary_port} 1"),
        "sentinel down-after-milliseconds main 300".to_owned(),
        "sentinel failover-timeout main 2000".to_owned(),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    sentinel.run_with_file(&file);
    let target = RedisTarget::Sentinel {
        sentinels: vec![sentinel.server()],
        service: "main".to_owned(),
        primary: RedisLogin::default(),
    };
    let (link, _metrics) = link(&target, TIMEOUT);
    let first = up(&link).await;
    assert_eq!(set_and_get(&link, "v").await, "v");
    let replicas = async {
        let ready = format!("slave0:ip=127.0.0.1,port={},state=online", replica.port);
        while !sentinel
            .cli(&["SENTINEL", "REPLICAS", "main"])
            .contains(&replica.port.to_string())
            || !primary.cli(&["INFO", "replication"]).contains(&ready)
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), replicas)
        .await
        .expect("the replica did not join");
    primary.kill();
    down(&link).await;
    assert!(up(&link).await > first);
    assert_eq!(
        link.query::<String>("get", cmd("GET").arg("key")).await.unwrap(),
        "v"
    );
    assert_eq!(set_and_get(&link, "after").await, "after");
    assert_eq!(replica.cli(&["GET", "key"]), "after");
}

#[tokio::test]
async fn an_unknown_service_name_is_told_by_its_cause() {
    let mut sentinel = TestRedis::stopped(&["--sentinel"]);
    let file = sentinel.dir().join("sentinel.conf");
    std::fs::write(&file, "").unwrap();
    sentinel.run_with_file(&file);
    let target = RedisTarget::Sentinel {
        sentinels: vec![sentinel.server()],
        service: "nobody".to_owned(),
        primary: RedisLogin::default(),
    };
    let error = Connector::new(&target).unwrap().connect().await.err().unwrap();
    assert_eq!(Cause::of(&error), Cause::NoPrimary, "{error}");
}

#[tokio::test]
async fn a_cluster_is_found_from_one_node_and_survives_a_restart_of_another() {
    let mut nodes: Vec<TestRedis> = (0..3)
        .map(|_| TestRedis::start(&["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]))
        .collect();
    let addresses: Vec<String> = nodes
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port))
        .collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    nodes[0].cli(&create);
    let target = RedisTarget::Cluster(vec![nodes[0].server()]);
    let (link, _metrics) = link(&target, TIMEOUT);
    up(&link).await;
    assert!(link.is_cluster());
    every_slot_takes_writes(&link, "key").await;
    let mut pipeline = redis::pipe();
    for n in 0..30 {
        pipeline.get(format!("key {n}"));
    }
    let values: Vec<u32> = link.pipeline("get", &pipeline).await.unwrap();
    assert_eq!(values, (0..30).collect::<Vec<u32>>());
    let mut dedicated = link.dedicated().await.unwrap();
    dedicated.subscribe("news", Duration::from_secs(5)).await.unwrap();
    link.query::<()>("purge", cmd("PUBLISH").arg("news").arg("hello"))
        .await
        .unwrap();
    while dedicated.next_push().await.unwrap().kind != redis::PushKind::Message {}

    nodes[1].kill();
    nodes[1].run();
    every_slot_takes_writes(&link, "fresh").await;
}

/// Sets thirty keys over all nodes, as often as it takes until all are set in one round.
async fn every_slot_takes_writes(link: &RedisLink, name: &str) {
    let served = async {
        loop {
            let mut all = true;
            for n in 0..30 {
                let key = format!("{name} {n}");
                all &= link.query::<()>("set", cmd("SET").arg(&key).arg(n)).await.is_ok();
            }
            if all {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .expect("the cluster does not serve");
}
