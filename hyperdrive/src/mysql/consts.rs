//! Numbers of the protocol.

/// Capability flags.
pub mod cap {
    /// Set by every MySQL client; a server that leaves it out is a MariaDB with capabilities of its own.
    pub const LONG_PASSWORD: u32 = 1;
    /// Affected rows are matched rows.
    pub const FOUND_ROWS: u32 = 1 << 1;
    /// Longer column flags.
    pub const LONG_FLAG: u32 = 1 << 2;
    /// A database is named at login.
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    /// No `db.table.column`.
    pub const NO_SCHEMA: u32 = 1 << 4;
    /// `ODBC` behaviour.
    pub const ODBC: u32 = 1 << 6;
    /// Blanks before `(` of functions.
    pub const IGNORE_SPACE: u32 = 1 << 8;
    /// The protocol of MySQL 4.1 and later.
    pub const PROTOCOL_41: u32 = 1 << 9;
    /// `interactive_timeout` counts.
    pub const INTERACTIVE: u32 = 1 << 10;
    /// TLS after the greeting.
    pub const SSL: u32 = 1 << 11;
    /// Status flags are sent.
    pub const TRANSACTIONS: u32 = 1 << 13;
    /// Login data of 4.1 and later.
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    /// Several statements in one command.
    pub const MULTI_STATEMENTS: u32 = 1 << 16;
    /// Several results of one command.
    pub const MULTI_RESULTS: u32 = 1 << 17;
    /// Several results of a prepared statement.
    pub const PS_MULTI_RESULTS: u32 = 1 << 18;
    /// Named authentication plugins.
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    /// Attributes at login.
    pub const CONNECT_ATTRS: u32 = 1 << 20;
    /// Login data of any length.
    pub const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
    /// Session state in OK packets.
    pub const SESSION_TRACK: u32 = 1 << 23;
    /// Result sets end with OK, not EOF.
    pub const DEPRECATE_EOF: u32 = 1 << 24;

    /// What clients are offered.
    pub const OFFERED: u32 = LONG_PASSWORD
        | FOUND_ROWS
        | LONG_FLAG
        | CONNECT_WITH_DB
        | NO_SCHEMA
        | ODBC
        | IGNORE_SPACE
        | PROTOCOL_41
        | INTERACTIVE
        | TRANSACTIONS
        | SECURE_CONNECTION
        | MULTI_STATEMENTS
        | MULTI_RESULTS
        | PS_MULTI_RESULTS
        | PLUGIN_AUTH
        | CONNECT_ATTRS
        | PLUGIN_AUTH_LENENC;

    /// What changes the meaning of statements, cannot be changed later and so tells connections apart.
    pub const MEANING: u32 = FOUND_ROWS | NO_SCHEMA | ODBC | IGNORE_SPACE | INTERACTIVE | MULTI_STATEMENTS;

    /// What popgate asks of servers, besides the client's [`MEANING`].
    pub const ASKED: u32 = LONG_PASSWORD
        | LONG_FLAG
        | PROTOCOL_41
        | TRANSACTIONS
        | SECURE_CONNECTION
        | MULTI_RESULTS
        | PS_MULTI_RESULTS
        | PLUGIN_AUTH
        | PLUGIN_AUTH_LENENC
        | CONNECT_ATTRS
        | SESSION_TRACK
        | DEPRECATE_EOF;
}

/// Status flags.
pub mod status {
    /// Within a transaction.
    pub const IN_TRANS: u16 = 1;
    /// Each statement commits itself.
    pub const AUTOCOMMIT: u16 = 2;
    /// Another result follows.
    pub const MORE_RESULTS: u16 = 8;
    /// Rows are fetched through a cursor.
    pub const CURSOR_EXISTS: u16 = 0x40;
    /// That was the cursor's last row.
    pub const LAST_ROW: u16 = 0x80;
    /// Backslash is no escape within strings.
    pub const NO_BACKSLASH_ESCAPES: u16 = 0x200;
    /// Session state follows in this packet.
    pub const SESSION_STATE_CHANGED: u16 = 0x4000;
}

/// Commands.
pub mod com {
    /// Goodbye.
    pub const QUIT: u8 = 0x01;
    /// Choose a database.
    pub const INIT_DB: u8 = 0x02;
    /// Statement as text.
    pub const QUERY: u8 = 0x03;
    /// Columns of a table.
    pub const FIELD_LIST: u8 = 0x04;
    /// A line about the server.
    pub const STATISTICS: u8 = 0x09;
    /// Kill a connection.
    pub const PROCESS_KILL: u8 = 0x0C;
    /// Are you there?
    pub const PING: u8 = 0x0E;
    /// Log in as somebody else.
    pub const CHANGE_USER: u8 = 0x11;
    /// Prepare a statement.
    pub const STMT_PREPARE: u8 = 0x16;
    /// Run it.
    pub const STMT_EXECUTE: u8 = 0x17;
    /// A piece of a parameter; no answer.
    pub const STMT_SEND_LONG_DATA: u8 = 0x18;
    /// Forget it; no answer.
    pub const STMT_CLOSE: u8 = 0x19;
    /// Forget its pieces and cursor.
    pub const STMT_RESET: u8 = 0x1A;
    /// Allow several statements, or not.
    pub const SET_OPTION: u8 = 0x1B;
    /// Rows of a cursor.
    pub const STMT_FETCH: u8 = 0x1C;
    /// Back to the state after login.
    pub const RESET_CONNECTION: u8 = 0x1F;
    /// MariaDB: run a prepared statement many times.
    pub const STMT_BULK_EXECUTE: u8 = 0xFA;
}
