//! The static table: longest prefix wins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use popgate_filters::{CountryCode, GeoRecord};

use crate::config::GeoNetwork;

/// Bits of IPv4-mapped IPv6 in front of the IPv4 address.
const MAPPED: u8 = 96;

/// Networks and what is known of them. A look-up costs one hash per prefix length in use.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    /// Prefix length over IPv6, IPv4 networks being IPv4-mapped, to networks of that length.
    by_prefix: BTreeMap<Reverse<u8>, HashMap<u128, GeoRecord>>,
}

impl Networks {
    /// Takes over the rows of the configuration; of two rows for one network the first counts.
    #[must_use]
    pub fn new(rows: &[(IpNet, GeoNetwork)]) -> Self {
        let mut networks = Self::default();
        for (network, row) in rows {
            let prefix = match network {
                IpNet::V4(four) => MAPPED + four.prefix_len(),
                IpNet::V6(six) => six.prefix_len(),
            };
            networks
                .by_prefix
                .entry(Reverse(prefix))
                .or_default()
                .entry(masked(bits(network.addr()), prefix))
                .or_insert_with(|| record(row));
        }
        networks
    }

    /// The row of the longest network that holds `ip`.
    #[must_use]
    pub fn find(&self, ip: IpAddr) -> Option<&GeoRecord> {
        let address = bits(ip);
        let mapped = ip.to_canonical().is_ipv4();
        self.by_prefix
            .iter()
            // `::/0` speaks of IPv6 only, although mapped IPv4 lies in it.
            .filter(|(Reverse(prefix), _)| !mapped || *prefix >= MAPPED)
            .find_map(|(Reverse(prefix), rows)| rows.get(&masked(address, *prefix)))
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// Whether any row names a country.
    #[must_use]
    pub fn name_a_country(&self) -> bool {
        self.by_prefix
            .values()
            .flat_map(HashMap::values)
            .any(|row| row.country.is_some())
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
    .to_bits()
}

fn masked(address: u128, prefix: u8) -> u128 {
    let host_bits = u32::from(128 - prefix.min(128));
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Ipv6Addr::from_bits(address & mask).to_bits()
}

fn record(row: &GeoNetwork) -> GeoRecord {
    let code = |text: &Option<String>| text.as_deref().and_then(CountryCode::parse);
    GeoRecord {
        country: code(&row.country),
        city: row.city.clone(),
        continent: code(&row.continent),
        latitude: row.latitude,
        longitude: row.longitude,
        region: row.region.clone(),
        region_code: row.region_code.clone(),
        metro_code: row.metro_code.clone(),
        postal_code: row.postal_code.clone(),
        timezone: row.timezone.clone(),
        asn: row.asn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str)]) -> Networks {
        let rows: Vec<_> = rows
            .iter()
            .map(|(network, city)| {
                let row = GeoNetwork {
                    city: Some((*city).to_owned()),
                    ..GeoNetwork::default()
                };
                (network.parse().unwrap(), row)
            })
            .collect();
        Networks::new(&rows)
    }

    fn city<'t>(table: &'t Networks, ip: &str) -> Option<&'t str> {
        table.find(ip.parse().unwrap())?.city.as_deref()
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let table = table(&[
            ("10.0.0.0/8", "wide"),
            ("10.1.2.3/32", "host"),
            ("10.1.0.0/16", "narrow"),
        ]);
        assert_eq!(city(&table, "10.1.2.3"), Some("host"));
        assert_eq!(city(&table, "10.1.2.4"), Some("narrow"));
        assert_eq!(city(&table, "10.2.0.1"), Some("wide"));
        assert_eq!(city(&table, "11.0.0.1"), None);
    }

    #[test]
    fn all_of_ipv4_and_all_of_ipv6_are_apart() {
        let table = table(&[("0.0.0.0/0", "four"), ("::/0", "six")]);
        assert_eq!(city(&table, "192.0.2.1"), Some("four"));
        assert_eq!(city(&table, "2001:db8::1"), Some("six"));
        assert_eq!(city(&self::table(&[("::/0", "six")]), "192.0.2.1"), None);
    }

    #[test]
    fn an_ipv4_mapped_network_or_address_is_ipv4() {
        let mapped = table(&[("::ffff:192.0.2.0/120", "mapped")]);
        assert_eq!(city(&mapped, "192.0.2.7"), Some("mapped"));
        let plain = table(&[("192.0.2.0/24", "plain")]);
        assert_eq!(city(&plain, "::ffff:192.0.2.7"), Some("plain"));
    }

    #[test]
    fn host_bits_in_a_row_do_not_matter() {
        let table = table(&[("2001:db8::5/32", "doc")]);
        assert_eq!(city(&table, "2001:db8:ffff::"), Some("doc"));
    }
}
