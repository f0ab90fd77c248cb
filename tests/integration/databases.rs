//! Databases behind the gateway: the real binary between real clients and real servers.

mod ending;
mod reloads;
mod sharing;
mod talk;

use std::process::Command;

use crate::support::gateway::popgate;
use crate::support::mariadb::{MariaDb, client};
use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::*;
use talk::Talk;

/// A gateway without pages, whose database `my` is this MariaDB on its third port.
fn over_mariadb(server: &MariaDb, pool: serde_json::Value) -> Conf {
    Conf::fast_user().with(json!({ "databases": { "my": {
        "protocol": "mysql",
        "listen": "127.0.0.1:@PORT2@",
        "servers": [format!("unix:{}", server.socket().display())],
        "users": [{ "name": "app", "password": "secret" }],
        "pool": pool,
    }}}))
}

/// A gateway without pages, whose database `pg` is this PostgreSQL on its fourth port.
fn over_postgres(server: &Postgres, pool: serde_json::Value) -> Conf {
    Conf::fast_user().with(json!({ "databases": { "pg": {
        "protocol": "postgres",
        "listen": "127.0.0.1:@PORT3@",
        "servers": [format!("127.0.0.1:{}", server.port)],
        "users": [{ "name": "wp", "password": PASSWORD }],
        "pool": pool,
    }}}))
}

fn mysql(gateway: &Gateway, sql: &str) -> Result<String, String> {
    client(gateway.listener(2).port(), "app", "secret", sql)
}

/// A question of `psql` to what calls itself `name`, over TLS or not as `mode` says.
fn secure(certs: &Certs, port: u16, name: &str, mode: &str) -> Result<String, String> {
    let to = format!(
        "host={name} hostaddr=127.0.0.1 port={port} user=wp dbname=postgres sslmode={mode} sslrootcert={}",
        certs.ca().display()
    );
    let output = Command::new("psql")
        .args(["-XAtq", &to, "-c", "SELECT 'secure'"])
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// `GET /databases`: the one database there is.
async fn report(gateway: &Gateway) -> serde_json::Value {
    let answer = gateway.admin(Req::get("/databases")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let report: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    report["databases"][0].clone()
}
