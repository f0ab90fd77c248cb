//! What a statement's text means for sharing.

use std::sync::Arc;

use crate::sql::{self, Dialect, Effect, Kind, Options, Pin, Previous, Scope, Transaction, Value};

/// A change of the session, in effect once its transaction is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A setting that a shared connection can be given.
    Set(String, String),
    /// Back to what the session started with.
    Reset(String),
    /// All of them.
    ResetAll,
    /// The session is as new.
    DiscardAll,
    /// A prepared statement of this name, or all, are gone.
    Deallocate(Option<String>),
    /// Nothing of what this pinned for is left.
    Release(Pin),
}

/// What is known of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Why the connection must stay with its client.
    pub pins: Vec<Pin>,
    /// In order.
    pub changes: Vec<Change>,
    /// It holds exactly one statement.
    pub single: bool,
    /// It rolls back to a savepoint.
    pub rolls_back_to: bool,
    /// It asks what a sequence gave this session.
    pub asks_sequence: bool,
}

/// Settings that are lists of names.
const LISTS: [&str; 4] = [
    "search_path",
    "temp_tablespaces",
    "session_preload_libraries",
    "local_preload_libraries",
];

/// Reads a text.
#[must_use]
pub fn facts(text: &[u8], options: &Options) -> Arc<Facts> {
    let script = sql::classify(Dialect::Postgres, text, options);
    let mut facts = Facts {
        single: script.single().is_some(),
        ..Facts::default()
    };
    for statement in &script.statements {
        let mut virtual_only = !statement.effects.is_empty() && statement.kind == Kind::Session;
        for effect in &statement.effects {
            match change(effect) {
                Some(change) => facts.changes.extend(change),
                None => virtual_only = false,
            }
        }
        match statement.pin {
            Some(Pin::Variable) if virtual_only => {}
            Some(pin) => facts.pins.push(pin),
            None => {}
        }
        facts.rolls_back_to |= matches!(statement.transaction, Some(Transaction::RollbackTo(_)));
        facts.asks_sequence |= statement.previous == Some(Previous::Sequence);
    }
    Arc::new(facts)
}

/// What an effect changes; `None` when no shared connection can be given it.
fn change(effect: &Effect<'_>) -> Option<Option<Change>> {
    Some(match effect {
        Effect::Set {
            scope: Scope::Local, ..
        }
        | Effect::NextTransaction => None,
        Effect::Set { name, value, .. } if shared(name) => match value {
            Value::Default => Some(Change::Reset(name.to_string())),
            value => Some(Change::Set(name.to_string(), text(name, value)?)),
        },
        Effect::Reset(name) if shared(name) => Some(Change::Reset(name.to_string())),
        Effect::ResetAll => Some(Change::ResetAll),
        Effect::DiscardAll => Some(Change::DiscardAll),
        Effect::Deallocate(name) => Some(Change::Deallocate(name.as_ref().map(ToString::to_string))),
        Effect::Release(pin) => Some(Change::Release(*pin)),
        _ => return None,
    })
}

/// Custom settings and the user's identity are not shared.
fn shared(name: &str) -> bool {
    !matches!(
        name,
        "role"
            | "session_authorization"
            | "is_superuser"
            | "seed"
            | "transaction_isolation"
            | "transaction_read_only"
            | "transaction_deferrable"
            | "session_replication_role"
    ) && name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A value as `set_config` takes it.
fn text(name: &str, value: &Value<'_>) -> Option<String> {
    let list = LISTS.contains(&name);
    let text = match value {
        Value::List(values) => {
            let parts = values
                .iter()
                .map(|value| text(name, value))
                .collect::<Option<Vec<_>>>()?;
            parts.join(", ")
        }
        Value::Text(text) if list => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::Word(word) if !list && word.starts_with('"') => return None,
        Value::Text(text) | Value::Word(text) | Value::Number(text) => text.to_string(),
        Value::Default | Value::Null | Value::Expression(_) => return None,
    };
    text.bytes()
        .all(|byte| (b' '..=b'~').contains(&byte))
        .then_some(text)
}

/// A literal that reads the same under every setting.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
