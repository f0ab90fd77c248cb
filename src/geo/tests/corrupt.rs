use proptest::prelude::*;

use super::*;

fn error_of(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.mmdb");
    std::fs::write(&path, bytes).unwrap();
    let error = open(std::slice::from_ref(&path), &[]).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    error
}

fn city_bytes() -> Vec<u8> {
    std::fs::read(fixture("GeoIP2-City-Test.mmdb")).unwrap()
}

#[test]
fn a_missing_file_is_named() {
    let error = open(&["/nonexistent/city.mmdb".into()], &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("geo database /nonexistent/city.mmdb: cannot be read:"),
        "{error}"
    );
}

#[test]
fn a_folder_is_not_a_database() {
    let error = open(&["/".into()], &[]).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn an_empty_file_is_refused() {
    assert!(error_of(b"").contains("it is empty"));
}

#[test]
fn random_bytes_are_refused() {
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(100_000)
    .collect();
    assert!(error_of(&bytes).contains("corrupt or not an mmdb file"));
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = city_bytes();
    for part in [1, 10, 50, 90, 99] {
        let error = error_of(&bytes[..bytes.len() * part / 100]);
        assert!(error.contains("corrupt or not an mmdb file"), "{part} %: {error}");
    }
}

#[test]
fn a_file_with_a_hole_is_refused() {
    let mut bytes = city_bytes();
    let (from, to) = (bytes.len() * 2 / 3, bytes.len() * 5 / 6);
    bytes[from..to].fill(0);
    error_of(&bytes);
}

#[test]
fn a_lying_node_count_is_refused() {
    let error = open(&[fixture("GeoIP2-City-Test-Invalid-Node-Count.mmdb")], &[]).unwrap_err();
    assert!(matches!(error, GeoError::Corrupt { .. }), "{error}");
}

#[test]
fn a_damaged_record_is_refused() {
    let error = open(&[fixture("GeoIP2-City-Test-Broken-Double-Format.mmdb")], &[]).unwrap_err();
    assert!(matches!(error, GeoError::Corrupt { .. }), "{error}");
}

#[test]
fn an_asn_database_alone_gives_no_country() {
    let asn = fixture("GeoLite2-ASN-Test.mmdb");
    let error = open(std::slice::from_ref(&asn), &[]).unwrap_err().to_string();
    assert!(error.contains("`GeoLite2-ASN` gives no country"), "{error}");
    assert!(open(&[asn], &[("192.0.2.0/24", row(Some("VN"), None))]).is_ok());
}

#[test]
fn a_database_about_something_else_is_refused() {
    let record = Value::Map(vec![("connection_type", Value::Text("Cellular"))]);
    let error = error_of(&database("Connection-Type", &[("192.0.2.0/24", record)]));
    assert!(error.contains("type `Connection-Type` knows neither"), "{error}");
}

#[test]
fn a_database_without_records_is_refused() {
    assert!(error_of(&database("Empty", &[])).contains("no address has a record"));
}

#[test]
fn a_tree_that_runs_in_circles_ends() {
    let mut bytes = country_database("VN");
    let tree = 6 * (96 + 24);
    bytes[..tree].fill(0);
    assert!(error_of(&bytes).contains("no address has a record"));
    // Each node leads twice to the next: 2^119 ways through the tree.
    for (index, node) in bytes[..tree].chunks_exact_mut(6).enumerate() {
        let next = u8::try_from(index + 1).unwrap();
        node.copy_from_slice(&[0, 0, next, 0, 0, next]);
    }
    assert!(error_of(&bytes).contains("no address has a record"));
}

#[test]
fn check_reports_all_bad_files() {
    let bad = [
        "/nonexistent/a.mmdb".into(),
        fixture("GeoIP2-City-Test.mmdb"),
        fixture("GeoIP2-City-Test-Invalid-Node-Count.mmdb"),
    ];
    assert_eq!(check(&config(&bad, &[])).len(), 2);
    assert_eq!(check(&config(&[fixture("GeoLite2-ASN-Test.mmdb")], &[])).len(), 1);
    assert!(check(&config(&[fixture("GeoIP2-City-Test.mmdb")], &[])).is_empty());
}

#[test]
fn a_good_file_is_summed_up() {
    let summary = mmdb::check(&fixture("GeoIP2-City-Test.mmdb")).unwrap();
    assert_eq!(summary.kind, "GeoIP2-City");
    assert!(summary.offers.country && summary.offers.place && !summary.offers.asn);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn flipped_bytes_never_panic_at_start_or_in_a_lookup(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        addresses in proptest::collection::vec(any::<u32>(), 20),
    ) {
        let mut bytes = country_database("VN");
        for (index, byte) in flips {
            let length = bytes.len();
            bytes[index.index(length)] = byte;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flipped.mmdb");
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(geo) = open(&[path], &[]) {
            for address in addresses {
                let _ = geo.lookup(IpAddr::V4(address.into()));
            }
        }
    }
}
