//! `SET` statements: settings of a profile, or something that cannot be carried.

use super::lexer::{Lexer, Token};
use super::profile::Setting;

/// What a `SET` statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// These settings, all of them literal.
    Settings(Vec<(Setting, String)>),
    /// User variables; perhaps more.
    UserVariable,
    /// Settings of the next transaction only.
    NextTransaction,
    /// Settings of the server, not of the session.
    Global,
    /// Anything else.
    Unknown,
}

/// Reads what follows `SET`.
#[must_use]
pub fn parse(rest: &[u8], backslash: bool) -> Set {
    let mut tokens: Vec<Token<'_>> = Lexer::new(rest, backslash).collect();
    while tokens.last() == Some(&Token::Sign(b';')) {
        tokens.pop();
    }
    if tokens.contains(&Token::Broken) || tokens.contains(&Token::Sign(b'(')) {
        let user = tokens.iter().any(|token| matches!(token, Token::UserVariable(_)));
        return if user { Set::UserVariable } else { Set::Unknown };
    }
    if let Some(set) = transaction(&tokens) {
        return set;
    }
    let mut settings = Vec::new();
    let mut global = false;
    for item in tokens.split(|token| *token == Token::Sign(b',')) {
        match one(item) {
            Some(One::Setting(setting, value)) => settings.push((setting, value)),
            Some(One::Global) => global = true,
            Some(One::User) => return Set::UserVariable,
            None => {
                let user = tokens.iter().any(|token| matches!(token, Token::UserVariable(_)));
                return if user { Set::UserVariable } else { Set::Unknown };
            }
        }
    }
    match (settings.is_empty(), global) {
        (false, false) => Set::Settings(settings),
        (true, true) => Set::Global,
        _ => Set::Unknown,
    }
}

enum One {
    Setting(Setting, String),
    Global,
    User,
}

fn transaction(tokens: &[Token<'_>]) -> Option<Set> {
    let (scope, rest) = match tokens {
        [scope, word, rest @ ..] if word.is("TRANSACTION") => (Some(scope), rest),
        [word, rest @ ..] if word.is("TRANSACTION") => (None, rest),
        _ => return None,
    };
    let words: Option<Vec<String>> = rest
        .iter()
        .map(|token| match token {
            Token::Word(word) if word.iter().all(u8::is_ascii_alphabetic) => text(word),
            Token::Sign(b',') => Some(",".to_owned()),
            _ => None,
        })
        .collect();
    Some(match (scope, words) {
        (None, _) => Set::NextTransaction,
        (Some(scope), _) if scope.is("GLOBAL") => Set::Global,
        (Some(scope), Some(words)) if scope.is("SESSION") || scope.is("LOCAL") => {
            Set::Settings(vec![(Setting::Transaction, words.join(" "))])
        }
        _ => Set::Unknown,
    })
}

fn one(item: &[Token<'_>]) -> Option<One> {
    match item {
        [word, rest @ ..] if word.is("NAMES") => names(rest),
        [Token::UserVariable(_), ..] => Some(One::User),
        [scope, name, rest @ ..] if scope.is("GLOBAL") || scope.is("PERSIST") => {
            let _ = name.name()?;
            value(rest).map(|_| One::Global)
        }
        [scope, name, rest @ ..] if scope.is("SESSION") || scope.is("LOCAL") => {
            setting(&text(name.name()?)?, rest)
        }
        [Token::SystemVariable(name), rest @ ..] => {
            let name = text(name)?.replace('`', "");
            match name.split_once('.') {
                None => setting(&name, rest),
                Some((scope, name))
                    if scope.eq_ignore_ascii_case("session") || scope.eq_ignore_ascii_case("local") =>
                {
                    setting(name, rest)
                }
                Some((scope, _)) if scope.eq_ignore_ascii_case("global") => value(rest).map(|_| One::Global),
                Some(_) => None,
            }
        }
        [name @ (Token::Word(_) | Token::Name(_)), rest @ ..] => setting(&text(name.name()?)?, rest),
        _ => None,
    }
}

fn setting(name: &str, rest: &[Token<'_>]) -> Option<One> {
    Some(One::Setting(Setting::variable(name)?, value(rest)?))
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// `= literal` or `:= literal`.
fn value(tokens: &[Token<'_>]) -> Option<String> {
    let rest = match tokens {
        [Token::Sign(b'='), rest @ ..] | [Token::Sign(b':'), Token::Sign(b'='), rest @ ..] => rest,
        _ => return None,
    };
    match rest {
        [Token::Text(literal) | Token::Double(literal) | Token::Word(literal)] => text(literal),
        [Token::Sign(b'-'), Token::Word(number)] => text(number).map(|number| format!("-{number}")),
        _ => None,
    }
}

/// `charset [COLLATE collation]`.
fn names(rest: &[Token<'_>]) -> Option<One> {
    let literal = |token: &Token<'_>| match token {
        Token::Text(literal) | Token::Double(literal) | Token::Word(literal) => text(literal),
        _ => None,
    };
    let value = match rest {
        [charset] => literal(charset)?,
        [charset, word, collation] if word.is("COLLATE") => {
            format!("{} COLLATE {}", literal(charset)?, literal(collation)?)
        }
        _ => return None,
    };
    Some(One::Setting(Setting::Names, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sql: &str) -> Vec<(Setting, String)> {
        match parse(sql.as_bytes(), true) {
            Set::Settings(settings) => settings,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn what_drivers_send_at_connect_is_carried() {
        let variable = |name: &str| Setting::variable(name).unwrap();
        assert_eq!(settings("NAMES utf8mb4"), [(Setting::Names, "utf8mb4".into())]);
        assert_eq!(
            settings("NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'"),
            [(
                Setting::Names,
                "'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'".into()
            )]
        );
        assert_eq!(settings("AUTOCOMMIT = 0"), [(variable("autocommit"), "0".into())]);
        assert_eq!(
            settings("@@session.autocommit = OFF;"),
            [(variable("autocommit"), "OFF".into())]
        );
        assert_eq!(
            settings("SESSION sql_mode='ANSI,TRADITIONAL', time_zone := \"+02:00\""),
            [
                (variable("sql_mode"), "'ANSI,TRADITIONAL'".into()),
                (variable("time_zone"), "\"+02:00\"".into())
            ]
        );
        assert_eq!(
            settings("SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
            [(Setting::Transaction, "ISOLATION LEVEL READ COMMITTED".into())]
        );
    }

    #[test]
    fn what_cannot_be_carried_is_told() {
        for (sql, set) in [
            ("@a = 1", Set::UserVariable),
            ("sql_mode = CONCAT(@@sql_mode, ',ANSI')", Set::Unknown),
            ("sql_mode = @old", Set::UserVariable),
            ("sql_mode = @@global.sql_mode", Set::Unknown),
            ("timestamp = 1", Set::Unknown),
            ("insert_id = 7", Set::Unknown),
            ("sql_log_bin = 0", Set::Unknown),
            ("TRANSACTION READ ONLY", Set::NextTransaction),
            ("GLOBAL max_connections = 10", Set::Global),
            ("GLOBAL TRANSACTION READ ONLY", Set::Global),
            ("@@global.max_connections = 10", Set::Global),
            ("PASSWORD = 'x'", Set::Unknown),
            ("ROLE admin", Set::Unknown),
            ("CHARACTER SET utf8", Set::Unknown),
            ("STATEMENT max_statement_time=1 FOR SELECT 1", Set::Unknown),
            ("sql_mode = 'x", Set::Unknown),
            ("", Set::Unknown),
        ] {
            assert_eq!(parse(sql.as_bytes(), true), set, "{sql}");
        }
    }
}
