//! `key_by`: keeps one copy of a page per country or per value of a request header.

use http::HeaderName;
use serde_json::Value;

use crate::context::{FilterContext, RequestParts};
use crate::filter::{Filter, Point, Points};
use crate::key::KeyParts;
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

/// Most bytes of a header value that count; longer ones share an object with others of the same beginning.
const VALUE_MAX: usize = 256;

const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "country",
        kind: Kind::Flag,
        default: "false",
        doc: "One copy per visitor country (the value of CF-IPCountry).",
    },
    OptionDoc {
        name: "headers",
        kind: Kind::Texts,
        default: "[]",
        doc: "One copy per value of these request headers; at most 8.",
    },
];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "key_by",
    doc: "Keeps one cached copy per visitor country or per value of chosen request headers.",
    options: OPTIONS,
    example: "key_by: { country: true }",
    build,
};

#[derive(Debug)]
struct KeyBy {
    country: bool,
    headers: Vec<HeaderName>,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let filter = KeyBy {
        country: options.flag("country", false),
        headers: options.header_names("headers"),
    };
    if filter.headers.len() > 8 {
        let problem = format!("{} headers are too many", filter.headers.len());
        options.error("headers", problem, "name at most 8".to_owned());
    }
    if !filter.country && filter.headers.is_empty() {
        let mend = "write `country: true` or a list of `headers`".to_owned();
        options.error("", "nothing to key by".to_owned(), mend);
    }
    options.finish(Box::new(filter) as Box<dyn Filter>)
}

impl Filter for KeyBy {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::CacheKey.into()
    }

    fn hits_want_geo(&self) -> bool {
        self.country
    }

    fn cache_key(&self, cx: &FilterContext<'_>, parts: &RequestParts<'_>, key: &mut KeyParts) {
        if self.country {
            let country = cx.country();
            key.add(
                "country",
                country.as_ref().map_or("", |code| code.as_str()).as_bytes(),
            );
        }
        for name in &self.headers {
            if let Some(value) = parts.headers.get(name) {
                let value = value.as_bytes();
                key.add(&format!("header {name}"), &value[..value.len().min(VALUE_MAX)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::builtin::fixture::{chain, context, header_map};
    use crate::chain::Chain;
    use crate::geo::CountryCode;

    fn key(options: &Value, country: &str, lines: &[(&str, &str)]) -> KeyParts {
        let mut headers = header_map(lines);
        let cx = FilterContext {
            inherited_country: CountryCode::parse(country),
            ..context()
        };
        let parts = RequestParts {
            method: &Method::GET,
            path: "/",
            query: None,
            headers: &mut headers,
        };
        let mut key = KeyParts::new("http", "blog.example", "/", None);
        chain("key_by", options).cache_key(&cx, &parts, &mut key);
        key
    }

    #[test]
    fn countries_have_their_own_copies() {
        let options = json!({"country": true});
        assert_ne!(key(&options, "VN", &[]), key(&options, "FR", &[]));
        assert_eq!(key(&options, "VN", &[]), key(&options, "VN", &[("x", "y")]));
    }

    #[test]
    fn an_absent_header_differs_from_an_empty_one() {
        let options = json!({"headers": ["X-Device"]});
        assert_ne!(key(&options, "", &[]), key(&options, "", &[("x-device", "")]));
        assert_ne!(
            key(&options, "", &[("x-device", "a")]),
            key(&options, "", &[("x-device", "b")])
        );
    }

    #[test]
    fn nothing_to_key_by_is_an_error() {
        assert!(Chain::build(&[("key_by", &Value::Null)]).is_err());
    }
}
