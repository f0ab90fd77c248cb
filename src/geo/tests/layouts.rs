use super::*;
use Value::{Double, Flag, List, Map, Number, Text};

/// Opens a database with one record and finds it.
fn read(record: Vec<(&'static str, Value)>) -> GeoRecord {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.mmdb");
    std::fs::write(&path, database("One", &[("192.0.2.0/24", Map(record))])).unwrap();
    // The table names a country so that databases without one may be opened, too.
    let geo = open(&[path], &[("198.51.100.0/24", row(Some("FR"), None))]).unwrap();
    find(&geo, "192.0.2.7")
}

#[test]
fn maxmind_city() {
    let geo = open(&[fixture("GeoIP2-City-Test.mmdb")], &[]).unwrap();
    let record = find(&geo, "216.160.83.56");
    assert_eq!(record.country, CountryCode::parse("US"));
    assert_eq!(record.continent, CountryCode::parse("NA"));
    assert_eq!(record.city.as_deref(), Some("Milton"));
    assert_eq!(record.region.as_deref(), Some("Washington"));
    assert_eq!(record.region_code.as_deref(), Some("WA"));
    assert_eq!(record.metro_code.as_deref(), Some("819"));
    assert_eq!(record.postal_code.as_deref(), Some("98354"));
    assert_eq!(record.timezone.as_deref(), Some("America/Los_Angeles"));
    assert_eq!(
        (record.latitude, record.longitude),
        (Some(47.2513), Some(-122.3149))
    );
    assert_eq!(find(&geo, "89.160.20.112").city.as_deref(), Some("Linköping"));
}

#[test]
fn ipinfo_lite_names_the_country_and_codes_it_apart() {
    let record = read(vec![
        ("asn", Text("AS15169")),
        ("as_name", Text("Google LLC")),
        ("country", Text("United States")),
        ("country_code", Text("US")),
        ("continent", Text("North America")),
        ("continent_code", Text("NA")),
    ]);
    let expected = GeoRecord {
        country: CountryCode::parse("US"),
        continent: CountryCode::parse("NA"),
        asn: Some(15169),
        ..GeoRecord::default()
    };
    assert_eq!(record, expected);
}

#[test]
fn ipinfo_location_is_flat_and_writes_numbers_as_text() {
    let record = read(vec![
        ("city", Text("Mountain View")),
        ("country", Text("US")),
        ("lat", Text("37.4056")),
        ("lng", Text("-122.0775")),
        ("postal_code", Text("94043")),
        ("region", Text("California")),
        ("timezone", Text("America/Los_Angeles")),
    ]);
    let expected = GeoRecord {
        country: CountryCode::parse("US"),
        city: Some("Mountain View".into()),
        latitude: Some(37.4056),
        longitude: Some(-122.0775),
        region: Some("California".into()),
        postal_code: Some("94043".into()),
        timezone: Some("America/Los_Angeles".into()),
        ..GeoRecord::default()
    };
    assert_eq!(record, expected);
}

#[test]
fn a_position_in_one_text_is_read() {
    let record = read(vec![("country", Text("VN")), ("loc", Text("21.0245, 105.8412"))]);
    assert_eq!(
        (record.latitude, record.longitude),
        (Some(21.0245), Some(105.8412))
    );
}

#[test]
fn ipinfo_privacy_writes_flags_as_text() {
    assert_eq!(read(vec![("tor", Text("true"))]).country, Some(CountryCode::TOR));
    let other = read(vec![("tor", Text("")), ("country", Text("VN"))]);
    assert_eq!(other.country, CountryCode::parse("VN"));
}

#[test]
fn traits_hold_network_number_and_tor_flag() {
    let traits = Map(vec![
        ("autonomous_system_number", Number(7552)),
        ("is_tor_exit_node", Flag(false)),
    ]);
    let record = read(vec![
        ("traits", traits),
        ("country", Map(vec![("iso_code", Text("VN"))])),
    ]);
    assert_eq!(
        (record.asn, record.country),
        (Some(7552), CountryCode::parse("VN"))
    );
}

#[test]
fn only_the_first_subdivision_is_the_region() {
    let part = |code, name| {
        let names = Map(vec![("de", Text("anders")), ("en", Text(name))]);
        Map(vec![("iso_code", Text(code)), ("names", names)])
    };
    let record = read(vec![(
        "subdivisions",
        List(vec![part("ENG", "England"), part("WBK", "West Berkshire")]),
    )]);
    assert_eq!(record.region.as_deref(), Some("England"));
    assert_eq!(record.region_code.as_deref(), Some("ENG"));
}

#[test]
fn the_country_of_registration_stands_in() {
    let of = |code| Map(vec![("iso_code", Text(code))]);
    let record = read(vec![("registered_country", of("US"))]);
    assert_eq!(record.country, CountryCode::parse("US"));
    let record = read(vec![("registered_country", of("US")), ("country", of("VN"))]);
    assert_eq!(record.country, CountryCode::parse("VN"));
}

#[test]
fn values_that_make_no_sense_are_unknown() {
    let record = read(vec![
        ("country", Text("ZZZ")),
        ("city", Text("")),
        ("latitude", Double(91.0)),
        ("longitude", Double(f64::NAN)),
        ("asn", Text("ASx")),
        ("continent", List(vec![Number(1)])),
        ("timezone", Text("Etc/UTC")),
        ("subdivisions", Text("none")),
    ]);
    let expected = GeoRecord {
        timezone: Some("Etc/UTC".into()),
        ..GeoRecord::default()
    };
    assert_eq!(record, expected);
}
