//! A stop lets clients finish, up to its deadline.

use super::*;

#[tokio::test]
async fn a_stop_ends_idle_clients_and_lets_a_transaction_be_committed() {
    let Some(server) = MariaDb::start() else { return };
    let mut gateway = Gateway::start(over_mariadb(&server, json!({}))).await;
    let (mut idle, mut busy) = (Talk::mysql(&gateway), Talk::mysql(&gateway));
    assert_eq!(idle.ask("SELECT 1"), "1");
    busy.send("CREATE TABLE t (n INT)");
    assert_eq!(
        busy.ask("BEGIN; INSERT INTO t VALUES (1); SELECT COUNT(*) FROM t"),
        "1"
    );
    gateway.signal("TERM");
    eventually("nobody is let in", async || mysql(&gateway, "SELECT 1").is_err()).await;
    assert_eq!(busy.ask("SELECT 'at it'"), "at it");
    busy.send("COMMIT");
    let status = gateway.exit().await;
    assert!(status.success(), "{status}");
    idle.send("SELECT 2");
    assert!(!idle.complaint().is_empty());
    assert_eq!(server.root("SELECT COUNT(*) FROM app.t"), Ok("1\n".to_owned()));
}

#[tokio::test]
async fn a_transaction_that_outlasts_the_grace_period_is_cut_off_and_rolled_back() {
    let Some(server) = Postgres::start(&[]) else {
        return;
    };
    server.psql(server.port, "CREATE TABLE t (n int)").unwrap();
    let conf = over_postgres(&server, json!({})).with(json!({ "shutdown": { "grace": "100ms" } }));
    let mut gateway = Gateway::start(conf).await;
    let mut busy = Talk::postgres(&gateway);
    assert_eq!(
        busy.ask("BEGIN; INSERT INTO t VALUES (1); SELECT count(*) FROM t"),
        "1"
    );
    gateway.signal("TERM");
    let status = gateway.exit().await;
    assert!(status.success(), "{status}");
    let output = gateway.output();
    assert!(
        output.contains("cut off at the end of the grace period"),
        "{output}"
    );
    assert_eq!(
        server.psql(server.port, "SELECT count(*) FROM t"),
        Ok("0".to_owned())
    );
}
