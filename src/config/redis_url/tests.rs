use proptest::prelude::*;

use super::*;

fn server(host: &str, port: u16, login: RedisLogin) -> RedisServer {
    RedisServer {
        host: host.into(),
        port,
        login,
    }
}

#[test]
fn a_plain_url_is_one_server() {
    let expected = server(
        "127.0.0.1",
        6379,
        RedisLogin {
            db: 2,
            ..RedisLogin::default()
        },
    );
    assert_eq!(target("redis://127.0.0.1/2"), Ok(RedisTarget::Single(expected)));
    let expected = server(
        "::1",
        7000,
        RedisLogin {
            tls: true,
            ..RedisLogin::default()
        },
    );
    assert_eq!(target("rediss://[::1]:7000"), Ok(RedisTarget::Single(expected)));
}

#[test]
fn user_and_password_are_percent_decoded() {
    let Ok(RedisTarget::Single(server)) = target("redis://edge:p%40ss%2F%3Aw@cache.internal:6380/0") else {
        panic!("not a single server")
    };
    assert_eq!(server.login.username.as_deref(), Some("edge"));
    assert_eq!(server.login.password.as_deref(), Some("p@ss/:w"));
    let Ok(RedisTarget::Single(server)) = target("redis://:secret@cache.internal") else {
        panic!("not a single server")
    };
    assert_eq!(
        (server.login.username, server.login.password.as_deref()),
        (None, Some("secret"))
    );
}

#[test]
fn sentinels_name_their_service() {
    let found = target("redis+sentinel://:pw@s1:26380,s2/mymaster/3").unwrap();
    let RedisTarget::Sentinel {
        sentinels,
        service,
        primary,
    } = found
    else {
        panic!("{found:?}")
    };
    assert_eq!(
        sentinels,
        [
            server("s1", 26380, RedisLogin::default()),
            server("s2", 26379, RedisLogin::default())
        ]
    );
    assert_eq!(
        (service.as_str(), primary.db, primary.password.as_deref()),
        ("mymaster", 3, Some("pw"))
    );
    assert!(
        target("redis+sentinel://s1,s2")
            .unwrap_err()
            .mend
            .contains("mymaster")
    );
}

#[test]
fn a_cluster_is_several_hosts_or_several_urls() {
    let nodes_expected = vec![
        server("a", 7000, RedisLogin::default()),
        server("b", 6379, RedisLogin::default()),
    ];
    assert_eq!(
        target("redis+cluster://a:7000,b"),
        Ok(RedisTarget::Cluster(nodes_expected.clone()))
    );
    assert_eq!(
        nodes(&["redis://a:7000", "redis://b"]),
        Ok(RedisTarget::Cluster(nodes_expected))
    );
    assert!(
        target("redis+cluster://a,b/1")
            .unwrap_err()
            .problem
            .contains("databases")
    );
    assert!(
        target("redis://a,b")
            .unwrap_err()
            .mend
            .contains("redis+cluster://")
    );
    assert_eq!(nodes(&["redis://a/1"]).unwrap_err().0, 0);
    assert!(
        nodes(&["redis://a", "redis://:x@b"])
            .unwrap_err()
            .1
            .problem
            .contains("different logins")
    );
    assert!(nodes(&["redis+sentinel://a/m"]).is_err());
    assert!(nodes(&[]).is_err());
}

#[test]
fn no_message_holds_the_password() {
    let urls = [
        "redis://:hunter2@",
        "redis://:hunter2@host:99999",
        "redis://:hun/ter2@host",
        "hunter2://host",
        "hunter2",
        "redis://:hunter2@host/x",
        "redis://:hunter2@a,b",
        "redis://:hunter2@host/0/1",
        "redis://:hunter2@host?x",
    ];
    for url in urls {
        let wrong = target(url).unwrap_err();
        let said = format!("{} {}", wrong.problem, wrong.mend);
        assert!(
            url.starts_with("hunter2") || !said.contains("hunter2") && !said.contains("ter2"),
            "{said}"
        );
    }
    let found = target("redis://:hunter2@host").unwrap();
    assert!(!format!("{found:?} {}", shown(&found)).contains("hunter2"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "(redis|rediss)?(\\+sentinel|\\+cluster)?(://)?\\PC{0,40}") {
        let _ = target(&text);
    }
}
