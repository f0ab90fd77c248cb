//! MySQL `SET`.

use std::borrow::Cow;

use super::{Effect, Keyword, Kind, Pin, Reader, TokenKind};
use crate::sql::{Scope, Value};

impl<'a> Reader<'_, 'a, '_> {
    pub(super) fn set_mysql(&mut self) {
        use Keyword as K;
        self.cursor.advance();
        self.draft.kind = Kind::Session;
        match (self.cursor.word, self.cursor.peek_word()) {
            (K::Password, _) | (K::Resource, _) | (K::Statement, _) => return self.draft.unparsed(),
            (K::Default, K::Role) | (K::Role, _) => {
                self.draft.pin(Pin::Role);
                self.draft.writes_everything = true;
                return self.done(Kind::Session);
            }
            _ => {}
        }
        loop {
            if !self.assignment() {
                return self.draft.unparsed();
            }
            if !self.cursor.accept_symbol(b',') {
                break;
            }
        }
        if !self.cursor.at_end() {
            self.draft.unparsed();
        }
    }

    fn scope(&mut self) -> (bool, Scope) {
        use Keyword as K;
        let scope = match self.cursor.word {
            K::Global | K::Persist | K::PersistOnly => Scope::Global,
            K::Session | K::Local => Scope::Session,
            _ => return (false, Scope::Session),
        };
        self.cursor.advance();
        (true, scope)
    }

    /// False when it is not understood.
    fn assignment(&mut self) -> bool {
        use Keyword as K;
        if self.cursor.token.kind == TokenKind::UserVariable {
            let name = String::from_utf8_lossy(&self.cursor.bytes()[1..]);
            self.draft.effect(Effect::UserVariable(name));
            self.cursor.advance();
            return self.equals() && self.set_value_expression();
        }
        if self.cursor.token.kind == TokenKind::SystemVariable {
            return self.system_variable();
        }
        let (scoped, scope) = self.scope();
        match (self.cursor.word, self.cursor.peek_word()) {
            (K::Transaction, _) => {
                self.cursor.advance();
                let rest = self.cursor.rest();
                self.draft.effect(match (scoped, scope) {
                    (false, _) => Effect::NextTransaction,
                    (true, Scope::Global) => return true,
                    (true, _) => Effect::SessionTransaction(rest),
                });
                true
            }
            (K::Names, next) if !scoped && next != K::Other || self.cursor.is(K::Names) => self.names(),
            (K::Character, K::Set) => {
                self.cursor.advance();
                self.character_set()
            }
            (K::Charset, _) => self.character_set(),
            _ => {
                let Ok(name) = self.cursor.identifier() else {
                    return false;
                };
                self.cursor.advance();
                // `x.key_buffer_size`, `NEW.column`
                if self.cursor.symbol(b'.') {
                    return false;
                }
                self.equals() && self.variable(scope, name)
            }
        }
    }

    fn equals(&mut self) -> bool {
        self.cursor.accept_symbol(b'=')
            || (self.cursor.token.kind == TokenKind::Assign && {
                self.cursor.advance();
                true
            })
    }

    /// `@@name`, `@@session.name`.
    fn system_variable(&mut self) -> bool {
        let Ok(name) = std::str::from_utf8(self.cursor.bytes()) else {
            return false;
        };
        let name = name.trim_start_matches('@');
        let (scope, name) = match name.split_once('.') {
            None => (Scope::Session, name),
            Some((scope, name)) => match scope.to_ascii_lowercase().as_str() {
                "session" | "local" => (Scope::Session, name),
                "global" | "persist" | "persist_only" => (Scope::Global, name),
                _ => return false,
            },
        };
        self.cursor.advance();
        // `SET @@tx_isolation` without a scope holds for the next transaction only in name: it sets the session
        self.equals() && self.variable(scope, Cow::Borrowed(name.trim_matches('`')))
    }

    fn variable(&mut self, scope: Scope, name: Cow<'a, str>) -> bool {
        let name = lower(name);
        let value = self.cursor.value(true);
        self.check_expression(&value);
        if scope == Scope::Session && name == "autocommit" {
            self.draft.effect(Effect::Autocommit(switch(&value)));
        } else {
            self.draft.effect(Effect::Set { scope, name, value });
        }
        true
    }

    /// The value of a user variable: nothing is kept of it.
    fn set_value_expression(&mut self) -> bool {
        let value = self.cursor.value(true);
        self.check_expression(&value);
        true
    }

    /// An expression may call anything.
    fn check_expression(&mut self, value: &Value<'_>) {
        if let Value::Expression(range) = value {
            let text = &self.cursor.text[range.clone()];
            // a parenthesis may be a call or a query; neither writes unless a function does
            if memchr::memchr(b'(', text).is_some() {
                self.draft.unknown_function |= !harmless(text);
            }
            if self.draft.unknown_function {
                self.draft.writes_everything = true;
            }
        }
    }

    fn names(&mut self) -> bool {
        use Keyword as K;
        self.cursor.advance();
        let Some(charset) = self.charset() else {
            return false;
        };
        let mut collation = None;
        if self.cursor.accept(K::Collate) {
            let Some(found) = self.charset() else { return false };
            collation = found;
        }
        self.draft.effect(Effect::Names { charset, collation });
        true
    }

    fn character_set(&mut self) -> bool {
        self.cursor.advance();
        let Some(charset) = self.charset() else {
            return false;
        };
        self.draft.effect(Effect::CharacterSet(charset));
        true
    }

    /// `Some(None)` is `DEFAULT`.
    #[expect(
        clippy::option_option,
        reason = "no name, the default and a name are three answers"
    )]
    fn charset(&mut self) -> Option<Option<Cow<'a, str>>> {
        let found = match (self.cursor.token.kind, self.cursor.word) {
            (TokenKind::Word, Keyword::Default) => None,
            (TokenKind::Text, _) => Some(lower(self.cursor.literal()?)),
            (TokenKind::Word | TokenKind::Name, _) => Some(lower(self.cursor.identifier().ok()?)),
            _ => return None,
        };
        self.cursor.advance();
        Some(found)
    }
}

pub(super) fn lower(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}

/// `ON`, `OFF`, `1`, `0`, `TRUE`, `FALSE`.
fn switch(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Word(word) | Value::Text(word) | Value::Number(word) => {
            match word.to_ascii_lowercase().as_str() {
                "on" | "1" | "true" => Some(true),
                "off" | "0" | "false" => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Every word before a parenthesis is a function without side effects.
fn harmless(text: &[u8]) -> bool {
    let calls = [
        "replace",
        "concat",
        "concat_ws",
        "if",
        "ifnull",
        "coalesce",
        "trim",
        "upper",
        "lower",
        "select",
        "",
    ];
    text.split(|byte| *byte == b'(').rev().skip(1).all(|before| {
        let before = before.trim_ascii_end();
        let start = before
            .iter()
            .rposition(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            .map_or(0, |at| at + 1);
        std::str::from_utf8(&before[start..])
            .is_ok_and(|word| calls.contains(&word.to_ascii_lowercase().as_str()))
    })
}
