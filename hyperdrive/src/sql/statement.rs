//! What the classifier says about a statement.

mod tables;

use std::borrow::Cow;
use std::ops::Range;

pub use tables::{Cache, Call, Hint, Refusal, TableName, Writes};

/// The statements of one text, in order. Blank statements (`;;`) are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script<'a> {
    /// Empty for a text of blanks and comments only.
    pub statements: Vec<Statement<'a>>,
}

impl<'a> Script<'a> {
    /// The statement of a text that holds exactly one.
    #[must_use]
    pub fn single(&self) -> Option<&Statement<'a>> {
        match self.statements.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The first reason why the connection cannot be shared after this text.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        self.statements.iter().find_map(|statement| statement.pin)
    }
}

/// One statement. The fields are independent of each other: a `SELECT` may write, pin and ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Bytes of the text, without the terminator and the blanks around it.
    pub span: Range<usize>,
    /// The first word, roughly.
    pub kind: Kind,
    /// What it does to the transaction.
    pub transaction: Option<Transaction<'a>>,
    /// What it does to the session, in order.
    pub effects: Vec<Effect<'a>>,
    /// Why the connection must stay with the client after it (the first reason found).
    pub pin: Option<Pin>,
    /// It reads what an earlier statement left on the same connection.
    pub previous: Option<Previous>,
    /// It leaves something that a later statement may ask for ([`Previous`]).
    pub leaves: Option<Leaves>,
    /// Not empty when the whole statement only asks for session values (`SELECT FOUND_ROWS()`,
    /// `SELECT @@SESSION.sql_mode, DATABASE() AS d`): one question for each column.
    pub questions: Vec<Question<'a>>,
    /// Tables it reads, each once; names of common table expressions are left out.
    pub reads: Vec<TableName<'a>>,
    /// Functions it calls, each once.
    pub functions: Vec<Call<'a>>,
    /// Tables it writes.
    pub writes: Writes<'a>,
    /// Whether its result may be kept, as far as the text says.
    pub cache: Cache,
    /// What a comment `/* popgate:… */` asks for.
    pub hint: Option<Hint>,
}

impl Statement<'_> {
    /// A statement nothing is known about: pinned, not cached, writes everything.
    #[must_use]
    pub fn unknown(span: Range<usize>, refusal: Refusal) -> Self {
        Self {
            span,
            kind: Kind::Unknown,
            transaction: None,
            effects: Vec::new(),
            pin: Some(Pin::Unknown),
            previous: None,
            leaves: None,
            questions: Vec::new(),
            reads: Vec::new(),
            functions: Vec::new(),
            writes: Writes::Everything,
            cache: Cache::Refused(refusal),
            hint: None,
        }
    }
}

/// The sort of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `SELECT`, `VALUES`, `TABLE`, `WITH … SELECT` that changes no table.
    Read,
    /// `INSERT`, `UPDATE`, `DELETE`, `REPLACE`, `MERGE`, `LOAD DATA`, `COPY … FROM`; also a `WITH` that writes.
    Write,
    /// `CREATE`, `ALTER`, `DROP`, `TRUNCATE`, `RENAME`, `GRANT` …: in MySQL these commit the transaction.
    Ddl,
    /// `BEGIN`, `COMMIT`, `SAVEPOINT` …
    Transaction,
    /// `SET`, `USE`, `RESET`, `DISCARD`.
    Session,
    /// `SHOW`, `EXPLAIN`, `DESCRIBE`, `HELP`: tells about the server, changes nothing.
    Show,
    /// PostgreSQL `COPY … TO`.
    CopyOut,
    /// `CALL`, `DO`, `EXECUTE`: runs code that is not in the text.
    Call,
    /// MySQL `KILL`: the number and whether only the query ends.
    Kill {
        /// The connection; `None` when it is not a plain number.
        connection: Option<u64>,
        /// `KILL QUERY`.
        query: bool,
    },
    /// `LOCK`, `FLUSH`, `ANALYZE`, `LISTEN`, `DECLARE`, `FETCH` … known and of no other sort.
    Other,
    /// Not understood.
    Unknown,
}

/// What a statement does to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction<'a> {
    /// `BEGIN`, `START TRANSACTION`.
    Begin {
        /// `READ ONLY` was said.
        read_only: bool,
    },
    /// `COMMIT`, `END`.
    Commit {
        /// `AND CHAIN`: the next transaction begins at once.
        chain: bool,
        /// MySQL `RELEASE`: the server closes the connection.
        release: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// `AND CHAIN`.
        chain: bool,
        /// MySQL `RELEASE`.
        release: bool,
    },
    /// `SAVEPOINT name`.
    Savepoint(Cow<'a, str>),
    /// `ROLLBACK TO name`.
    RollbackTo(Cow<'a, str>),
    /// `RELEASE SAVEPOINT name`.
    ReleaseSavepoint(Cow<'a, str>),
    /// `PREPARE TRANSACTION`, `COMMIT PREPARED`, `XA …`: always pinned.
    TwoPhase,
    /// MySQL: the statement commits an open transaction by itself (most of DDL, `LOCK TABLES`, …).
    ImplicitCommit,
}

/// How far a `SET` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This session; also when nothing was said.
    Session,
    /// PostgreSQL `SET LOCAL`: until the transaction ends.
    Local,
    /// MySQL `GLOBAL`, `PERSIST`, `PERSIST_ONLY`: other sessions, not this one.
    Global,
}

/// A value as `SET` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string literal, with quotes and escapes resolved.
    Text(Cow<'a, str>),
    /// A number, as written, with its sign.
    Number(Cow<'a, str>),
    /// A bare word (`ON`, `utf8mb4`, `read_committed`), as written.
    Word(Cow<'a, str>),
    /// PostgreSQL: several, separated by commas (`SET search_path TO a, b`).
    List(Vec<Value<'a>>),
    /// `DEFAULT`.
    Default,
    /// `NULL`.
    Null,
    /// Anything else: these bytes of the text.
    Expression(Range<usize>),
}

/// A change of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<'a> {
    /// A variable. Pins unless [`Effect::is_profile`].
    Set {
        /// How far.
        scope: Scope,
        /// Lower case, without `@@` and scope. PostgreSQL `TIME ZONE` is `timezone`, `SCHEMA` is `search_path`,
        /// `NAMES` is `client_encoding`, `SESSION AUTHORIZATION` is `session_authorization`.
        name: Cow<'a, str>,
        /// The new value.
        value: Value<'a>,
    },
    /// MySQL `SET autocommit`; `None` when the value is not a plain one.
    Autocommit(Option<bool>),
    /// MySQL `SET NAMES charset [COLLATE collation]`; `None` is `DEFAULT`.
    Names {
        /// Lower case.
        charset: Option<Cow<'a, str>>,
        /// Lower case.
        collation: Option<Cow<'a, str>>,
    },
    /// MySQL `SET CHARACTER SET charset`; `None` is `DEFAULT`.
    CharacterSet(Option<Cow<'a, str>>),
    /// MySQL `USE database`.
    Use(Cow<'a, str>),
    /// MySQL user variable (`SET @x = 1`, `SELECT @x := 1`, `INTO @x`); pins.
    UserVariable(Cow<'a, str>),
    /// `SET TRANSACTION`: the next transaction (MySQL, pins) or the current one (PostgreSQL).
    NextTransaction,
    /// `SET SESSION TRANSACTION …` / `SET SESSION CHARACTERISTICS AS TRANSACTION …`: bytes of what follows.
    SessionTransaction(Range<usize>),
    /// PostgreSQL `RESET name`; lower case.
    Reset(Cow<'a, str>),
    /// PostgreSQL `RESET ALL`.
    ResetAll,
    /// PostgreSQL `DISCARD ALL`: the session is as new.
    DiscardAll,
    /// PostgreSQL `DEALLOCATE name`; `None` is `ALL`.
    Deallocate(Option<Cow<'a, str>>),
    /// All of the state this reason names is gone (`UNLOCK TABLES`, `UNLISTEN *`, `RELEASE_ALL_LOCKS()` …).
    Release(Pin),
}

/// Why a connection stays with its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// A temporary table, view or sequence.
    TemporaryTable,
    /// MySQL `LOCK TABLES`, `LOCK INSTANCE`.
    LockTables,
    /// MySQL `FLUSH TABLES … WITH READ LOCK`, `… FOR EXPORT`, `BACKUP STAGE`.
    FlushReadLock,
    /// MySQL `GET_LOCK()`.
    NamedLock,
    /// PostgreSQL session advisory lock.
    AdvisoryLock,
    /// PostgreSQL `LISTEN`.
    Listen,
    /// `PREPARE` and `EXECUTE` as SQL text.
    PreparedText,
    /// MySQL `HANDLER`.
    Handler,
    /// PostgreSQL `DECLARE … WITH HOLD`.
    HoldCursor,
    /// MySQL `LOAD DATA LOCAL`.
    LoadLocal,
    /// MySQL user variable.
    UserVariable,
    /// A variable that is not part of the shared profile, or a value that is not a plain one.
    Variable,
    /// MySQL `SET TRANSACTION`, which holds for the next one only.
    NextTransaction,
    /// `SET ROLE`, `SET SESSION AUTHORIZATION`.
    Role,
    /// PostgreSQL `set_config(…, false)`.
    SetConfig,
    /// `XA`, `PREPARE TRANSACTION`.
    TwoPhase,
    /// PostgreSQL `LOAD`, MySQL `INSTALL`.
    Library,
    /// `CALL`, `DO $$ … $$`: may do any of these.
    StoredProgram,
    /// A function that is not built in: may do any of these. Some callers ask the server's session tracker
    /// or the schema first.
    UnknownFunction,
    /// Not understood.
    Unknown,
}

/// What a statement asks of earlier ones on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Previous {
    /// `FOUND_ROWS()`.
    FoundRows,
    /// `LAST_INSERT_ID()`, `@@identity`, `@@last_insert_id`.
    LastInsertId,
    /// `ROW_COUNT()`.
    RowCount,
    /// `SHOW WARNINGS`, `SHOW ERRORS`, `@@warning_count`, `@@error_count`, `GET DIAGNOSTICS`.
    Warnings,
    /// PostgreSQL `currval()`, `lastval()`; MariaDB `LASTVAL()`, `PREVIOUS VALUE FOR`.
    Sequence,
    /// `SHOW PROFILE(S)`, `SHOW SESSION STATUS` and the like.
    SessionStatus,
}

/// What a statement leaves for later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaves {
    /// `SQL_CALC_FOUND_ROWS`.
    FoundRows,
    /// A write: affected rows and, in MySQL, an insert id.
    Write,
    /// PostgreSQL and MariaDB: `nextval()`, `setval()`.
    Sequence,
    /// MySQL `LAST_INSERT_ID(expr)`: sets what the next `LAST_INSERT_ID()` returns.
    LastInsertId,
}

/// A column of a statement that only asks for session values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// What is asked.
    pub asked: Asked<'a>,
    /// The name of the column: the alias, or the expression as written.
    pub label: Cow<'a, str>,
}

/// A session value that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<'a> {
    /// MySQL `FOUND_ROWS()`.
    FoundRows,
    /// MySQL `LAST_INSERT_ID()`.
    LastInsertId,
    /// MySQL `ROW_COUNT()`.
    RowCount,
    /// `DATABASE()`, `SCHEMA()`; PostgreSQL `current_database()`.
    Database,
    /// `CONNECTION_ID()`; PostgreSQL `pg_backend_pid()`.
    ConnectionId,
    /// `VERSION()`.
    Version,
    /// `@@name`, `@@session.name`, `@@global.name`: lower case.
    Variable {
        /// `None` when nothing was said.
        scope: Option<Scope>,
        /// Lower case.
        name: Cow<'a, str>,
    },
    /// A whole number (`SELECT 1`).
    Number(u64),
}

impl Effect<'_> {
    /// The change belongs to the profile that a shared connection can be given: it need not pin.
    #[must_use]
    pub fn is_profile(&self) -> bool {
        match self {
            Self::Autocommit(value) => value.is_some(),
            Self::Names { .. } | Self::CharacterSet(_) | Self::Use(_) | Self::SessionTransaction(_) => true,
            Self::Reset(_) | Self::ResetAll | Self::DiscardAll | Self::Deallocate(_) | Self::Release(_) => {
                true
            }
            Self::Set {
                scope: Scope::Global, ..
            } => true,
            Self::Set {
                value: Value::Expression(_),
                ..
            } => false,
            Self::Set {
                scope: Scope::Local, ..
            } => true,
            Self::Set { name, .. } => PROFILE.binary_search(&name.as_ref()).is_ok(),
            Self::UserVariable(_) | Self::NextTransaction => false,
        }
    }
}

/// Variables that a shared connection can be given with a `SET` in front of the client's statement.
const PROFILE: &[&str] = &[
    "application_name",
    "backslash_quote",
    "block_encryption_mode",
    "bytea_output",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_results",
    "character_set_server",
    "check_function_bodies",
    "client_encoding",
    "client_min_messages",
    "collation_connection",
    "collation_database",
    "collation_server",
    "datestyle",
    "default_storage_engine",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_week_format",
    "div_precision_increment",
    "escape_string_warning",
    "extra_float_digits",
    "foreign_key_checks",
    "group_concat_max_len",
    "idle_in_transaction_session_timeout",
    "innodb_lock_wait_timeout",
    "interactive_timeout",
    "intervalstyle",
    "jit",
    "join_buffer_size",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lc_time_names",
    "lock_timeout",
    "lock_wait_timeout",
    "max_execution_time",
    "max_heap_table_size",
    "max_join_size",
    "max_statement_time",
    "net_read_timeout",
    "net_write_timeout",
    "optimizer_switch",
    "row_security",
    "search_path",
    "sort_buffer_size",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_mode",
    "sql_notes",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "sql_warnings",
    "standard_conforming_strings",
    "statement_timeout",
    "storage_engine",
    "synchronous_commit",
    "time_zone",
    "timezone",
    "tmp_table_size",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "unique_checks",
    "updatable_views_with_limit",
    "wait_timeout",
    "work_mem",
    "xmlbinary",
    "xmloption",
];
