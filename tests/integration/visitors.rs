//! Who the visitor is and where: what reaches the origin and what cannot be faked.

use crate::support::*;

const FAKES: &[(&str, &str)] = &[
    ("CF-IPCountry", "US"),
    ("CF-Connecting-IP", "6.6.6.6"),
    ("CF-Ray", "fake-fake"),
    ("CF-Visitor", "{\"scheme\":\"fake\"}"),
    ("CF-IPCity", "Fakeville"),
    ("CF-Anything", "6.6.6.6"),
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "fake"),
    ("X-Forwarded-Host", "fake.example"),
    ("X-Real-IP", "6.6.6.6"),
    ("True-Client-IP", "6.6.6.6"),
    ("X-Original-URL", "/fake"),
    ("X-Rewrite-URL", "/fake"),
    ("X-HTTP-Method-Override", "FAKE"),
    ("Proxy", "http://fake.example"),
    ("CF_IPCountry", "US"),
    ("CF_Connecting_IP", "6.6.6.6"),
    ("X_Forwarded_For", "6.6.6.6"),
    ("X_Real_IP", "6.6.6.6"),
];

fn with_fakes(request: Req) -> Req {
    FAKES.iter().fold(request, |request, (name, value)| {
        request.header(&name.to_lowercase(), value)
    })
}

fn vietnam(origin: &Origin) -> Conf {
    Conf::origin(origin).with(json!({
        "geo": { "networks": {
            "127.0.0.0/8": { "country": "VN", "city": "Hanoi" },
            "203.0.113.0/24": { "country": "JP", "city": "Tokyo" },
            "2001:db8::/32": { "country": "FR" },
        } },
    }))
}

on_both_wires!(
    faked_headers_never_reach_the_origin,
    faked_headers_never_reach_the_endpoint,
    the_origin_is_told_who_and_where_the_visitor_is,
);

async fn faked_headers_never_reach_the_origin(wire: Wire) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(vietnam(&origin)).await;
    wire.fetch(&gateway, with_fakes(Req::get("/")))
        .await
        .expect(200, "DYNAMIC");
    let seen = origin.last();
    for (name, value) in &seen.headers {
        assert!(
            !value.contains("6.6.6.6") && !value.to_lowercase().contains("fake"),
            "{name}: {value}"
        );
        assert!(
            !name.starts_with("cf_") && !name.starts_with("x_"),
            "{name}: {value}"
        );
    }
    assert_eq!(seen.all("cf-ipcountry"), ["VN"]);
    assert_eq!(seen.all("cf-connecting-ip"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
}

async fn faked_headers_never_reach_the_endpoint(wire: Wire) {
    let gateway = Gateway::start(Conf::fast_user()).await;
    let response = wire.fetch(&gateway, with_fakes(Req::get("/api/fast-user"))).await;
    assert_eq!(response.text(), r#"{"status":"New Guest","location":"VN"}"#);
    assert_eq!(response.header("x-served-by").as_deref(), Some("Edge-Node-VN"));
}

async fn the_origin_is_told_who_and_where_the_visitor_is(wire: Wire) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(vietnam(&origin)).await;
    let response = wire.get(&gateway, "/").await;
    let seen = origin.last();
    let expected = [
        ("cf-connecting-ip", "127.0.0.1"),
        ("cf-ipcountry", "VN"),
        ("cf-visitor", "{\"scheme\":\"http\"}"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", SITE),
        ("x-real-ip", "127.0.0.1"),
    ];
    for (name, value) in expected {
        assert_eq!(seen.all(name), [value], "{name}");
    }
    assert_eq!(seen.header("cf-ray"), response.header("cf-ray"));
    assert_eq!(seen.header("cf-ipcity"), None, "only with location: true");
}

#[tokio::test]
async fn location_headers_come_with_the_filter_s_option() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = vietnam(&origin)
        .with(json!({ "geo": { "networks": { "127.0.0.0/8": {
            "continent": "AS", "latitude": 21.03, "longitude": 105.85, "region": "Hanoi", "region_code": "HN",
            "postal_code": "100000", "timezone": "Asia/Ho_Chi_Minh", "asn": 18403,
        } } } }))
        .site(json!({ "filters": [{ "geo_headers": { "location": true } }] }));
    let gateway = Gateway::start(conf).await;
    gateway.get("/").await;
    let seen = origin.last();
    let expected = [
        ("cf-ipcountry", "VN"),
        ("cf-ipcity", "Hanoi"),
        ("cf-ipcontinent", "AS"),
        ("cf-iplatitude", "21.03"),
        ("cf-iplongitude", "105.85"),
        ("cf-region", "Hanoi"),
        ("cf-region-code", "HN"),
        ("cf-postal-code", "100000"),
        ("cf-timezone", "Asia/Ho_Chi_Minh"),
        ("cf-ipasn", "18403"),
    ];
    for (name, value) in expected {
        let got = seen.header(name).unwrap_or_default();
        let same = got == value
            || got
                .parse::<f64>()
                .is_ok_and(|got| Some(got) == value.parse().ok());
        assert!(same, "{name}: {got:?} is not {value:?}");
    }
}

#[tokio::test]
async fn without_a_geo_source_there_is_no_country() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    gateway.fetch(Req::get("/").header("CF-IPCountry", "US")).await;
    assert_eq!(origin.last().header("cf-ipcountry"), None);
    assert_eq!(
        origin.last().header("cf-connecting-ip").as_deref(),
        Some("127.0.0.1")
    );
}

#[tokio::test]
async fn an_address_in_no_source_is_xx() {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = Conf::origin(&origin)
        .with(json!({ "geo": { "networks": { "203.0.113.0/24": { "country": "JP" } } } }));
    let gateway = Gateway::start(conf).await;
    gateway.get("/").await;
    assert_eq!(origin.last().all("cf-ipcountry"), ["XX"]);
}

/// The visitor that the origin is told about for this `X-Forwarded-For` of a trusted peer.
async fn behind_trusted(forwarded: &str) -> (String, String, String) {
    let origin = Origin::fixed(Answer::ok("x")).await;
    let conf = vietnam(&origin).with(json!({ "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"] }));
    let gateway = Gateway::start(conf).await;
    gateway
        .fetch(Req::get("/").header("X-Forwarded-For", forwarded))
        .await;
    let seen = origin.last();
    let header = |name| seen.header(name).unwrap_or_default();
    (
        header("cf-connecting-ip"),
        header("cf-ipcountry"),
        header("x-forwarded-for"),
    )
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_visitor_is_the_right_most_untrusted_address() {
    let (visitor, country, chain) = behind_trusted("6.6.6.6, 203.0.113.9, 10.1.2.3").await;
    assert_eq!((visitor.as_str(), country.as_str()), ("203.0.113.9", "JP"));
    assert_eq!(chain, "6.6.6.6, 203.0.113.9, 10.1.2.3, 127.0.0.1");
}

#[tokio::test]
async fn behind_a_trusted_proxy_ipv6_and_mapped_addresses_are_understood() {
    assert_eq!(behind_trusted("2001:db8::7").await.1, "FR");
    assert_eq!(behind_trusted("::ffff:203.0.113.9").await.1, "JP");
}

#[tokio::test]
async fn nonsense_from_a_trusted_proxy_names_nobody() {
    let (visitor, _, _) = behind_trusted("not an address").await;
    assert_eq!(visitor, "127.0.0.1");
}

#[tokio::test]
async fn one_visitor_s_country_is_not_stored_for_another() {
    let origin = Origin::start(|seen| {
        Answer::fresh(seen.header("cf-ipcountry").unwrap_or_default())
            .header("Vary", "CF-IPCountry")
            .into()
    })
    .await;
    let conf = vietnam(&origin).with(json!({ "trusted_proxies": ["127.0.0.0/8"] }));
    let gateway = Gateway::start(conf).await;
    for (address, country) in [
        ("127.0.0.5", "VN"),
        ("203.0.113.9", "JP"),
        ("127.0.0.6", "VN"),
        ("203.0.113.8", "JP"),
    ] {
        let response = gateway
            .fetch(Req::get("/").header("X-Forwarded-For", address))
            .await;
        assert_eq!(response.text(), country, "{response:?}");
    }
    assert!(origin.count() <= 3);
}
