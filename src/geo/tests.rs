use std::path::Path;

use popgate_filters::CountryCode;

use super::mmdb_writer::{Value, database};
use super::*;
use crate::config::GeoNetwork;

mod corrupt;
mod layouts;
mod replacement;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/geo")
        .join(name)
}

fn config(databases: &[PathBuf], networks: &[(&str, GeoNetwork)]) -> config::Geo {
    config::Geo {
        databases: databases.to_vec(),
        networks: networks
            .iter()
            .map(|(network, row)| (network.parse().unwrap(), row.clone()))
            .collect(),
        ..config::Geo::default()
    }
}

fn open(databases: &[PathBuf], networks: &[(&str, GeoNetwork)]) -> Result<Geo, GeoError> {
    Geo::open(&config(databases, networks), Metrics::new().unwrap())
}

fn find(geo: &Geo, ip: &str) -> GeoRecord {
    geo.lookup(ip.parse().unwrap()).unwrap()
}

fn country(geo: &Geo, ip: &str) -> String {
    find(geo, ip)
        .country
        .map_or("none".to_owned(), |code| code.to_string())
}

fn row(country: Option<&str>, city: Option<&str>) -> GeoNetwork {
    GeoNetwork {
        country: country.map(str::to_owned),
        city: city.map(str::to_owned),
        ..GeoNetwork::default()
    }
}

/// A database file that gives one country to 192.0.2.0/24.
fn country_database(code: &'static str) -> Vec<u8> {
    let record = Value::Map(vec![(
        "country",
        Value::Map(vec![("iso_code", Value::Text(code))]),
    )]);
    database("Test-Country", &[("192.0.2.0/24", record)])
}

#[test]
fn without_a_source_there_is_no_record() {
    let geo = open(&[], &[]).unwrap();
    assert_eq!(geo.lookup("192.0.2.1".parse().unwrap()), None);
}

#[test]
fn an_address_in_no_source_has_a_record_without_a_country() {
    let geo = open(&[fixture("GeoIP2-City-Test.mmdb")], &[]).unwrap();
    for ip in ["127.0.0.1", "192.0.2.1", "::1", "ff02::1"] {
        assert!(find(&geo, ip).is_empty(), "{ip}");
    }
}

#[test]
fn ipv4_ipv6_and_ipv4_mapped_addresses_are_found() {
    let geo = open(&[fixture("GeoIP2-City-Test.mmdb")], &[]).unwrap();
    assert_eq!(country(&geo, "81.2.69.142"), "GB");
    assert_eq!(country(&geo, "::ffff:81.2.69.142"), "GB");
    assert_eq!(country(&geo, "2001:218::1"), "JP");
}

#[test]
fn networks_work_without_any_database() {
    let geo = open(&[], &[("203.0.113.0/24", row(Some("VN"), Some("Hanoi")))]).unwrap();
    assert_eq!(find(&geo, "203.0.113.9").city.as_deref(), Some("Hanoi"));
    assert_eq!(country(&geo, "::ffff:203.0.113.9"), "VN");
    assert_eq!(country(&geo, "198.51.100.1"), "none");
}

#[test]
fn networks_win_over_the_databases_field_by_field() {
    let rows = [
        ("81.2.69.0/24", row(None, Some("Camelot"))),
        ("81.2.69.142/32", row(Some("VN"), None)),
    ];
    let geo = open(&[fixture("GeoIP2-City-Test.mmdb")], &rows).unwrap();
    let host = find(&geo, "81.2.69.142");
    assert_eq!(host.country, CountryCode::parse("VN"));
    assert_eq!(host.city.as_deref(), Some("London"));
    let neighbour = find(&geo, "81.2.69.160");
    assert_eq!(
        (neighbour.country, neighbour.city.as_deref()),
        (CountryCode::parse("GB"), Some("Camelot"))
    );
}

#[test]
fn databases_are_asked_in_order_and_the_first_that_knows_a_field_wins() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.mmdb");
    let record = Value::Map(vec![("country", Value::Text("VN"))]);
    std::fs::write(&own, database("Own", &[("81.2.69.0/24", record)])).unwrap();
    let city = fixture("GeoIP2-City-Test.mmdb");
    let own_first = open(&[own.clone(), city.clone()], &[]).unwrap();
    assert_eq!(country(&own_first, "81.2.69.142"), "VN");
    assert_eq!(find(&own_first, "81.2.69.142").city.as_deref(), Some("London"));
    let city_first = open(&[city, own], &[]).unwrap();
    assert_eq!(country(&city_first, "81.2.69.142"), "GB");
}

#[test]
fn an_asn_database_adds_the_network_number() {
    let databases = [
        fixture("GeoIP2-Country-Test.mmdb"),
        fixture("GeoLite2-ASN-Test.mmdb"),
    ];
    let geo = open(&databases, &[]).unwrap();
    assert_eq!(find(&geo, "1.128.0.1").asn, Some(1221));
}

#[test]
fn a_tor_exit_is_t1_whichever_database_says_so() {
    let city = fixture("GeoIP2-City-Test.mmdb");
    let anonymous = fixture("GeoIP2-Anonymous-IP-Test.mmdb");
    for databases in [[city.clone(), anonymous.clone()], [anonymous, city]] {
        let geo = open(&databases, &[]).unwrap();
        assert_eq!(country(&geo, "65.4.3.2"), "T1");
        assert_eq!(country(&geo, "81.2.69.142"), "T1");
        assert_eq!(country(&geo, "89.160.20.112"), "SE");
    }
}

#[test]
fn a_country_of_the_static_table_wins_over_tor() {
    let anonymous = fixture("GeoIP2-Anonymous-IP-Test.mmdb");
    let geo = open(&[anonymous], &[("65.4.3.0/24", row(Some("VN"), None))]).unwrap();
    assert_eq!(country(&geo, "65.4.3.2"), "VN");
}

#[test]
fn lookups_are_counted_by_where_the_answer_came_from() {
    let metrics = Metrics::new().unwrap();
    let config = config(
        &[fixture("GeoIP2-City-Test.mmdb")],
        &[("203.0.113.0/24", row(Some("VN"), None))],
    );
    let geo = Geo::open(&config, Arc::clone(&metrics)).unwrap();
    for ip in ["203.0.113.9", "81.2.69.142", "81.2.69.160", "192.0.2.1"] {
        find(&geo, ip);
    }
    let count = |result| metrics.geo_lookups.with_label_values(&[result]).get();
    assert_eq!((count("network"), count("database"), count("unknown")), (1, 2, 1));
}
