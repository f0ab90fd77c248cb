//! `geo`.

use std::path::Path;

use ipnet::IpNet;

use super::super::keys::{GEO, NETWORK};
use super::super::model::{Geo, GeoNetwork};
use super::super::reader::{Field, Map};
use super::super::value::{Wrong, cidr, quoted};
use super::files;
use crate::geo::GeoError;
use crate::geo::mmdb::{self, Summary};

/// Geo sources.
pub(super) fn geo(root: &Map<'_>) -> Geo {
    let map = root.map("geo", &GEO);
    let mut databases = Vec::new();
    let mut sound = Vec::new();
    for item in map.list("databases") {
        let Some(path) = item.file_path() else { continue };
        if databases.contains(&path) {
            item.error("this database is here twice", "keep one of them");
            continue;
        }
        sound.extend(check_database(&path, &item));
        databases.push(path);
    }
    let networks = networks(&map);
    let a_country = sound.iter().any(|database| database.offers.country)
        || networks.iter().any(|(_, row)| row.country.is_some());
    if !sound.is_empty()
        && sound.len() == databases.len()
        && !a_country
        && let Some(field) = map.field("databases")
    {
        field.error(
            "no source knows a country",
            "add a country or city database, or a table in `networks`",
        );
    }
    Geo {
        databases,
        networks,
        reload_interval: map.duration("reload_interval"),
    }
}

/// Reads a database as a start would; `None` after a complaint.
fn check_database(path: &Path, field: &Field<'_>) -> Option<Summary> {
    if !files::check_readable(path, field) {
        return None;
    }
    match mmdb::check(path) {
        Ok(summary) => Some(summary),
        Err(error) => {
            let mend = match error {
                GeoError::NothingKnown { .. } => "name a country, city, ASN or anonymous-IP database",
                _ => "download it again",
            };
            let shown = path.display();
            let problem = match error {
                GeoError::Corrupt { problem, .. } => format!("{shown} is corrupt or no mmdb file: {problem}"),
                GeoError::NothingKnown { kind, .. } => {
                    format!(
                        "{shown} is of type {}, which knows nothing that is asked for",
                        quoted(&kind)
                    )
                }
                error => error.to_string(),
            };
            field.error(problem, mend);
            None
        }
    }
}

/// The static table, longest prefix first.
fn networks(map: &Map<'_>) -> Vec<(IpNet, GeoNetwork)> {
    let entries = map
        .field("networks")
        .map(|field| field.entries())
        .unwrap_or_default();
    let mut rows: Vec<(IpNet, GeoNetwork)> = Vec::with_capacity(entries.len());
    let mut seen = std::collections::HashMap::new();
    for (text, at, field) in entries {
        let row = network(&field.map(&NETWORK));
        let complain = |wrong: Wrong| map.reader().error(at, &field.path, wrong.problem, wrong.mend);
        match cidr(text) {
            Ok(network) => {
                if let Some(first) = seen.insert(network, at.line) {
                    let problem = format!("this network is here twice, first in line {first}");
                    complain(Wrong::new(problem, "keep one of them"));
                }
                rows.push((network, row));
            }
            Err(wrong) => complain(wrong),
        }
    }
    rows.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
    rows
}

fn network(map: &Map<'_>) -> GeoNetwork {
    GeoNetwork {
        country: map.parsed("country", country),
        city: map.parsed("city", header_text),
        continent: map.choice("continent").map(str::to_owned),
        latitude: map.decimal("latitude"),
        longitude: map.decimal("longitude"),
        region: map.parsed("region", header_text),
        region_code: map.parsed("region_code", region_code),
        metro_code: map.parsed("metro_code", header_text),
        postal_code: map.parsed("postal_code", header_text),
        timezone: map.parsed("timezone", header_text),
        asn: map.integer("asn").and_then(|asn| u32::try_from(asn).ok()),
    }
}

fn country(text: &str) -> Result<String, Wrong> {
    let code = text.to_ascii_uppercase();
    let iso = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if iso || code == "T1" {
        return Ok(code);
    }
    Err(Wrong::new(
        format!("{} is no country code", quoted(text)),
        "write two letters of ISO 3166-1, `VN` for Vietnam, or `XX` or `T1`",
    ))
}

fn region_code(text: &str) -> Result<String, Wrong> {
    if (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(Wrong::new(
        format!("{} is no region code", quoted(text)),
        "write the part behind the dash in ISO 3166-2, `SG` of `VN-SG`",
    ))
}

/// Text that ends up in a header: no control characters, at most 128 bytes.
fn header_text(text: &str) -> Result<String, Wrong> {
    if text.len() <= 128 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{} does not fit into a header", quoted(text)),
        "write one line of at most 128 bytes",
    ))
}
