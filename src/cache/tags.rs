//! Tags of a response: what a tag purge names.

use http::HeaderMap;

/// Most tags kept of one response; more make it impossible to purge by tag surely, so it is not tagged
/// beyond and the rest is dropped.
pub const TAGS_MAX: usize = 512;
/// Longest tag, in bytes.
pub const TAG_LENGTH_MAX: usize = 256;

/// Fields that carry tags, and what separates them.
const FIELDS: [(&str, &[u8]); 7] = [
    ("surrogate-key", b" "),
    ("xkey", b" ,"),
    // nginx-helper separates by spaces what Cloudflare separates by commas.
    ("cache-tag", b", "),
    ("x-cache-tags", b","),
    ("cache-tags", b", "),
    ("edge-cache-tag", b","),
    ("x-litespeed-tag", b","),
];

/// The tags of a response, each once, in order.
#[must_use]
pub fn of(headers: &HeaderMap) -> Box<[Box<str>]> {
    let mut tags: Vec<Box<str>> = Vec::new();
    for (name, separators) in FIELDS {
        for value in headers.get_all(name) {
            let Ok(text) = value.to_str() else { continue };
            for tag in text.split(|c: char| u8::try_from(c).is_ok_and(|b| separators.contains(&b))) {
                let tag = tag.trim();
                // LiteSpeed's private answers mark their shared tags; none of them is kept here.
                let tag = tag.strip_prefix("public:").unwrap_or(tag);
                let fits = !tag.is_empty() && tag.len() <= TAG_LENGTH_MAX && tags.len() < TAGS_MAX;
                if fits && !tags.iter().any(|known| **known == *tag) {
                    tags.push(tag.into());
                }
            }
        }
    }
    tags.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_all_known_fields_each_once() {
        let mut headers = HeaderMap::new();
        headers.append("surrogate-key", "post:1 home".parse().unwrap());
        headers.append("cache-tag", "home, feed ,".parse().unwrap());
        headers.append("xkey", "a,b c".parse().unwrap());
        let tags = of(&headers);
        let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
        assert_eq!(tags, ["post:1", "home", "a", "b", "c", "feed"]);
    }

    #[test]
    fn tags_of_plugins_are_read_as_they_write_them() {
        for (name, value, wanted) in [
            ("cache-tag", "a b", &["a", "b"][..]),
            (
                "x-litespeed-tag",
                "cc4_post,cc4_Po.15,cc4_",
                &["cc4_post", "cc4_Po.15", "cc4_"],
            ),
            ("x-cache-tags", "site-1,p-15", &["site-1", "p-15"]),
            ("cache-tags", "node:1 node:2", &["node:1", "node:2"]),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            let tags = of(&headers);
            let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
            assert_eq!(tags, wanted, "{name}");
        }
    }

    #[test]
    fn tags_are_bounded() {
        let many: String = (0..2000).map(|n| format!("t{n} ")).collect();
        let mut headers = HeaderMap::new();
        headers.append("surrogate-key", many.parse().unwrap());
        assert_eq!(of(&headers).len(), TAGS_MAX);
    }
}
