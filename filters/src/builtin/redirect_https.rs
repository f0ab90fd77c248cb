//! `redirect_https`: sends plain-text visitors to the same address over TLS.

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::context::{FilterContext, RequestParts, Scheme};
use crate::filter::{Answer, Filter, Flow, Point, Points};
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;

const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "status",
        kind: Kind::Number(301, 308),
        default: "301 for GET and HEAD, 308 for the rest",
        doc: "Status of the redirect: 301, 302, 307 or 308.",
    },
    OptionDoc {
        name: "port",
        kind: Kind::Number(1, 65535),
        default: "443",
        doc: "Port of the https address, when it is not 443.",
    },
];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "redirect_https",
    doc: "Redirects plain http requests to https.",
    options: OPTIONS,
    example: "redirect_https",
    build,
};

#[derive(Debug)]
struct RedirectHttps {
    status: Option<StatusCode>,
    port: u16,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let number = options.number("status", 301, 308);
    let status = number.and_then(|number| match number {
        301 => Some(StatusCode::MOVED_PERMANENTLY),
        302 => Some(StatusCode::FOUND),
        307 => Some(StatusCode::TEMPORARY_REDIRECT),
        308 => Some(StatusCode::PERMANENT_REDIRECT),
        _ => None,
    });
    if let (Some(number), None) = (number, status) {
        let problem = format!("{number} is not a redirect that fits");
        options.error("status", problem, "write 301, 302, 307 or 308".to_owned());
    }
    let port = options
        .number("port", 1, 65535)
        .and_then(|port| u16::try_from(port).ok());
    let filter = RedirectHttps {
        status,
        port: port.unwrap_or(443),
    };
    options.finish(Box::new(filter) as Box<dyn Filter>)
}

impl Filter for RedirectHttps {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::Request.into()
    }

    fn hits_want_geo(&self) -> bool {
        false
    }

    fn request(&self, cx: &FilterContext<'_>, parts: &mut RequestParts<'_>) -> Flow {
        if cx.scheme == Scheme::Https {
            return Flow::Continue;
        }
        let port = match self.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let location = format!(
            "https://{}{port}{}",
            without_port(cx.host),
            parts.path_and_query()
        );
        let Ok(location) = HeaderValue::from_str(&location) else {
            return Flow::Answer(Answer::text(StatusCode::BAD_REQUEST, "Bad Request\n"));
        };
        let mut answer = Answer::empty(self.status.unwrap_or(match *parts.method {
            Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::PERMANENT_REDIRECT,
        }));
        answer.headers.push((header::LOCATION, location));
        Flow::Answer(answer)
    }
}

/// The host without `:port`; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::builtin::fixture::{chain, context};
    use crate::chain::Chain;

    fn redirect(cx: &FilterContext<'_>, options: &Value, method: &Method) -> Option<(u16, String)> {
        let mut headers = HeaderMap::new();
        let mut parts = RequestParts {
            method,
            path: "/a//b",
            query: Some("x=%20".into()),
            headers: &mut headers,
        };
        let answer = chain("redirect_https", options).request(cx, &mut parts)?;
        Some((
            answer.status.as_u16(),
            answer.headers[0].1.to_str().unwrap().to_owned(),
        ))
    }

    #[test]
    fn plain_http_is_redirected_to_the_same_address() {
        let cx = FilterContext {
            host: "blog.example:8080",
            ..context()
        };
        let location = "https://blog.example/a//b?x=%20".to_owned();
        assert_eq!(
            redirect(&cx, &Value::Null, &Method::GET),
            Some((301, location.clone()))
        );
        assert_eq!(redirect(&cx, &Value::Null, &Method::POST), Some((308, location)));
    }

    #[test]
    fn https_passes() {
        let cx = FilterContext {
            scheme: Scheme::Https,
            ..context()
        };
        assert_eq!(redirect(&cx, &Value::Null, &Method::GET), None);
    }

    #[test]
    fn status_and_port_can_be_chosen() {
        let cx = FilterContext {
            host: "[2001:db8::1]:80",
            ..context()
        };
        let options = json!({"status": 302, "port": 8443});
        let location = "https://[2001:db8::1]:8443/a//b?x=%20".to_owned();
        assert_eq!(redirect(&cx, &options, &Method::GET), Some((302, location)));
    }

    #[test]
    fn an_address_without_a_port_keeps_all_of_it() {
        for host in ["blog.example", "[::1]", "[2001:db8::1]"] {
            assert_eq!(without_port(host), host);
        }
    }

    #[test]
    fn statuses_that_are_no_redirect_are_refused() {
        for options in [
            json!({"status": 304}),
            json!({"status": 200}),
            json!({"status": "301"}),
        ] {
            assert!(
                Chain::build(&[("redirect_https", &options)]).is_err(),
                "{options}"
            );
        }
    }
}
