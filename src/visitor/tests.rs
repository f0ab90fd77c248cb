use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn networks() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect()
}

fn behind(peer: &str, lines: &[&str]) -> Visitor {
    let claims = Claims {
        forwarded_for: lines.iter().map(|line| line.as_bytes()).collect(),
        ..Claims::default()
    };
    visitor(ip(peer), &networks(), &claims)
}

#[test]
fn from_an_untrusted_peer_nothing_is_believed() {
    let claims = Claims {
        forwarded_for: vec![b"198.51.100.1"],
        connecting_ip: Some(b"198.51.100.2"),
        real_ip: Some(b"198.51.100.3"),
    };
    let found = visitor(ip("203.0.113.9"), &networks(), &claims);
    assert_eq!(found.ip, ip("203.0.113.9"));
    assert!(!found.peer_trusted && found.chain.is_empty());
}

#[test]
fn without_trusted_proxies_loopback_is_not_trusted_either() {
    let claims = Claims {
        forwarded_for: vec![b"198.51.100.1"],
        ..Claims::default()
    };
    assert_eq!(visitor(ip("127.0.0.1"), &[], &claims).ip, ip("127.0.0.1"));
}

#[test]
fn the_visitor_is_the_right_most_untrusted_address() {
    let found = behind("10.0.0.2", &["1.2.3.4, 198.51.100.7, 10.0.0.9"]);
    assert_eq!(found.ip, ip("198.51.100.7"));
    assert!(found.peer_trusted);
    assert_eq!(found.chain, [ip("1.2.3.4"), ip("198.51.100.7"), ip("10.0.0.9")]);
}

#[test]
fn several_lines_are_one_list() {
    let found = behind("10.0.0.2", &["1.2.3.4", "198.51.100.7,10.0.0.9"]);
    assert_eq!(found.ip, ip("198.51.100.7"));
    assert_eq!(found.chain.len(), 3);
}

#[test]
fn when_all_are_trusted_the_visitor_is_the_left_most() {
    assert_eq!(behind("10.0.0.2", &["10.1.1.1, 10.0.0.9"]).ip, ip("10.1.1.1"));
}

#[test]
fn a_garbage_entry_stops_the_walk_at_the_last_good_address() {
    let found = behind("10.0.0.2", &["198.51.100.7, unknown, 10.0.0.9"]);
    assert_eq!(found.ip, ip("10.0.0.9"));
    assert_eq!(found.chain, [ip("10.0.0.9")]);
    assert_eq!(behind("10.0.0.2", &["198.51.100.7, unknown"]).ip, ip("10.0.0.2"));
}

#[test]
fn empty_entries_are_skipped() {
    assert_eq!(
        behind("10.0.0.2", &["", " , 198.51.100.7,, "]).ip,
        ip("198.51.100.7")
    );
}

#[test]
fn the_walk_is_bounded() {
    let line = format!("198.51.100.7{}", ", 10.0.0.9".repeat(ENTRIES_MAX));
    let found = behind("10.0.0.2", &[&line]);
    assert_eq!(found.ip, ip("10.0.0.9"));
    assert_eq!(found.chain.len(), ENTRIES_MAX);
}

#[test]
fn entries_may_carry_ports_brackets_quotes_and_zones() {
    for (text, expected) in [
        (" 192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:49152", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]:443\"", "2001:db8::1"),
        ("fe80::1%2", "fe80::1"),
        ("[fe80::1%2]:80", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:c000:0201]:1", "192.0.2.1"),
    ] {
        assert_eq!(address(text.as_bytes()), Some(ip(expected)), "{text}");
    }
}

#[test]
fn what_is_not_an_address_is_refused() {
    for text in [
        "",
        "unknown",
        "_hidden",
        "[192.0.2.1]",
        "192.0.2",
        "192.0.2.1:99999",
        "192.0.2.01x",
        "[::1",
        "a.example",
        "1.2.3.4 5",
    ] {
        assert_eq!(address(text.as_bytes()), None, "{text}");
    }
    assert_eq!(address(b"\xff\xfe"), None);
    assert_eq!(address(&[b'1'; 10_000]), None);
}

#[test]
fn an_ipv4_mapped_peer_is_trusted_as_ipv4() {
    let found = behind("::ffff:10.0.0.2", &["198.51.100.7"]);
    assert_eq!((found.ip, found.peer_trusted), (ip("198.51.100.7"), true));
    assert_eq!(behind("::ffff:203.0.113.9", &[]).ip, ip("203.0.113.9"));
}

#[test]
fn without_a_chain_connecting_ip_then_real_ip_count() {
    let find = |connecting_ip: Option<&'static [u8]>, real_ip: Option<&'static [u8]>| {
        let claims = Claims {
            forwarded_for: Vec::new(),
            connecting_ip,
            real_ip,
        };
        visitor(ip("10.0.0.2"), &networks(), &claims)
    };
    let both = find(Some(b"198.51.100.7"), Some(b"198.51.100.8"));
    assert_eq!(both.ip, ip("198.51.100.7"));
    assert_eq!(both.chain, [ip("198.51.100.7")]);
    assert_eq!(find(None, Some(b"198.51.100.8")).ip, ip("198.51.100.8"));
    assert_eq!(
        find(Some(b"nonsense"), Some(b"198.51.100.8")).ip,
        ip("198.51.100.8")
    );
    assert_eq!(find(None, None).ip, ip("10.0.0.2"));
}

#[test]
fn a_chain_wins_over_connecting_ip() {
    let claims = Claims {
        forwarded_for: vec![b"198.51.100.7"],
        connecting_ip: Some(b"198.51.100.8"),
        real_ip: None,
    };
    assert_eq!(
        visitor(ip("10.0.0.2"), &networks(), &claims).ip,
        ip("198.51.100.7")
    );
}

#[test]
fn claims_are_taken_from_all_header_lines() {
    let mut headers = http::HeaderMap::new();
    for line in ["1.2.3.4", "198.51.100.7, 10.0.0.9"] {
        headers.append("x-forwarded-for", line.parse().unwrap());
    }
    let found = of_request(ip("10.0.0.2"), &networks(), &headers);
    assert_eq!((found.ip, found.chain.len()), (ip("198.51.100.7"), 3));
    let stranger = of_request(ip("203.0.113.9"), &networks(), &headers);
    assert_eq!((stranger.ip, stranger.peer_trusted), (ip("203.0.113.9"), false));
}

proptest! {
    #[test]
    fn any_bytes_give_a_canonical_visitor_and_a_bounded_chain(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..5),
    ) {
        let claims = Claims {
            forwarded_for: lines.iter().map(Vec::as_slice).collect(),
            ..Claims::default()
        };
        let found = visitor(ip("10.0.0.2"), &networks(), &claims);
        prop_assert!(found.chain.len() <= ENTRIES_MAX);
        prop_assert_eq!(found.ip, found.ip.to_canonical());
    }

    #[test]
    fn what_stands_left_of_the_visitor_changes_nothing(left in "[ -+--~]{0,40}", hops in 0_usize..5) {
        let line = format!("{left},198.51.100.7{}", ",10.0.0.9".repeat(hops));
        prop_assert_eq!(behind("10.0.0.2", &[&line]).ip, ip("198.51.100.7"));
    }

    #[test]
    fn every_address_is_read_back(bits: u128, port: u16) {
        let six = std::net::Ipv6Addr::from(bits);
        for text in [format!("{six}"), format!("[{six}]"), format!("[{six}]:{port}")] {
            prop_assert_eq!(address(text.as_bytes()), Some(IpAddr::V6(six).to_canonical()));
        }
    }
}
