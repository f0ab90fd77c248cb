//! Cache keys: what makes two requests the same request.
//!
//! A key is scheme, host, path and query (plus what filters add), framed so that no two different
//! keys share bytes, and hashed once with keyed SipHash-128. The hash is the name of the object in
//! both tiers, so its key is fixed: PoPs that share a Redis must agree on it.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// 128-bit name of a stored object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub u128);

impl KeyHash {
    /// Hash of length-framed parts.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut framed = Framed::new();
        for part in parts {
            framed.part(part);
        }
        framed.hash()
    }

    /// Big-endian bytes, as Pingora's key override and Redis names take them.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hashes parts one by one, each behind its length.
#[derive(Debug, Clone, Copy)]
pub struct Framed(SipHasher24);

impl Default for Framed {
    fn default() -> Self {
        Self::new()
    }
}

impl Framed {
    /// No parts yet.
    #[must_use]
    pub fn new() -> Self {
        Self(SipHasher24::new_with_keys(
            0x706f_7067_6174_6531,
            0x6361_6368_655f_6b65,
        ))
    }

    /// Adds a part.
    pub fn part(&mut self, part: &[u8]) {
        self.0.write_u64(part.len() as u64);
        self.0.write(part);
    }

    /// Hash of the parts so far.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(self.0.finish128().as_u128())
    }
}

/// Key of a request. `query` is without `?`; none and an empty one are different keys. `extras` are parts
/// that filters add, by name; their order does not matter. The host is normalised, the hex digits of
/// percent-encodings are compared without case; nothing else is decoded or rewritten, because only the
/// origin knows which spellings mean the same to it.
#[must_use]
pub fn cache_key(
    scheme: &str,
    host: &str,
    path: &str,
    query: Option<&str>,
    extras: &[(&str, &str)],
) -> KeyHash {
    let mut framed = Framed::new();
    framed.part(scheme.as_bytes());
    framed.part(normal_host(host).as_bytes());
    framed.part(normal_percent(path).as_bytes());
    match query {
        None => framed.part(b"-"),
        Some(query) => {
            framed.part(b"?");
            framed.part(normal_percent(query).as_bytes());
        }
    }
    let mut sorted: Vec<&(&str, &str)> = extras.iter().collect();
    sorted.sort_unstable();
    for (name, value) in sorted {
        framed.part(name.as_bytes());
        framed.part(value.as_bytes());
    }
    framed.hash()
}

/// A host in lower case, without port and without trailing dot.
#[must_use]
pub fn normal_host(host: &str) -> Cow<'_, str> {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = without_port.strip_suffix('.').unwrap_or(without_port);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Percent-encodings with upper-case digits (RFC 3986 6.2.2.1).
#[must_use]
pub fn normal_percent(text: &str) -> Cow<'_, str> {
    let encoded = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3)?;
        let lower = digits.iter().any(u8::is_ascii_lowercase);
        (lower && digits.iter().all(u8::is_ascii_hexdigit)).then_some(())
    };
    let mut found = text
        .match_indices('%')
        .filter(|(at, _)| encoded(*at).is_some())
        .peekable();
    if found.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in found {
        normal.push_str(&text[from..=at]);
        normal.push_str(&text[at + 1..at + 3].to_ascii_uppercase());
        from = at + 3;
    }
    normal.push_str(&text[from..]);
    Cow::Owned(normal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts = (String, String, Option<String>, Vec<(String, String)>);

    fn parts() -> impl Strategy<Value = Parts> {
        (
            "[a-c]{0,3}",
            "/[a-c?/-]{0,4}",
            proptest::option::of("[a-c?-]{0,3}"),
            proptest::collection::vec(("[a-c?-]{0,2}", "[a-c]{0,2}"), 0..3),
        )
    }

    fn key((host, path, query, extras): &Parts) -> KeyHash {
        let extras: Vec<_> = extras.iter().map(|(name, value)| (&**name, &**value)).collect();
        cache_key("http", host, path, query.as_deref(), &extras)
    }

    #[test]
    fn hosts_are_compared_without_case_port_and_trailing_dot() {
        for (host, normal) in [
            ("Blog.Example:8080", "blog.example"),
            ("blog.example.", "blog.example"),
            ("blog.example.:80", "blog.example"),
            ("blog.example:", "blog.example"),
            ("[2001:DB8::1]:8080", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(normal_host(host), normal, "{host}");
        }
    }

    #[test]
    fn rfc3986_6_2_2_1_hex_digits_have_no_case() {
        assert_eq!(normal_percent("/a%2fB%c3%a4%zz%2"), "/a%2FB%C3%A4%zz%2");
        assert_eq!(normal_percent("/a%2Fb"), "/a%2Fb");
        assert_eq!(normal_percent("/%2%2f"), "/%2%2F");
    }

    #[test]
    fn nothing_is_decoded() {
        let key = |path| cache_key("http", "a", path, None, &[]);
        assert_ne!(key("/%41"), key("/A"));
        assert_ne!(key("/a/../b"), key("/b"));
        assert_ne!(key("//a"), key("/a"));
    }

    #[test]
    fn scheme_and_an_empty_query_are_part_of_the_key() {
        let key = |scheme, query| cache_key(scheme, "a", "/", query, &[]);
        assert_ne!(key("http", None), key("https", None));
        assert_ne!(key("http", None), key("http", Some("")));
    }

    #[test]
    fn the_hash_is_stable_because_pops_share_it() {
        let key = cache_key(
            "https",
            "blog.example",
            "/a",
            Some("b=c"),
            &[("device", "mobile")],
        );
        assert_eq!(
            key,
            cache_key(
                "https",
                "BLOG.example:443",
                "/a",
                Some("b=c"),
                &[("device", "mobile")]
            )
        );
        assert_eq!(key.to_string(), "28acf9c6281783d7cd78a867c2da33b5");
    }

    proptest! {
        #[test]
        fn different_parts_never_share_a_key(a in parts(), b in parts()) {
            let mut sorted = (a.clone(), b.clone());
            sorted.0.3.sort();
            sorted.1.3.sort();
            prop_assert_eq!(key(&a) == key(&b), sorted.0 == sorted.1);
        }

        #[test]
        fn normalising_twice_changes_nothing(text in "[%2fFaA/.:-]{0,12}") {
            let once = normal_percent(&text).into_owned();
            prop_assert_eq!(&*normal_percent(&once), &*once);
        }

        #[test]
        fn any_text_is_normalised_without_panic(text in "\\PC{0,16}") {
            let _ = normal_percent(&text);
            let _ = normal_host(&text);
        }
    }
}
