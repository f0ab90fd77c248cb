//! What a database pool does, in a few rows.

use popgate_hyperdrive::config::{Database, OriginTls};

use super::super::value::{bytes_text, duration_text};
use super::{counted, row};

/// The rows of one database.
pub(super) fn block(out: &mut String, database: &Database) {
    for listen in &database.listen {
        let tls = match &listen.tls {
            None => "no tls",
            Some(tls) if tls.require => "tls required",
            Some(_) => "tls offered",
        };
        let protocol = database.protocol.name();
        row(out, "listen", &format!("{} ({protocol}, {tls})", listen.address));
    }
    let servers: Vec<String> = database
        .servers
        .iter()
        .map(|server| server.address.to_string())
        .collect();
    let tls = match &database.tls {
        OriginTls::Off => "no tls".to_owned(),
        OriginTls::VerifyFull { ca: Some(ca) } => format!("tls, verified by {}", ca.display()),
        OriginTls::VerifyFull { ca: None } => "tls, verified by the public roots".to_owned(),
    };
    row(out, "servers", &format!("{} ({tls})", servers.join(", ")));
    row(out, "users", &users(database));
    let pool = &database.pool;
    let mode = pool.mode.name();
    let (min, max) = (pool.min, pool.max);
    row(
        out,
        "connections",
        &format!(
            "{mode}, at most {max}, {min} kept ready; clients wait up to {}",
            duration_text(pool.wait)
        ),
    );
    let limits = &database.limits;
    row(
        out,
        "limits",
        &format!(
            "{}, messages up to {}, query {}, idle in transaction {}",
            counted(limits.clients_max, "client"),
            bytes_text(u64::try_from(limits.packet_max).unwrap_or(u64::MAX)),
            duration_text(limits.query),
            duration_text(limits.idle_in_transaction)
        ),
    );
}

fn users(database: &Database) -> String {
    let users = database
        .users
        .iter()
        .map(|user| match user.name == user.origin_user {
            true => user.name.clone(),
            false => format!("{} (as {})", user.name, user.origin_user),
        });
    users.collect::<Vec<_>>().join(", ")
}
