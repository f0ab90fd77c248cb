//! SQL as tokens: enough to know what a statement may do to a session, and no more.
//!
//! Executable comments (`/*!50000 … */`, `/*M! … */`) are code. What does not end (a string, a comment) is
//! [`Token::Broken`]: nothing is known about such a statement.

/// One token; texts are as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword, a name or a number.
    Word(&'a [u8]),
    /// `'text'`, quotes included.
    Text(&'a [u8]),
    /// `"text"` or `"name"`, as `ANSI_QUOTES` decides; quotes included.
    Double(&'a [u8]),
    /// `` `name` ``, quotes included.
    Name(&'a [u8]),
    /// `@name`.
    UserVariable(&'a [u8]),
    /// `@@name`, with the scope when there is one: `session.sql_mode`.
    SystemVariable(&'a [u8]),
    /// Any other byte.
    Sign(u8),
    /// Something that does not end.
    Broken,
}

impl<'a> Token<'a> {
    /// Whether it is this keyword (given in upper case).
    #[must_use]
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    /// The name it may stand for before `(`: functions may be quoted.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        match self {
            Token::Word(word) => Some(word),
            Token::Name(quoted) | Token::Double(quoted) => quoted.get(1..quoted.len() - 1),
            _ => None,
        }
    }
}

/// The tokens of a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
    /// Where the last token began.
    start: usize,
    backslash: bool,
    executable: u32,
}

impl<'a> Lexer<'a> {
    /// `backslash`: it escapes within strings (no `NO_BACKSLASH_ESCAPES`).
    #[must_use]
    pub fn new(sql: &'a [u8], backslash: bool) -> Self {
        Self {
            sql,
            at: 0,
            start: 0,
            backslash,
            executable: 0,
        }
    }

    /// Where the last token began and ended.
    #[must_use]
    pub fn span(&self) -> (usize, usize) {
        (self.start, self.at)
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.sql.get(self.at + ahead).copied()
    }

    /// Skips blanks and comments; false when a comment does not end.
    fn skip(&mut self) -> bool {
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C), _) => self.at += 1,
                (Some(b'#'), _) => self.line(),
                (Some(b'-'), Some(b'-')) if self.byte(2).is_none_or(|byte| byte <= b' ') => self.line(),
                (Some(b'*'), Some(b'/')) if self.executable > 0 => {
                    self.executable -= 1;
                    self.at += 2;
                }
                (Some(b'/'), Some(b'*')) => {
                    let code = match (self.byte(2), self.byte(3)) {
                        (Some(b'!'), _) => 3,
                        (Some(b'M'), Some(b'!')) => 4,
                        _ => 0,
                    };
                    if code > 0 {
                        self.at += code;
                        while self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
                            self.at += 1;
                        }
                        self.executable += 1;
                    } else if !self.comment() {
                        return false;
                    }
                }
                _ => return true,
            }
        }
    }

    fn line(&mut self) {
        while self.byte(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn comment(&mut self) -> bool {
        let end = self.sql[self.at + 2..].windows(2).position(|two| two == b"*/");
        match end {
            Some(end) => self.at += end + 4,
            None => self.at = self.sql.len(),
        }
        end.is_some()
    }

    fn quoted(&mut self, quote: u8, escapes: bool) -> bool {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            self.at += 1;
            if byte == b'\\' && escapes {
                self.at += 1;
            } else if byte == quote {
                if self.byte(0) != Some(quote) {
                    return self.at <= self.sql.len();
                }
                self.at += 1;
            }
        }
        self.at = self.sql.len();
        false
    }

    fn word(&mut self, more: &[u8]) {
        while self
            .byte(0)
            .is_some_and(|byte| is_word(byte) || more.contains(&byte))
        {
            self.at += 1;
        }
    }

    fn variable(&mut self) -> Token<'a> {
        self.at += 1;
        if self.byte(0) == Some(b'@') {
            self.at += 1;
            let start = self.at;
            self.word(b".`");
            return Token::SystemVariable(&self.sql[start..self.at]);
        }
        let start = self.at;
        let whole = match self.byte(0) {
            Some(quote @ (b'\'' | b'"' | b'`')) => self.quoted(quote, self.backslash && quote != b'`'),
            _ => {
                self.word(b".");
                true
            }
        };
        if whole {
            Token::UserVariable(&self.sql[start..self.at])
        } else {
            Token::Broken
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip() {
            return Some(Token::Broken);
        }
        self.start = self.at;
        let first = self.byte(0)?;
        let quoted = |lexer: &mut Self, escapes: bool, make: fn(&'a [u8]) -> Token<'a>| {
            let start = lexer.at;
            let whole = lexer.quoted(first, escapes);
            if whole {
                make(&lexer.sql[start..lexer.at])
            } else {
                Token::Broken
            }
        };
        let escapes = self.backslash;
        Some(match first {
            b'\'' => quoted(self, escapes, Token::Text),
            b'"' => quoted(self, escapes, Token::Double),
            b'`' => quoted(self, false, Token::Name),
            b'@' => self.variable(),
            byte if is_word(byte) => {
                let start = self.at;
                self.word(b"");
                // `1.5` is one number, `a.b` are two names.
                if byte.is_ascii_digit() {
                    self.word(b".");
                }
                Token::Word(&self.sql[start..self.at])
            }
            byte => {
                self.at += 1;
                Token::Sign(byte)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(sql: &str) -> Vec<String> {
        Lexer::new(sql.as_bytes(), true)
            .map(|token| match token {
                Token::Word(text) | Token::Text(text) | Token::Double(text) | Token::Name(text) => {
                    String::from_utf8_lossy(text).into_owned()
                }
                Token::UserVariable(name) => format!("@{}", String::from_utf8_lossy(name)),
                Token::SystemVariable(name) => format!("@@{}", String::from_utf8_lossy(name)),
                Token::Sign(sign) => char::from(sign).to_string(),
                Token::Broken => "BROKEN".to_owned(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn any_bytes_end(sql: Vec<u8>, backslash: bool) {
            prop_assert!(Lexer::new(&sql, backslash).count() <= sql.len() + 1);
        }
    }

    #[test]
    fn comments_are_blanks_and_executable_ones_are_code() {
        assert_eq!(
            words("a/* NOW() */b -- c\nd #e\nf--g"),
            ["a", "b", "d", "f", "-", "-", "g"]
        );
        assert_eq!(
            words("select /*!50000 get_lock('a',1) */ 1"),
            ["select", "get_lock", "(", "'a'", ",", "1", ")", "1"]
        );
        assert_eq!(words("/*M!100100 set */x"), ["set", "x"]);
        assert_eq!(words("a /* b"), ["a", "BROKEN"]);
    }

    #[test]
    fn strings_end_where_the_server_says_they_do() {
        assert_eq!(words(r"'it''s' 'a\'b' `c``d`"), ["'it''s'", r"'a\'b'", "`c``d`"]);
        assert_eq!(words("'a; get_lock()"), ["BROKEN"]);
        let plain: Vec<_> = Lexer::new(br"'a\' 'b'", false).collect();
        assert_eq!(plain, [Token::Text(br"'a\'"), Token::Text(b"'b'")]);
    }

    #[test]
    fn variables_are_told_apart() {
        assert_eq!(
            words("@a:=1, @`b c`, @@session.sql_mode, 1.5, t.c"),
            [
                "@a",
                ":",
                "=",
                "1",
                ",",
                "@`b c`",
                ",",
                "@@session.sql_mode",
                ",",
                "1.5",
                ",",
                "t",
                ".",
                "c"
            ]
        );
    }
}
