//! The WordPress preset: any target and cookie give a verdict, and a normalised query stays as it is.
#![no_main]

use http::{HeaderMap, HeaderValue, Method, header};
use libfuzzer_sys::fuzz_target;
use popgate::config::{Preset, Wordpress};
use popgate::preset::{RequestFacts, RequestVerdict, Rules, request};

fuzz_target!(|data: (&str, &str, &[u8])| {
    let (path, query, cookie) = data;
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(cookie) {
        headers.insert(header::COOKIE, value);
    }
    let wordpress = Wordpress::default();
    let ask = |query| {
        let rules = Rules {
            preset: Preset::Wordpress,
            wordpress: &wordpress,
        };
        request(
            rules,
            &RequestFacts {
                method: &Method::GET,
                path,
                query,
                headers: &headers,
            },
        )
    };
    if let RequestVerdict::Cache(once) = ask(Some(query)) {
        let RequestVerdict::Cache(twice) = ask(once.query.as_deref()) else {
            panic!("a normalised query bypasses: {once:?}");
        };
        assert_eq!(once.query, twice.query);
    }
});
