//! A page without what differs each time it is made.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What is masked, in this order. An expression that does not compile masks nothing; a test says that all do.
static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Nonces of CSP and of forms, whatever they look like.
        (r#"(?i)\b(nonce|_wpnonce|csrf[\w-]*|authenticity_token|security)(["']?\s*[=:]\s*["'])[^"']+"#, "${1}${2}#"),
        (r#"(?i)(name=["'](?:_wpnonce|csrf[\w-]*|authenticity_token|[\w-]*nonce[\w-]*)["'][^>]*\bvalue=["'])[^"']*"#, "${1}#"),
        (r#"(?i)(value=["'])[^"']*(["'][^>]*\bname=["'](?:_wpnonce|csrf[\w-]*|authenticity_token|[\w-]*nonce[\w-]*)["'])"#, "${1}#${2}"),
        // Names of days and months.
        (r"(?i)\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b", "#"),
        (r"(?i)\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b", "#"),
        // Tokens: long, with digits among the letters.
        (r"[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]{9,}", "#"),
        (r"[0-9A-Za-z_-]{10,}[0-9][0-9A-Za-z_-]*", "#"),
        // Numbers: times, counters, ages.
        (r"[0-9]+", "0"),
        (r"\b0 (?:sec(?:ond)?|min(?:ute)?|hour|day|week|month|year)s?\b", "0 #"),
        (r"\s+", " "),
    ]
    .into_iter()
    .filter_map(|(pattern, with)| Some((Regex::new(pattern).ok()?, with)))
    .collect()
});

/// Comments, one each.
static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?-->").ok());

/// Words of comments that say when, how and by what a page was made.
const MAKING: [&str; 9] = [
    "generated",
    "cached",
    "created",
    "served",
    "performance",
    "queries",
    "seconds",
    "optimized",
    "cache",
];

/// Comments without those about how the page was made.
fn without_making(text: &str) -> Cow<'_, str> {
    let Some(comment) = COMMENT.as_ref() else {
        return Cow::Borrowed(text);
    };
    comment.replace_all(text, |found: &Captures<'_>| {
        let said = found[0].to_lowercase();
        match MAKING.iter().any(|word| said.contains(word)) {
            true => "<!--#-->".to_owned(),
            false => found[0].to_owned(),
        }
    })
}

/// The text of a page with nonces, times, tokens, numbers and spaces made alike.
pub(super) fn normal(text: &str) -> String {
    let mut text = without_making(text);
    for (mask, with) in MASKS.iter() {
        if let Cow::Owned(masked) = mask.replace_all(&text, *with) {
            text = Cow::Owned(masked);
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_masks_compile() {
        assert_eq!(MASKS.len(), 10);
        assert!(COMMENT.is_some());
    }

    #[test]
    fn what_differs_each_time_is_alike() {
        for (one, other) in [
            ("<script nonce=\"r4nd0m\">", "<script nonce=\"QWxhZGRpbg==\">"),
            (
                "<input name=\"_wpnonce\" value=\"0123456789\">",
                "<input name=\"_wpnonce\" value=\"abcdef0123\">",
            ),
            (
                "<input value=\"xxx\" type=hidden name='csrf-token'>",
                "<input value=\"yyy\" type=hidden name='csrf-token'>",
            ),
            ("{\"nonce\":\"abcdefabcd\"}", "{\"nonce\":\"bbbbbbbbbb\"}"),
            (
                "<!-- Page generated in 0.3 s by WP Super Cache on Mon -->",
                "<!-- Page generated in 12 s by WP Super Cache on Tue, 3 May -->",
            ),
            (
                "Tue, 24 Nov 2026 10:00:00 GMT",
                "Wed, 2 December 2026 09:00:00 GMT",
            ),
            ("5 minutes ago, 1,234 views", "2 hours ago, 1,235 views"),
            (
                "/app.3f9c2a1b77.js?t=1700000000",
                "/app.77777777aa.js?t=1700000001",
            ),
            ("a  b\n", "a b"),
        ] {
            assert_eq!(normal(one), normal(other), "{one}");
        }
    }

    #[test]
    fn words_stay() {
        for (one, other) in [
            ("<p>Hello, Alice</p>", "<p>Hello, Bob</p>"),
            ("<!-- user alice -->", "<!-- user bob -->"),
            (
                "<!-- a --><p>Alice</p><!-- cached -->",
                "<!-- a --><p>Bob</p><!-- cached -->",
            ),
            ("Marcus", "Maya"),
        ] {
            assert_ne!(normal(one), normal(other), "{one}");
        }
    }

    proptest! {
        #[test]
        fn spaces_never_count(words in prop::collection::vec("[a-z<>=\"0-9]{1,12}", 0..20)) {
            prop_assert_eq!(normal(&words.join(" ")), normal(&words.join("\n \t")));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = normal(&text);
        }
    }
}
