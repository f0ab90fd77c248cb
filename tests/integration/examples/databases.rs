//! The example with databases, before real servers.

use super::*;

#[tokio::test]
async fn both_databases_are_served() {
    let (Some(my), Some(pg)) = (mariadb::MariaDb::start(), postgres::Postgres::start(&[])) else {
        return;
    };
    my.root("CREATE USER wp@localhost IDENTIFIED BY 'a password'; GRANT ALL ON app.* TO wp@localhost")
        .unwrap();
    pg.psql(pg.port, "CREATE ROLE shop LOGIN PASSWORD 'another'")
        .unwrap();
    let gateway = Example::read("databases.yaml")
        .with("127.0.0.1:3307", "127.0.0.1:@PORT1@")
        .with(
            "[127.0.0.1:3306]",
            format!("[\"unix:{}\"]", my.socket().display()),
        )
        .with("127.0.0.1:5433", "127.0.0.1:@PORT2@")
        .with("127.0.0.1:5432", format!("127.0.0.1:{}", pg.port))
        .file("secrets/wp", "a password\n")
        .file("secrets/shop", "another\n")
        .start()
        .await;
    let port = gateway.listener(1).port();
    assert_eq!(
        mariadb::client(port, "wp", "a password", "SELECT DATABASE()"),
        Ok("app\n".to_owned())
    );
    let url = format!(
        "postgres://shop:another@127.0.0.1:{}/postgres",
        gateway.listener(2).port()
    );
    let said = pg.client("psql", pg.port, &["-XAtq", "-c", "SELECT current_user", &url]);
    assert_eq!(said, Ok("shop".to_owned()));
}
