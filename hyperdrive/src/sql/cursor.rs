//! Tokens of a text one at a time, with the keyword of each and one token of foresight.

use std::borrow::Cow;
use std::ops::Range;

use super::keyword::{Keyword, keyword};
use super::lexer::{Lexer, Token, TokenKind, decode_name, decode_text};
use super::{Dialect, Hint, Options, Refusal, TableName, Value};

/// A name in the text could not be read as plain ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OddName;

#[derive(Debug)]
pub(super) struct Cursor<'a, 'o> {
    pub(super) text: &'a [u8],
    pub(super) dialect: Dialect,
    pub(super) options: &'o Options,
    lexer: Lexer<'a, 'o>,
    pub(super) token: Token,
    pub(super) word: Keyword,
    ahead: Option<Token>,
    /// Kind and keyword of the token before, and of the one before that.
    pub(super) previous: (TokenKind, Keyword),
    pub(super) earlier: (TokenKind, Keyword),
    /// End of the token before.
    pub(super) previous_end: usize,
}

const NOTHING: (TokenKind, Keyword) = (TokenKind::End, Keyword::Other);

impl<'a, 'o> Cursor<'a, 'o> {
    pub(super) fn new(dialect: Dialect, text: &'a [u8], options: &'o Options) -> Self {
        let mut lexer = Lexer::new(dialect, text, options);
        let token = lexer.token();
        let mut cursor = Self {
            text,
            dialect,
            options,
            lexer,
            token,
            word: Keyword::Other,
            ahead: None,
            previous: NOTHING,
            earlier: NOTHING,
            previous_end: 0,
        };
        cursor.word = cursor.keyword_of(token);
        cursor
    }

    fn keyword_of(&self, token: Token) -> Keyword {
        match token.kind {
            TokenKind::Word => keyword(&self.text[token.start..token.end]),
            _ => Keyword::Other,
        }
    }

    pub(super) fn advance(&mut self) {
        self.earlier = self.previous;
        self.previous = (self.token.kind, self.word);
        self.previous_end = self.token.end;
        self.token = self.ahead.take().unwrap_or_else(|| self.lexer.token());
        self.word = self.keyword_of(self.token);
    }

    pub(super) fn peek(&mut self) -> Token {
        *self.ahead.get_or_insert_with(|| self.lexer.token())
    }

    pub(super) fn peek_word(&mut self) -> Keyword {
        let token = self.peek();
        self.keyword_of(token)
    }

    pub(super) fn peek_symbol(&mut self, symbol: u8) -> bool {
        self.peek().kind == TokenKind::Symbol(symbol)
    }

    /// Forgets what came before: a new statement begins.
    pub(super) fn begin(&mut self) {
        self.previous = NOTHING;
        self.earlier = NOTHING;
    }

    pub(super) fn problem(&self) -> Option<Refusal> {
        self.lexer.problem()
    }

    pub(super) fn take_hint(&mut self) -> Option<Hint> {
        self.lexer.take_hint()
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        &self.text[self.token.start..self.token.end]
    }

    /// The text or one of its statements ended.
    pub(super) fn at_end(&self) -> bool {
        matches!(
            self.token.kind,
            TokenKind::End | TokenKind::Broken | TokenKind::Symbol(b';')
        )
    }

    pub(super) fn finished(&self) -> bool {
        matches!(self.token.kind, TokenKind::End | TokenKind::Broken)
    }

    pub(super) fn is(&self, word: Keyword) -> bool {
        self.word == word
    }

    pub(super) fn any_of(&self, words: &[Keyword]) -> bool {
        words.contains(&self.word)
    }

    pub(super) fn accept(&mut self, word: Keyword) -> bool {
        let found = self.word == word;
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn accept_any(&mut self, words: &[Keyword]) -> bool {
        let mut found = false;
        while self.any_of(words) {
            self.advance();
            found = true;
        }
        found
    }

    pub(super) fn symbol(&self, symbol: u8) -> bool {
        self.token.kind == TokenKind::Symbol(symbol)
    }

    pub(super) fn accept_symbol(&mut self, symbol: u8) -> bool {
        let found = self.symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// The word or quoted name here, as the server compares it.
    pub(super) fn identifier(&self) -> Result<Cow<'a, str>, OddName> {
        let bytes = self.bytes();
        if !bytes.is_ascii() {
            return Err(OddName);
        }
        match self.token.kind {
            TokenKind::Word => {
                let word = std::str::from_utf8(bytes).map_err(|_| OddName)?;
                let fold =
                    self.dialect == Dialect::Postgres && word.bytes().any(|byte| byte.is_ascii_uppercase());
                Ok(if fold {
                    Cow::Owned(word.to_ascii_lowercase())
                } else {
                    Cow::Borrowed(word)
                })
            }
            TokenKind::Name => decode_name(bytes).ok_or(OddName),
            _ => Err(OddName),
        }
    }

    pub(super) fn at_name(&self) -> bool {
        matches!(self.token.kind, TokenKind::Word | TokenKind::Name)
    }

    /// Reads `name`, `qualifier.name` or `catalog.qualifier.name`; `None` when there is none here. Moves past
    /// it also when it is odd.
    pub(super) fn table_name(&mut self) -> Option<Result<TableName<'a>, OddName>> {
        if !self.at_name() {
            return None;
        }
        let mut name = self.identifier().map(|name| TableName {
            qualifier: None,
            name,
        });
        self.advance();
        while self.symbol(b'.') {
            self.advance();
            if !self.at_name() {
                return Some(Err(OddName));
            }
            name = match (name, self.identifier()) {
                (Ok(before), Ok(part)) => Ok(TableName {
                    qualifier: Some(before.name),
                    name: part,
                }),
                _ => Err(OddName),
            };
            self.advance();
        }
        Some(name)
    }

    /// The string literal here, resolved.
    pub(super) fn literal(&self) -> Option<Cow<'a, str>> {
        match self.token.kind {
            TokenKind::Text => decode_text(self.dialect, self.options, self.bytes()),
            _ => None,
        }
    }

    /// A value of `SET`: one plain token, or the bytes up to a comma or the end of the statement. Anything
    /// else than one token is an expression.
    pub(super) fn value(&mut self, stop_at_comma: bool) -> Value<'a> {
        let start = self.token.start;
        let sign = matches!(self.token.kind, TokenKind::Symbol(b'-' | b'+'));
        if sign {
            self.advance();
        }
        let plain = self.plain_value(start, sign);
        if plain.is_some() {
            self.advance();
        }
        if let Some(value) = plain
            && (self.at_end() || (stop_at_comma && self.symbol(b',')))
        {
            return value;
        }
        // Where no value stands, the last token ended before this place.
        Value::Expression(start..self.skip_expression(stop_at_comma).max(start))
    }

    fn plain_value(&self, start: usize, sign: bool) -> Option<Value<'a>> {
        let bytes = self.bytes();
        match (self.token.kind, self.word) {
            (TokenKind::Number, _) => {
                let number = std::str::from_utf8(&self.text[start..self.token.end]).ok()?;
                Some(Value::Number(Cow::Borrowed(number)))
            }
            _ if sign => None,
            (TokenKind::Text, _) => self.literal().map(Value::Text),
            (TokenKind::Word, Keyword::Default) => Some(Value::Default),
            (TokenKind::Word, Keyword::Null) => Some(Value::Null),
            (TokenKind::Word, _) => std::str::from_utf8(bytes)
                .ok()
                .map(|word| Value::Word(Cow::Borrowed(word))),
            (TokenKind::Name, _) => self.identifier().ok().map(Value::Word),
            _ => None,
        }
    }

    /// To the comma or end outside parentheses; the end of the last token.
    pub(super) fn skip_expression(&mut self, stop_at_comma: bool) -> usize {
        let mut depth = 0_usize;
        let mut end = self.previous_end;
        while !self.finished() {
            match self.token.kind {
                TokenKind::Symbol(b';') if depth == 0 => break,
                TokenKind::Symbol(b',') if depth == 0 && stop_at_comma => break,
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            end = self.token.end;
            self.advance();
        }
        end
    }

    /// To the end of the statement; the bytes passed.
    pub(super) fn rest(&mut self) -> Range<usize> {
        let start = self.token.start;
        start..self.skip_expression(false).max(start)
    }
}
