//! Strings and quoted names: where they end, and what is inside.

use std::borrow::Cow;

use super::{Dialect, Lexer, Options, Refusal, TokenKind};

impl Lexer<'_, '_> {
    /// At the opening quote of a string whose prefix began at `start`.
    pub(super) fn text_from(&mut self, start: usize) -> TokenKind {
        let escapes = match self.dialect {
            Dialect::MySql => !self.options.no_backslash_escapes,
            Dialect::Postgres => match self.text[start] {
                b'e' | b'E' => true,
                b'\'' => !self.options.standard_conforming_strings,
                _ => false,
            },
        };
        let quote = self.text[self.at];
        self.at += 1;
        loop {
            if !self.skip_quoted(quote, escapes) {
                return self.broken(Refusal::Unparsed);
            }
            if self.dialect == Dialect::MySql || !self.continued() {
                return TokenKind::Text;
            }
        }
    }

    /// Past the closing quote; false when there is none.
    fn skip_quoted(&mut self, quote: u8, escapes: bool) -> bool {
        loop {
            let rest = &self.text[self.at..];
            let found = if escapes {
                memchr::memchr2(quote, b'\\', rest)
            } else {
                memchr::memchr(quote, rest)
            };
            let Some(found) = found else { return false };
            self.at += found;
            if self.text[self.at] == b'\\' && escapes {
                self.at += 2;
                if self.at > self.text.len() {
                    return false;
                }
            } else if self.peek(1) == Some(quote) {
                self.at += 2;
            } else {
                self.at += 1;
                return true;
            }
        }
    }

    /// PostgreSQL goes on with the same string after a line break: `'a'\n'b'`. Moves past the next opening
    /// quote when it does.
    fn continued(&mut self) -> bool {
        let mut at = self.at;
        let mut line_break = false;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'\n' | b'\r' => {
                    line_break = true;
                    at += 1;
                }
                b' ' | b'\t' | 0x0b | 0x0c => at += 1,
                b'-' if self.text.get(at + 1) == Some(&b'-') => {
                    let rest = &self.text[at..];
                    at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                b'\'' if line_break => {
                    self.at = at + 1;
                    return true;
                }
                _ => return false,
            }
        }
        false
    }

    /// At the opening quote of a name.
    pub(super) fn name(&mut self, quote: u8) -> TokenKind {
        self.at += 1;
        if self.skip_quoted(quote, false) {
            TokenKind::Name
        } else {
            self.broken(Refusal::Unparsed)
        }
    }

    /// At the quote of `x'1f'` or `b'01'`: digits only.
    pub(super) fn digits_text(&mut self, start: usize) -> TokenKind {
        let binary = matches!(self.text[start], b'b' | b'B');
        self.at += 1;
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .take_while(|byte| {
                if binary {
                    matches!(byte, b'0' | b'1')
                } else {
                    byte.is_ascii_hexdigit()
                }
            })
            .count();
        if rest.get(length) != Some(&b'\'') {
            return self.broken(Refusal::Unparsed);
        }
        self.at += length + 1;
        TokenKind::Text
    }
}

/// The inside of a quoted name; `None` when it is not UTF-8 or written in a way that is not resolved here.
pub(in crate::sql) fn decode_name(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let (quote, inside) = match bytes {
        [quote @ (b'`' | b'"'), inside @ .., last] if quote == last => (*quote as char, inside),
        _ => return None,
    };
    let inside = std::str::from_utf8(inside).ok()?;
    if inside.contains(quote) {
        let doubled: String = [quote, quote].iter().collect();
        let single = quote.to_string();
        return Some(Cow::Owned(inside.replace(&doubled, &single)));
    }
    Some(Cow::Borrowed(inside))
}

/// The inside of a string literal; `None` when it is not UTF-8 or written in a way that is not resolved here.
pub(in crate::sql) fn decode_text<'a>(
    dialect: Dialect,
    options: &Options,
    bytes: &'a [u8],
) -> Option<Cow<'a, str>> {
    let (quote, inside) = match bytes {
        [quote @ (b'\'' | b'"'), inside @ .., last] if quote == last => (*quote, inside),
        _ => return None,
    };
    let escapes = match dialect {
        Dialect::MySql => !options.no_backslash_escapes,
        Dialect::Postgres => !options.standard_conforming_strings,
    };
    let inside = std::str::from_utf8(inside).ok()?;
    if !inside
        .bytes()
        .any(|byte| byte == quote || (escapes && byte == b'\\'))
    {
        return Some(Cow::Borrowed(inside));
    }
    let mut decoded = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if escapes && dialect == Dialect::MySql => decoded.push(unescape(characters.next()?)?),
            '\\' if escapes => return None,
            _ if character == char::from(quote) => {
                // Two are one; a single one inside is the seam of a string over several lines.
                if characters.next()? != character {
                    return None;
                }
                decoded.push(character);
            }
            _ => decoded.push(character),
        }
    }
    Some(Cow::Owned(decoded))
}

fn unescape(character: char) -> Option<char> {
    Some(match character {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        // these keep their backslash, for LIKE
        '%' | '_' => return None,
        other => other,
    })
}
