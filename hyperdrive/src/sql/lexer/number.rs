//! Numbers, and where they end when a word follows at once.

use super::{Dialect, Lexer, Refusal, TokenKind, is_word};

impl Lexer<'_, '_> {
    /// At a digit, or at a dot before one.
    pub(super) fn number(&mut self) -> TokenKind {
        match self.dialect {
            Dialect::MySql => self.mysql_number(),
            Dialect::Postgres => self.postgres_number(),
        }
    }

    fn digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// `e`, perhaps a sign, a digit.
    fn exponent(&mut self) -> bool {
        if !matches!(self.peek(0), Some(b'e' | b'E')) {
            return false;
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if !self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            return false;
        }
        self.at += 1 + sign;
        self.digits();
        true
    }

    /// `0x1f` and `0b01` when nothing of a word follows.
    fn radix(&mut self) -> bool {
        let valid: fn(&u8) -> bool = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x')) => |byte| byte.is_ascii_hexdigit(),
            (Some(b'0'), Some(b'b')) => |byte| matches!(byte, b'0' | b'1'),
            _ => return false,
        };
        let rest = &self.text[self.at + 2..];
        let length = rest.iter().take_while(|byte| valid(byte)).count();
        let whole = length > 0 && !rest.get(length).is_some_and(|byte| is_word(self.dialect, *byte));
        if whole {
            self.at += 2 + length;
        }
        whole
    }

    /// A word may begin with a digit: `1a` and `2020_log` are names, `1e5x` is `1e5` and `x`.
    fn mysql_number(&mut self) -> TokenKind {
        if self.radix() {
            return TokenKind::Number;
        }
        let start = self.at;
        self.digits();
        let whole = self.at > start;
        match self.peek(0) {
            Some(b'.') => {
                self.at += 1;
                self.digits();
                if matches!(self.peek(0), Some(b'e' | b'E')) && !self.exponent() {
                    // `1.e(`: the server loses characters here
                    return self.broken(Refusal::Unparsed);
                }
                TokenKind::Number
            }
            Some(byte) if whole && is_word(self.dialect, byte) => {
                if self.exponent() {
                    TokenKind::Number
                } else {
                    self.word()
                }
            }
            _ => TokenKind::Number,
        }
    }

    /// Digits end at the first other character: `1from` is `1` and `from`.
    fn postgres_number(&mut self) -> TokenKind {
        if self.radix() {
            return TokenKind::Number;
        }
        self.digits();
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.digits();
        }
        self.exponent();
        TokenKind::Number
    }
}
