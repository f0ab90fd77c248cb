//! What is between tokens: blanks, comments, and the comments that MySQL executes.

use super::{Dialect, Hint, Lexer, Refusal};
use crate::sql::Server;

/// Whether a server reads the inside of an executable comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Executed {
    /// As code that begins after so many bytes of version number.
    Code(usize),
    /// As a comment.
    Comment,
    /// Some do.
    Unsure,
}

impl Lexer<'_, '_> {
    /// Moves to the next token, or sets the problem.
    pub(super) fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'#' if self.dialect == Dialect::MySql => self.skip_line(),
                b'-' if self.peek(1) == Some(b'-') && self.dash_comment() => self.skip_line(),
                b'/' if self.peek(1) == Some(b'*') => {
                    if !self.skip_comment() {
                        return;
                    }
                }
                b'*' if self.executable && self.peek(1) == Some(b'/') => {
                    self.executable = false;
                    self.at += 2;
                }
                _ => return,
            }
        }
    }

    /// MySQL asks for a blank or control character after the dashes.
    fn dash_comment(&self) -> bool {
        self.dialect == Dialect::Postgres
            || self
                .peek(2)
                .is_none_or(|byte| byte == b' ' || byte.is_ascii_control())
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        let end = match self.dialect {
            Dialect::MySql => memchr::memchr(b'\n', rest),
            Dialect::Postgres => memchr::memchr2(b'\n', b'\r', rest),
        };
        self.at += end.unwrap_or(rest.len());
    }

    /// False when the text is broken.
    fn skip_comment(&mut self) -> bool {
        if self.dialect == Dialect::MySql {
            let marker = match (self.peek(2), self.peek(3)) {
                (Some(b'!'), _) => 3,
                (Some(b'M'), Some(b'!')) => 4,
                _ => 0,
            };
            if marker > 0 {
                return self.executable_comment(marker);
            }
        }
        self.plain_comment()
    }

    fn plain_comment(&mut self) -> bool {
        let start = self.at + 2;
        let nests = self.dialect == Dialect::Postgres;
        let mut depth = 1_usize;
        let mut at = start;
        while let Some(found) = memchr::memchr2(b'*', b'/', self.text.get(at..).unwrap_or_default()) {
            at += found;
            match (self.text[at], self.text.get(at + 1)) {
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        if let Some(hint) = hint(&self.text[start..at - 2]) {
                            self.hint = Some(hint);
                        }
                        self.at = at;
                        return true;
                    }
                }
                (b'/', Some(b'*')) if nests => {
                    depth += 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.broken(Refusal::Unparsed);
        false
    }

    fn executable_comment(&mut self, marker: usize) -> bool {
        let rest = &self.text[self.at + marker..];
        match executed(self.options.server, marker == 4, rest) {
            // An executable comment inside another one is read differently by every version.
            _ if self.executable => {
                self.broken(Refusal::AmbiguousComment);
                false
            }
            Executed::Code(digits) => {
                self.executable = true;
                self.at += marker + digits;
                true
            }
            // Servers disagree on where a skipped comment ends when it holds another one.
            Executed::Comment => {
                let inside = memchr::memmem::find(rest, b"*/").map(|end| &rest[..end]);
                if inside.is_some_and(|inside| memchr::memmem::find(inside, b"/*").is_none()) {
                    self.plain_comment()
                } else {
                    self.broken(Refusal::AmbiguousComment);
                    false
                }
            }
            Executed::Unsure => {
                self.broken(Refusal::AmbiguousComment);
                false
            }
        }
    }
}

/// `rest` follows `/*!` or, with `mariadb_only`, `/*M!`.
fn executed(server: Server, mariadb_only: bool, rest: &[u8]) -> Executed {
    let digits = rest
        .iter()
        .take(7)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let version = rest[..digits]
        .iter()
        .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    // No server has reached version 99.99; dumps use such numbers for notes to the client.
    if matches!((digits, version), (6, 999_990..) | (5, 99_990..)) {
        return Executed::Comment;
    }
    if mariadb_only {
        match server {
            Server::MySql(_) => return Executed::Comment,
            Server::Unknown => return Executed::Unsure,
            Server::MariaDb(_) => {}
        }
    }
    match (digits, server) {
        (0, _) => Executed::Code(0),
        (1..=4, _) | (7.., _) => Executed::Unsure,
        // every supported server is newer than 5.7
        (5, _) if version < 50_700 => Executed::Code(5),
        (5, Server::MySql(own)) if version <= own => Executed::Code(5),
        (5, Server::MySql(_)) => Executed::Comment,
        // MariaDB skips what MySQL 5.7 added, and from some version on what MySQL 8 added
        (5, Server::MariaDb(_)) if !mariadb_only && version < 51_000 => Executed::Comment,
        (5 | 6, Server::MariaDb(own)) if version > own => Executed::Comment,
        (5, Server::MariaDb(_)) if mariadb_only => Executed::Code(5),
        (6, Server::MariaDb(_)) if version >= 100_000 => Executed::Code(6),
        _ => Executed::Unsure,
    }
}

/// `popgate:no-cache`, `popgate:cache max-age=30`.
fn hint(comment: &[u8]) -> Option<Hint> {
    let comment = comment.trim_ascii().strip_prefix(b"popgate:")?;
    let words = std::str::from_utf8(comment).ok()?;
    let mut words = words.split_ascii_whitespace();
    match (words.next()?, words.next(), words.next()) {
        ("no-cache", None, None) => Some(Hint::NoCache),
        ("cache", Some(age), None) => {
            let seconds = age.strip_prefix("max-age=")?.parse::<u32>().ok()?;
            Some(Hint::MaxAge(seconds.min(86_400)))
        }
        _ => None,
    }
}
