//! Pingora's headers as filters see them, so that its record of header cases stays true.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};
use popgate_filters::Headers;

use crate::serve::spelling::written;

/// Fields that each answer gets here.
const OWN: usize = 8;

/// A request's headers.
pub struct RequestFields<'a>(pub &'a mut RequestHeader);

/// An answer's headers.
pub struct ResponseFields<'a>(pub &'a mut ResponseHeader);

macro_rules! fields {
    ($type:ident) => {
        impl Headers for $type<'_> {
            fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
                self.0.headers.get(name)
            }

            fn get_all(&self, name: &HeaderName) -> Vec<&HeaderValue> {
                self.0.headers.get_all(name).iter().collect()
            }

            fn names(&self) -> Vec<HeaderName> {
                self.0.headers.keys().cloned().collect()
            }

            fn insert(&mut self, name: HeaderName, value: HeaderValue) {
                // Name and value are valid already; nothing else can fail.
                let _ = self.0.insert_header(written(&name), value);
            }

            fn append(&mut self, name: HeaderName, value: HeaderValue) {
                let _ = self.0.append_header(written(&name), value);
            }

            fn remove(&mut self, name: &HeaderName) {
                self.0.remove_header(name);
            }
        }
    };
}

fields!(RequestFields);
fields!(ResponseFields);

/// Replaces all headers of an answer.
pub fn replace(response: &mut ResponseHeader, headers: &HeaderMap) {
    let names: Vec<HeaderName> = response.headers.keys().cloned().collect();
    for name in names {
        response.remove_header(&name);
    }
    for (name, value) in headers {
        let _ = response.append_header(written(name), value.clone());
    }
}

/// Gives an answer without a record of cases, as those from the store and from HTTP/2 origins are, the usual
/// spelling.
pub fn spell(response: &mut ResponseHeader) {
    if response.has_case() {
        return;
    }
    let Ok(mut spelled) = ResponseHeader::build(response.status, Some(response.headers.len() + OWN)) else {
        return;
    };
    spelled.set_version(response.version);
    for (name, value) in &response.headers {
        // Name and value are valid already.
        let _ = spelled.append_header(written(name), value.clone());
    }
    *response = spelled;
}
