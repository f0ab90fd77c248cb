//! `geo`.

use std::path::Path;

use ipnet::IpNet;

use super::super::keys::{GEO, NETWORK};
use super::super::model::{Geo, GeoNetwork};
use super::super::reader::{Field, Map};
use super::super::value::{Wrong, cidr, quoted};
use super::files;

/// Geo sources.
pub(super) fn geo(root: &Map<'_>) -> Geo {
    let map = root.map("geo", &GEO);
    let databases = map.list("databases").into_iter().filter_map(|item| {
        let path = item.file_path()?;
        check_database(&path, &item);
        Some(path)
    });
    Geo {
        databases: databases.collect(),
        networks: networks(&map),
        reload_interval: map.duration("reload_interval"),
    }
}

/// The file is there and readable.
fn check_database(path: &Path, field: &Field<'_>) {
    files::check_readable(path, field);
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
