//! The body of a statement: tables, functions, variables and whatever else decides about pins and the cache.
//!
//! One pass over the tokens with a stack of parentheses. Every list of tables is recognised by what opens it
//! (`FROM`, `JOIN`, a comma inside one …); a token that does not fit where a table must be is not understood.
//! The opposite mistake, taking something for a table that is none, only costs a cached result.

mod call;
mod level;
mod tables;
mod words;

use super::cursor::Cursor;
use super::draft::Draft;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use super::{Dialect, Effect, Previous, Refusal};
use level::{From, Level};

/// Deeper nesting is not followed.
const DEPTH_MAX: usize = 100;

pub(super) struct Scan<'s, 'a, 'o> {
    cursor: &'s mut Cursor<'a, 'o>,
    draft: &'s mut Draft<'a>,
    levels: Vec<Level<'a>>,
}

impl<'s, 'a, 'o> Scan<'s, 'a, 'o> {
    pub(super) fn new(cursor: &'s mut Cursor<'a, 'o>, draft: &'s mut Draft<'a>) -> Self {
        let mut levels = Vec::with_capacity(8);
        levels.push(Level::query());
        Self {
            cursor,
            draft,
            levels,
        }
    }

    /// To the end of the statement.
    pub(super) fn run(mut self) {
        while !self.cursor.finished() {
            if self.cursor.symbol(b';') {
                if self.levels.len() > 1 {
                    self.draft.unparsed();
                }
                break;
            }
            self.step();
        }
        if self.levels.len() > 1 {
            self.draft.unparsed();
        }
    }

    fn level(&mut self) -> &mut Level<'a> {
        if self.levels.is_empty() {
            self.levels.push(Level::query());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn dialect(&self) -> Dialect {
        self.cursor.dialect
    }

    /// Reads at least one token.
    fn step(&mut self) {
        if self.level().from == From::Expects && self.table() {
            return;
        }
        match self.cursor.token.kind {
            TokenKind::Word => self.word(),
            TokenKind::Name => self.names(),
            TokenKind::Symbol(b'(') => self.open(Level::inner(self.levels.last())),
            TokenKind::Symbol(b')') => self.close(),
            TokenKind::Symbol(b',') => self.comma(),
            TokenKind::UserVariable => self.user_variable(),
            TokenKind::SystemVariable => self.system_variable(),
            TokenKind::Text => self.text(),
            TokenKind::Cast => self.cast(),
            _ => self.pass(),
        }
    }

    /// Over a token that means nothing here.
    fn pass(&mut self) {
        let level = self.level();
        level.start = false;
        level.alias = false;
        self.cursor.advance();
    }

    /// At an opening parenthesis.
    fn open(&mut self, inner: Level<'a>) {
        self.level().start = false;
        let before = self.cursor.previous.0;
        self.level().finish_ctes(before);
        if self.levels.len() >= DEPTH_MAX {
            self.draft.unparsed();
            self.draft.refuse(Refusal::TooComplex);
            self.cursor.rest();
            return;
        }
        self.levels.push(inner);
        self.cursor.advance();
    }

    fn close(&mut self) {
        if self.level().from == From::Expects {
            self.draft.unparsed();
        }
        let mut table_function = false;
        if self.levels.len() == 1 {
            self.draft.unparsed();
        } else if let Some(inner) = self.levels.pop() {
            table_function = inner.table_function;
        }
        let level = self.level();
        level.alias = table_function || level.from == From::Expects;
        if level.from == From::Expects {
            level.from = From::After;
        }
        self.cursor.advance();
    }

    fn comma(&mut self) {
        let level = self.level();
        level.start = false;
        level.alias = false;
        level.next_cte();
        if level.from == From::After {
            level.from = From::Expects;
        }
        self.cursor.advance();
    }

    fn user_variable(&mut self) {
        self.draft.refuse(Refusal::Variable);
        if self.cursor.peek().kind == TokenKind::Assign {
            let name = String::from_utf8_lossy(&self.cursor.bytes()[1..]);
            self.draft.effect(Effect::UserVariable(name));
        }
        self.pass();
    }

    fn system_variable(&mut self) {
        let name = self.cursor.bytes();
        let asked = |names: [&[u8]; 2]| {
            names.iter().any(|known| {
                let from = name.len().saturating_sub(known.len());
                name[from..].eq_ignore_ascii_case(known)
            })
        };
        if asked([b"identity", b"last_insert_id"]) {
            self.draft.asks(Previous::LastInsertId);
        } else if asked([b"warning_count", b"error_count"]) {
            self.draft.asks(Previous::Warnings);
        } else {
            self.draft.refuse(Refusal::Variable);
        }
        self.pass();
    }

    fn text(&mut self) {
        if self.dialect() == Dialect::Postgres && super::moment(self.cursor.bytes()) {
            self.draft.refuse(Refusal::SpecialDate);
        }
        self.pass();
    }

    /// PostgreSQL `::schema.type(10)[]`: no call.
    fn cast(&mut self) {
        self.pass();
        while self.cursor.at_name() || self.cursor.symbol(b'.') {
            let dot = self.cursor.symbol(b'.');
            self.cursor.advance();
            if !dot && !self.cursor.symbol(b'.') {
                break;
            }
        }
        if self.cursor.symbol(b'(') {
            while !self.cursor.at_end() && !self.cursor.symbol(b')') {
                if !matches!(
                    self.cursor.token.kind,
                    TokenKind::Number | TokenKind::Symbol(b'(' | b',')
                ) {
                    self.draft.unparsed();
                }
                self.cursor.advance();
            }
            self.cursor.accept_symbol(b')');
        }
    }

    fn odd(&mut self) {
        self.draft.refuse(Refusal::Name);
    }

    fn follows(&self, word: Keyword) -> bool {
        self.cursor.previous.1 == word
    }
}
