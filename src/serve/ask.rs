//! A request of popgate's own for what visitors ask for: as nobody in particular would send it.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

use crate::app::SiteRuntime;
use crate::cache::Entry;
use crate::cache::policy::vary;

/// Fields of the visitor that an anonymous request keeps: they choose a language or a form, not a person.
static KEPT: [HeaderName; 4] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    HeaderName::from_static("sec-ch-ua-mobile"),
];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port as the visitor named them.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// Whose address the origin is told.
    pub ip: IpAddr,
    /// Further fields.
    pub headers: Vec<(HeaderName, Vec<u8>)>,
}

/// A request that was answered from the store, or whose answer is stored now.
pub struct Hit<'a> {
    /// Its site.
    pub site: &'a Arc<SiteRuntime>,
    /// What answered it.
    pub entry: &'a Arc<Entry>,
    /// Its fields as the origin would see them: they chose the variant.
    pub fields: &'a HeaderMap,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port as the visitor named them.
    pub authority: &'a str,
    /// Path and query as they are forwarded.
    pub target: String,
    /// The visitor.
    pub ip: IpAddr,
    /// Cookies that are part of the key.
    pub cookies: &'a str,
}

impl Hit<'_> {
    /// The request that nobody in particular would send for the same copy.
    #[must_use]
    pub fn anonymous(&self) -> Ask {
        let mut headers = Vec::new();
        let mut keep = |name: &HeaderName| {
            let personal = matches!(name.as_str(), "cookie" | "authorization" | "accept-encoding");
            for value in self.fields.get_all(name).iter().filter(|_| !personal) {
                headers.push((name.clone(), value.as_bytes().to_vec()));
            }
        };
        KEPT.iter().for_each(&mut keep);
        if let vary::Vary::Names(names) = vary::of(self.fields, &self.entry.headers, &KEPT) {
            names.iter().for_each(&mut keep);
        }
        // What is in the key chooses the copy, not a person.
        if !self.cookies.is_empty() {
            headers.push((header::COOKIE, self.cookies.as_bytes().to_vec()));
        }
        // As for a fill, so that the answer comes in the same coding.
        let codings = vary::accept_encoding(self.fields);
        headers.push((header::ACCEPT_ENCODING, codings.as_bytes().to_vec()));
        Ask {
            scheme: self.scheme,
            authority: self.authority.to_owned(),
            target: self.target.clone(),
            ip: self.ip,
            headers,
        }
    }
}
