//! The session settings that can be carried from one connection to another.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Settings of a session, as the texts they were set with.
///
/// Two sessions with equal profiles see a connection alike. An absent setting has the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Profile(BTreeMap<Setting, String>);

/// One setting, in the order they must be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setting {
    /// `SET NAMES`: the three character sets and the collation.
    Names,
    /// A system variable, by its place in [`VARIABLES`].
    Variable(usize),
    /// `SET SESSION TRANSACTION`, the whole of what follows.
    Transaction,
}

/// System variables that are carried. What they do is over with the statement that reads them.
pub const VARIABLES: &[&str] = &[
    // These four belong to NAMES and are first.
    "character_set_client",
    "character_set_connection",
    "character_set_results",
    "collation_connection",
    "autocommit",
    "bulk_insert_buffer_size",
    "default_storage_engine",
    "default_week_format",
    "div_precision_increment",
    "eq_range_index_dive_limit",
    "explicit_defaults_for_timestamp",
    "foreign_key_checks",
    "group_concat_max_len",
    "innodb_lock_wait_timeout",
    "interactive_timeout",
    "join_buffer_size",
    "lc_messages",
    "lc_time_names",
    "lock_wait_timeout",
    "max_error_count",
    "max_execution_time",
    "max_heap_table_size",
    "max_join_size",
    "max_sort_length",
    "max_statement_time",
    "net_read_timeout",
    "net_write_timeout",
    "optimizer_search_depth",
    "optimizer_switch",
    "sort_buffer_size",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_mode",
    "sql_notes",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "sql_warnings",
    "time_zone",
    "tmp_table_size",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "unique_checks",
    "updatable_views_with_limit",
    "wait_timeout",
];

/// How many of [`VARIABLES`] `SET NAMES` sets anew.
const OF_NAMES: usize = 4;

/// How to turn one profile into another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The connection must be reset first.
    pub reset: bool,
    /// Statements to run, in order.
    pub statements: Vec<String>,
}

impl Setting {
    /// The setting behind a variable's name.
    #[must_use]
    pub fn variable(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        VARIABLES
            .iter()
            .position(|known| *known == name)
            .map(Self::Variable)
    }

    /// Whether a server's report of this variable is about it.
    #[must_use]
    pub fn covers(name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| Self::variable(name).is_some())
    }
}

impl Profile {
    /// What is set after a login with this collation.
    #[must_use]
    pub fn with_names(names: String) -> Self {
        Self([(Setting::Names, names)].into())
    }

    /// Takes over a setting.
    pub fn set(&mut self, setting: Setting, value: String) {
        if setting == Setting::Names {
            self.0
                .retain(|other, _| !matches!(other, Setting::Variable(n) if *n < OF_NAMES));
        }
        self.0.insert(setting, value);
    }

    /// A variable's text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&Setting::variable(name)?).map(String::as_str)
    }

    /// The text behind `SET NAMES`.
    #[must_use]
    pub fn names(&self) -> Option<&str> {
        self.0.get(&Setting::Names).map(String::as_str)
    }

    /// Whether each statement commits itself.
    #[must_use]
    pub fn autocommit(&self) -> bool {
        self.get("autocommit").is_none_or(|value| {
            let value = value.trim_matches(['\'', '"']);
            !(value == "0" || value.eq_ignore_ascii_case("off") || value.eq_ignore_ascii_case("false"))
        })
    }

    /// Whether a word is in `sql_mode`, as far as the session has set it.
    #[must_use]
    pub fn has_mode(&self, mode: &str) -> bool {
        self.get("sql_mode")
            .is_some_and(|modes| modes.to_ascii_uppercase().contains(mode))
    }

    /// What a connection with this profile must be told to have `wanted`.
    #[must_use]
    pub fn change(&self, wanted: &Self) -> Change {
        if self == wanted {
            return Change::default();
        }
        let reset = self.0.keys().any(|setting| !wanted.0.contains_key(setting));
        let new_names = reset || self.0.get(&Setting::Names) != wanted.0.get(&Setting::Names);
        let differs = |setting: &Setting, value: &String| match setting {
            Setting::Variable(n) if *n < OF_NAMES && new_names => true,
            _ => reset || self.0.get(setting) != Some(value),
        };
        let mut list = String::new();
        let mut statements = Vec::new();
        for (setting, value) in wanted.0.iter().filter(|(setting, value)| differs(setting, value)) {
            let join = if list.is_empty() { "SET " } else { ", " };
            // Writing to a String cannot fail.
            let _ = match setting {
                Setting::Names => write!(list, "{join}NAMES {value}"),
                Setting::Variable(n) => write!(list, "{join}SESSION {}={value}", VARIABLES[*n]),
                Setting::Transaction => {
                    statements.push(format!("SET SESSION TRANSACTION {value}"));
                    Ok(())
                }
            };
        }
        if !list.is_empty() {
            statements.insert(0, list);
        }
        Change { reset, statements }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(settings: &[(&str, &str)]) -> Profile {
        let mut profile = Profile::default();
        for (name, value) in settings {
            let setting = match *name {
                "names" => Setting::Names,
                name => Setting::variable(name).unwrap(),
            };
            profile.set(setting, (*value).to_owned());
        }
        profile
    }

    #[test]
    fn equal_profiles_need_nothing() {
        let one = profile(&[("names", "utf8mb4"), ("sql_mode", "''")]);
        assert_eq!(one.change(&one), Change::default());
    }

    #[test]
    fn only_what_differs_is_set_and_what_is_unset_takes_a_reset() {
        let (one, two) = (
            profile(&[("names", "utf8mb4")]),
            profile(&[("names", "utf8mb4"), ("time_zone", "'+00:00'")]),
        );
        let there = one.change(&two);
        assert_eq!(
            (there.reset, there.statements),
            (false, vec!["SET SESSION time_zone='+00:00'".to_owned()])
        );
        let back = two.change(&one);
        assert_eq!(
            (back.reset, back.statements),
            (true, vec!["SET NAMES utf8mb4".to_owned()])
        );
    }

    #[test]
    fn names_set_the_character_sets_anew() {
        let one = profile(&[("names", "latin1"), ("character_set_results", "NULL")]);
        let two = profile(&[("names", "utf8mb4"), ("character_set_results", "NULL")]);
        assert_eq!(
            one.change(&two).statements,
            ["SET NAMES utf8mb4, SESSION character_set_results=NULL"]
        );
        let mut three = one.clone();
        three.set(Setting::Names, "utf8mb4".to_owned());
        assert_eq!(three, profile(&[("names", "utf8mb4")]));
    }

    #[test]
    fn autocommit_is_on_unless_it_was_set_off() {
        assert!(Profile::default().autocommit());
        for off in ["0", "OFF", "'off'", "false"] {
            assert!(!profile(&[("autocommit", off)]).autocommit());
        }
        assert!(profile(&[("autocommit", "1")]).autocommit());
    }
}
