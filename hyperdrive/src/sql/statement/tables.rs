//! What a statement reads and writes, and whether its result may be kept.

use std::borrow::Cow;

/// A name with its qualifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName<'a> {
    /// MySQL: the database. PostgreSQL: the schema. `None` when the name stands alone.
    pub qualifier: Option<Cow<'a, str>>,
    /// With quotes resolved; lower case for PostgreSQL unless quoted, as written for MySQL.
    pub name: Cow<'a, str>,
}

/// A function that a statement calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call<'a> {
    /// As a table's name is written.
    pub name: TableName<'a>,
    /// It is the name of a built-in function. A function of the site's own may still have that name.
    pub known: bool,
}

/// What a statement writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes<'a> {
    /// Nothing.
    None,
    /// These tables, and what depends on them (triggers, foreign keys, views: the schema tells).
    Tables(Vec<TableName<'a>>),
    /// These tables, and whatever the functions in `functions` that are not known write: perhaps everything,
    /// unless the schema says that they are harmless.
    Functions(Vec<TableName<'a>>),
    /// Perhaps anything.
    Everything,
}

/// Whether a result may be kept, as far as the text says. Whether the names are base tables, and whether the
/// site wants them kept, the cache's policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cache {
    /// It depends on the tables in `reads` and the session's profile only.
    Cacheable,
    /// Never.
    Refused(Refusal),
}

/// Why a result is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Not a read.
    NotARead,
    /// It writes or may write.
    Writes,
    /// A function whose value changes (`NOW()`, `RAND()`), or tells about the session (`USER()`).
    Volatile,
    /// PostgreSQL: a literal such as `'now'` or `'today'` that is a moment when read as a date.
    SpecialDate,
    /// A function that is not known.
    UnknownFunction,
    /// `FOR UPDATE`, `FOR SHARE`, `LOCK IN SHARE MODE`.
    Locking,
    /// `SELECT … INTO`.
    Into,
    /// A user or system variable.
    Variable,
    /// `information_schema`, `pg_catalog`, `mysql`, `performance_schema`, `sys`.
    SystemCatalog,
    /// `SQL_NO_CACHE`.
    NoCache,
    /// `/* popgate:no-cache */`.
    Hint,
    /// It reads no table.
    NoTables,
    /// It asks for what an earlier statement left.
    Previous,
    /// `TABLESAMPLE`, `nextval()`, time travel (`FOR SYSTEM_TIME`), `PROCEDURE ANALYSE`.
    Unrepeatable,
    /// Part of a text with several statements.
    SeveralStatements,
    /// A name that is not plain ASCII.
    Name,
    /// More tables than are tracked, or nested too deeply.
    TooComplex,
    /// Longer than `text_max`.
    TooLong,
    /// Bytes that the character set makes ambiguous.
    Encoding,
    /// A comment that some servers execute and some do not.
    AmbiguousComment,
    /// Not understood.
    Unparsed,
}

/// What a comment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// `/* popgate:no-cache */`.
    NoCache,
    /// `/* popgate:cache max-age=30 */`, seconds; at most a day.
    MaxAge(u32),
}
