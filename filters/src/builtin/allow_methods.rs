//! `allow_methods`: answers 405 to methods a site does not use.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::context::{FilterContext, RequestParts};
use crate::filter::{Answer, Filter, Flow, Point, Points};
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

const OPTIONS: &[OptionDoc] = &[OptionDoc {
    name: "methods",
    kind: Kind::Texts,
    default: "",
    doc: "Methods that pass, such as [GET, HEAD]; all others are answered with 405 and Allow.",
}];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "allow_methods",
    doc: "Answers 405 to all but the named methods.",
    options: OPTIONS,
    example: "allow_methods: { methods: [GET, HEAD] }",
    build,
};

#[derive(Debug)]
struct AllowMethods {
    methods: Vec<Method>,
    allow: HeaderValue,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let mut methods = Vec::new();
    for text in options.texts("methods") {
        match Method::from_bytes(text.as_bytes()) {
            Ok(method) if !text.bytes().any(|byte| byte.is_ascii_lowercase()) => methods.push(method),
            _ => options.error(
                "methods",
                format!("`{text}` is not a method"),
                "write methods in upper case, as in GET".to_owned(),
            ),
        }
    }
    if methods.is_empty() {
        let mend = "write `methods: [GET, HEAD]`".to_owned();
        options.error("methods", "no method would pass".to_owned(), mend);
    }
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    // Method names are tokens, so the list is always a header value.
    let allow = HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""));
    options.finish(Box::new(AllowMethods { methods, allow }) as Box<dyn Filter>)
}

impl Filter for AllowMethods {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::Request.into()
    }

    fn hits_want_geo(&self) -> bool {
        false
    }

    fn request(&self, _cx: &FilterContext<'_>, parts: &mut RequestParts<'_>) -> Flow {
        if self.methods.contains(parts.method) {
            return Flow::Continue;
        }
        Flow::Answer(Answer {
            status: StatusCode::METHOD_NOT_ALLOWED,
            headers: vec![(header::ALLOW, self.allow.clone())],
            body: Bytes::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin::fixture;
    use crate::chain::Chain;

    #[test]
    fn other_methods_are_answered_with_405_and_allow() {
        let options = json!({"methods": ["GET", "HEAD"]});
        assert_eq!(
            fixture::request("allow_methods", &options, &Method::HEAD, "/", None).0,
            None
        );
        let answer = fixture::request("allow_methods", &options, &Method::POST, "/", None)
            .0
            .unwrap();
        assert_eq!(answer.status, 405);
        assert_eq!(
            answer.headers,
            [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))]
        );
    }

    #[test]
    fn lower_case_and_empty_lists_are_refused() {
        for options in [json!({"methods": ["get"]}), json!({"methods": []}), Value::Null] {
            assert!(Chain::build(&[("allow_methods", &options)]).is_err(), "{options}");
        }
    }
}
