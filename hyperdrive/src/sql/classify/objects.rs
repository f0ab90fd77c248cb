//! `CREATE`, `DROP` and their like. They change what names mean, so they count as writes to everything, unless
//! they are about temporary tables.

use super::{Keyword, Kind, Pin, Reader, Scan, TokenKind};

impl Reader<'_, '_, '_> {
    pub(super) fn object(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        self.cursor.advance();
        if word == K::Truncate {
            self.draft.writes_everything = false;
            return self.truncate();
        }
        let mut temporary = false;
        let mut program = false;
        // the words before the name of the object
        for _ in 0..16 {
            temporary |= self.cursor.any_of(&[K::Temp, K::Temporary]);
            program |= self.cursor.any_of(&[
                K::Procedure,
                K::Function,
                K::Trigger,
                K::Event,
                K::Rule,
                K::Package,
            ]);
            let before = matches!(
                self.cursor.token.kind,
                TokenKind::Word | TokenKind::Symbol(b'=' | b'@') | TokenKind::Name
            ) || matches!(self.cursor.token.kind, TokenKind::UserVariable);
            if !before || program || self.cursor.any_of(&[K::Table, K::Index, K::Database, K::Schema]) {
                break;
            }
            self.cursor.advance();
        }
        let table = self.cursor.is(K::Table);
        if program && word == K::Create {
            return self.program();
        }
        if temporary && word == K::Create {
            self.draft.pin(Pin::TemporaryTable);
        }
        if temporary && table && matches!(word, K::Create | K::Drop) {
            // only what the query of CREATE … SELECT calls can write
            self.draft.kind = Kind::Ddl;
            Scan::new(self.cursor, self.draft).run();
            self.draft.kind = Kind::Ddl;
            return;
        }
        self.implicit_commit();
        self.draft.writes_everything = true;
        self.done(Kind::Ddl);
    }

    /// Semicolons inside a body cannot be told from those between statements.
    fn program(&mut self) {
        self.implicit_commit();
        self.draft.writes_everything = true;
        while !self.cursor.finished() {
            let more = self.cursor.symbol(b';');
            self.cursor.advance();
            if more && !self.cursor.finished() && !self.cursor.is(Keyword::End) {
                self.draft.pin(Pin::Unknown);
            }
        }
        self.draft.kind = Kind::Ddl;
    }

    fn truncate(&mut self) {
        self.cursor.accept(Keyword::Table);
        self.implicit_commit();
        loop {
            self.cursor.accept(Keyword::Only);
            match self.cursor.table_name() {
                Some(Ok(name)) => self.draft.write(name),
                _ => self.draft.writes_everything = true,
            }
            self.cursor.accept_symbol(b'*');
            if !self.cursor.accept_symbol(b',') {
                break;
            }
        }
        // CASCADE reaches tables that refer to these
        if !self.cursor.at_end() {
            self.draft.writes_everything = true;
        }
        self.done(Kind::Ddl);
    }
}
