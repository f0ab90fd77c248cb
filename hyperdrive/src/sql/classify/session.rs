//! Transactions, `USE`, `KILL`, `RESET` and `DISCARD`.

use std::borrow::Cow;

use super::{Effect, Keyword, Kind, Pin, Reader, TokenKind, Transaction};

impl<'a> Reader<'_, 'a, '_> {
    pub(super) fn transaction(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        self.cursor.advance();
        let found = match word {
            K::Begin | K::Start => self.begin(word),
            K::Commit | K::End => self.end(true),
            K::Abort => self.end(false),
            K::Rollback => self.rollback(),
            K::Savepoint => self.savepoint_name().map(Transaction::Savepoint),
            _ => {
                self.cursor.accept(K::Savepoint);
                self.savepoint_name().map(Transaction::ReleaseSavepoint)
            }
        };
        match found {
            Some(transaction) if self.cursor.at_end() => {
                self.draft.transaction = Some(transaction);
                self.draft.kind = Kind::Transaction;
            }
            _ => {
                if self.draft.pin != Some(Pin::TwoPhase) {
                    self.draft.unparsed();
                }
            }
        }
    }

    fn savepoint_name(&mut self) -> Option<Cow<'a, str>> {
        let name = self.cursor.identifier().ok()?;
        self.cursor.advance();
        Some(name)
    }

    /// `ROLLBACK [WORK] [TO [SAVEPOINT] name]`, and the ends of a transaction.
    fn rollback(&mut self) -> Option<Transaction<'a>> {
        use Keyword as K;
        self.cursor.accept_any(&[K::Work, K::Transaction]);
        if self.cursor.accept(K::To) {
            self.cursor.accept(K::Savepoint);
            return self.savepoint_name().map(Transaction::RollbackTo);
        }
        self.end(false)
    }

    fn begin(&mut self, word: Keyword) -> Option<Transaction<'static>> {
        use Keyword as K;
        if word == K::Start && !self.cursor.accept(K::Transaction) {
            return None;
        }
        if self.mysql() && word == K::Begin {
            self.cursor.accept(K::Work);
            return Some(Transaction::Begin { read_only: false });
        }
        self.cursor.accept_any(&[K::Work, K::Transaction]);
        let mut read_only = false;
        // what may follow is a list of words
        while matches!(self.cursor.token.kind, TokenKind::Word | TokenKind::Symbol(b',')) {
            read_only |= self.cursor.is(K::Only) && self.cursor.previous.1 == K::Read;
            self.cursor.advance();
        }
        Some(Transaction::Begin { read_only })
    }

    /// `[WORK] [AND [NO] CHAIN] [[NO] RELEASE]`.
    fn end(&mut self, commit: bool) -> Option<Transaction<'static>> {
        use Keyword as K;
        self.cursor.accept_any(&[K::Work, K::Transaction]);
        if self.cursor.is(K::Prepared) {
            self.two_phase();
            return None;
        }
        let (mut chain, mut release) = (false, false);
        if self.cursor.accept(K::And) {
            chain = !self.cursor.accept(K::No);
            if !self.cursor.accept(K::Chain) {
                return None;
            }
        }
        if self.mysql() && self.cursor.any_of(&[K::No, K::Release]) {
            release = !self.cursor.accept(K::No);
            if !self.cursor.accept(K::Release) {
                return None;
            }
        }
        Some(if commit {
            Transaction::Commit { chain, release }
        } else {
            Transaction::Rollback { chain, release }
        })
    }

    pub(super) fn use_database(&mut self) {
        self.cursor.advance();
        match self.cursor.identifier() {
            Ok(name) => {
                self.cursor.advance();
                self.draft.effect(Effect::Use(name));
                if self.cursor.at_end() {
                    self.done(Kind::Session)
                } else {
                    self.draft.unparsed()
                }
            }
            Err(_) => self.draft.unparsed(),
        }
    }

    pub(super) fn kill(&mut self) {
        use Keyword as K;
        self.cursor.advance();
        self.cursor.accept_any(&[K::Hard, K::Soft]);
        let query = self.cursor.accept(K::Query);
        if !query {
            self.cursor.accept(K::Connection);
        }
        let connection = std::str::from_utf8(self.cursor.bytes())
            .ok()
            .and_then(|number| number.parse().ok());
        self.cursor.advance();
        let connection = if self.cursor.at_end() { connection } else { None };
        self.done(Kind::Kill { connection, query });
    }

    pub(super) fn reset(&mut self) {
        use Keyword as K;
        let discard = self.cursor.is(K::Discard);
        self.cursor.advance();
        let word = self.cursor.word;
        let effect = match (discard, word) {
            (true, K::All) => Some(Effect::DiscardAll),
            (true, K::Temp | K::Temporary) => Some(Effect::Release(Pin::TemporaryTable)),
            (true, K::Plans) => None,
            (true, K::Sequences) => None,
            (false, K::All) => Some(Effect::ResetAll),
            (false, K::Role) => Some(Effect::Reset("role".into())),
            (false, K::Time) => {
                self.cursor.advance();
                Some(Effect::Reset("timezone".into()))
            }
            (false, K::Session) => {
                self.cursor.advance();
                Some(Effect::Reset("session_authorization".into()))
            }
            (false, _) => self.cursor.table_name().and_then(Result::ok).map(|name| {
                let name = match name.qualifier {
                    Some(qualifier) => format!("{qualifier}.{}", name.name),
                    None => name.name.into_owned(),
                };
                Effect::Reset(name.to_ascii_lowercase().into())
            }),
            _ => return self.draft.unparsed(),
        };
        if let Some(effect) = effect {
            self.draft.effect(effect);
        } else if !discard {
            return self.draft.unparsed();
        }
        self.done(Kind::Session);
    }
}
