//! Bare words: clauses, and what they say about the statement.

use super::level::{From, With};
use super::{Dialect, Keyword, Scan, TokenKind};
use crate::sql::functions::volatile_word;
use crate::sql::{Effect, Kind, Leaves, Pin, Previous, Refusal};

impl Scan<'_, '_, '_> {
    /// At a bare word.
    pub(super) fn word(&mut self) {
        if self.level().with == With::Name && !self.cursor.is(Keyword::Recursive) {
            return self.cte_name();
        }
        if self.cursor.peek_symbol(b'.') {
            return self.names();
        }
        if self.cursor.peek_symbol(b'(') && self.is_call() {
            let level = self.level();
            level.start = false;
            level.alias = false;
            return self.call_word();
        }
        let before = self.cursor.previous.0;
        if !self
            .cursor
            .any_of(&[Keyword::As, Keyword::Search, Keyword::Cycle])
        {
            self.level().finish_ctes(before);
        }
        let start = self.level().start;
        let label = self.follows(Keyword::As);
        if label || self.cursor.word == Keyword::Other {
            if !label && volatile_word(self.dialect(), self.cursor.bytes()) {
                self.draft.refuse(Refusal::Volatile);
            }
            return self.pass();
        }
        let alias = self.level().alias;
        self.level().start = false;
        self.level().alias = self.cursor.is(Keyword::As) && alias;
        self.keyword(start, alias);
    }

    fn keyword(&mut self, start: bool, alias: bool) {
        use Keyword as K;
        let word = self.cursor.word;
        match word {
            K::With if start => {
                self.level().with = With::Name;
                self.level().recursive = false;
                self.cursor.advance();
            }
            K::Recursive if self.level().with == With::Name => {
                self.level().recursive = true;
                self.cursor.advance();
            }
            K::Search | K::Cycle if self.level().with == With::Query => self.not_understood(),
            K::Insert | K::Replace | K::Update | K::Delete | K::Merge => self.change(start),
            K::Table if start || self.after_set_operation() => {
                self.level().from = From::Expects;
                self.cursor.advance();
            }
            K::Table => self.not_understood(),
            K::Select
            | K::Where
            | K::Group
            | K::Order
            | K::Having
            | K::Limit
            | K::Values
            | K::Into
            | K::Set
            | K::Union
            | K::Intersect
            | K::Except
            | K::Minus
            | K::Offset
            | K::Fetch
            | K::Window
            | K::Returning => {
                self.clause(alias);
            }
            K::From => self.from(),
            K::Join => {
                self.level().from = From::Expects;
                self.cursor.advance();
            }
            K::StraightJoin => {
                let level = self.level();
                if level.from == From::After {
                    level.from = From::Expects;
                }
                self.cursor.advance();
            }
            K::Using => self.using(),
            _ => self.property(),
        }
    }

    fn not_understood(&mut self) {
        self.draft.unparsed();
        self.cursor.advance();
    }

    fn after_set_operation(&self) -> bool {
        use Keyword as K;
        matches!(
            self.cursor.previous.1,
            K::Union | K::Intersect | K::Except | K::All | K::Distinct
        )
    }

    /// A word that ends a list of tables. Those that may also be an alias do not end it: a comma after them
    /// is then taken for one between tables, which only costs a cached result.
    fn clause(&mut self, alias: bool) {
        use Keyword as K;
        let word = self.cursor.word;
        let level = self.level();
        match word {
            K::Minus | K::Offset | K::Fetch | K::Window | K::Intersect | K::Except | K::Returning
                if level.from == From::After => {}
            _ => level.from = From::None,
        }
        if !matches!(word, K::Values | K::Into) {
            level.writes = false;
        }
        if matches!(word, K::Union | K::Intersect | K::Except) {
            level.start = true;
        }
        if word == K::Minus && alias {
            self.draft.refuse(Refusal::Unparsed);
        }
        if word == K::Into && self.draft.kind == Kind::Read {
            return self.into();
        }
        self.cursor.advance();
    }

    fn from(&mut self) {
        use Keyword as K;
        let operator = self.level().from_is_operator
            || (self.follows(K::Distinct) && matches!(self.cursor.earlier.1, K::Is | K::Not));
        if !operator {
            self.level().from = From::Expects;
        }
        self.cursor.advance();
    }

    fn using(&mut self) {
        let parenthesis = self.cursor.peek_symbol(b'(');
        let level = self.level();
        if level.merge || (level.delete && level.writes && !parenthesis) {
            level.from = From::Expects;
        } else if level.delete && level.writes {
            // either columns of a join or tables to delete from
            self.draft.writes_everything = true;
        }
        self.cursor.advance();
    }

    /// PostgreSQL makes a table of it, MySQL fills variables or a file.
    fn into(&mut self) {
        self.draft.refuse(Refusal::Into);
        self.cursor.advance();
        if self.dialect() == Dialect::Postgres {
            self.draft.writes_everything = true;
            if self
                .cursor
                .any_of(&[Keyword::Temp, Keyword::Temporary, Keyword::Local])
            {
                self.draft.pin(Pin::TemporaryTable);
            }
            return;
        }
        loop {
            match self.cursor.token.kind {
                TokenKind::UserVariable => {
                    let name = String::from_utf8_lossy(&self.cursor.bytes()[1..]);
                    self.draft.effect(Effect::UserVariable(name));
                }
                _ if self.cursor.any_of(&[Keyword::Outfile, Keyword::Dumpfile]) => {}
                _ => self.draft.unparsed(),
            }
            self.cursor.advance();
            if !self.cursor.accept_symbol(b',') {
                break;
            }
        }
    }

    /// `INSERT` and its like: a statement of its own at the start, otherwise part of a clause.
    fn change(&mut self, start: bool) {
        use Keyword as K;
        let word = self.cursor.word;
        if !start {
            let clause = matches!(self.cursor.previous.1, K::For | K::Key | K::Do | K::Then | K::On);
            if self.follows(K::For) {
                self.draft.refuse(Refusal::Locking);
            }
            if !clause || (self.draft.kind != Kind::Write && !self.follows(K::For) && !self.follows(K::Key)) {
                self.draft.unparsed();
            }
            return self.cursor.advance();
        }
        self.draft.kind = Kind::Write;
        self.draft.refuse(Refusal::Writes);
        self.cursor.advance();
        self.cursor
            .accept_any(&[K::LowPriority, K::Delayed, K::HighPriority, K::Quick, K::Ignore]);
        match word {
            K::Update => {
                let level = self.level();
                level.from = From::Expects;
                level.writes = true;
                level.sets = true;
            }
            K::Delete => {
                let level = self.level();
                level.writes = true;
                level.delete = true;
            }
            _ => {
                self.cursor.accept(K::Into);
                self.cursor.accept(K::Only);
                self.target();
                let level = self.level();
                level.merge = word == K::Merge;
                level.sets = true;
            }
        }
    }

    /// Words that say something about the result.
    fn property(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        match word {
            K::For if !self.level().from_is_operator => self.for_what(),
            K::Lock if self.cursor.peek_word() == K::In => self.draft.refuse(Refusal::Locking),
            K::SqlCalcFoundRows => self.draft.leaves(Leaves::FoundRows),
            K::SqlNoCache => self.draft.refuse(Refusal::NoCache),
            K::Tablesample => self.draft.refuse(Refusal::Unrepeatable),
            K::Procedure => {
                self.level().from = From::None;
                self.draft.refuse(Refusal::Unrepeatable);
            }
            K::Previous if self.cursor.peek_word() == K::Value => self.draft.asks(Previous::Sequence),
            K::Next if self.cursor.peek_word() == K::Value => {
                self.draft.leaves(Leaves::Sequence);
                self.draft.refuse(Refusal::Unrepeatable);
            }
            _ => {}
        }
        self.cursor.advance();
    }

    fn for_what(&mut self) {
        use Keyword as K;
        let known = matches!(
            self.cursor.peek_word(),
            K::Update | K::Share | K::No | K::Key | K::Read
        );
        self.draft.refuse(if known {
            Refusal::Locking
        } else {
            Refusal::Unrepeatable
        });
        if known {
            self.level().from = From::None;
        }
    }
}
