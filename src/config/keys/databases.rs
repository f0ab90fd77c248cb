//! Database pools.

use super::{Absent::*, Kind::*, *};

/// `databases.<name>`.
pub static DATABASE: Table = Table {
    name: "databases.<name>",
    doc: "Warm, shared connections to a database, behind sockets that speak its protocol ([how it works](hyperdrive.md)). The name is a label in metrics and logs. Results are not cached yet, and replicas are not used yet.",
    keys: &[
        key(
            "protocol",
            Choice(&["mysql", "postgres"]),
            Required,
            "`mysql` is for MySQL and MariaDB, `postgres` for PostgreSQL.",
        ),
        key(
            "listen",
            Either(&[
                Server,
                Map(&DATABASE_LISTEN),
                List(&Either(&[Server, Map(&DATABASE_LISTEN)])),
            ]),
            Required,
            "Where clients connect: `127.0.0.1:3307`, `unix:/run/popgate/mysql.sock`, a mapping, or a list of these. All share one pool.",
        ),
        key(
            "servers",
            List(&Either(&[Server, Map(&DATABASE_SERVER)])),
            Required,
            "The database's servers; the first that can be reached is used.",
        ),
        key("tls", Map(&DATABASE_TLS), Nothing, "TLS to the servers."),
        key(
            "users",
            List(&Map(&DATABASE_USER)),
            Required,
            "Who may log in; nobody else may.",
        ),
        key(
            "pool",
            Map(&DATABASE_POOL),
            Nothing,
            "Connections to the servers.",
        ),
        key("limits", Map(&DATABASE_LIMITS), Nothing, "What clients may cost."),
    ],
};

/// `databases.<name>.listen`.
pub static DATABASE_LISTEN: Table = Table {
    name: "databases.<name>.listen",
    doc: "One socket of a database.",
    keys: &[
        key(
            "address",
            Server,
            Required,
            "`127.0.0.1:3307` or `unix:/run/popgate/mysql.sock`.",
        ),
        key(
            "tls",
            Map(&DATABASE_LISTEN_TLS),
            Nothing,
            "TLS offered to clients; none without it.",
        ),
    ],
};

/// `databases.<name>.listen.tls`.
pub static DATABASE_LISTEN_TLS: Table = Table {
    name: "databases.<name>.listen.tls",
    doc: "TLS offered to clients, in band as their protocol has it.",
    keys: &[
        PEM_CHAIN,
        PEM_KEY,
        key("require", Flag, Value("true"), "Refuse clients without TLS."),
    ],
};

/// `databases.<name>.servers[]`.
pub static DATABASE_SERVER: Table = Table {
    name: "databases.<name>.servers[]",
    doc: "A server of a database, where more is said of it than its address.",
    keys: &[
        key(
            "address",
            Server,
            Required,
            "`10.0.0.5:3306`, `db.internal:5432` or `unix:/run/mysqld/mysqld.sock`; for PostgreSQL the whole path, `unix:/run/postgresql/.s.PGSQL.5432`.",
        ),
        key(
            "role",
            Choice(&["primary"]),
            Value("primary"),
            "What it is for. Replicas are not available yet.",
        ),
    ],
};

/// `databases.<name>.tls`.
pub static DATABASE_TLS: Table = Table {
    name: "databases.<name>.tls",
    doc: "TLS to the servers of a database.",
    keys: &[
        key(
            "mode",
            Choice(&["verify_full", "off"]),
            Told(
                "`off` when all servers are loopback addresses or Unix sockets and `ca` is absent, else `verify_full`",
            ),
            "`verify_full` verifies the certificate's chain and name (or address), and sends nothing to a server that fails it.",
        ),
        key(
            "ca",
            Path,
            Nothing,
            "PEM file with the CA; the public roots otherwise.",
        ),
    ],
};

/// `databases.<name>.users[]`.
pub static DATABASE_USER: Table = Table {
    name: "databases.<name>.users[]",
    doc: "Someone who may log in, with the password that is also theirs at the servers: in one of three ways.",
    keys: &[
        key("name", Text, Required, "Name that clients log in with."),
        key("password", Text, Nothing, "The password itself."),
        key(
            "password_file",
            Path,
            Nothing,
            "File with the password on its one line.",
        ),
        key(
            "password_env",
            Text,
            Nothing,
            "Environment variable of popgate's process with the password. A reload sees the value of the start.",
        ),
        key(
            "origin_user",
            Text,
            Told("`name`"),
            "Name at the servers, where it is another one.",
        ),
    ],
};

/// `databases.<name>.pool`.
pub static DATABASE_POOL: Table = Table {
    name: "databases.<name>.pool",
    doc: "Connections to the servers of a database.",
    keys: &[
        key(
            "mode",
            Choice(&["auto", "session", "transaction"]),
            Value("auto"),
            "`auto` takes a connection back after each transaction and leaves it with a client whose session needs it; `session` leaves it until the client goes; `transaction` refuses what would need it to stay.",
        ),
        key(
            "min",
            integer(0, 10_000),
            Value("2"),
            "Connections kept open and ready; at most `max`.",
        ),
        key(
            "max",
            integer(1, 10_000),
            Value("10"),
            "Never more connections than these, over all servers and sockets.",
        ),
        key(
            "wait",
            DURATION,
            Value("15s"),
            "Longest wait for a connection; then the statement fails with an error of the protocol.",
        ),
        key(
            "idle",
            DURATION,
            Value("10m"),
            "An unused connection above `min` is closed after this. Stay below the server's own limit.",
        ),
        key(
            "lifetime",
            DURATION,
            Value("1h"),
            "Age at which a connection is replaced, give or take a tenth.",
        ),
        key(
            "connecting_max",
            integer(1, 1000),
            Value("4"),
            "Connections that are opened at the same time.",
        ),
    ],
};

/// `databases.<name>.limits`.
pub static DATABASE_LIMITS: Table = Table {
    name: "databases.<name>.limits",
    doc: "What clients of a database may cost.",
    keys: &[
        key(
            "clients_max",
            integer(1, 1_000_000),
            Value("10000"),
            "Clients at once; more are refused with the protocol's `too many connections`.",
        ),
        key(
            "query",
            DURATION,
            Value("60s"),
            "Longest silence of a server within an answer; then the statement is cancelled.",
        ),
        key(
            "idle_in_transaction",
            DURATION,
            Value("30s"),
            "Longest pause of a client within a transaction; then it is closed and the transaction rolled back.",
        ),
        key(
            "packet_max",
            size(KIB, GIB),
            Value("64MiB"),
            "Largest message of a client.",
        ),
        key(
            "login",
            DURATION,
            Value("10s"),
            "Longest login. After 10 failures an address waits 10 seconds.",
        ),
    ],
};
