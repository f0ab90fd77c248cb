//! Marks of a person in a page: what an application shows to whom it knows.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;

/// Kinds of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What only those see who are logged in: a way to log out, the admin bar, their profile.
    Session,
    /// A form that is filled in with a name or an address.
    Form,
    /// A script's or an API's idea of who asks.
    Identity,
    /// A cart with something in it.
    Cart,
    /// Somebody's network address.
    Network,
    /// A person is called by name.
    Greeting,
    /// An e-mail address.
    Email,
    /// The number of an order.
    Order,
}

impl Kind {
    /// In one word, for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Form => "form",
            Self::Identity => "identity",
            Self::Cart => "cart",
            Self::Network => "network",
            Self::Greeting => "greeting",
            Self::Email => "email",
            Self::Order => "order",
        }
    }

    /// Whether an editor may write such a thing into a page for everybody.
    #[must_use]
    pub fn is_editorial(self) -> bool {
        matches!(self, Self::Greeting | Self::Email | Self::Order)
    }

    /// Whether it says little by itself.
    #[must_use]
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Email | Self::Order)
    }
}

/// One mark: its kind and what it says, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Kind.
    pub kind: Kind,
    /// What it says.
    pub value: String,
}

/// Most marks that are taken from one page.
const MARKS_MAX: usize = 2_000;

/// Names that greet nobody in particular.
const NOBODY: [&str; 20] = [
    "all",
    "and",
    "back",
    "customer",
    "everybody",
    "everyone",
    "friend",
    "friends",
    "gast",
    "guest",
    "home",
    "in",
    "reader",
    "readers",
    "stranger",
    "there",
    "to",
    "user",
    "visitor",
    "world",
];

/// Values that name nobody.
const EMPTY: [&str; 8] = [
    "",
    "0",
    "false",
    "null",
    "none",
    "guest",
    "anonymous",
    "undefined",
];

struct Patterns {
    session: Regex,
    input: Regex,
    attribute: Regex,
    identity: Regex,
    cart: Regex,
    address: Regex,
    greeting: Regex,
    email: Regex,
    order: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| compile().ok());

fn compile() -> Result<Patterns, regex::Error> {
    let regex = Regex::new;
    Ok(Patterns {
        session: regex(concat!(
            r#"(?i)action=logout|/customer-logout|[/"'](?:logout|log-out|signout|sign-out)[/"'?]|id=["']wpadminbar"#,
            r#"|<body[^>]*class=["'][^"']*\b(?:logged-in|admin-bar)\b|wp-admin/profile\.php|\blog(?:ged|out) in as\b"#
        ))?,
        input: regex(r"(?i)<input\b[^>]*>")?,
        attribute: regex(r#"(?i)\b(name|value|type)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#)?,
        identity: regex(concat!(
            r#"(?i)["']?\b(user_?(?:id|name|login|email)|customer_?(?:id|name|email)|display_?name|logged_?in|is_?logged_?in"#,
            r#"|session_?id|account_?id|first_?name|last_?name)["']?\s*:\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))"#
        ))?,
        cart: regex(concat!(
            r#"(?i)(?:class=["'][^"']*(?:cart|basket)[^"']*(?:count|total|number|badge)[^"']*["'][^>]*>\s*"#,
            r#"|(?:cart|basket)[_-]?(?:count|contents_count|items)["']?\s*[:=]\s*["']?)([0-9]+)"#
        ))?,
        address: regex(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b")?,
        greeting: regex(concat!(
            r"\b(?i:hello|hi|hey|howdy|dear|welcome(?: back)?|logged in as|signed in as|hallo|willkommen(?: zurück)?|guten tag|bonjour",
            r"|bienvenue|hola|bienvenid[oa]|ciao|benvenuto|olá|xin chào|angemeldet als)\b",
            // A heading that greets is not followed by its visitor: only what is set within a line, or comes after a comma.
            r"(?:[:!]?\s*(?:</?(?:a|b|bdi|em|i|mark|small|span|strong|u)\b[^>]{0,200}>\s*){0,3}|,\s*(?:<[^>]{1,200}>\s*){0,3})",
            r"(\p{Lu}[\p{L}\p{N}_'-]*)"
        ))?,
        email: regex(r"(?i)\b[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}\b")?,
        order: regex(
            r"(?i)\b(?:order|bestellung|commande|pedido)\s*(?:number|no\.?|nr\.?|#|:)+\s*#?([0-9]{3,})",
        )?,
    })
}

/// The marks in a text.
#[must_use]
pub fn marks(text: &str) -> BTreeSet<Mark> {
    let mut found = BTreeSet::new();
    let Some(patterns) = PATTERNS.as_ref() else {
        return found;
    };
    let mut note = |kind, value: &str| {
        if found.len() < MARKS_MAX {
            found.insert(Mark {
                kind,
                value: value.trim().to_lowercase(),
            });
        }
    };
    for hit in patterns.session.find_iter(text) {
        note(Kind::Session, hit.as_str());
    }
    inputs(patterns, text, &mut note);
    for hit in patterns.identity.captures_iter(text) {
        let value = [2, 3, 4]
            .iter()
            .find_map(|group| hit.get(*group))
            .map_or("", |value| value.as_str());
        if !EMPTY.contains(&value.to_lowercase().as_str()) {
            note(Kind::Identity, &format!("{}={value}", &hit[1]));
        }
    }
    for hit in patterns.cart.captures_iter(text) {
        if hit[1].bytes().any(|digit| digit != b'0') {
            note(Kind::Cart, &hit[1]);
        }
    }
    for hit in patterns.address.find_iter(text) {
        if hit
            .as_str()
            .parse::<IpAddr>()
            .is_ok_and(|ip| !ip.is_loopback() && !ip.is_unspecified())
        {
            note(Kind::Network, hit.as_str());
        }
    }
    greetings(patterns, text, &mut note);
    for hit in patterns.email.find_iter(text) {
        note(Kind::Email, hit.as_str());
    }
    for hit in patterns.order.captures_iter(text) {
        note(Kind::Order, &hit[1]);
    }
    found
}

/// A text without its e-mail addresses.
pub(super) fn without_addresses(text: &str) -> std::borrow::Cow<'_, str> {
    match PATTERNS.as_ref() {
        Some(patterns) => patterns.email.replace_all(text, ""),
        None => text.into(),
    }
}

/// Names that are greeted. What is greeted may itself greet ("hi Hello, Alice"), so that each look begins at the name before.
fn greetings(patterns: &Patterns, text: &str, note: &mut impl FnMut(Kind, &str)) {
    let mut from = 0;
    while let Some(name) = patterns
        .greeting
        .captures_at(text, from)
        .and_then(|hit| hit.get(1))
    {
        if !NOBODY.contains(&name.as_str().to_lowercase().as_str()) {
            note(Kind::Greeting, name.as_str());
        }
        from = name.start();
    }
}

/// Fields of forms that are filled in.
fn inputs(patterns: &Patterns, text: &str, note: &mut impl FnMut(Kind, &str)) {
    for input in patterns.input.find_iter(text) {
        let mut name = String::new();
        let mut value = "";
        let mut kind = "text".to_owned();
        for attribute in patterns.attribute.captures_iter(input.as_str()) {
            let said = [2, 3, 4]
                .iter()
                .find_map(|group| attribute.get(*group))
                .map_or("", |said| said.as_str());
            match attribute[1].to_lowercase().as_str() {
                "name" => name = said.to_lowercase(),
                "value" => value = said,
                _ => kind = said.to_lowercase(),
            }
        }
        let personal = [
            "author", "email", "name", "user", "phone", "tel", "address", "city", "postcode", "zip",
            "company",
        ]
        .iter()
        .any(|part| name.contains(part));
        let typed = matches!(kind.as_str(), "text" | "email" | "tel" | "url");
        if personal && typed && !EMPTY.contains(&value.trim().to_lowercase().as_str()) {
            note(Kind::Form, &format!("{name}={value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let kinds: BTreeSet<Kind> = marks(text).into_iter().map(|mark| mark.kind).collect();
        kinds.into_iter().collect()
    }

    #[test]
    fn what_is_shown_to_whom_the_application_knows_is_a_mark() {
        for (text, kind) in [
            ("<p>Hello, Alice</p>", Kind::Greeting),
            ("Welcome back, <b class=\"x\">Alice</b>!", Kind::Greeting),
            ("Willkommen Ärzte", Kind::Greeting),
            ("<div>Hello,</div> <div>Alice</div>", Kind::Greeting),
            ("Hi <b>Hello <i>Alice", Kind::Greeting),
            (
                "<a href=\"/wp-login.php?action=logout&amp;_wpnonce=1\">",
                Kind::Session,
            ),
            ("<body class=\"home logged-in\">", Kind::Session),
            ("<div id=\"wpadminbar\">", Kind::Session),
            ("<input name=\"author\" type='text' value=\"Bob\">", Kind::Form),
            ("<INPUT value=Bob name=billing_first_name>", Kind::Form),
            ("{\"user_id\":\"17\"}", Kind::Identity),
            ("userName: 'bob'", Kind::Identity),
            ("var x = {is_logged_in:true}", Kind::Identity),
            ("<span class=\"cart-contents-count\">3</span>", Kind::Cart),
            ("\"cart_count\":2", Kind::Cart),
            ("Your address is 198.51.100.7.", Kind::Network),
            ("bob@example.invalid", Kind::Email),
            ("Order number: 10234", Kind::Order),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
    }

    #[test]
    fn what_everybody_sees_is_none() {
        for text in [
            "<p>Hello, World</p>",
            "Hi there! Hello everyone, welcome to our shop. Welcome Home",
            "<h1>Welcome</h1><p>Our shop</p> say hi<p>Contact us</p>",
            "<body class=\"home blog\">",
            "<input name=\"author\" value=\"\">",
            "<input type=\"submit\" name=\"user-submit\" value=\"Send\">",
            "<input type=\"hidden\" name=\"user_action\" value=\"x\">",
            "{\"user_id\":0,\"logged_in\":false,\"user_email\":\"\"}",
            "<span class=\"cart-count\">0</span>",
            "version 6.1.9, 127.0.0.1, 999.1.1.1",
            "how to log out of your account",
        ] {
            assert_eq!(marks(text), BTreeSet::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_greeting_is_found_whatever_stands_around_it(before in "[a-z <>/]{0,40}", after in "[ .!<][a-z <>/]{0,40}") {
            let text = format!("{before} Hello, Alice{after}");
            let alice = Mark { kind: Kind::Greeting, value: "alice".to_owned() };
            prop_assert!(marks(&text).contains(&alice), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = marks(&text);
        }
    }
}
