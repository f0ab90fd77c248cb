//! `config/schema.json` and the key reference are what the declared keys say. After a change to the
//! keys, `POPGATE_WRITE_GENERATED=1 cargo test --test config` writes both anew.

use std::path::Path;

use popgate::config::{reference, schema};

use crate::files::root;

fn check(path: &Path, wanted: &str) {
    if std::env::var_os("POPGATE_WRITE_GENERATED").is_some() {
        std::fs::write(path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(
        found == wanted,
        "{} is out of date: run POPGATE_WRITE_GENERATED=1 cargo test --test config",
        path.display()
    );
}

#[test]
fn the_schema_is_what_the_keys_say() {
    let wanted = serde_json::to_string_pretty(&schema::json()).unwrap() + "\n";
    check(&root().join("config/schema.json"), &wanted);
}

#[test]
fn the_reference_is_what_the_keys_say() {
    let path = root().join("docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(reference::MARKERS.0).unwrap();
    let (_, after) = rest.split_once(reference::MARKERS.1).unwrap();
    let (start, end) = reference::MARKERS;
    check(
        &path,
        &format!("{before}{start}\n{}\n{end}{after}", reference::markdown()),
    );
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    let schema = schema::json();
    let text = schema.to_string();
    for reference in text.split("\"#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schema["$defs"][name].is_object(), "{name}");
    }
}
