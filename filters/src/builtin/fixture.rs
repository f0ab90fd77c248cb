//! A request for tests of filters.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, Method, Version};
use serde_json::Value;

use crate::chain::Chain;
use crate::context::{FilterContext, RequestParts, Scheme};
use crate::filter::Answer;

pub(crate) const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

pub(crate) fn context() -> FilterContext<'static> {
    FilterContext {
        ip: VISITOR,
        peer: VISITOR,
        peer_trusted: false,
        chain: &[],
        geo: None,
        inherited_country: None,
        scheme: Scheme::Http,
        host: "blog.example",
        forwarded_host: None,
        site: "blog.example",
        ray: "0123456789abcdef-sin1",
        pop: "sin1",
        version: Version::HTTP_11,
    }
}

pub(crate) fn chain(name: &str, options: &Value) -> Chain {
    Chain::build(&[(name, options)]).unwrap()
}

/// Runs the request point of one filter; the answer, if any, and the query afterwards.
pub(crate) fn request(
    name: &str,
    options: &Value,
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> (Option<Answer>, Option<String>) {
    let mut headers = HeaderMap::new();
    let mut parts = RequestParts {
        method,
        path,
        query: query.map(Into::into),
        headers: &mut headers,
    };
    let answer = chain(name, options).request(&context(), &mut parts);
    (answer, parts.query.map(|query| query.into_owned()))
}

pub(crate) fn header_map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    map
}
