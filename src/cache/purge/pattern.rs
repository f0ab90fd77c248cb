//! Regular expressions that purge: `^/shop/[0-9]+/`, matched against path and query.
//!
//! The engine's time grows with the text alone, whatever the expression; its memory is bounded here, and so
//! is the number of expressions a log keeps ([`PATTERNS_MAX`]).

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use thiserror::Error;

/// Most expressions a log keeps; beyond, the oldest becomes a purge of its host.
pub const PATTERNS_MAX: usize = 64;
/// Longest expression, in bytes.
pub const PATTERN_LENGTH_MAX: usize = 1024;
/// Bytes of one compiled expression, and of its scratch memory.
const COMPILED_MAX: usize = 64 * 1024;
/// Deepest nesting of groups.
const NESTING_MAX: u32 = 32;

/// Why a text is no expression a purge may use.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// Too long.
    #[error("the expression is longer than {PATTERN_LENGTH_MAX} bytes; purge by prefix or tag instead")]
    TooLong,
    /// Not an expression, or one that compiles to too much.
    #[error("not a regular expression popgate takes: {0}")]
    Bad(String),
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles an expression. Percent-encodings in it match upper-case digits, as keys have them.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_LENGTH_MAX {
            return Err(PatternError::TooLong);
        }
        let regex = RegexBuilder::new(&crate::cache::key::normal_percent(text))
            .size_limit(COMPILED_MAX)
            .dfa_size_limit(COMPILED_MAX)
            .nest_limit(NESTING_MAX)
            .build()
            .map_err(|error| PatternError::Bad(short(&error)))?;
        Ok(Self { regex })
    }

    /// Whether a URL matches: its path, and `?` with its query where it has one.
    #[must_use]
    pub fn matches(&self, path: &str, query: Option<&str>) -> bool {
        let url: Cow<'_, str> = match query {
            Some(query) => format!("{path}?{query}").into(),
            None => path.into(),
        };
        self.regex.is_match(&url)
    }
}

/// The last line of the engine's drawing, which names the mistake.
fn short(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_matched_as_one() {
        let pattern = Pattern::new(r"^/shop/\d+/\?page=2$").unwrap();
        assert!(pattern.matches("/shop/7/", Some("page=2")));
        assert!(!pattern.matches("/shop/7/", None));
        assert!(Pattern::new("page=2").unwrap().matches("/x", Some("page=2")));
    }

    #[test]
    fn percent_encodings_match_whatever_the_case_of_their_digits() {
        assert!(Pattern::new("^/%e1%ba%bf/").unwrap().matches("/%E1%BA%BF/", None));
    }

    #[test]
    fn expressions_that_cost_too_much_are_refused() {
        for text in ["(a{1000}){1000}", "(", &"a".repeat(2000), &"(".repeat(500)] {
            assert!(Pattern::new(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
        assert!(Pattern::new("[").unwrap_err().to_string().contains("unclosed"));
    }

    #[test]
    fn matching_a_hostile_expression_takes_time_in_proportion_to_the_text() {
        let pattern = Pattern::new("(a*)*b$").unwrap();
        assert!(!pattern.matches(&"a".repeat(8192), None));
    }
}
