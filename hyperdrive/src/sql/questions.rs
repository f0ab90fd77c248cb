//! Statements that only ask for session values, which the relay may answer itself.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use super::{Asked, Dialect, Kind, Options, Question, Scope, Statement};

/// More columns are not looked at.
const COLUMNS_MAX: usize = 32;

/// The questions of `statement`, or none when it does anything else.
pub(super) fn questions<'a>(
    dialect: Dialect,
    text: &'a [u8],
    options: &Options,
    statement: &Statement<'a>,
) -> Vec<Question<'a>> {
    let plain = statement.kind == Kind::Read && statement.reads.is_empty() && statement.pin.is_none();
    if !plain || statement.span.len() > 4096 {
        return Vec::new();
    }
    let mut cursor = Cursor::new(dialect, text, options);
    let mut found = Vec::new();
    if !cursor.accept(Keyword::Select) {
        return found;
    }
    loop {
        match question(&mut cursor) {
            Some(question) if found.len() < COLUMNS_MAX => found.push(question),
            _ => return Vec::new(),
        }
        if !cursor.accept_symbol(b',') {
            break;
        }
    }
    // the clients of MySQL ask `… LIMIT 1`
    if dialect == Dialect::MySql && cursor.accept(Keyword::Limit) {
        if cursor.bytes() != b"1" {
            return Vec::new();
        }
        cursor.advance();
    }
    while cursor.accept_symbol(b';') {}
    if cursor.token.kind == TokenKind::End {
        found
    } else {
        Vec::new()
    }
}

fn question<'a>(cursor: &mut Cursor<'a, '_>) -> Option<Question<'a>> {
    let start = cursor.token.start;
    let asked = match cursor.token.kind {
        TokenKind::Number => Asked::Number(std::str::from_utf8(cursor.bytes()).ok()?.parse().ok()?),
        TokenKind::SystemVariable => variable(cursor)?,
        TokenKind::Word => {
            let asked = call(cursor)?;
            cursor.advance();
            if !cursor.symbol(b'(') || cursor.token.spaced || !cursor.peek_symbol(b')') {
                return None;
            }
            cursor.advance();
            asked
        }
        _ => return None,
    };
    cursor.advance();
    let written = start..cursor.previous_end;
    let label = match (cursor.token.kind, cursor.word) {
        (TokenKind::Word, Keyword::As) => {
            cursor.advance();
            alias(cursor)?
        }
        (TokenKind::Word, Keyword::Limit) => Cow::Borrowed(std::str::from_utf8(&cursor.text[written]).ok()?),
        (TokenKind::Word, Keyword::Other) | (TokenKind::Name, _) => alias(cursor)?,
        _ => default_label(
            cursor.dialect,
            &asked,
            std::str::from_utf8(&cursor.text[written]).ok()?,
        ),
    };
    Some(Question { asked, label })
}

fn alias<'a>(cursor: &mut Cursor<'a, '_>) -> Option<Cow<'a, str>> {
    let found = match cursor.token.kind {
        TokenKind::Text if cursor.dialect == Dialect::MySql => cursor.literal()?,
        _ => cursor.identifier().ok()?,
    };
    cursor.advance();
    Some(found)
}

/// MySQL names a column after its text, PostgreSQL after the function.
fn default_label<'a>(dialect: Dialect, asked: &Asked<'_>, written: &'a str) -> Cow<'a, str> {
    match (dialect, asked) {
        (Dialect::MySql, _) => Cow::Borrowed(written),
        (Dialect::Postgres, Asked::Number(_)) => Cow::Borrowed("?column?"),
        (Dialect::Postgres, _) => {
            Cow::Owned(written.split('(').next().unwrap_or(written).to_ascii_lowercase())
        }
    }
}

fn call(cursor: &Cursor<'_, '_>) -> Option<Asked<'static>> {
    let name = std::str::from_utf8(cursor.bytes()).ok()?.to_ascii_lowercase();
    Some(match (cursor.dialect, name.as_str()) {
        (Dialect::MySql, "found_rows") => Asked::FoundRows,
        (Dialect::MySql, "last_insert_id") => Asked::LastInsertId,
        (Dialect::MySql, "row_count") => Asked::RowCount,
        (Dialect::MySql, "database" | "schema") | (Dialect::Postgres, "current_database") => Asked::Database,
        (Dialect::MySql, "connection_id") | (Dialect::Postgres, "pg_backend_pid") => Asked::ConnectionId,
        (_, "version") => Asked::Version,
        _ => return None,
    })
}

fn variable<'a>(cursor: &Cursor<'a, '_>) -> Option<Asked<'a>> {
    let name = std::str::from_utf8(cursor.bytes()).ok()?.strip_prefix("@@")?;
    let (scope, name) = match name.split_once('.') {
        None => (None, name),
        Some((scope, name)) => match scope.to_ascii_lowercase().as_str() {
            "session" | "local" => (Some(Scope::Session), name),
            "global" => (Some(Scope::Global), name),
            _ => return None,
        },
    };
    let name = name.trim_matches('`').to_ascii_lowercase();
    Some(Asked::Variable {
        scope,
        name: Cow::Owned(name),
    })
}
