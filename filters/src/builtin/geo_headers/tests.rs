use http::{HeaderMap, Version};
use serde_json::json;

use super::*;
use crate::builtin::fixture::{chain, context, header_map};
use crate::context::Scheme;
use crate::geo::CountryCode;

fn hanoi() -> GeoRecord {
    GeoRecord {
        country: CountryCode::parse("VN"),
        city: Some("Hà Nội".into()),
        continent: CountryCode::parse("AS"),
        latitude: Some(21.0245),
        longitude: Some(105.8412),
        region: Some("Hanoi".into()),
        region_code: Some("HN".into()),
        metro_code: Some("501".into()),
        postal_code: Some("100000".into()),
        timezone: Some("Asia/Ho_Chi_Minh".into()),
        asn: Some(7552),
    }
}

fn sent(cx: &FilterContext<'_>, options: &Value, mut headers: HeaderMap) -> HeaderMap {
    chain("geo_headers", options).upstream_request(cx, &mut headers);
    headers
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .map_or("(absent)", |value| std::str::from_utf8(value.as_bytes()).unwrap())
}

#[test]
fn the_origin_learns_address_scheme_host_and_ray() {
    let headers = sent(&context(), &Value::Null, HeaderMap::new());
    assert_eq!(text(&headers, "cf-connecting-ip"), "203.0.113.9");
    assert_eq!(text(&headers, "x-real-ip"), "203.0.113.9");
    assert_eq!(text(&headers, "x-forwarded-for"), "203.0.113.9");
    assert_eq!(text(&headers, "cf-ray"), "0123456789abcdef-sin1");
    assert_eq!(text(&headers, "cf-visitor"), r#"{"scheme":"http"}"#);
    assert_eq!(text(&headers, "x-forwarded-proto"), "http");
    assert_eq!(text(&headers, "x-forwarded-host"), "blog.example");
    assert_eq!(text(&headers, "via"), "1.1 popgate");
}

#[test]
fn https_is_said_in_both_places() {
    let cx = FilterContext {
        scheme: Scheme::Https,
        ..context()
    };
    let headers = sent(&cx, &Value::Null, HeaderMap::new());
    assert_eq!(text(&headers, "cf-visitor"), r#"{"scheme":"https"}"#);
    assert_eq!(text(&headers, "x-forwarded-proto"), "https");
}

#[test]
fn country_is_absent_without_a_geo_source() {
    let headers = sent(&context(), &Value::Null, header_map(&[("cf-ipcountry", "US")]));
    assert!(!headers.contains_key("cf-ipcountry"));
}

#[test]
fn country_is_xx_when_the_address_is_in_no_database() {
    let nowhere = GeoRecord::default();
    let cx = FilterContext {
        geo: Some(&nowhere),
        ..context()
    };
    assert_eq!(
        text(&sent(&cx, &Value::Null, HeaderMap::new()), "cf-ipcountry"),
        "XX"
    );
}

#[test]
fn country_is_t1_for_tor() {
    let tor = GeoRecord {
        country: Some(CountryCode::TOR),
        ..GeoRecord::default()
    };
    let cx = FilterContext {
        geo: Some(&tor),
        ..context()
    };
    assert_eq!(
        text(&sent(&cx, &Value::Null, HeaderMap::new()), "cf-ipcountry"),
        "T1"
    );
}

#[test]
fn what_an_untrusted_client_sent_under_these_names_is_dropped() {
    let geo = hanoi();
    let cx = FilterContext {
        geo: Some(&geo),
        forwarded_host: Some("evil.example"),
        ..context()
    };
    let spoofed = header_map(&[
        ("cf-connecting-ip", "198.51.100.1"),
        ("cf_connecting_ip", "198.51.100.1"),
        ("cf-ipcountry", "US"),
        ("cf-ipcountry", "DE"),
        ("cf-ipcity", "Paris"),
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=198.51.100.1"),
        ("true-client-ip", "198.51.100.1"),
    ]);
    let headers = sent(&cx, &Value::Null, spoofed);
    assert_eq!(text(&headers, "cf-connecting-ip"), "203.0.113.9");
    assert_eq!(text(&headers, "x-forwarded-for"), "203.0.113.9");
    assert_eq!(text(&headers, "x-forwarded-host"), "blog.example");
    assert_eq!(text(&headers, "x-forwarded-proto"), "http");
    assert_eq!(text(&headers, "cf-ipcountry"), "VN");
    assert_eq!(headers.get_all("cf-ipcountry").iter().count(), 1);
    for gone in ["cf_connecting_ip", "cf-ipcity", "forwarded", "true-client-ip"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[test]
fn behind_a_trusted_proxy_x_forwarded_for_is_appended_to() {
    let chain = ["198.51.100.7".parse().unwrap(), "10.0.0.9".parse().unwrap()];
    let cx = FilterContext {
        ip: chain[0],
        peer: "10.0.0.2".parse().unwrap(),
        peer_trusted: true,
        chain: &chain,
        ..context()
    };
    let headers = sent(
        &cx,
        &Value::Null,
        header_map(&[("x-forwarded-for", "198.51.100.7, 10.0.0.9")]),
    );
    assert_eq!(
        text(&headers, "x-forwarded-for"),
        "198.51.100.7, 10.0.0.9, 10.0.0.2"
    );
    assert_eq!(text(&headers, "cf-connecting-ip"), "198.51.100.7");
    assert_eq!(text(&headers, "x-real-ip"), "198.51.100.7");
}

#[test]
fn a_trusted_proxy_without_a_chain_is_the_visitor_itself() {
    let cx = FilterContext {
        peer_trusted: true,
        ..context()
    };
    assert_eq!(
        text(&sent(&cx, &Value::Null, HeaderMap::new()), "x-forwarded-for"),
        "203.0.113.9"
    );
}

#[test]
fn a_trusted_proxys_place_and_host_are_kept() {
    let geo = hanoi();
    let cx = FilterContext {
        peer_trusted: true,
        geo: Some(&geo),
        inherited_country: CountryCode::parse("FR"),
        forwarded_host: Some("www.blog.example"),
        ..context()
    };
    let inherited = header_map(&[
        ("cf-ipcountry", "FR"),
        ("cf-ipcity", "Paris"),
        ("cf-worker", "a.example"),
    ]);
    let headers = sent(&cx, &json!({"location": true}), inherited);
    assert_eq!(text(&headers, "cf-ipcountry"), "FR");
    assert_eq!(text(&headers, "cf-ipcity"), "Paris");
    assert_eq!(text(&headers, "cf-timezone"), "Asia/Ho_Chi_Minh");
    assert_eq!(text(&headers, "cf-worker"), "a.example");
    assert_eq!(text(&headers, "x-forwarded-host"), "www.blog.example");
}

#[test]
fn location_headers_are_sent_only_when_asked_for() {
    let geo = hanoi();
    let cx = FilterContext {
        geo: Some(&geo),
        ..context()
    };
    let expected = [
        ("cf-ipcity", "Hà Nội"),
        ("cf-ipcontinent", "AS"),
        ("cf-iplatitude", "21.0245"),
        ("cf-iplongitude", "105.8412"),
        ("cf-region", "Hanoi"),
        ("cf-region-code", "HN"),
        ("cf-metro-code", "501"),
        ("cf-postal-code", "100000"),
        ("cf-timezone", "Asia/Ho_Chi_Minh"),
        ("cf-ipasn", "7552"),
    ];
    let without = sent(&cx, &Value::Null, HeaderMap::new());
    let with = sent(&cx, &json!({"location": true}), HeaderMap::new());
    for (name, value) in expected {
        assert_eq!(text(&without, name), "(absent)", "{name}");
        assert_eq!(text(&with, name), value, "{name}");
    }
}

#[test]
fn odd_values_of_a_database_leave_their_header_out() {
    let geo = GeoRecord {
        city: Some("two\r\nlines".into()),
        region: Some(String::new()),
        latitude: Some(f64::NAN),
        longitude: Some(f64::INFINITY),
        timezone: Some("Etc/UTC".into()),
        ..GeoRecord::default()
    };
    let cx = FilterContext {
        geo: Some(&geo),
        ..context()
    };
    let headers = sent(&cx, &json!({"location": true}), HeaderMap::new());
    for name in ["cf-ipcity", "cf-region", "cf-iplatitude", "cf-iplongitude"] {
        assert_eq!(text(&headers, name), "(absent)", "{name}");
    }
    assert_eq!(text(&headers, "cf-timezone"), "Etc/UTC");
}

#[test]
fn via_is_appended_with_the_version_received() {
    let cx = FilterContext {
        version: Version::HTTP_2,
        ..context()
    };
    let headers = sent(&cx, &Value::Null, header_map(&[("via", "1.1 front")]));
    let via: Vec<_> = headers.get_all("via").iter().collect();
    assert_eq!(via, ["1.1 front", "2.0 popgate"]);
}

#[test]
fn an_ipv6_visitor_is_written_in_rfc5952_form() {
    let cx = FilterContext {
        ip: "2001:DB8:0:0::1".parse().unwrap(),
        ..context()
    };
    assert_eq!(
        text(&sent(&cx, &Value::Null, HeaderMap::new()), "cf-connecting-ip"),
        "2001:db8::1"
    );
}

#[test]
fn positions_have_at_most_five_decimals() {
    for (degrees, text) in [
        (37.750_999_450_683_594, "37.751"),
        (-0.761_799_991_130_8, "-0.7618"),
        (10.0, "10"),
        (-0.000_000_1, "0"),
    ] {
        assert_eq!(rounded(degrees), text);
    }
}
