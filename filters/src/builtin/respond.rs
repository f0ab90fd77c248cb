//! `respond`: answers every request with the same thing (a parked domain, a maintenance page).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::context::{FilterContext, RequestParts};
use crate::filter::{Answer, Filter, Flow, Point, Points};
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "status",
        kind: Kind::Number(200, 599),
        default: "200",
        doc: "Status of the answer.",
    },
    OptionDoc {
        name: "body",
        kind: Kind::Text,
        default: "\"\"",
        doc: "Body of the answer.",
    },
    OptionDoc {
        name: "headers",
        kind: Kind::Headers,
        default: "{ Content-Type: text/plain; charset=utf-8 }",
        doc: "Headers of the answer.",
    },
];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "respond",
    doc: "Answers every request with a fixed status, headers and body; nothing may stand behind it.",
    options: OPTIONS,
    example: "respond: { status: 503, body: \"Back soon\\n\", headers: { Retry-After: 600 } }",
    build,
};

/// Statuses that carry no body (RFC 9110 section 15).
const BODILESS: [u16; 3] = [204, 205, 304];

#[derive(Debug)]
struct Respond {
    answer: Answer,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let number = options.number("status", 200, 599).unwrap_or(200);
    let status = u16::try_from(number)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::OK);
    let body = options.text("body").unwrap_or_default();
    let mut headers = options.headers("headers");
    for (name, _) in &headers {
        if [
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
        ]
        .contains(name)
        {
            let problem = format!("`{name}` is set by popgate itself");
            options.error("headers", problem, "remove it".to_owned());
        }
    }
    if BODILESS.contains(&status.as_u16()) && !body.is_empty() {
        let problem = format!("an answer with status {} has no body", status.as_u16());
        options.error(
            "body",
            problem,
            "remove the body or choose another status".to_owned(),
        );
    }
    if !body.is_empty() && !has(&headers, &header::CONTENT_TYPE) {
        headers.push((
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ));
    }
    let answer = Answer {
        status,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    options.finish(Box::new(Respond { answer }) as Box<dyn Filter>)
}

fn has(headers: &[(HeaderName, HeaderValue)], name: &HeaderName) -> bool {
    headers.iter().any(|(present, _)| present == name)
}

impl Filter for Respond {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::Request.into()
    }

    fn always_answers(&self) -> bool {
        true
    }

    fn hits_want_geo(&self) -> bool {
        false
    }

    fn request(&self, _cx: &FilterContext<'_>, _parts: &mut RequestParts<'_>) -> Flow {
        Flow::Answer(self.answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::builtin::fixture;
    use crate::chain::Chain;

    #[test]
    fn every_request_gets_the_same_answer() {
        let options = json!({"status": 503, "body": "Back soon\n", "headers": {"Retry-After": 600}});
        let answer = fixture::request("respond", &options, &Method::GET, "/", None)
            .0
            .unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body, "Back soon\n");
        assert!(
            answer
                .headers
                .contains(&(header::RETRY_AFTER, HeaderValue::from_static("600")))
        );
        assert!(has(&answer.headers, &header::CONTENT_TYPE));
    }

    #[test]
    fn without_options_it_is_an_empty_200() {
        let answer = fixture::request("respond", &Value::Null, &Method::GET, "/", None)
            .0
            .unwrap();
        assert_eq!(answer, Answer::empty(StatusCode::OK));
    }

    #[test]
    fn wrong_answers_are_refused() {
        for options in [
            json!({"status": 199}),
            json!({"status": 204, "body": "x"}),
            json!({"headers": {"Content-Length": "1"}}),
        ] {
            assert!(Chain::build(&[("respond", &options)]).is_err(), "{options}");
        }
    }
}
