//! PostgreSQL `SET`.

use std::borrow::Cow;

use super::set_mysql::lower;
use super::{Effect, Keyword, Kind, Pin, Reader, TokenKind};
use crate::sql::{Scope, Value};

impl<'a> Reader<'_, 'a, '_> {
    pub(super) fn set_postgres(&mut self) {
        use Keyword as K;
        self.cursor.advance();
        self.draft.kind = Kind::Session;
        if self.cursor.is(K::Session) && self.cursor.peek_word() == K::Characteristics {
            return self.session_characteristics();
        }
        let mut scope = Scope::Session;
        if self.cursor.is(K::Session) && self.cursor.peek_word() != K::Authorization {
            self.cursor.advance();
        } else if self.cursor.accept(K::Local) {
            scope = Scope::Local;
        }
        match self.cursor.word {
            K::Transaction => {
                self.cursor.rest();
                self.draft.effect(Effect::NextTransaction);
            }
            K::Constraints => self.done(Kind::Session),
            K::Time => {
                self.cursor.advance();
                if !self.cursor.accept(K::Zone) {
                    return self.draft.unparsed();
                }
                self.assign(scope, Cow::Borrowed("timezone"));
            }
            K::Names => self.named(scope, "client_encoding"),
            K::Schema => self.named(scope, "search_path"),
            K::Role => {
                self.pin_role(scope);
                self.named(scope, "role");
            }
            K::Session => {
                self.pin_role(scope);
                self.cursor.advance();
                self.named(scope, "session_authorization");
            }
            _ => self.parameter(scope),
        }
        if !self.cursor.at_end() {
            self.draft.unparsed();
        }
    }

    fn pin_role(&mut self, scope: Scope) {
        if scope != Scope::Local {
            self.draft.pin(Pin::Role);
        }
    }

    fn session_characteristics(&mut self) {
        self.cursor.advance();
        self.cursor.advance();
        if !(self.cursor.accept(Keyword::As) && self.cursor.accept(Keyword::Transaction)) {
            return self.draft.unparsed();
        }
        let rest = self.cursor.rest();
        self.draft.effect(Effect::SessionTransaction(rest));
    }

    fn named(&mut self, scope: Scope, name: &'static str) {
        self.cursor.advance();
        self.assign(scope, Cow::Borrowed(name));
    }

    /// `name = value`, `prefix.name TO value, value`.
    fn parameter(&mut self, scope: Scope) {
        let Some(Ok(name)) = self.cursor.table_name() else {
            return self.draft.unparsed();
        };
        let name = match name.qualifier {
            Some(qualifier) => Cow::Owned(format!("{qualifier}.{}", name.name)),
            None => name.name,
        };
        if !(self.cursor.accept_symbol(b'=') || self.cursor.accept(Keyword::To)) {
            return self.draft.unparsed();
        }
        self.assign(scope, lower(name));
    }

    fn assign(&mut self, scope: Scope, name: Cow<'a, str>) {
        if self.cursor.at_end() && self.cursor.token.kind != TokenKind::Broken {
            // `SET NAMES` alone is the default
            let default = name == "client_encoding";
            if !default {
                return self.draft.unparsed();
            }
        }
        let mut values = Vec::new();
        while !self.cursor.at_end() {
            values.push(self.cursor.value(true));
            if !self.cursor.accept_symbol(b',') {
                break;
            }
            if values.len() > 64 {
                return self.draft.unparsed();
            }
        }
        let value = match values.len() {
            0 => Value::Default,
            1 => values.remove(0),
            _ => Value::List(values),
        };
        self.draft.effect(Effect::Set { scope, name, value });
    }
}
