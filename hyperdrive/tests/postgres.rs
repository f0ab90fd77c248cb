//! PostgreSQL through the pool, with a real server and real clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "postgres/server.rs"]
mod server;
#[path = "support/servers.rs"]
mod support;

use popgate_hyperdrive::listener::Front as _;
use server::{Origin, Pop, settings};

#[tokio::test(flavor = "multi_thread")]
async fn psql_runs_through_it() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 2));
    assert_eq!(origin.psql(pop.port, "SELECT 40 + 2").unwrap(), "42");
    assert!(
        origin
            .psql(pop.port, "SELECT 1/0")
            .unwrap_err()
            .contains("division by zero")
    );
    let one = "CREATE TABLE t (a int, b text); COPY t FROM STDIN";
    assert!(origin.psql(pop.port, one).is_ok());
    let script = "BEGIN; INSERT INTO t VALUES (1, 'x'); COMMIT; SELECT b FROM t";
    assert_eq!(origin.psql(pop.port, script).unwrap(), "x");
    assert_eq!(origin.psql(pop.port, "COPY t TO STDOUT").unwrap(), "1\tx");
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_runs_in_all_three_protocols() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 3));
    origin
        .client("pgbench", origin.port, &["-iq", "-s", "1", "postgres"])
        .unwrap();
    for protocol in ["simple", "extended", "prepared"] {
        for script in ["-S", "-N"] {
            // Threads of their own: preparing blocks a thread, and with it the transactions of its other clients.
            let args = [
                "-n", script, "-M", protocol, "-c", "8", "-j", "8", "-t", "50", "postgres",
            ];
            let said = origin.client("pgbench", pop.port, &args).unwrap();
            assert!(said.contains("400/400"), "{protocol} {script}: {said}");
        }
    }
    let counted = origin
        .psql(origin.port, "SELECT count(*) FROM pgbench_history")
        .unwrap();
    assert_eq!(counted, "1200");
    assert_eq!(pop.front.snapshot().active, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pitfall_16_a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 2));
    for user in ["wp", "nobody"] {
        let url = format!("postgres://{user}:wrong@127.0.0.1:{}/postgres", pop.port);
        let said = origin
            .client("psql", pop.port, &["-X", "-c", "SELECT 1", &url])
            .unwrap_err();
        assert!(
            said.contains(&format!("password authentication failed for user \"{user}\"")),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_session_go_with_it() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 1));
    let set = "options=-csearch_path=pg_catalog,public";
    let url = format!("host=127.0.0.1 port={} user=wp dbname=postgres {set}", pop.port);
    let shown = |url: &str| {
        origin
            .client("psql", pop.port, &["-XAt", "-c", "SHOW search_path", url])
            .unwrap()
    };
    assert_eq!(shown(&url), "pg_catalog,public");
    let plain = format!("host=127.0.0.1 port={} user=wp dbname=postgres", pop.port);
    assert_eq!(shown(&plain), "\"$user\", public");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_database_is_told_as_the_server_does() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 1));
    let said = origin
        .client("psql", pop.port, &["-X", "-d", "absent", "-c", "SELECT 1"])
        .unwrap_err();
    assert!(said.contains("database \"absent\" does not exist"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_origin_is_survived() {
    let Some(mut origin) = Origin::start(&[]) else {
        return;
    };
    let pop = Pop::start(settings(origin.port, 2));
    assert_eq!(origin.psql(pop.port, "SELECT 1").unwrap(), "1");
    origin.restart();
    assert_eq!(origin.psql(pop.port, "SELECT 2").unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn pitfall_2_a_client_that_dies_in_a_transaction_is_rolled_back_within_a_second() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 1));
    origin.psql(origin.port, "CREATE TABLE t (a int)").unwrap();
    let mut child = std::process::Command::new("psql")
        .args([
            "-XAtq",
            "-d",
            "postgres",
            "-c",
            "BEGIN",
            "-c",
            "INSERT INTO t VALUES (1)",
            "-c",
            "SELECT pg_sleep(60)",
        ])
        .env("PGPASSWORD", server::PASSWORD)
        .envs([
            ("PGHOST", "127.0.0.1"),
            ("PGUSER", "wp"),
            ("PGPORT", &pop.port.to_string()),
        ])
        .spawn()
        .unwrap();
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'";
    while origin.psql(origin.port, asleep).unwrap() != "1" {}
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = std::time::Instant::now();
    let said = origin
        .psql(origin.port, "SET lock_timeout = '5s'; LOCK TABLE t; ")
        .map(|_| ());
    assert_eq!(said, Ok(()));
    assert!(
        killed.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(origin.psql(pop.port, "SELECT count(*) FROM t").unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn pitfall_4_a_temporary_table_is_not_seen_by_the_next_client() {
    let Some(origin) = Origin::start(&[]) else { return };
    let pop = Pop::start(settings(origin.port, 1));
    let own = "CREATE TEMP TABLE mine (a int); INSERT INTO mine VALUES (1)";
    assert!(origin.psql(pop.port, own).is_ok());
    let said = origin.psql(pop.port, "SELECT * FROM mine").unwrap_err();
    assert!(said.contains("does not exist"), "{said}");
}
