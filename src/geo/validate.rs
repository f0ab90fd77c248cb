//! Is an mmdb sound? Everything here is bounded by the file's size, however it was crafted: the tree is read
//! once from end to end, and look-ups are at most 128 steps deep.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::{Metadata, Reader};

use super::layout::Fields;
use super::mmdb::Offers;

/// Zero bytes between tree and data.
const SEPARATOR: usize = 16;

/// Networks visited in order per family.
const WALK: usize = 5_000;

/// Addresses looked up all over each family.
const SAMPLES: u64 = 1_000;

/// Checks separator, all tree records and sample look-ups; returns what the samples could tell.
///
/// # Errors
/// What does not hold.
pub fn database(bytes: &[u8]) -> Result<Offers, String> {
    let reader = &Reader::from_source(bytes).map_err(|error| error.to_string())?;
    tree(bytes, reader.metadata())?;
    let mut samples = Samples::default();
    samples.walk(reader, IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
    samples.scatter(reader, |seed| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(seed >> 32).unwrap_or(0)))
    })?;
    if reader.metadata().ip_version == 6 {
        // Global unicast, 2000::/3, is where the records are.
        samples.walk(reader, IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)))?;
        samples.scatter(reader, |seed| {
            IpAddr::V6(Ipv6Addr::from_bits(1 << 125 | u128::from(seed) << 61))
        })?;
    }
    if samples.records == 0 {
        return Err("no address has a record".to_owned());
    }
    Ok(samples.offers)
}

/// Every record of the tree is a node, the empty mark or a place in the data section.
fn tree(bytes: &[u8], metadata: &Metadata) -> Result<(), String> {
    let nodes = metadata.node_count;
    let node_bytes = usize::from(metadata.record_size) / 4;
    let tree_bytes = node_bytes * nodes as usize;
    let rest = bytes.get(tree_bytes..).unwrap_or_default();
    if rest.len() < SEPARATOR || rest[..SEPARATOR].iter().any(|byte| *byte != 0) {
        return Err("tree and data are not apart where the metadata says".to_owned());
    }
    let data_bytes = rest.len() - SEPARATOR;
    for node in bytes[..tree_bytes].chunks_exact(node_bytes) {
        for record in records(node) {
            let sound = match record.checked_sub(nodes) {
                None | Some(0) => true,
                Some(offset) => {
                    let offset = offset as usize;
                    offset >= SEPARATOR && offset - SEPARATOR < data_bytes
                }
            };
            if !sound {
                return Err(format!("the tree points to {record}, beyond the data"));
            }
        }
    }
    Ok(())
}

/// Left and right record of a node of 24, 28 or 32 bits each.
fn records(node: &[u8]) -> [u32; 2] {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte));
    match node {
        [_, _, _, middle, _, _, _] => [
            u32::from(middle >> 4) << 24 | number(&node[..3]),
            u32::from(middle & 15) << 24 | number(&node[4..]),
        ],
        _ => {
            let (left, right) = node.split_at(node.len() / 2);
            [number(left), number(right)]
        }
    }
}

#[derive(Debug, Default)]
struct Samples {
    records: usize,
    offers: Offers,
}

impl Samples {
    /// Visits networks in order from `start`, those without a record too.
    fn walk(&mut self, reader: &Reader<&[u8]>, start: IpAddr) -> Result<(), String> {
        let mut next = Some(start);
        for _ in 0..WALK {
            let Some(ip) = next else { break };
            let prefix = self.look(reader, ip)?;
            next = after(ip, prefix);
        }
        Ok(())
    }

    /// Looks up addresses made of well mixed numbers.
    fn scatter(&mut self, reader: &Reader<&[u8]>, address: impl Fn(u64) -> IpAddr) -> Result<(), String> {
        for index in 1..=SAMPLES {
            // Multiples of 2^64 / golden ratio fall evenly over the range.
            self.look(reader, address(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))?;
        }
        Ok(())
    }

    /// Looks up one address; the length of the prefix it shares its record with.
    fn look(&mut self, reader: &Reader<&[u8]>, ip: IpAddr) -> Result<u8, String> {
        let wrong = |error: maxminddb::MaxMindDbError| format!("look-up of {ip}: {error}");
        let result = reader.lookup(ip).map_err(wrong)?;
        if let Some(fields) = result.decode::<Fields<'_>>().map_err(wrong)? {
            self.records += 1;
            fields.note_offers(&mut self.offers);
        }
        let network = result.network().map_err(wrong)?;
        // An IPv4 address that the tree does not even begin to hold shares an IPv6 network.
        Ok(if network.is_ipv4() == ip.is_ipv4() {
            network.prefix()
        } else {
            0
        })
    }
}

/// The first address behind the network of `prefix` bits around `ip`.
fn after(ip: IpAddr, prefix: u8) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(four) => {
            let step = 1_u32.checked_shl(32_u32.checked_sub(u32::from(prefix))?)?;
            let next = (four.to_bits() & !(step - 1)).checked_add(step)?;
            Some(IpAddr::V4(Ipv4Addr::from_bits(next)))
        }
        IpAddr::V6(six) => {
            let step = 1_u128.checked_shl(128_u32.checked_sub(u32::from(prefix))?)?;
            let next = (six.to_bits() & !(step - 1)).checked_add(step)?;
            Some(IpAddr::V6(Ipv6Addr::from_bits(next)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_steps_from_network_to_network() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(after(ip("10.1.2.3"), 8), Some(ip("11.0.0.0")));
        assert_eq!(after(ip("10.1.2.3"), 32), Some(ip("10.1.2.4")));
        assert_eq!(after(ip("255.0.0.0"), 8), None);
        assert_eq!(after(ip("0.0.0.0"), 0), None);
        assert_eq!(after(ip("2000::"), 16), Some(ip("2001::")));
        assert_eq!(after(ip("::"), 0), None);
    }

    #[test]
    fn records_of_all_three_sizes_are_read() {
        assert_eq!(records(&[0, 0, 1, 0, 0, 2]), [1, 2]);
        assert_eq!(
            records(&[0x23, 0x45, 0x67, 0x18, 0x9a, 0xbc, 0xde]),
            [0x0123_4567, 0x089a_bcde]
        );
        assert_eq!(records(&[1, 0, 0, 1, 0, 0, 0, 2]), [0x0100_0001, 2]);
    }
}
