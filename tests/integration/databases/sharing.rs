//! Statements, sharing, logins, and what is seen of them.

use std::process::Command;

use super::*;

#[tokio::test]
async fn a_query_through_the_clients_of_both_databases() {
    let (Some(my), Some(pg)) = (MariaDb::start(), Postgres::start(&[])) else {
        return;
    };
    let both = over_mariadb(&my, json!({})).with(over_postgres(&pg, json!({})).0);
    let gateway = Gateway::start(both).await;
    assert_eq!(mysql(&gateway, "SELECT 40 + 2"), Ok("42\n".to_owned()));
    let port = gateway.listener(3).port();
    assert_eq!(pg.psql(port, "SELECT 40 + 2"), Ok("42".to_owned()));
    let page = popgate(&["databases", "--admin", &gateway.admin_address().to_string()]);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(
        page.contains("my (mysql, auto)") && page.contains("pg (postgres, auto)"),
        "{page}"
    );
}

#[tokio::test]
async fn a_unix_socket_takes_clients_of_every_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(server) = MariaDb::start() else { return };
    let listen = json!(["127.0.0.1:@PORT2@", "unix:@DIR@/my.sock"]);
    let conf = over_mariadb(&server, json!({})).with(json!({ "databases": { "my": { "listen": listen } } }));
    let gateway = Gateway::start(conf).await;
    let socket = gateway.folder().join("my.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    let output = Command::new("mariadb")
        .args([
            "--no-defaults",
            "-NB",
            "-uapp",
            "-psecret",
            "-e",
            "SELECT 1",
            "-S",
        ])
        .arg(&socket)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n");
    assert_eq!(mysql(&gateway, "SELECT 2"), Ok("2\n".to_owned()));
}

#[tokio::test]
async fn fifty_clients_share_four_connections() {
    let Some(server) = MariaDb::start() else { return };
    let gateway = Gateway::start(over_mariadb(&server, json!({ "min": 1, "max": 4 }))).await;
    let mut clients: Vec<_> = (0..50).map(|_| Talk::mysql(&gateway)).collect();
    for client in &mut clients {
        client.send("SELECT SLEEP(0.02)");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask("DO 1"), "0");
        assert_eq!(client.ask(&format!("SELECT {number}")), number.to_string());
    }
    let used = server
        .root("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
        .unwrap();
    let used: u32 = used.split_whitespace().last().unwrap().parse().unwrap();
    assert!(used <= 5, "{used} connections, one of them this test's own");
    let metrics = gateway.metrics().await;
    let of = |name: &str, labels: &[(&str, &str)]| metrics.sum(&format!("popgate_db_{name}"), labels);
    assert_eq!(of("clients", &[("database", "my")]), 50.0);
    assert_eq!(of("connections_max", &[]), 4.0);
    assert!((1.0..=4.0).contains(&of("connections", &[])), "{}", metrics.text);
    assert_eq!(of("logins_total", &[("result", "ok")]), 50.0);
    assert!(of("answers_total", &[("from", "origin")]) >= 150.0);
    assert!(of("wait_seconds_count", &[]) >= 150.0);
    let report = report(&gateway).await;
    assert_eq!(
        (&report["name"], &report["clients"], &report["connections"]["max"]),
        (&json!("my"), &json!(50), &json!(4))
    );
    assert!(report["waits"]["total"].as_u64().unwrap() > 0, "{report}");
}

#[tokio::test]
async fn postgres_clients_share_too_and_pins_are_counted() {
    let Some(server) = Postgres::start(&[]) else {
        return;
    };
    let gateway = Gateway::start(over_postgres(&server, json!({ "min": 0, "max": 2 }))).await;
    let mut clients: Vec<_> = (0..10).map(|_| Talk::postgres(&gateway)).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SELECT 'here'"), "here");
    }
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let seen: u32 = clients[0].ask(backends).parse().unwrap();
    assert!(seen <= 2, "{seen}");
    assert_eq!(
        clients[1].ask("CREATE TEMP TABLE t AS SELECT 7 AS n; SELECT n FROM t"),
        "7"
    );
    assert_eq!(clients[2].ask("SELECT 'still'"), "still");
    let pins = report(&gateway).await["pins"].clone();
    assert_eq!(pins["temporary_table"], 1, "{pins}");
    let labels = [("database", "pg"), ("reason", "temporary_table")];
    assert_eq!(gateway.metric("popgate_db_pins_total", &labels).await, 1.0);
    assert!(gateway.metric("popgate_db_answers_total", &[]).await >= 12.0);
}

#[tokio::test]
async fn a_wrong_password_and_a_stranger_are_refused_and_counted() {
    let Some(server) = MariaDb::start() else { return };
    let gateway = Gateway::start(over_mariadb(&server, json!({}))).await;
    let port = gateway.listener(2).port();
    for (user, password) in [("app", "wrong"), ("root", ""), ("nobody", "secret")] {
        let said = client(port, user, password, "SELECT 1").unwrap_err();
        assert!(said.contains("1045"), "{said}");
    }
    let denied = [("database", "my"), ("result", "denied")];
    assert_eq!(gateway.metric("popgate_db_logins_total", &denied).await, 3.0);
}

#[tokio::test]
async fn a_socket_with_tls_speaks_nothing_else() {
    let Some(server) = Postgres::start(&[]) else {
        return;
    };
    let certs = Certs::new();
    let (certificate, key) = certs.issue("localhost");
    let listen = json!({
        "address": "127.0.0.1:@PORT3@", "tls": { "certificate": certificate, "key": key },
    });
    let conf = over_postgres(&server, json!({})).with(json!({ "databases": { "pg": { "listen": listen } } }));
    let gateway = Gateway::start(conf).await;
    let port = gateway.listener(3).port();
    assert_eq!(
        secure(&certs, port, "localhost", "verify-full"),
        Ok("secure\n".to_owned())
    );
    let said = secure(&certs, port, "localhost", "disable").unwrap_err();
    assert!(said.contains("TLS"), "{said}");
}

#[tokio::test]
async fn a_paused_database_keeps_clients_waiting_until_it_is_resumed() {
    let Some(server) = MariaDb::start() else { return };
    let gateway = Gateway::start(over_mariadb(&server, json!({}))).await;
    let mut client = Talk::mysql(&gateway);
    assert_eq!(client.ask("SELECT 1"), "1");
    let admin = gateway.admin_address().to_string();
    let paused = popgate(&["databases", "--pause", "my", "--admin", &admin]);
    assert!(paused.status.success(), "{paused:?}");
    client.send("SELECT 2");
    gateway
        .metric_becomes("popgate_db_queue", &[("database", "my")], |now| now == 1.0)
        .await;
    assert_eq!(report(&gateway).await["paused"], true);
    let resumed = gateway
        .admin(Req::new("POST", "/databases/my/resume"))
        .await
        .unwrap();
    assert_eq!(resumed.status, 200);
    assert_eq!(client.ask("DO 1"), "2");
    let missing = popgate(&["databases", "--pause", "your", "--admin", &admin]);
    assert!(!missing.status.success());
}
