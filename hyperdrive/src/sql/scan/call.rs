//! Calls of functions.

use super::level::{From, Level, With};
use super::{Dialect, Keyword, Scan, TokenKind};
use crate::sql::functions::{Function, function, needs_no_space};
use crate::sql::{Effect, Leaves, Pin, Previous, Refusal, TableName};

impl<'a> Scan<'_, 'a, '_> {
    /// The word or name here is followed by a parenthesis and is a function.
    pub(super) fn is_call(&mut self) -> bool {
        use Keyword as K;
        let word = self.cursor.word;
        let mysql = self.dialect() == Dialect::MySql;
        let (before, before_word) = self.cursor.previous;
        if self.level().with != With::None || before_word == K::As {
            return false;
        }
        if self.level().alias && self.level().from == From::After && !matches!(word, K::On | K::Using) {
            return false;
        }
        let after_sign = matches!(before, TokenKind::Symbol(_));
        let after_close = before == TokenKind::Symbol(b')');
        match word {
            K::In
            | K::And
            | K::Or
            | K::Not
            | K::Values
            | K::On
            | K::Using
            | K::Where
            | K::Having
            | K::Select
            | K::Distinct
            | K::All
            | K::Exists
            | K::As
            | K::Union
            | K::Except
            | K::Intersect
            | K::When
            | K::Then
            | K::Else
            | K::Case
            | K::Between
            | K::Like
            | K::Ilike
            | K::Is
            | K::From
            | K::Join
            | K::Into
            | K::Limit
            | K::Offset
            | K::Row
            | K::Array
            | K::For
            | K::Lateral
            | K::Table
            | K::Returning
            | K::Interval
            | K::To
            | K::Only
            | K::With => false,
            K::Any | K::Some => mysql && !after_sign,
            K::Regexp
            | K::Rlike
            | K::Div
            | K::Xor
            | K::Index
            | K::Key
            | K::Binary
            | K::Distinctrow
            | K::StraightJoin => !mysql,
            K::By => !matches!(before_word, K::Group | K::Order | K::Partition),
            K::Partition => !mysql,
            K::Over | K::Filter => !(after_close || before_word == K::Nulls),
            K::Group => before_word != K::Within,
            K::Sets => before_word != K::Grouping,
            K::Conflict => before_word != K::On,
            K::Of => before_word != K::Member,
            K::Against => !after_close,
            K::Materialized => !matches!(before_word, K::As | K::Not),
            K::Value => !self.level().start && self.draft.written.is_empty(),
            K::Set => !self.level().sets,
            _ => {
                !(mysql && before == TokenKind::Text && self.cursor.bytes().eq_ignore_ascii_case(b"columns"))
            }
        }
    }

    /// At a bare word that is called.
    pub(super) fn call_word(&mut self) {
        let spaced = self.cursor.peek().spaced;
        let bytes = self.cursor.bytes();
        let stored = spaced
            && self.dialect() == Dialect::MySql
            && !self.cursor.options.ignore_space
            && needs_no_space(bytes);
        match self.cursor.table_name() {
            Some(Ok(name)) => self.call_named(name, stored),
            _ => {
                self.odd();
                self.draft.unparsed();
            }
        }
    }

    /// The cursor is at the parenthesis. A `stored` function is not the built-in one of that name.
    pub(super) fn call_named(&mut self, name: TableName<'a>, stored: bool) {
        let built_in = match (&name.qualifier, self.dialect()) {
            (None, Dialect::MySql) => !stored,
            (None, Dialect::Postgres) => true,
            (Some(schema), Dialect::Postgres) => schema == "pg_catalog",
            (Some(_), Dialect::MySql) => false,
        };
        let what = if built_in {
            function(self.dialect(), name.name.as_bytes())
        } else {
            Function::Unknown
        };
        let operator = matches!(
            name.name.to_ascii_lowercase().as_str(),
            "extract" | "trim" | "substring" | "substr" | "mid" | "overlay" | "position"
        );
        self.draft.call(name, what != Function::Unknown);
        self.apply(what);
        self.open(Level::call(operator && built_in));
    }

    fn apply(&mut self, what: Function) {
        match what {
            Function::Pure | Function::Unknown => {}
            Function::Volatile => self.draft.refuse(Refusal::Volatile),
            Function::Asks(previous) => self.draft.asks(previous),
            Function::Pins(pin) => {
                self.draft.pin(pin);
                self.draft.refuse(Refusal::Volatile);
            }
            Function::Releases(pin) => {
                self.draft.effect(Effect::Release(pin));
                self.draft.refuse(Refusal::Volatile);
            }
            Function::Leaves(leaves) => {
                self.draft.leaves(leaves);
                self.draft.refuse(Refusal::Unrepeatable);
            }
            Function::LastInsertId if self.cursor.peek_symbol(b')') => {
                self.draft.asks(Previous::LastInsertId)
            }
            Function::LastInsertId => {
                self.draft.leaves(Leaves::LastInsertId);
                self.draft.refuse(Refusal::Unrepeatable);
            }
            Function::SetConfig => {
                if !self.ends_in_true() {
                    self.draft.pin(Pin::SetConfig);
                }
                self.draft.refuse(Refusal::Volatile);
            }
        }
    }

    /// `set_config(name, value, true)` lasts as long as the transaction. The cursor is at the parenthesis,
    /// and stays there; only plain arguments are looked at.
    fn ends_in_true(&self) -> bool {
        let rest = &self.cursor.text[self.cursor.token.start..];
        let mut lexer = crate::sql::lexer::Lexer::new(self.dialect(), rest, self.cursor.options);
        let mut last = &rest[..0];
        let mut commas = 0;
        for _ in 0..8 {
            let token = lexer.token();
            match token.kind {
                TokenKind::Symbol(b')') => return commas == 2 && last.eq_ignore_ascii_case(b"true"),
                TokenKind::Symbol(b',') => commas += 1,
                TokenKind::End | TokenKind::Broken => return false,
                _ => {}
            }
            last = &rest[token.start..token.end];
        }
        false
    }

    /// At a quoted name, or at a bare word before a dot: a column, or a qualified call.
    pub(super) fn names(&mut self) {
        if self.level().with == With::Name {
            self.cte_name();
            return;
        }
        let plain = !self.is_call();
        let level = self.level();
        level.start = false;
        let alias = level.alias;
        level.alias = false;
        let sequence =
            |name: &str| name.eq_ignore_ascii_case("nextval") || name.eq_ignore_ascii_case("currval");
        match self.cursor.table_name() {
            Some(Ok(name)) if self.cursor.symbol(b'(') && !(plain && name.qualifier.is_none()) => {
                self.call_named(name, true);
            }
            Some(Ok(name))
                if name.qualifier.is_some() && sequence(&name.name) && self.dialect() == Dialect::MySql =>
            {
                self.draft.unparsed();
            }
            Some(Ok(_)) => {}
            _ if alias || !self.cursor.symbol(b'(') => {}
            _ => self.draft.unparsed(),
        }
        // `t.*`
        if self.cursor.previous.0 == TokenKind::Symbol(b'.') {
            self.cursor.accept_symbol(b'*');
        }
    }

    /// The name of a common table expression.
    pub(super) fn cte_name(&mut self) {
        match self.cursor.identifier() {
            Ok(name) => self.level().add_cte(name),
            Err(_) => self.draft.unparsed(),
        }
        self.level().start = false;
        self.cursor.advance();
    }
}
