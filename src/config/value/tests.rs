use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::super::model::{HostPattern, Server};
use super::*;

#[test]
fn durations_take_a_whole_number_and_one_unit() {
    assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
    assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
    assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
    assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
    assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
    assert_eq!(duration("0s"), Ok(Duration::ZERO));
}

#[test]
fn durations_name_their_mend() {
    let mend = |text| duration(text).unwrap_err().mend;
    assert!(mend("5").contains("`5s`"));
    assert!(mend("5min").contains("`5m`"));
    assert!(mend("5 Hours").contains("`5h`"));
    assert!(mend("1w").contains("days"));
    assert!(mend("1h30m").contains("one unit"));
    assert!(mend("1.5h").contains("90m"));
    assert!(mend("-5s").contains("positive"));
    assert!(mend("soon").contains("300ms"));
    assert!(mend("99999999999999999999d").contains("smaller"));
    assert!(mend("4000d").contains("3650d"));
}

#[test]
fn sizes_take_binary_units_only() {
    assert_eq!(size("512B"), Ok(512));
    assert_eq!(size("64KiB"), Ok(65_536));
    assert_eq!(size("1GiB"), Ok(1 << 30));
    let mend = |text| size(text).unwrap_err().mend;
    assert!(mend("64KB").contains("`64KiB`"));
    assert!(mend("64k").contains("`64KiB`"));
    assert!(mend("1G").contains("`1GiB`"));
    assert!(mend("1024").contains("`1024B`"));
    assert!(mend("1.5GiB").contains("1536MiB"));
    assert!(mend("big").contains("64KiB"));
    assert!(mend("99999999TiB").contains("less"));
}

#[test]
fn hosts_are_lower_cased_and_checked() {
    assert_eq!(host_pattern("*"), Ok(HostPattern::Any));
    assert_eq!(
        host_pattern("Blog.Example"),
        Ok(HostPattern::Exact("blog.example".into()))
    );
    assert_eq!(
        host_pattern("*.Blog.example"),
        Ok(HostPattern::Wildcard("blog.example".into()))
    );
    assert_eq!(
        host_pattern("[2001:DB8::1]"),
        Ok(HostPattern::Exact("[2001:db8::1]".into()))
    );
    let mend = |text| host_pattern(text).unwrap_err().mend;
    assert!(mend("münchen.example").contains("xn--mnchen-3ya.example"));
    assert!(mend("*.münchen.example").contains("`*.xn--mnchen-3ya.example`"));
    assert!(mend("https://blog.example/").contains("`blog.example`"));
    assert!(mend("blog.example:80").contains("leave the port out"));
    assert!(mend("blog.*.example").contains("*.name"));
    assert!(mend("blog.example.").contains("leave the dot out"));
    assert!(mend("blog.example/shop").contains("`path`"));
    assert!(mend("2001:db8::1").contains("[2001:db8::1]"));
    for bad in ["", "a..b", "-a.example", "a b", "*.", &"a".repeat(64)] {
        assert!(host_pattern(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn host_headers_may_have_a_port() {
    assert_eq!(host_header("Blog.example:8080"), Ok("blog.example:8080".into()));
    assert!(host_header("blog.example:99999").is_err());
}

#[test]
fn servers_are_addresses_names_or_sockets() {
    let read = |text| server(text, Path::new("/etc/popgate"));
    assert_eq!(
        read("10.0.0.1:80"),
        Ok(Server::Address("10.0.0.1:80".parse().unwrap()))
    );
    assert_eq!(read("[::1]:80"), Ok(Server::Address("[::1]:80".parse().unwrap())));
    assert_eq!(
        read("Web.internal:8080"),
        Ok(Server::Name("web.internal".into(), 8080))
    );
    assert_eq!(
        read("unix:/run/web.sock"),
        Ok(Server::Unix("/run/web.sock".into()))
    );
    assert_eq!(
        read("unix:web.sock"),
        Ok(Server::Unix("/etc/popgate/web.sock".into()))
    );
    let mend = |text| read(text).unwrap_err().mend;
    assert!(mend("http://web.internal/").contains("`web.internal:80`"));
    assert!(mend("https://web.internal").contains("tls: true"));
    assert!(mend("web.internal").contains("`web.internal:80`"));
    assert!(mend("::1").contains("`[::1]:80`"));
    assert!(mend("/run/web.sock").contains("unix:/run/web.sock"));
    assert!(mend("10.0.0.1:0").contains("port"));
}

#[test]
fn networks_have_no_stray_bits() {
    assert_eq!(cidr("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(cidr("::1").unwrap().to_string(), "::1/128");
    assert!(cidr("10.1.0.0/8").unwrap_err().mend.contains("`10.0.0.0/8`"));
    assert!(cidr("10.0.0.0/33").is_err());
}

#[test]
fn listen_addresses_name_their_mend() {
    let mend = |text| socket(text).unwrap_err().mend;
    assert!(mend(":80").contains("0.0.0.0:80"));
    assert!(mend("*:80").contains("0.0.0.0:80"));
    assert!(mend("8080").contains("0.0.0.0:8080"));
    assert!(mend("localhost:80").contains("127.0.0.1:80"));
    assert!(mend("127.0.0.1").contains("127.0.0.1:80"));
    assert!(mend("127.0.0.1:99999").contains("65535"));
}

#[test]
fn paths_are_plain() {
    assert_eq!(url_path("/shop").as_deref(), Ok("/shop"));
    for bad in ["", "shop", "/a?b", "/a//b", "/a/../b", "/ü", "/a b"] {
        assert!(url_path(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn statuses_are_one_or_a_range() {
    assert_eq!(statuses("200"), Ok(200..=200));
    assert_eq!(statuses("200-399"), Ok(200..=399));
    for bad in ["", "2xx", "399-200", "99", "600"] {
        assert!(statuses(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn durations_survive_the_way_to_text_and_back(milliseconds in 0_u64..86_400_000 * 3650) {
        let value = Duration::from_millis(milliseconds);
        prop_assert_eq!(duration(&duration_text(value)), Ok(value));
    }

    #[test]
    fn sizes_survive_the_way_to_text_and_back(bytes in any::<u64>()) {
        prop_assert_eq!(size(&bytes_text(bytes)), Ok(bytes));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = duration(&text);
        let _ = size(&text);
        let _ = host_pattern(&text);
        let _ = host_header(&text);
        let _ = cidr(&text);
        let _ = socket(&text);
        let _ = server(&text, Path::new("/"));
        let _ = statuses(&text);
        let _ = url_path(&text);
        let _ = integer(&text, 0, 10);
        let _ = decimal(&text, 0.0, 1.0);
    }
}
