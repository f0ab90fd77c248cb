//! What a statement does to its session: the verdict that decides whether connections can be shared.
//!
//! Anything not known to be harmless binds the connection to its client. The server's own reports
//! ([`Changes`](super::packet::Changes)) catch what hides in stored routines.

use super::lexer::{Lexer, Token};
use super::set::{self, Set};

/// Why a connection must stay with its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pin {
    /// The pool's mode says so.
    SessionMode,
    /// `@name`.
    UserVariable,
    /// `CREATE TEMPORARY TABLE` and the like.
    TemporaryTable,
    /// `LOCK TABLES`, `FLUSH … WITH READ LOCK`, `BACKUP`.
    TableLock,
    /// `GET_LOCK()`.
    NamedLock,
    /// `HANDLER`.
    Handler,
    /// `PREPARE` as text.
    TextPrepare,
    /// A prepared statement of the protocol is open.
    PreparedStatement,
    /// `SET` of something that cannot be carried.
    SetOther,
    /// `SET TRANSACTION` for the next transaction.
    NextTransaction,
    /// `XA`.
    Xa,
    /// `CALL`, `EXECUTE IMMEDIATE`, compound statements: anything may be inside.
    Routine,
    /// `LOAD DATA`.
    LoadData,
    /// Values of sequences that `LASTVAL` may ask for.
    Sequence,
    /// A character set in which bytes of one character look like quotes.
    CharacterSet,
    /// The server reported a change that no statement announced.
    Reported,
    /// `SET` or `USE` among several statements.
    Several,
    /// Not known here.
    Unknown,
}

impl Pin {
    /// Its name in metrics and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionMode => "session_mode",
            Self::UserVariable => "user_variable",
            Self::TemporaryTable => "temporary_table",
            Self::TableLock => "table_lock",
            Self::NamedLock => "named_lock",
            Self::Handler => "handler",
            Self::TextPrepare => "text_prepare",
            Self::PreparedStatement => "prepared_statement",
            Self::SetOther => "set_other",
            Self::NextTransaction => "next_transaction",
            Self::Xa => "xa",
            Self::Routine => "routine",
            Self::LoadData => "load_data",
            Self::Sequence => "sequence",
            Self::CharacterSet => "character_set",
            Self::Reported => "reported",
            Self::Several => "several",
            Self::Unknown => "unknown",
        }
    }
}

/// What a client can ask about its last statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asks {
    /// `LAST_INSERT_ID()`, `@@last_insert_id`, `@@identity`.
    pub insert_id: bool,
    /// `FOUND_ROWS()`.
    pub found_rows: bool,
    /// `ROW_COUNT()`.
    pub row_count: bool,
    /// `SHOW WARNINGS`, `@@warning_count`, `GET DIAGNOSTICS` …
    pub diagnostics: bool,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It reads rows and changes nothing.
    Read,
    /// Anything else that is run as it is.
    Other,
    /// `SET` of settings that are carried.
    Set(Vec<(super::profile::Setting, String)>),
    /// `USE name`.
    Use(String),
    /// `KILL [QUERY] id`.
    Kill {
        /// Whose.
        id: u64,
        /// The statement only.
        query: bool,
    },
    /// `SELECT FOUND_ROWS()` and its like alone; the answer's column name.
    Ask(Asked, String),
}

/// What is asked in [`Kind::Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `FOUND_ROWS()`.
    FoundRows,
    /// `LAST_INSERT_ID()`.
    LastInsertId,
    /// `ROW_COUNT()`.
    RowCount,
    /// `CONNECTION_ID()`.
    ConnectionId,
}

/// The verdict on a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub kind: Kind,
    /// Why its connection must stay with the client.
    pub pin: Option<Pin>,
    /// What it asks about earlier statements.
    pub asks: Asks,
    /// `SQL_CALC_FOUND_ROWS`: the number is wanted next.
    pub calc_found_rows: bool,
    /// It lets go of table locks.
    pub unlocks: bool,
}

impl Verdict {
    /// Of a command that is no text.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Kind::Other, None)
    }

    fn new(kind: Kind, pin: Option<Pin>) -> Self {
        Self {
            kind,
            pin,
            asks: Asks::default(),
            calc_found_rows: false,
            unlocks: false,
        }
    }
}

/// Judges a text. `backslash`: it escapes within strings.
#[must_use]
pub fn judge(sql: &[u8], backslash: bool) -> Verdict {
    let tokens: Vec<Token<'_>> = Lexer::new(sql, backslash).collect();
    if tokens.contains(&Token::Broken) {
        return Verdict::new(Kind::Other, Some(Pin::Unknown));
    }
    let statements: Vec<&[Token<'_>]> = tokens
        .split(|token| *token == Token::Sign(b';'))
        .filter(|statement| !statement.is_empty())
        .collect();
    match statements.as_slice() {
        // The server refuses an empty statement by itself.
        [] => Verdict::new(Kind::Other, None),
        [statement] => single(statement, sql, backslash),
        several => many(several, sql, backslash),
    }
}

fn many(several: &[&[Token<'_>]], sql: &[u8], backslash: bool) -> Verdict {
    let mut all = Verdict::new(Kind::Other, None);
    for statement in several {
        let one = single(statement, sql, backslash);
        let pin = match one.kind {
            Kind::Set(_) | Kind::Use(_) | Kind::Kill { .. } => Some(Pin::Several),
            _ => one.pin,
        };
        all.pin = all.pin.or(pin);
        all.asks.insert_id |= one.asks.insert_id;
        all.asks.found_rows |= one.asks.found_rows;
        all.asks.row_count |= one.asks.row_count;
        all.asks.diagnostics |= one.asks.diagnostics;
        all.calc_found_rows |= one.calc_found_rows;
    }
    all
}

fn single(statement: &[Token<'_>], sql: &[u8], backslash: bool) -> Verdict {
    let mut verdict = first_word(statement, sql, backslash);
    if !matches!(verdict.kind, Kind::Read | Kind::Other) {
        return verdict;
    }
    for window in 0..statement.len() {
        let pin = inside(&statement[window..], &mut verdict);
        verdict.pin = verdict.pin.or(pin);
    }
    verdict
}

fn first_word(statement: &[Token<'_>], sql: &[u8], backslash: bool) -> Verdict {
    let mut words = statement.iter().skip_while(|token| **token == Token::Sign(b'('));
    let Some(Token::Word(first)) = words.next() else {
        return Verdict::new(Kind::Other, Some(Pin::Unknown));
    };
    let second = words.next().copied().unwrap_or(Token::Sign(b' '));
    let first = String::from_utf8_lossy(first).to_ascii_uppercase();
    let (kind, pin) = match first.as_str() {
        "SELECT" => match ask(statement, sql) {
            Some(kind) => (kind, None),
            None => (Kind::Read, None),
        },
        "SHOW" | "DESC" | "DESCRIBE" | "EXPLAIN" | "HELP" | "VALUES" | "CHECKSUM" => (Kind::Read, None),
        "TABLE" | "WITH" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "BEGIN" | "START" | "COMMIT"
        | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME" | "ANALYZE"
        | "OPTIMIZE" | "REPAIR" | "CHECK" | "GRANT" | "REVOKE" | "DO" | "IMPORT" | "INSTALL"
        | "UNINSTALL" | "PURGE" | "CACHE" | "BINLOG" => (Kind::Other, None),
        "CREATE" => (Kind::Other, temporary(statement)),
        "FLUSH" => (
            Kind::Other,
            Some(Pin::TableLock)
                .filter(|_| statement.iter().any(|word| word.is("LOCK") || word.is("EXPORT"))),
        ),
        "LOCK" | "BACKUP" => (Kind::Other, Some(Pin::TableLock)),
        "UNLOCK" => {
            let mut verdict = Verdict::new(Kind::Other, None);
            verdict.unlocks = true;
            return verdict;
        }
        "HANDLER" => (Kind::Other, Some(Pin::Handler)),
        "PREPARE" | "DEALLOCATE" => (Kind::Other, Some(Pin::TextPrepare)),
        "EXECUTE" | "CALL" | "IF" | "CASE" | "LOOP" | "WHILE" | "REPEAT" | "DECLARE" | "FOR" => {
            (Kind::Other, Some(Pin::Routine))
        }
        "XA" => (Kind::Other, Some(Pin::Xa)),
        "LOAD" => (Kind::Other, Some(Pin::LoadData)),
        "KILL" => kill(statement),
        "USE" => match statement {
            [_, name] => match name.name().and_then(|name| std::str::from_utf8(name).ok()) {
                Some(name) => (Kind::Use(name.replace("``", "`")), None),
                None => (Kind::Other, Some(Pin::Unknown)),
            },
            _ => (Kind::Other, Some(Pin::Unknown)),
        },
        "SET" => set_statement(sql, backslash),
        "GET" => {
            let mut verdict = Verdict::new(Kind::Other, Some(Pin::UserVariable));
            verdict.asks.diagnostics = true;
            return verdict;
        }
        _ => (Kind::Other, Some(Pin::Unknown)),
    };
    let mut verdict = Verdict::new(kind, pin);
    let third = statement.get(2);
    if first == "SHOW"
        && (second.is("WARNINGS")
            || second.is("ERRORS")
            || third.is_some_and(|token| *token == Token::Sign(b'(')))
    {
        verdict.asks.diagnostics = true;
    }
    verdict
}

fn temporary(statement: &[Token<'_>]) -> Option<Pin> {
    // CREATE [OR REPLACE] TEMPORARY; the word elsewhere is a name.
    let head = statement.iter().take(4);
    head.into_iter()
        .any(|word| word.is("TEMPORARY"))
        .then_some(Pin::TemporaryTable)
}

fn set_statement(sql: &[u8], backslash: bool) -> (Kind, Option<Pin>) {
    // What follows the word itself; with several statements the kind counts, not the texts.
    let mut lexer = Lexer::new(sql, backslash);
    let rest = loop {
        match lexer.next() {
            Some(token) if token.is("SET") => break &sql[lexer.span().1..],
            Some(_) => {}
            None => break &[],
        }
    };
    match set::parse(rest, backslash) {
        Set::Settings(settings) => (Kind::Set(settings), None),
        Set::UserVariable => (Kind::Other, Some(Pin::UserVariable)),
        Set::NextTransaction => (Kind::Other, Some(Pin::NextTransaction)),
        Set::Global => (Kind::Other, None),
        Set::Unknown => (Kind::Other, Some(Pin::SetOther)),
    }
}

fn kill(statement: &[Token<'_>]) -> (Kind, Option<Pin>) {
    let mut words = statement[1..].iter().peekable();
    let hard_or_soft = |token: &&&Token<'_>| token.is("HARD") || token.is("SOFT");
    if words.peek().filter(hard_or_soft).is_some() {
        words.next();
    }
    let mut query = false;
    if words
        .peek()
        .is_some_and(|token| token.is("QUERY") || token.is("CONNECTION"))
    {
        query = words.next().is_some_and(|token| token.is("QUERY"));
    }
    let id = match (words.next(), words.next()) {
        (Some(Token::Word(id)), None) => std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()),
        _ => None,
    };
    match id {
        Some(id) => (Kind::Kill { id, query }, None),
        None => (Kind::Other, Some(Pin::Unknown)),
    }
}

/// `SELECT function() [[AS] alias]`, nothing else.
fn ask(statement: &[Token<'_>], sql: &[u8]) -> Option<Kind> {
    let [
        _,
        Token::Word(function),
        Token::Sign(b'('),
        Token::Sign(b')'),
        alias @ ..,
    ] = statement
    else {
        return None;
    };
    let asked = match function.to_ascii_uppercase().as_slice() {
        b"FOUND_ROWS" => Asked::FoundRows,
        b"LAST_INSERT_ID" => Asked::LastInsertId,
        b"ROW_COUNT" => Asked::RowCount,
        b"CONNECTION_ID" => Asked::ConnectionId,
        _ => return None,
    };
    let alias = match alias {
        [] => written(sql, function)?,
        [word, name] if word.is("AS") => unquoted(name)?,
        [name @ (Token::Name(_) | Token::Text(_) | Token::Double(_))] => unquoted(name)?,
        [name @ Token::Word(word)] if !word.eq_ignore_ascii_case(b"FROM") => unquoted(name)?,
        _ => return None,
    };
    Some(Kind::Ask(asked, alias))
}

/// The expression as it was written: servers name the column so.
fn written(sql: &[u8], function: &[u8]) -> Option<String> {
    let start = sql
        .windows(function.len())
        .position(|window| window == function)?;
    let end = start + sql[start..].iter().position(|byte| *byte == b')')?;
    std::str::from_utf8(&sql[start..=end]).ok().map(str::to_owned)
}

fn unquoted(name: &Token<'_>) -> Option<String> {
    let bytes = match name {
        Token::Text(text) => text.get(1..text.len() - 1)?,
        other => other.name()?,
    };
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// Looks at the token at the front, with those behind it.
fn inside(tokens: &[Token<'_>], verdict: &mut Verdict) -> Option<Pin> {
    let called = tokens.get(1) == Some(&Token::Sign(b'('));
    match tokens.first()? {
        Token::UserVariable(_) => Some(Pin::UserVariable),
        Token::SystemVariable(name) => {
            let name = name.to_ascii_lowercase();
            let name = name
                .strip_prefix(b"session.")
                .or(name.strip_prefix(b"local."))
                .unwrap_or(&name);
            match name {
                b"last_insert_id" | b"identity" => verdict.asks.insert_id = true,
                b"warning_count" | b"error_count" => verdict.asks.diagnostics = true,
                _ => {}
            }
            None
        }
        token if called => function(token.name()?, verdict),
        Token::Word(word) => match word.to_ascii_uppercase().as_slice() {
            b"SQL_CALC_FOUND_ROWS" => {
                verdict.calc_found_rows = true;
                None
            }
            b"NEXT" | b"PREVIOUS" if tokens.get(1).is_some_and(|token| token.is("VALUE")) => {
                Some(Pin::Sequence)
            }
            _ => None,
        },
        _ => None,
    }
}

fn function(name: &[u8], verdict: &mut Verdict) -> Option<Pin> {
    match name.to_ascii_uppercase().as_slice() {
        b"GET_LOCK" | b"RELEASE_LOCK" | b"RELEASE_ALL_LOCKS" => return Some(Pin::NamedLock),
        b"NEXTVAL" | b"LASTVAL" | b"SETVAL" => return Some(Pin::Sequence),
        b"LAST_INSERT_ID" => verdict.asks.insert_id = true,
        b"FOUND_ROWS" => verdict.asks.found_rows = true,
        b"ROW_COUNT" => verdict.asks.row_count = true,
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests;
