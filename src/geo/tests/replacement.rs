use std::fs;

use super::*;

struct Folder {
    folder: tempfile::TempDir,
    metrics: Arc<Metrics>,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            metrics: Metrics::new().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("geo.mmdb")
    }

    /// Replaces the file the way updaters do: a new one is renamed over it.
    fn put(&self, bytes: &[u8]) {
        let new = self.folder.path().join("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn open(&self) -> Geo {
        Geo::open(&config(&[self.path()], &[]), Arc::clone(&self.metrics)).unwrap()
    }

    fn reloads(&self) -> (u64, u64) {
        let count = |result| self.metrics.geo_reloads.with_label_values(&[result]).get();
        (count("ok"), count("error"))
    }
}

const IP: &str = "192.0.2.7";

#[test]
fn a_replaced_file_is_taken_over_without_a_restart() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    folder.put(&country_database("FR"));
    assert_eq!(country(&geo, IP), "VN");
    geo.poll();
    assert_eq!(country(&geo, IP), "FR");
    assert_eq!(folder.reloads(), (1, 0));
}

#[test]
fn a_file_written_over_in_place_is_taken_over() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    let longer = Value::Map(vec![
        ("country", Value::Text("FR")),
        ("city", Value::Text("Paris")),
    ]);
    fs::write(folder.path(), database("Test", &[("192.0.2.0/24", longer)])).unwrap();
    geo.poll();
    assert_eq!(find(&geo, IP).city.as_deref(), Some("Paris"));
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    geo.poll();
    geo.poll();
    assert_eq!(folder.reloads(), (0, 0));
}

#[test]
fn a_bad_replacement_keeps_the_old_one_and_is_counted_once() {
    let whole = country_database("FR");
    for bad in [&b""[..], &b"garbage"[..], &whole[..whole.len() / 2]] {
        let folder = Folder::new();
        folder.put(&country_database("VN"));
        let geo = folder.open();
        folder.put(bad);
        geo.poll();
        geo.poll();
        assert_eq!(country(&geo, IP), "VN");
        assert_eq!(folder.reloads(), (0, 1));
        folder.put(&whole);
        geo.poll();
        assert_eq!(country(&geo, IP), "FR");
        assert_eq!(folder.reloads(), (1, 1));
    }
}

#[test]
fn a_file_that_disappears_keeps_the_old_one() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    let aside = folder.folder.path().join("aside");
    fs::rename(folder.path(), &aside).unwrap();
    geo.poll();
    geo.poll();
    assert_eq!((country(&geo, IP).as_str(), folder.reloads()), ("VN", (0, 1)));
    fs::rename(aside, folder.path()).unwrap();
    geo.poll();
    assert_eq!((country(&geo, IP).as_str(), folder.reloads().1), ("VN", 1));
}

#[test]
fn an_asn_file_in_place_of_a_country_file_is_refused() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    folder.put(&fs::read(fixture("GeoLite2-ASN-Test.mmdb")).unwrap());
    geo.poll();
    assert_eq!((country(&geo, IP).as_str(), folder.reloads()), ("VN", (0, 1)));
}

#[test]
fn a_country_file_may_follow_a_city_file() {
    let folder = Folder::new();
    folder.put(&fs::read(fixture("GeoIP2-City-Test.mmdb")).unwrap());
    let geo = folder.open();
    folder.put(&fs::read(fixture("GeoIP2-Country-Test.mmdb")).unwrap());
    geo.poll();
    let record = find(&geo, "81.2.69.160");
    assert_eq!((record.country, record.city), (CountryCode::parse("GB"), None));
}

#[test]
fn a_new_configuration_replaces_networks_and_databases() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    geo.replace(&config(&[], &[("192.0.2.0/24", row(Some("DE"), None))]))
        .unwrap();
    assert_eq!(country(&geo, IP), "DE");
    geo.replace(&config(&[], &[])).unwrap();
    assert_eq!(geo.lookup(IP.parse().unwrap()), None);
}

#[test]
fn a_broken_configuration_keeps_the_running_sources() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    let broken = config(&[folder.path(), "/nonexistent.mmdb".into()], &[]);
    assert!(geo.replace(&broken).is_err());
    assert_eq!(country(&geo, IP), "VN");
    folder.put(&country_database("FR"));
    geo.poll();
    assert_eq!(country(&geo, IP), "FR");
}

#[test]
fn a_new_configuration_does_not_read_unchanged_files_again() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    let before = Arc::clone(&geo.current.load().databases[0]);
    geo.replace(&config(&[folder.path()], &[])).unwrap();
    assert!(Arc::ptr_eq(&before, &geo.current.load().databases[0]));
    folder.put(&country_database("FR"));
    geo.replace(&config(&[folder.path()], &[])).unwrap();
    assert_eq!(country(&geo, IP), "FR");
}

#[test]
fn nothing_changes_until_a_prepared_configuration_is_committed() {
    let folder = Folder::new();
    folder.put(&country_database("VN"));
    let geo = folder.open();
    let prepared = geo
        .prepare(&config(&[], &[("192.0.2.0/24", row(Some("DE"), None))]))
        .unwrap();
    assert_eq!(country(&geo, IP), "VN");
    geo.commit(prepared);
    assert_eq!(country(&geo, IP), "DE");
}
