//! The LiteSpeed protocol: an origin that hears `X-LSCACHE: on` tells its cache in answers what to keep, under
//! which tags, and what has changed.
//!
//! ```text
//! X-LiteSpeed-Cache-Control: public,max-age=604800 | private,max-age=1800 | no-cache | …,esi=on
//! X-LiteSpeed-Tag: cc4_post,cc4_Po.15,cc4_
//! X-LiteSpeed-Vary: cookie=currency,cookie=lang
//! X-LiteSpeed-Purge: public[,stale],cc4_Po.15,cc4_F;private,…     *     tag=x     /path/
//! ```

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};

use super::{Ask, Target};

/// Fields that carry purges.
pub const PURGE_FIELDS: [&str; 2] = ["x-litespeed-purge", "x-litespeed-purge2"];
const CACHE_CONTROL: &str = "x-litespeed-cache-control";
/// Names the cookies that an answer varies by.
pub const VARY: &str = "x-litespeed-vary";
/// Most cookies one answer may vary by.
const VARY_MAX: usize = 16;
/// Fields that say something about freshness, all of which this protocol overrules.
const OVERRULED: [&str; 7] = [
    "cache-control",
    "expires",
    "pragma",
    "surrogate-control",
    "x-accel-expires",
    "cdn-cache-control",
    "popgate-cdn-cache-control",
];

/// Whether a field belongs to the protocol and ends at the gateway.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    name.starts_with("x-litespeed-") || name == "lsc-cookie"
}

/// What an answer purges; `None`: nothing that is shared.
#[must_use]
pub fn purge(headers: &HeaderMap) -> Option<Ask> {
    let mut targets = Vec::new();
    let mut stale = false;
    for name in PURGE_FIELDS {
        for value in headers.get_all(name) {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split(';')
                .for_each(|segment| read_segment(segment, &mut targets, &mut stale));
        }
    }
    (!targets.is_empty()).then(|| Ask::of(targets).hard(stale.then_some(false)))
}

fn read_segment(segment: &str, targets: &mut Vec<Target>, stale: &mut bool) {
    let mut items = segment
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .peekable();
    // Private copies are not kept here.
    if items
        .peek()
        .is_some_and(|scope| scope.eq_ignore_ascii_case("private"))
    {
        return;
    }
    for item in items {
        match item {
            _ if item.eq_ignore_ascii_case("public") => {}
            _ if item.eq_ignore_ascii_case("stale") => *stale = true,
            "*" => targets.push(Target::Site),
            "/" => targets.push(Target::Path {
                host: None,
                path: item.to_owned(),
            }),
            _ if item.starts_with('/') => targets.push(Target::Prefix {
                host: None,
                path: item.trim_end_matches('*').to_owned(),
            }),
            _ => targets.push(Target::Tag(item.strip_prefix("tag=").unwrap_or(item).to_owned())),
        }
    }
}

/// The fields that say whether and how long an answer may be kept: its own, or what its
/// `X-LiteSpeed-Cache-Control` says in their place.
///
/// # Errors
/// Why it may not be shared.
pub fn freshness(headers: &HeaderMap) -> Result<Cow<'_, HeaderMap>, &'static str> {
    let Some(value) = headers.get(CACHE_CONTROL) else {
        return Ok(Cow::Borrowed(headers));
    };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let says = |word: &str| text.split(',').any(|part| part.trim() == word);
    if says("no-cache") || says("no-store") {
        return Err("litespeed-no-cache");
    }
    if says("private") || !says("public") {
        return Err("litespeed-private");
    }
    if says("esi=on") {
        // Its holes would have to be filled for each visitor.
        return Err("litespeed-esi");
    }
    let mut said = headers.clone();
    for name in OVERRULED {
        said.remove(name);
    }
    let age = text
        .split(',')
        .find_map(|part| part.trim().strip_prefix("max-age="));
    if let Some(age) = age.and_then(|age| age.trim().parse::<u64>().ok())
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={age}"))
    {
        said.insert(header::CACHE_CONTROL, value);
    }
    Ok(Cow::Owned(said))
}

/// Names of the cookies an answer depends on.
#[must_use]
pub fn vary_cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|part| part.trim().strip_prefix("cookie="))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .take(VARY_MAX)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn purges(value: &str) -> Option<Ask> {
        purge(&headers(&[("x-litespeed-purge", value)]))
    }

    fn tag(tag: &str) -> Target {
        Target::Tag(tag.into())
    }

    #[test]
    fn the_purge_of_a_saved_post_names_its_tags() {
        let ask = purges("public,cc4_Po.15,cc4_URL.0123,cc4_F").unwrap();
        assert_eq!(ask.targets, [tag("cc4_Po.15"), tag("cc4_URL.0123"), tag("cc4_F")]);
        assert_eq!(ask.hard, None);
    }

    #[test]
    fn stale_keeps_what_is_purged_as_stale() {
        let ask = purges("public,stale,a;private,b").unwrap();
        assert_eq!((ask.targets, ask.hard), (vec![tag("a")], Some(false)));
    }

    #[test]
    fn private_copies_are_none_of_ours() {
        assert_eq!(purges("private,*"), None);
        assert_eq!(purges("private, tag=x"), None);
        assert_eq!(purges(""), None);
    }

    #[test]
    fn all_spellings_are_read() {
        assert_eq!(purges("*").unwrap().targets, [Target::Site]);
        assert_eq!(
            purges("public, tag=a, tag=b").unwrap().targets,
            [tag("a"), tag("b")]
        );
        assert_eq!(
            purges("/shop/").unwrap().targets,
            [Target::Prefix {
                host: None,
                path: "/shop/".into()
            }]
        );
        assert_eq!(
            purges("/").unwrap().targets,
            [Target::Path {
                host: None,
                path: "/".into()
            }]
        );
        let two = headers(&[("x-litespeed-purge", "a"), ("x-litespeed-purge2", "b")]);
        assert_eq!(purge(&two).unwrap().targets, [tag("a"), tag("b")]);
    }

    #[test]
    fn its_freshness_goes_before_all_other_fields() {
        let page = headers(&[
            ("x-litespeed-cache-control", "public,max-age=604800"),
            ("cache-control", "no-cache, must-revalidate, max-age=0"),
            ("expires", "Wed, 11 Jan 1984 05:00:00 GMT"),
            ("link", "</x>"),
        ]);
        let said = freshness(&page).unwrap();
        assert_eq!(said[header::CACHE_CONTROL], "max-age=604800");
        assert!(!said.contains_key(header::EXPIRES) && said.contains_key("link"));
        let other = headers(&[("cache-control", "max-age=5")]);
        assert_eq!(freshness(&other).unwrap()[header::CACHE_CONTROL], "max-age=5");
    }

    #[test]
    fn what_is_for_one_visitor_is_not_shared() {
        for (value, reason) in [
            ("no-cache", "litespeed-no-cache"),
            ("private,max-age=1800", "litespeed-private"),
            ("shared,private", "litespeed-private"),
            ("max-age=60", "litespeed-private"),
            ("public,max-age=60,esi=on", "litespeed-esi"),
        ] {
            let page = headers(&[("x-litespeed-cache-control", value)]);
            assert_eq!(freshness(&page).unwrap_err(), reason, "{value}");
        }
    }

    #[test]
    fn cookies_an_answer_depends_on_are_named() {
        let page = headers(&[(
            "x-litespeed-vary",
            "cookie=wp-postpass_1, cookie=lang,value=ismobile",
        )]);
        assert_eq!(vary_cookies(&page), ["wp-postpass_1", "lang"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(prop_oneof![32_u8..127, 128_u8..], 0..200)) {
            let value = HeaderValue::from_bytes(&bytes).unwrap();
            let headers = HeaderMap::from_iter([
                ("x-litespeed-purge".parse().unwrap(), value.clone()),
                ("x-litespeed-vary".parse().unwrap(), value.clone()),
                ("x-litespeed-cache-control".parse().unwrap(), value),
            ]);
            let _ = (purge(&headers), freshness(&headers), vary_cookies(&headers));
        }
    }
}
