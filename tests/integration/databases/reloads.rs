//! What a reload changes, and whom it leaves alone.

use super::*;

#[tokio::test]
async fn a_reload_changes_users_and_sizes_and_keeps_clients_with_their_sessions() {
    let Some(server) = MariaDb::start() else { return };
    server
        .root("CREATE USER late@localhost IDENTIFIED BY 'come'")
        .unwrap();
    server.root("GRANT ALL ON app.* TO late@localhost").unwrap();
    let conf = over_mariadb(&server, json!({ "min": 1, "max": 4 }));
    let gateway = Gateway::start(conf.clone()).await;
    let port = gateway.listener(2).port();
    let mut idle = Talk::mysql(&gateway);
    let number = idle.ask("SELECT CONNECTION_ID()");
    idle.send("SET time_zone = '+03:00'");
    let mut busy = Talk::mysql(&gateway);
    busy.send("CREATE TABLE t (n INT)");
    assert_eq!(
        busy.ask("BEGIN; INSERT INTO t VALUES (1); SELECT COUNT(*) FROM t"),
        "1"
    );
    assert!(client(port, "late", "come", "SELECT 1").is_err());
    let users = json!([{ "name": "app", "password": "secret" }, { "name": "late", "password": "come" }]);
    gateway.rewrite(&conf.with(json!({ "databases": { "my": {
        "users": users, "pool": { "min": 0, "max": 2 }, "limits": { "query": "30s" },
    }}})));
    gateway.reload("ok").await;
    assert_eq!(idle.ask("SELECT CONNECTION_ID()"), number);
    assert_eq!(idle.ask("SELECT @@time_zone"), "+03:00");
    assert_eq!(busy.ask("COMMIT; SELECT COUNT(*) FROM t"), "1");
    assert_eq!(client(port, "late", "come", "SELECT 1"), Ok("1\n".to_owned()));
    assert_eq!(report(&gateway).await["connections"]["max"], 2);
}

#[tokio::test]
async fn a_reload_adds_and_removes_databases() {
    let (Some(my), Some(pg)) = (MariaDb::start(), Postgres::start(&[])) else {
        return;
    };
    let (first, second) = (over_mariadb(&my, json!({})), over_postgres(&pg, json!({})));
    let gateway = Gateway::start(first.clone()).await;
    let mut stays = Talk::mysql(&gateway);
    assert_eq!(stays.ask("BEGIN; SELECT 1"), "1");
    gateway.rewrite(&second);
    gateway.reload("ok").await;
    assert_eq!(
        pg.psql(gateway.listener(3).port(), "SELECT 1"),
        Ok("1".to_owned())
    );
    // Whoever is in a transaction may end it.
    assert_eq!(stays.ask("SELECT 2"), "2");
    eventually("nobody is let in", async || mysql(&gateway, "SELECT 1").is_err()).await;
    stays.send("COMMIT");
    assert!(stays.complaint().is_empty());
    assert_eq!(report(&gateway).await["name"], "pg");
    let gone = gateway
        .metric("popgate_db_connections_max", &[("database", "my")])
        .await;
    assert_eq!(gone, 0.0);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_after_a_reload() {
    let Some(server) = Postgres::start(&[]) else {
        return;
    };
    let certs = Certs::new();
    let (certificate, key) = certs.issue("old.example");
    let listen = json!({
        "address": "127.0.0.1:@PORT3@", "tls": { "certificate": certificate, "key": key },
    });
    let conf = over_postgres(&server, json!({})).with(json!({ "databases": { "pg": { "listen": listen } } }));
    let gateway = Gateway::start(conf).await;
    let port = gateway.listener(3).port();
    assert!(secure(&certs, port, "new.example", "verify-full").is_err());
    let (renewed, renewed_key) = certs.issue("new.example");
    std::fs::copy(renewed, certificate).unwrap();
    std::fs::copy(renewed_key, key).unwrap();
    gateway.reload("ok").await;
    assert_eq!(
        secure(&certs, port, "new.example", "verify-full"),
        Ok("secure\n".to_owned())
    );
}

#[tokio::test]
async fn another_socket_needs_a_restart_and_a_taken_one_keeps_the_running_configuration() {
    let Some(server) = MariaDb::start() else { return };
    let conf = over_mariadb(&server, json!({}));
    let gateway = Gateway::start(conf.clone()).await;
    let reload = || {
        let admin = gateway.admin_address().to_string();
        let output = popgate(&["reload", "--admin", &admin]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let moved = json!({ "databases": { "my": { "listen": "127.0.0.1:@PORT4@" } } });
    gateway.rewrite(&conf.clone().with(moved));
    let (done, said) = reload();
    assert!(
        done && said.contains("databases.listen: the change needs a restart"),
        "{said}"
    );
    assert_eq!(mysql(&gateway, "SELECT 1"), Ok("1\n".to_owned()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut other = conf.0["databases"]["my"].clone();
    other["listen"] = json!(taken.local_addr().unwrap().to_string());
    gateway.rewrite(&conf.with(json!({ "databases": { "your": other } })));
    let (done, said) = reload();
    assert!(
        !done && said.contains("databases.your.listen: cannot listen on"),
        "{said}"
    );
    assert_eq!(report(&gateway).await["name"], "my");
}
