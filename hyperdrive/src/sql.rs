//! What a statement is: tokens, session effects, tables read and written.
//!
//! Everything here is pure, bounded and never panics. The rule throughout: what is not understood pins the
//! connection, is not cached, and counts as a write to everything.
//!
//! - [`classify`] reads one message of SQL text, which may hold several statements.
//! - [`Statement`] and what it is made of say what the relay and the cache must know.
//! - [`digest`] removes the literals, for logs.

mod classify;
mod cursor;
mod digest;
mod draft;
mod functions;
mod keyword;
pub mod lexer;
mod questions;
mod scan;
mod statement;

#[cfg(test)]
mod tests;

pub use digest::digest;
pub use statement::{
    Asked, Cache, Call, Effect, Hint, Kind, Leaves, Pin, Previous, Question, Refusal, Scope, Script,
    Statement, TableName, Transaction, Value, Writes,
};

/// The language of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// MySQL and MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
}

/// Which server reads the text; decides what executable comments (`/*!80000 … */`) are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Server {
    /// Not known: comments that depend on it make a statement unknown.
    #[default]
    Unknown,
    /// MySQL with its version as a number: 8.0.34 is 80034.
    MySql(u32),
    /// MariaDB with its version as a number: 10.11.6 is 101106.
    MariaDb(u32),
}

/// Session settings that change what a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// MySQL: the server, for executable comments.
    pub server: Server,
    /// MySQL: `sql_mode` has `ANSI_QUOTES` (also part of `ANSI`): `"x"` is a name.
    pub ansi_quotes: bool,
    /// MySQL: `sql_mode` has `NO_BACKSLASH_ESCAPES`.
    pub no_backslash_escapes: bool,
    /// MySQL: `sql_mode` has `IGNORE_SPACE`, or the client asked for it at the handshake.
    pub ignore_space: bool,
    /// PostgreSQL: `standard_conforming_strings`; default on.
    pub standard_conforming_strings: bool,
    /// Every byte below 0x80 of the client's character set is that ASCII character. False for big5, cp932,
    /// sjis, gbk, gb18030, johab, uhc: a text with other bytes is then unknown. UTF-16 and UTF-32 are never
    /// client character sets.
    pub ascii_safe: bool,
    /// Longest text that is read, in bytes; a longer one is unknown. Default 16 MiB.
    pub text_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: Server::Unknown,
            ansi_quotes: false,
            no_backslash_escapes: false,
            ignore_space: false,
            standard_conforming_strings: true,
            ascii_safe: true,
            text_max: 16 << 20,
        }
    }
}

/// Reads `text` and says what each statement in it is. Never fails: what is not understood is
/// [`Kind::Unknown`]. Cost is linear in the text; names borrow from it.
#[must_use]
pub fn classify<'a>(dialect: Dialect, text: &'a [u8], options: &Options) -> Script<'a> {
    classify::classify(dialect, text, options)
}

/// PostgreSQL reads some words as a moment when it reads a date: `'now'`, `'today'`. Whether `text` (a literal
/// or the value of a parameter) could be one.
#[must_use]
pub fn moment(text: &[u8]) -> bool {
    text.len() <= 64
        && text.split(|byte| !byte.is_ascii_alphabetic()).any(|word| {
            ["now", "today", "tomorrow", "yesterday"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
        })
}
