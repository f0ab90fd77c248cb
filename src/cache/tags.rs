//! Tags of a response: what a tag purge names.

use http::HeaderMap;

/// Most tags kept of one response; more make it impossible to purge by tag surely, so it is not tagged
/// beyond and the rest is dropped.
pub const TAGS_MAX: usize = 512;
/// Longest tag, in bytes.
pub const TAG_LENGTH_MAX: usize = 256;

/// Fields that carry tags, and what separates them.
const FIELDS: [(&str, &[u8]); 4] = [
    ("surrogate-key", b" "),
    ("xkey", b" ,"),
    ("cache-tag", b","),
    ("x-cache-tags", b","),
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
    fn tags_are_bounded() {
        let many: String = (0..2000).map(|n| format!("t{n} ")).collect();
        let mut headers = HeaderMap::new();
        headers.append("surrogate-key", many.parse().unwrap());
        assert_eq!(of(&headers).len(), TAGS_MAX);
    }
}
