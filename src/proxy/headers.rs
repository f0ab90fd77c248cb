//! Pingora's headers as filters see them, so that its record of header cases stays true.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};
use popgate_filters::Headers;

/// A request's headers.
pub struct RequestFields<'a>(pub &'a mut RequestHeader);

/// An answer's headers.
pub struct ResponseFields<'a>(pub &'a mut ResponseHeader);

/// How a name is written on HTTP/1.1 connections. Names are compared without case; people and scripts that
/// look at the bytes expect the usual spelling.
#[must_use]
pub fn written(name: &HeaderName) -> String {
    let mut text = String::with_capacity(name.as_str().len());
    for word in name.as_str().split('-') {
        if !text.is_empty() {
            text.push('-');
        }
        match ABBREVIATIONS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(word))
        {
            Some(known) => text.push_str(known),
            None => {
                let (first, rest) = word.split_at(word.len().min(1));
                text.push_str(&first.to_ascii_uppercase());
                text.push_str(rest);
            }
        }
    }
    text
}

/// Words of names that are not written with one capital.
const ABBREVIATIONS: &[&str] = &[
    "CF",
    "IP",
    "IPASN",
    "IPCity",
    "IPContinent",
    "IPCountry",
    "IPLatitude",
    "IPLongitude",
    "ETag",
    "WWW",
];

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
        let _ = response.append_header(name.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_know_them() {
        for name in [
            "CF-Connecting-IP",
            "CF-IPCountry",
            "CF-IPCity",
            "CF-IPASN",
            "CF-Ray",
            "CF-Postal-Code",
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Served-By",
            "Via",
            "Allow",
        ] {
            let known = HeaderName::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(written(&known), name);
        }
    }
}
