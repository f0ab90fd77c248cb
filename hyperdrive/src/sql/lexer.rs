//! Text to tokens: zero-copy, one pass, no allocation.
//!
//! Follows the servers' own rules where they decide what is code and what is not: comments, executable
//! comments, quotes and escapes, dollar quotes, numbers that run into words. What a server would refuse
//! becomes [`TokenKind::Broken`], which ends the text.

mod blanks;
mod number;
mod quoted;

use super::{Dialect, Hint, Options, Refusal};
pub(super) use quoted::{decode_name, decode_text};

/// The sort of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Bare identifier or keyword.
    Word,
    /// Quoted identifier.
    Name,
    /// String, bit string or hex string, with its prefix.
    Text,
    /// Number.
    Number,
    /// MySQL `@x`.
    UserVariable,
    /// MySQL `@@x`, `@@scope.x`.
    SystemVariable,
    /// `?` (MySQL), `$1` (PostgreSQL).
    Parameter,
    /// `:=`.
    Assign,
    /// PostgreSQL `::`.
    Cast,
    /// Any other single byte.
    Symbol(u8),
    /// The text ended.
    End,
    /// The rest cannot be read; [`Lexer::problem`] says why.
    Broken,
}

/// A token: its bytes are `text[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// Past the last byte.
    pub end: usize,
    /// Blanks or a comment came before it.
    pub spaced: bool,
}

/// Reads tokens from a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a, 'o> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
    options: &'o Options,
    executable: bool,
    problem: Option<Refusal>,
    hint: Option<Hint>,
}

impl<'a, 'o> Lexer<'a, 'o> {
    /// A lexer at the start of `text`.
    #[must_use]
    pub fn new(dialect: Dialect, text: &'a [u8], options: &'o Options) -> Self {
        let problem = if text.len() > options.text_max {
            Some(Refusal::TooLong)
        } else if !options.ascii_safe && !text.is_ascii() {
            Some(Refusal::Encoding)
        } else {
            None
        };
        Self {
            text,
            at: 0,
            dialect,
            options,
            executable: false,
            problem,
            hint: None,
        }
    }

    /// Why the text is broken.
    #[must_use]
    pub fn problem(&self) -> Option<Refusal> {
        self.problem
    }

    /// The last `popgate:` hint in a comment read so far.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        self.hint
    }

    pub(super) fn take_hint(&mut self) -> Option<Hint> {
        self.hint.take()
    }

    /// The next token; after [`TokenKind::End`] and [`TokenKind::Broken`] the same again.
    pub fn token(&mut self) -> Token {
        let before = self.at;
        if self.problem.is_none() {
            self.skip_blanks();
        }
        let start = self.at;
        let kind = match self.peek(0) {
            _ if self.problem.is_some() => TokenKind::Broken,
            None if self.executable => self.broken(Refusal::Unparsed),
            None => TokenKind::End,
            Some(byte) => self.kind_of(byte),
        };
        Token {
            kind,
            start,
            end: self.at,
            spaced: start > before,
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn broken(&mut self, why: Refusal) -> TokenKind {
        self.problem.get_or_insert(why);
        self.at = self.text.len();
        TokenKind::Broken
    }

    fn kind_of(&mut self, byte: u8) -> TokenKind {
        match (self.dialect, byte) {
            (_, 0) => self.broken(Refusal::Unparsed),
            (_, b'0'..=b'9') if self.after_dot() => self.word(),
            (_, b'0'..=b'9') => self.number(),
            (_, b'.')
                if !self.after_identifier() && self.peek(1).is_some_and(|next| next.is_ascii_digit()) =>
            {
                self.number()
            }
            (_, b'\'') => self.text_from(self.at),
            (Dialect::MySql, b'"') if self.options.ansi_quotes => self.name(b'"'),
            (Dialect::MySql, b'"') => self.text_from(self.at),
            (Dialect::Postgres, b'"') => self.name(b'"'),
            (Dialect::MySql, b'`') => self.name(b'`'),
            (Dialect::MySql, b'@') => self.variable(),
            (Dialect::MySql, b'?') => self.symbol(1, TokenKind::Parameter),
            (Dialect::Postgres, b'$') => self.dollar(),
            (_, b':') if self.peek(1) == Some(b'=') => self.symbol(2, TokenKind::Assign),
            (Dialect::Postgres, b':') if self.peek(1) == Some(b':') => self.symbol(2, TokenKind::Cast),
            (dialect, byte) if is_word(dialect, byte) => self.word_or_text(),
            (_, byte) => self.symbol(1, TokenKind::Symbol(byte)),
        }
    }

    fn symbol(&mut self, length: usize, kind: TokenKind) -> TokenKind {
        self.at += length;
        kind
    }

    fn byte_before(&self, back: usize) -> Option<u8> {
        self.at
            .checked_sub(back)
            .and_then(|at| self.text.get(at))
            .copied()
    }

    /// MySQL reads `t.1a` and `t.5` as names.
    fn after_dot(&self) -> bool {
        self.dialect == Dialect::MySql
            && self.byte_before(1) == Some(b'.')
            && self
                .byte_before(2)
                .is_some_and(|byte| is_word(self.dialect, byte) || matches!(byte, b'`' | b'"'))
    }

    fn after_identifier(&self) -> bool {
        self.byte_before(1)
            .is_some_and(|byte| is_word(self.dialect, byte) || matches!(byte, b'`' | b'"' | b']' | b')'))
    }

    fn word(&mut self) -> TokenKind {
        let rest = &self.text[self.at..];
        self.at += rest
            .iter()
            .position(|byte| !is_word(self.dialect, *byte))
            .unwrap_or(rest.len());
        TokenKind::Word
    }

    /// A word, unless it is the prefix of a string.
    fn word_or_text(&mut self) -> TokenKind {
        let start = self.at;
        let kind = self.word();
        let quote = self.peek(0);
        let prefix = self.text[start..self.at].first().map(u8::to_ascii_lowercase);
        let length = self.at - start;
        match (self.dialect, prefix, length, quote) {
            (Dialect::MySql, Some(b'x' | b'b'), 1, Some(b'\'')) => self.digits_text(start),
            (Dialect::MySql, Some(b'n'), 1, Some(b'\'')) => self.text_from(start),
            (Dialect::Postgres, Some(b'e' | b'b' | b'x' | b'n'), 1, Some(b'\'')) => self.text_from(start),
            (Dialect::Postgres, Some(b'u'), 1, Some(b'&')) if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.text_from(start)
            }
            (Dialect::Postgres, Some(b'u'), 1, Some(b'&')) if self.peek(1) == Some(b'"') => {
                self.at += 1;
                self.name(b'"')
            }
            _ => kind,
        }
    }

    /// `@x`, `@'x'`, `@@x`, `@@session.x`.
    fn variable(&mut self) -> TokenKind {
        let system = self.peek(1) == Some(b'@');
        self.at += if system { 2 } else { 1 };
        loop {
            match self.peek(0) {
                Some(b'`') => {
                    let kind = self.name(b'`');
                    if kind == TokenKind::Broken {
                        return kind;
                    }
                }
                Some(quote @ (b'\'' | b'"')) if !system => {
                    let kind = if quote == b'"' && self.options.ansi_quotes {
                        self.name(quote)
                    } else {
                        self.text_from(self.at)
                    };
                    if kind == TokenKind::Broken {
                        return kind;
                    }
                }
                Some(byte) if is_word(Dialect::MySql, byte) || byte == b'.' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            // A quoted part may be followed by a dot and another part, a bare part has been read whole.
            if self.peek(0) == Some(b'.') {
                self.at += 1;
                continue;
            }
            break;
        }
        if system {
            TokenKind::SystemVariable
        } else {
            TokenKind::UserVariable
        }
    }

    /// `$1`, `$tag$ … $tag$`, or a lone dollar.
    fn dollar(&mut self) -> TokenKind {
        let rest = &self.text[self.at + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            return self.symbol(1 + digits, TokenKind::Parameter);
        }
        let tag = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80)
            .count();
        if rest.get(tag) != Some(&b'$') {
            return self.symbol(1, TokenKind::Symbol(b'$'));
        }
        let quote = &self.text[self.at..self.at + tag + 2];
        let body = self.at + quote.len();
        match memchr::memmem::find(&self.text[body..], quote) {
            Some(found) => self.symbol(quote.len() + found + quote.len(), TokenKind::Text),
            None => self.broken(Refusal::Unparsed),
        }
    }
}

/// Bytes of bare identifiers, after the first one too.
pub(super) fn is_word(_dialect: Dialect, byte: u8) -> bool {
    // both dialects: letters, digits, `_`, `$` and everything above ASCII
    const WORD: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] =
                matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80..);
            byte += 1;
        }
        table
    };
    WORD[usize::from(byte)]
}
