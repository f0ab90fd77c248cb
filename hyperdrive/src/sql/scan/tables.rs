//! Where a table must be.

use super::level::{From, Level};
use super::{Dialect, Keyword, Scan, TokenKind};
use crate::sql::TableName;

impl<'a> Scan<'_, 'a, '_> {
    /// At the place of a table. False when it is not for this function to read the token.
    pub(super) fn table(&mut self) -> bool {
        match (self.cursor.token.kind, self.cursor.word) {
            (TokenKind::Word, Keyword::Lateral | Keyword::Only) => self.cursor.advance(),
            (TokenKind::Word, Keyword::Select | Keyword::With | Keyword::Values | Keyword::Table)
                if self.level().start =>
            {
                // the parentheses hold a query, not tables
                self.level().from = From::None;
                self.level().writes = false;
                return false;
            }
            (TokenKind::Symbol(b'('), _) => {
                let inner = Level::inner(self.levels.last());
                self.open(inner);
            }
            (TokenKind::Word, Keyword::Dual) if self.dialect() == Dialect::MySql => {
                self.after_table();
                self.cursor.advance();
            }
            (TokenKind::Word, word) if reserved(word) => return self.no_table(),
            (TokenKind::Word | TokenKind::Name, _) => self.named_table(),
            _ => return self.no_table(),
        }
        true
    }

    fn no_table(&mut self) -> bool {
        self.draft.unparsed();
        self.after_table();
        false
    }

    fn after_table(&mut self) {
        let level = self.level();
        level.from = From::After;
        level.start = false;
        level.alias = true;
    }

    fn named_table(&mut self) {
        let quoted = self.cursor.token.kind == TokenKind::Name;
        let name = self.cursor.table_name();
        self.after_table();
        match name {
            Some(Ok(name)) if self.cursor.symbol(b'(') => {
                self.call_named(name, quoted);
                self.level().table_function = true;
            }
            Some(Ok(name)) => self.record(name),
            _ => {
                self.odd();
                if self.level().writes {
                    self.draft.writes_everything = true;
                }
            }
        }
    }

    pub(super) fn record(&mut self, name: TableName<'a>) {
        if self.level().writes {
            self.draft.write(name.clone());
        }
        let cte = name.qualifier.is_none() && self.levels.iter().any(|level| level.knows(&name.name));
        if !cte {
            self.draft.read(name);
        }
    }

    /// The single table that `INSERT`, `REPLACE` and `MERGE` change.
    pub(super) fn target(&mut self) {
        match self.cursor.table_name() {
            Some(Ok(name)) => self.draft.write(name),
            Some(Err(_)) => self.draft.writes_everything = true,
            None => self.draft.unparsed(),
        }
        self.level().start = true;
    }
}

/// Words that cannot be the name of a table.
fn reserved(word: Keyword) -> bool {
    use Keyword as K;
    matches!(
        word,
        K::Select
            | K::From
            | K::Where
            | K::Join
            | K::Inner
            | K::Left
            | K::Right
            | K::Cross
            | K::Natural
            | K::StraightJoin
            | K::On
            | K::Using
            | K::Group
            | K::Order
            | K::Having
            | K::Limit
            | K::Union
            | K::Values
            | K::Set
            | K::Into
            | K::For
            | K::As
            | K::With
            | K::Window
            | K::Insert
            | K::Update
            | K::Delete
            | K::Replace
            | K::Procedure
            | K::Table
            | K::Distinct
            | K::All
            | K::In
            | K::Exists
            | K::Not
            | K::And
            | K::Or
            | K::Case
            | K::Returning
            | K::Offset
            | K::Fetch
            | K::Intersect
            | K::Except
    )
}
