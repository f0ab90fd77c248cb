//! `geo_headers`: tells the origin who the visitor is and where, under the names Cloudflare uses.
//!
//! Whatever a client sent under these names is gone: the filter drops it unless the peer is a trusted proxy.
//! Of a trusted proxy's values those about the visitor's place and host are kept, because the proxy in
//! front saw him and popgate did not.

use http::header::{HeaderName, HeaderValue, VIA};
use serde_json::Value;

use crate::context::FilterContext;
use crate::filter::{Filter, Point, Points};
use crate::geo::GeoRecord;
use crate::headers::Headers;
use crate::options::{Kind, OptionDoc, OptionError, Options};
use crate::registry::FilterDoc;
use crate::spoof;

const OPTIONS: &[OptionDoc] = &[OptionDoc {
    name: "location",
    kind: Kind::Flag,
    default: "false",
    doc: "Also send city, region, position, postal code, time zone and network (CF-IPCity, CF-IPASN, ...).",
}];

/// Registry entry.
pub const DOC: FilterDoc = FilterDoc {
    name: "geo_headers",
    doc: "Tells the origin the visitor's address, country, scheme and host; on by default for every site.",
    options: OPTIONS,
    example: "geo_headers: { location: true }",
    build,
};

/// Visitor's address.
pub const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");
/// Visitor's country.
pub const COUNTRY: HeaderName = HeaderName::from_static("cf-ipcountry");
/// Request id.
pub const RAY: HeaderName = HeaderName::from_static("cf-ray");
const VISITOR: HeaderName = HeaderName::from_static("cf-visitor");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

const CITY: HeaderName = HeaderName::from_static("cf-ipcity");
const CONTINENT: HeaderName = HeaderName::from_static("cf-ipcontinent");
const LATITUDE: HeaderName = HeaderName::from_static("cf-iplatitude");
const LONGITUDE: HeaderName = HeaderName::from_static("cf-iplongitude");
const REGION: HeaderName = HeaderName::from_static("cf-region");
const REGION_CODE: HeaderName = HeaderName::from_static("cf-region-code");
const METRO_CODE: HeaderName = HeaderName::from_static("cf-metro-code");
const POSTAL_CODE: HeaderName = HeaderName::from_static("cf-postal-code");
const TIMEZONE: HeaderName = HeaderName::from_static("cf-timezone");
const ASN: HeaderName = HeaderName::from_static("cf-ipasn");

#[derive(Debug)]
struct GeoHeaders {
    location: bool,
}

fn build(options: &Value) -> Result<Box<dyn Filter>, Vec<OptionError>> {
    let mut options = Options::new(options, OPTIONS);
    let location = options.flag("location", false);
    options.finish(Box::new(GeoHeaders { location }) as Box<dyn Filter>)
}

impl Filter for GeoHeaders {
    fn name(&self) -> &'static str {
        DOC.name
    }

    fn points(&self) -> Points {
        Point::UpstreamRequest.into()
    }

    fn may_touch_upstream(&self, name: &HeaderName) -> bool {
        *name == VIA || spoof::is_reserved(name)
    }

    fn upstream_request(&self, cx: &FilterContext<'_>, headers: &mut dyn Headers) {
        if cx.peer_trusted {
            spoof::strip_trusted(headers);
        } else {
            // The normaliser did this already; here it holds even where a route forgot to.
            spoof::strip(headers);
        }
        identity(cx, headers);
        country(cx, headers);
        if self.location
            && let Some(geo) = cx.geo
        {
            location(geo, headers);
        }
        via(cx, headers);
    }
}

fn identity(cx: &FilterContext<'_>, headers: &mut dyn Headers) {
    let ip = cx.ip.to_string();
    set(headers, CONNECTING_IP, ip.as_bytes());
    set(headers, REAL_IP, ip.as_bytes());
    set(headers, FORWARDED_FOR, forwarded_for(cx).as_bytes());
    set(headers, RAY, cx.ray.as_bytes());
    let scheme = cx.scheme.as_str();
    set(
        headers,
        VISITOR,
        format!("{{\"scheme\":\"{scheme}\"}}").as_bytes(),
    );
    set(headers, FORWARDED_PROTO, scheme.as_bytes());
    let host = cx.forwarded_host.filter(|_| cx.peer_trusted).unwrap_or(cx.host);
    set(headers, FORWARDED_HOST, host.as_bytes());
}

/// `X-Forwarded-For` as the origin sees it: the visitor alone, or a trusted proxy's chain and that proxy.
fn forwarded_for(cx: &FilterContext<'_>) -> String {
    if !cx.peer_trusted || cx.chain.is_empty() {
        return cx.ip.to_string();
    }
    let mut value = String::with_capacity(16 * (cx.chain.len() + 1));
    for address in cx.chain {
        value.push_str(&address.to_string());
        value.push_str(", ");
    }
    value.push_str(&cx.peer.to_string());
    value
}

fn country(cx: &FilterContext<'_>, headers: &mut dyn Headers) {
    match cx.country() {
        Some(country) => set(headers, COUNTRY, country.as_str().as_bytes()),
        None => headers.remove(&COUNTRY),
    }
}

fn location(geo: &GeoRecord, headers: &mut dyn Headers) {
    let mut offer = |name: HeaderName, value: Option<&str>| {
        // What is still here came from a trusted proxy.
        if headers.get(&name).is_none()
            && let Some(value) = value.filter(|value| !value.is_empty())
        {
            set(headers, name, value.as_bytes());
        }
    };
    let degrees = |value: Option<f64>| value.filter(|v| v.is_finite()).map(rounded);
    offer(CITY, geo.city.as_deref());
    offer(CONTINENT, geo.continent.as_ref().map(|code| code.as_str()));
    offer(LATITUDE, degrees(geo.latitude).as_deref());
    offer(LONGITUDE, degrees(geo.longitude).as_deref());
    offer(REGION, geo.region.as_deref());
    offer(REGION_CODE, geo.region_code.as_deref());
    offer(METRO_CODE, geo.metro_code.as_deref());
    offer(POSTAL_CODE, geo.postal_code.as_deref());
    offer(TIMEZONE, geo.timezone.as_deref());
    offer(ASN, geo.asn.map(|asn| asn.to_string()).as_deref());
}

/// Degrees to five decimals, a metre: databases hold more digits only where single precision was widened.
fn rounded(degrees: f64) -> String {
    // Adding zero turns minus zero into zero.
    ((degrees * 1e5).round() / 1e5 + 0.0).to_string()
}

/// RFC 9110 section 7.6.3: the version received, and who received it.
fn via(cx: &FilterContext<'_>, headers: &mut dyn Headers) {
    let received = match cx.version {
        http::Version::HTTP_2 => "2.0 popgate",
        http::Version::HTTP_3 => "3.0 popgate",
        http::Version::HTTP_10 => "1.0 popgate",
        _ => "1.1 popgate",
    };
    headers.append(VIA, HeaderValue::from_static(received));
}

/// Sets a header to bytes; a value that no header can hold (a control character in a database) leaves it out.
fn set(headers: &mut dyn Headers, name: HeaderName, value: &[u8]) {
    match HeaderValue::from_bytes(value) {
        Ok(value) => headers.insert(name, value),
        Err(_) => headers.remove(&name),
    }
}

#[cfg(test)]
mod tests;
