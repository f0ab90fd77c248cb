//! A folder with the files that configurations name.

use std::path::{Path, PathBuf};

use popgate::config::Env;
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Surroundings that no test shares with the machine it runs on.
pub fn env() -> Env {
    Env {
        host_name: "edge-1".into(),
        variables: [("REPORT_PASSWORD".to_owned(), "report".to_owned())].into(),
        ..Env::default()
    }
}

/// Every YAML file in a folder, sorted; fails when there is none.
pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    files
}

/// Writes a self-signed certificate and its key.
pub fn certificate(certificate: &Path, key: &Path) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["app.example".to_owned()]).unwrap();
    put(certificate, cert.pem());
    put(key, signing_key.serialize_pem());
}

/// A small geo database: `city` knows countries, `asn` network numbers.
pub fn mmdb(kind: &str) -> Vec<u8> {
    use crate::mmdb_writer::{Value, database};
    let vn = Value::Map(vec![(
        "country",
        Value::Map(vec![("iso_code", Value::Text("VN"))]),
    )]);
    let number = Value::Map(vec![("autonomous_system_number", Value::Number(64_496))]);
    match kind {
        "asn" => database("GeoLite2-ASN", &[("203.0.113.0/24", number)]),
        _ => database("GeoLite2-City", &[("203.0.113.0/24", vn)]),
    }
}

/// Writes a file and the folders above it.
pub fn put(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
