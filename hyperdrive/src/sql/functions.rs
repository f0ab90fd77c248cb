//! What built-in functions do. A name that is not listed may be a stored function, which may do anything.

mod mysql;
mod postgres;

use super::{Dialect, Leaves, Pin, Previous};

/// What a call does, by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// The value depends on the arguments and the session's profile only.
    Pure,
    /// The value changes or tells about the session or the server; nothing else happens.
    Volatile,
    /// The value is what an earlier statement left.
    Asks(Previous),
    /// The connection must stay with the client.
    Pins(Pin),
    /// State of that sort is gone.
    Releases(Pin),
    /// Leaves something for later.
    Leaves(Leaves),
    /// Reads what is left, or with an argument sets it.
    LastInsertId,
    /// PostgreSQL `set_config`: depends on its third argument.
    SetConfig,
    /// Not built in.
    Unknown,
}

/// The longest name in the lists, and more than any.
const LONGEST: usize = 40;

/// What calling `name` does.
pub(super) fn function(dialect: Dialect, name: &[u8]) -> Function {
    let mut lower = [0_u8; LONGEST];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return Function::Unknown;
    };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let Ok(lower) = std::str::from_utf8(lower) else {
        return Function::Unknown;
    };
    match dialect {
        Dialect::MySql => mysql::function(lower),
        Dialect::Postgres => postgres::function(lower),
    }
}

/// A word that is a function call without parentheses (`CURRENT_DATE`), or a value of the session.
pub(super) fn volatile_word(dialect: Dialect, word: &[u8]) -> bool {
    // every one of them is at least this long
    if word.len() < 4
        || !matches!(
            word[0],
            b'c' | b'C' | b'l' | b'L' | b'u' | b'U' | b's' | b'S' | b'r' | b'R'
        )
    {
        return false;
    }
    let words: &[&str] = match dialect {
        Dialect::MySql => mysql::VOLATILE_WORDS,
        Dialect::Postgres => postgres::VOLATILE_WORDS,
    };
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// MySQL reads these as built in only when the parenthesis follows at once, unless `IGNORE_SPACE` is set.
pub(super) fn needs_no_space(name: &[u8]) -> bool {
    mysql::NO_SPACE
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn listed(list: &[&str], name: &str) -> bool {
    list.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_disjoint() {
        for (pure, volatile) in [
            (mysql::PURE, mysql::VOLATILE),
            (postgres::PURE, postgres::VOLATILE),
        ] {
            for list in [pure, volatile] {
                for pair in list.windows(2) {
                    assert!(pair[0] < pair[1], "{} before {}", pair[0], pair[1]);
                }
                assert!(list.iter().all(|name| name.len() <= LONGEST));
            }
            assert!(!pure.iter().any(|name| volatile.contains(name)));
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(function(Dialect::MySql, b"CONCAT"), Function::Pure);
        assert_eq!(function(Dialect::MySql, b"Now"), Function::Volatile);
        assert_eq!(function(Dialect::MySql, b"my_own"), Function::Unknown);
        assert_eq!(
            function(Dialect::Postgres, b"nextval"),
            Function::Leaves(Leaves::Sequence)
        );
        assert_eq!(function(Dialect::Postgres, &[b'x'; 500]), Function::Unknown);
    }
}
