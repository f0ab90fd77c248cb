//! Regular expressions that say no more than a prefix or a path: purging these costs nothing on lookup.

use super::Target;
use crate::cache::purge::{Pattern, PatternError};

/// The purge an expression asks for. `anchored`: it was sent as a request's path, which begins where URLs do.
///
/// # Errors
/// When it is no expression popgate takes.
pub fn target(host: Option<String>, text: &str, anchored: bool) -> Result<Target, PatternError> {
    let (body, begins) = match text.strip_prefix('^') {
        Some(body) => (body, true),
        None => (text, anchored),
    };
    if matches!(body, "" | ".*" | "/.*" | ".*$" | "/.*$") {
        return Ok(Target::Host(host));
    }
    let (body, exact) = ends(body);
    if begins && let Some(literal) = literal(body) {
        return Ok(match (literal.contains('?'), exact) {
            (true, _) => regex(host, &format!("^{}{}", body, if exact { "$" } else { "" })),
            (false, true) => Target::Path { host, path: literal },
            (false, false) => Target::Prefix { host, path: literal },
        });
    }
    let pattern = if begins && !text.starts_with('^') {
        format!("^{text}")
    } else {
        text.to_owned()
    };
    Pattern::new(&pattern)?;
    Ok(regex(host, &pattern))
}

/// The purge a path with a star at its end asks for: `/shop/*`, `/shop/.*`.
#[must_use]
pub fn glob(host: Option<String>, path: &str) -> Option<Target> {
    let start = path.strip_suffix(".*").or_else(|| path.strip_suffix('*'))?;
    Some(match start {
        "" | "/" => Target::Host(host),
        start => Target::Prefix {
            host,
            path: start.to_owned(),
        },
    })
}

fn regex(host: Option<String>, pattern: &str) -> Target {
    Target::Regex {
        host,
        pattern: pattern.to_owned(),
    }
}

/// An expression without its end, and whether it ends where the URL does.
fn ends(body: &str) -> (&str, bool) {
    let escaped = |inner: &str| inner.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    let open = body.strip_suffix(".*$").or_else(|| body.strip_suffix(".*"));
    if let Some(inner) = open.filter(|inner| !escaped(inner)) {
        return (inner, false);
    }
    match body.strip_suffix('$') {
        Some(inner) if !escaped(inner) => (inner, true),
        _ => (body, false),
    }
}

/// The text an expression stands for, when it stands for one.
fn literal(body: &str) -> Option<String> {
    let mut text = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '*' | '+' | '?' | '|' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            other => text.push(other),
        }
    }
    text.starts_with('/').then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, anchored: bool) -> Target {
        target(None, text, anchored).unwrap()
    }

    fn prefix(path: &str) -> Target {
        Target::Prefix {
            host: None,
            path: path.into(),
        }
    }

    fn pattern(text: &str) -> Target {
        regex(None, text)
    }

    #[test]
    fn what_matches_every_url_purges_the_host() {
        for text in ["/.*", "^/.*$", "^/.*", ".*", ""] {
            assert_eq!(of(text, true), Target::Host(None), "{text}");
        }
        assert_eq!(of(".*", false), Target::Host(None));
    }

    #[test]
    fn what_says_a_prefix_or_a_path_becomes_one() {
        assert_eq!(of("/wp-content/themes/.*", true), prefix("/wp-content/themes/"));
        assert_eq!(of(r"^/a\.b", false), prefix("/a.b"));
        assert_eq!(
            of(r"^/shop/$", false),
            Target::Path {
                host: None,
                path: "/shop/".into()
            }
        );
    }

    #[test]
    fn everything_else_stays_an_expression() {
        assert_eq!(of("/shop", false), pattern("/shop"), "anywhere in the URL");
        assert_eq!(of("/shop/[0-9]+/", true), pattern("^/shop/[0-9]+/"));
        assert_eq!(of(r"^/shop/\?page=2$", false), pattern(r"^/shop/\?page=2$"));
        assert_eq!(of(r".*\.css", false), pattern(r".*\.css"));
        assert!(target(None, "(", false).is_err());
    }

    #[test]
    fn a_star_at_the_end_of_a_path_is_a_prefix() {
        assert_eq!(glob(None, "/.*"), Some(Target::Host(None)));
        assert_eq!(glob(None, "/shop/*"), Some(prefix("/shop/")));
        assert_eq!(glob(None, "/shop/"), None);
    }

    proptest! {
        #[test]
        fn a_narrower_form_covers_all_that_the_expression_matches(
            text in r"\^?/[a-c]{0,2}(\\\.|\\\?|/)?[a-c]{0,1}(\.\*)?\$?", path in r"/[a-c./]{0,5}",
            query in prop::option::of("[a-c]{0,2}"),
        ) {
            let expression = Pattern::new(&text).unwrap();
            if !expression.matches(&path, query.as_deref()) {
                return Ok(());
            }
            let covered = match of(&text, false) {
                Target::Host(_) => true,
                Target::Prefix { path: start, .. } => path.starts_with(&start),
                Target::Path { path: whole, .. } => path.trim_end_matches('/') == whole.trim_end_matches('/'),
                Target::Regex { pattern, .. } => Pattern::new(&pattern).unwrap().matches(&path, query.as_deref()),
                _ => false,
            };
            prop_assert!(covered, "{:?}", of(&text, false));
        }
    }
}
