//! `headers`: sets, appends and removes headers of requests to the origin and answers to the client.

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::context::FilterContext;
use crate::filter::{Filter, OnHits, Point, Points};
use crate::headers::Headers;
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

const EDITS: &[OptionDoc] = &[
    OptionDoc {
        name: "set",
        kind: Kind::Headers,
        default: "{}",
        doc: "Headers to set, in place of any of the same name.",
    },
    OptionDoc {
        name: "append",
        kind: Kind::Headers,
        default: "{}",
        doc: "Header lines to add.",
    },
    OptionDoc {
        name: "remove",
        kind: Kind::Texts,
        default: "[]",
        doc: "Header names to remove, before set and append.",
    },
];

const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "request",
        kind: Kind::Table(EDITS),
        default: "",
        doc: "Changes to requests on their way to the origin.",
    },
    OptionDoc {
        name: "response",
        kind: Kind::Table(EDITS),
        default: "",
        doc: "Changes to answers on their way to the client, from the cache or not.",
    },
];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "headers",
    doc: "Sets, appends and removes headers towards the origin and towards the client.",
    options: OPTIONS,
    example: "headers: { response: { set: { X-Frame-Options: SAMEORIGIN }, remove: [X-Powered-By] } }",
    build,
};

/// Headers that carry a message's framing or connection: popgate's own affair.
static FRAMING: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Debug, Default)]
struct Edits {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    append: Vec<(HeaderName, HeaderValue)>,
}

impl Edits {
    fn read(options: &mut Options<'_>) -> Self {
        let edits = Self {
            remove: options.header_names("remove"),
            set: options.headers("set"),
            append: options.headers("append"),
        };
        let named = edits.remove.iter().map(|name| ("remove", name));
        let lines = edits.set.iter().map(|(name, _)| ("set", name));
        let added = edits.append.iter().map(|(name, _)| ("append", name));
        for (key, name) in named.chain(lines).chain(added) {
            if FRAMING.contains(name) {
                options.error(
                    key,
                    format!("`{name}` belongs to the connection and cannot be changed"),
                    "remove it; the host sent to an origin is `origins.<name>.host`".to_owned(),
                );
            }
        }
        edits
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let lines = self.set.iter().chain(&self.append).map(|(name, _)| name);
        self.remove.iter().chain(lines)
    }

    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.append.is_empty()
    }

    fn apply(&self, headers: &mut dyn Headers) {
        for name in self.remove.iter().chain(self.set.iter().map(|(name, _)| name)) {
            headers.remove(name);
        }
        for (name, value) in self.set.iter().chain(&self.append) {
            headers.append(name.clone(), value.clone());
        }
    }
}

#[derive(Debug)]
struct EditHeaders {
    request: Edits,
    response: Edits,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let filter = EditHeaders {
        request: options.table("request", EDITS, Edits::read).unwrap_or_default(),
        response: options.table("response", EDITS, Edits::read).unwrap_or_default(),
    };
    options.finish(Box::new(filter) as Box<dyn Filter>)
}

impl Filter for EditHeaders {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        let mut points = Points::NONE;
        if !self.request.is_empty() {
            points = points.with(Point::UpstreamRequest);
        }
        if !self.response.is_empty() {
            points = points.with(Point::Response);
        }
        points
    }

    fn on_hits(&self) -> OnHits {
        match self.response.is_empty() {
            true => OnHits::Never,
            false => OnHits::Response,
        }
    }

    fn hits_want_geo(&self) -> bool {
        false
    }

    fn may_touch_upstream(&self, name: &HeaderName) -> bool {
        self.request.names().any(|changed| changed == name)
    }

    fn upstream_request(&self, _cx: &FilterContext<'_>, headers: &mut dyn Headers) {
        self.request.apply(headers);
    }

    fn response(&self, _cx: &FilterContext<'_>, _status: StatusCode, headers: &mut dyn Headers) {
        self.response.apply(headers);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin::fixture::{chain, context, header_map};
    use crate::chain::Chain;

    #[test]
    fn removes_then_sets_then_appends() {
        let options = json!({"response": {
            "remove": ["X-Powered-By", "Link"],
            "set": {"X-Frame-Options": "SAMEORIGIN"},
            "append": {"Link": ["<a>", "<b>"]},
        }});
        let mut headers = header_map(&[
            ("x-powered-by", "PHP"),
            ("x-frame-options", "DENY"),
            ("x-frame-options", "ALLOW"),
            ("link", "<old>"),
        ]);
        chain("headers", &options).response(&context(), StatusCode::OK, true, &mut headers);
        let expected = header_map(&[
            ("x-frame-options", "SAMEORIGIN"),
            ("link", "<a>"),
            ("link", "<b>"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn requests_and_answers_are_changed_apart() {
        let options = json!({"request": {"set": {"X-Edge": 1}}});
        let chain = chain("headers", &options);
        let mut headers = header_map(&[]);
        chain.response(&context(), StatusCode::OK, false, &mut headers);
        assert!(headers.is_empty() && !chain.acts_on_hits());
        chain.upstream_request(&context(), &mut headers);
        assert_eq!(headers.get("x-edge").unwrap(), "1");
    }

    #[test]
    fn framing_headers_are_refused() {
        let options = json!({"response": {"set": {"Content-Length": "5"}}, "request": {"remove": ["Host"]}});
        let errors = Chain::build(&[("headers", &options)]).unwrap_err();
        let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, ["request.remove", "response.set"]);
    }

    #[test]
    fn unknown_keys_in_the_inner_table_are_errors() {
        let options = json!({"response": {"sett": {}}});
        let errors = Chain::build(&[("headers", &options)]).unwrap_err();
        assert_eq!(
            (errors[0].key.as_str(), errors[0].mend.as_str()),
            ("response.sett", "did you mean `set`?")
        );
    }
}
