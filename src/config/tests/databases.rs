//! Databases: what counts where the file says nothing.

use popgate_hyperdrive::config::{Address, OriginTls, PoolMode, Protocol};

use super::*;

fn with(database: &str) -> String {
    format!("{MINIMAL}databases: {{ db: {{ protocol: mysql, listen: 127.0.0.1:3307, {database} }} }}\n")
}

fn database(rest: &str) -> Arc<Database> {
    Arc::clone(&good(&with(rest)).databases["db"])
}

const NEAR: &str = "servers: [localhost:3306], users: [{ name: wp, password: pw }]";

#[test]
fn the_defaults_are_those_the_model_promises() {
    let database = database(NEAR);
    assert_eq!(database.protocol, Protocol::MySql);
    assert_eq!(
        database.listen[0].address,
        Address::Tcp("127.0.0.1:3307".parse().unwrap())
    );
    let seconds = Duration::from_secs;
    let (pool, limits) = (database.pool, database.limits);
    assert_eq!(
        (pool.mode, pool.min, pool.max, pool.connecting_max),
        (PoolMode::Auto, 2, 10, 4)
    );
    assert_eq!(
        (pool.wait, pool.idle, pool.lifetime),
        (seconds(15), seconds(600), seconds(3600))
    );
    assert_eq!((limits.clients_max, limits.packet_max), (10_000, 64 << 20));
    assert_eq!(
        (limits.query, limits.idle_in_transaction, limits.login),
        (seconds(60), seconds(30), seconds(10))
    );
    assert_eq!(database.users[0].origin_user, "wp");
    assert!(database.cache.is_none());
}

#[test]
fn tls_is_off_only_where_nobody_is_in_between() {
    let tls = |servers: &str, more: &str| {
        database(&format!(
            "servers: [{servers}], users: [{{ name: a, password: b }}]{more}"
        ))
        .tls
        .clone()
    };
    let verified = OriginTls::VerifyFull { ca: None };
    for near in [
        "127.0.0.1:3306",
        "'[::1]:3306'",
        "localhost:3306",
        "'unix:/run/my.sock'",
    ] {
        assert_eq!(tls(near, ""), OriginTls::Off, "{near}");
        assert_eq!(tls(near, ", tls: { mode: verify_full }"), verified, "{near}");
    }
    assert_eq!(tls("10.0.0.5:3306", ""), verified);
    assert_eq!(tls("127.0.0.1:3306, 'db.example:3306'", ""), verified);
    assert_eq!(tls("10.0.0.5:3306", ", tls: { mode: off }"), OriginTls::Off);
    let config = good(&with(
        "servers: ['10.0.0.5:1'], users: [{ name: a, password: b }], tls: { mode: off }",
    ));
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn a_lower_max_takes_the_default_min_with_it() {
    let pool = database(&format!("{NEAR}, pool: {{ max: 1 }}")).pool;
    assert_eq!((pool.min, pool.max), (1, 1));
}

#[test]
fn a_password_of_another_process_environment_is_worth_a_warning_to_who_only_asks() {
    let text = with("servers: [localhost:3306], users: [{ name: wp, password_env: NOT_HERE }]");
    let read = |elsewhere| {
        let env = Env { elsewhere, ..env() };
        parse(&text, Path::new("x.yaml"), &env)
    };
    assert!(
        read(false).unwrap_err()[0]
            .to_string()
            .contains("`NOT_HERE` is not set")
    );
    assert_eq!(read(true).unwrap().warnings.len(), 1);
}

#[test]
fn what_is_said_of_a_database_has_no_password_in_it() {
    let config = good(&with(
        "servers: [localhost:3306], users: [{ name: wp, password: hush }]",
    ));
    let said = explain(&config);
    assert!(
        said.contains("\ndatabase db\n") && !said.contains("hush"),
        "{said}"
    );
    assert!(!format!("{config:?}").contains("hush"));
}
