use std::collections::HashSet;

use super::*;

#[test]
fn no_table_has_a_key_twice_and_every_row_says_what_it_is_for() {
    for table in TABLES {
        let names: HashSet<_> = table.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), table.keys.len(), "{}", table.name);
        assert!(!table.doc.is_empty());
        for key in table.keys {
            assert!(key.doc.ends_with('.'), "{}.{}: {}", table.name, key.name, key.doc);
        }
    }
}

#[test]
fn every_table_is_listed() {
    fn collect(kind: &Kind, found: &mut HashSet<&'static str>) {
        match kind {
            Kind::List(kind) => collect(kind, found),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| collect(kind, found)),
            Kind::Map(table) | Kind::Named { table, .. } => {
                found.insert(table.name);
                table.keys.iter().for_each(|key| collect(&key.kind, found));
            }
            _ => {}
        }
    }
    let mut found = HashSet::from([ROOT.name]);
    ROOT.keys.iter().for_each(|key| collect(&key.kind, &mut found));
    assert_eq!(found, TABLES.iter().map(|table| table.name).collect());
}
