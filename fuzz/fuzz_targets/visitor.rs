//! `X-Forwarded-For` and its kin: any bytes give a visitor, a bounded chain and no panic.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use popgate::visitor::{Claims, ENTRIES_MAX, visitor};

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let claims = Claims {
        forwarded_for: lines.iter().skip(2).copied().collect(),
        connecting_ip: lines.first().copied(),
        real_ip: lines.get(1).copied(),
    };
    let trusted = ["10.0.0.0/8".parse(), "::/1".parse()];
    let trusted: Vec<ipnet::IpNet> = trusted.into_iter().flatten().collect();
    let found = visitor(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), &trusted, &claims);
    assert!(found.chain.len() <= ENTRIES_MAX);
    assert!(found.peer_trusted);
    assert_eq!(found.ip, found.ip.to_canonical());
});
