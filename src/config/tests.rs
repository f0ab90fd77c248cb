use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod databases;
mod whole;

const MINIMAL: &str = "listen: [{ address: 127.0.0.1:8080 }]
origins: { blog: { servers: [127.0.0.1:18080] } }
sites: [{ hosts: [blog.example], origin: blog }]
";

fn env() -> Env {
    Env {
        host_name: "edge-1".into(),
        root: true,
        ..Env::default()
    }
}

fn good(text: &str) -> Config {
    parse(text, Path::new("/etc/popgate/popgate.yaml"), &env())
        .unwrap_or_else(|errors| panic!("{}", errors.iter().map(|e| format!("{e}\n")).collect::<String>()))
}

fn bad(text: &str) -> Vec<String> {
    let errors = parse(text, Path::new("x.yaml"), &env()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn several_errors_are_told_at_once_in_file_order() {
    let errors = bad("listen: [{ address: 8080 }]
cashe: {}
origins: { blog: { servers: [localhost], retries: 9 } }
sites:
  - hosts: [blog.example]
    origin: blgo
    cache: { ttl: 5 }
");
    let starts = [
        "x.yaml:1:21: listen[0].address: ",
        "x.yaml:2:1: cashe: unknown key; did you mean `cache`?",
        "x.yaml:3:30: origins.blog.servers[0]: ",
        "x.yaml:3:51: origins.blog.retries: ",
        "x.yaml:6:13: sites[0].origin: there is no origin `blgo`; did you mean `blog`?",
        "x.yaml:7:19: sites[0].cache.ttl: the duration `5` has no unit; write `5s`",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}\n{start}");
    }
}

#[test]
fn no_more_than_a_hundred_errors_are_told() {
    let mut text = MINIMAL.to_owned();
    for index in 0..150 {
        text.push_str(&format!("nothing_{index}: 1\n"));
    }
    let errors = bad(&text);
    assert_eq!(errors.len(), 101);
    assert!(errors[100].contains("50 more errors"), "{}", errors[100]);
}

#[test]
fn relative_paths_start_at_the_files_folder() {
    let config = good(&format!(
        "{MINIMAL}kv: {{ path: kv }}\nlog: {{ access: /dev/shm/access.log }}\n"
    ));
    assert_eq!(config.kv.store, KvStore::Embedded("/etc/popgate/kv".into()));
    assert_eq!(config.log.access, AccessLog::File("/dev/shm/access.log".into()));
}

#[test]
fn what_is_refreshed_after_a_purge_is_a_number_a_mapping_or_nothing() {
    let site = |preset: &str, cache: &str| {
        let sites =
            format!("sites: [{{ hosts: [blog.example], origin: blog, preset: {preset}, cache: {cache} }}]\n");
        let text = MINIMAL.replace("sites: [{ hosts: [blog.example], origin: blog }]\n", &sites);
        let refresh = good(&text).sites[0].cache.refresh_after_purge;
        refresh.map(|refresh| (refresh.urls, refresh.concurrent))
    };
    assert_eq!(site("standard", "{}"), None);
    assert_eq!(site("wordpress", "{}"), Some((32, 2)));
    for off in ["off", "false"] {
        let cache = format!("{{ refresh_after_purge: {off} }}");
        assert_eq!(site("wordpress", &cache), None);
    }
    assert_eq!(site("standard", "{ refresh_after_purge: 5 }"), Some((5, 2)));
    let both = "{ refresh_after_purge: { urls: 7, concurrent: 3 } }";
    assert_eq!(site("wordpress", both), Some((7, 3)));
    let some = "{ refresh_after_purge: { concurrent: 1 } }";
    assert_eq!(site("standard", some), Some((32, 1)));
}

#[test]
fn presets_fill_in_what_a_site_does_not_say() {
    let site = |extra: &str| {
        let text = MINIMAL.replace("origin: blog", &format!("origin: blog{extra}"));
        Arc::clone(&good(&text).sites[0])
    };
    let day = Duration::from_secs(86_400);
    let cache = site(", preset: wordpress").cache.clone();
    assert_eq!(
        (cache.ttl, cache.stale_while_revalidate, cache.stale_if_error),
        (day / 288, day, day)
    );
    assert_eq!(cache.request_directives, RequestDirectives::Ignore);
    let cache = site(", preset: wordpress, cache: { ttl: 1m, request_directives: honour }")
        .cache
        .clone();
    assert_eq!((cache.ttl, cache.stale_if_error), (Duration::from_secs(60), day));
    assert_eq!(cache.request_directives, RequestDirectives::Honour);
    let cache = site("").cache.clone();
    assert_eq!(
        (cache.ttl, cache.stale_while_revalidate, cache.stale_if_error),
        Default::default()
    );
    assert_eq!(cache.request_directives, RequestDirectives::Honour);
    assert!(!site(", cache: off").cache.enabled);
}

#[test]
fn geo_headers_comes_first_unless_it_is_named() {
    let names = |filters: &str| {
        let text = MINIMAL.replace("origin: blog", &format!("origin: blog, filters: {filters}"));
        let site = Arc::clone(&good(&text).sites[0]);
        site.filters
            .iter()
            .map(|f| (f.name.clone(), f.options.to_string(), f.line))
            .collect::<Vec<_>>()
    };
    let strip = r#"{"ignore":["utm_*"]}"#;
    assert_eq!(
        names("[strip_query: { ignore: ['utm_*'] }]"),
        [
            ("geo_headers".into(), "null".into(), 0),
            ("strip_query".into(), strip.into(), 3)
        ]
    );
    assert_eq!(
        names("[strip_query, geo_headers: { location: true }]"),
        [
            ("strip_query".into(), "null".into(), 3),
            ("geo_headers".into(), r#"{"location":true}"#.into(), 3)
        ]
    );
}

#[test]
fn every_filter_can_be_written_as_its_example_shows() {
    for filter in popgate_filters::registry::all() {
        let entry = format!("origin: blog, filters: [{{ {} }}]", filter.example);
        let entry = if filter.example.contains(':') {
            entry
        } else {
            entry.replace(['{', '}'], "")
        };
        let site = Arc::clone(&good(&MINIMAL.replace("origin: blog", &entry)).sites[0]);
        assert!(
            site.filters.iter().any(|spec| spec.name == filter.name),
            "{}",
            filter.name
        );
    }
}

#[test]
fn a_health_check_asks_for_the_host_of_the_first_site() {
    let host = |origin: &str| {
        let text = format!(
            "listen: [{{ address: 127.0.0.1:8080 }}]
origins: {{ a: {{ servers: [127.0.0.1:1], health: {{}} {origin} }} }}
sites: [{{ hosts: ['*', '*.b.example', b.example], origin: a }}, {{ hosts: [c.example], origin: a }}]
"
        );
        good(&text).origins["a"].health.clone().unwrap().host
    };
    assert_eq!(host("").as_deref(), Some("b.example"));
    assert_eq!(host(", host: d.example").as_deref(), Some("d.example"));
}

#[test]
fn networks_are_sorted_by_prefix_length() {
    let config = good(&format!(
        "{MINIMAL}geo:\n  networks: {{ 10.0.0.0/8: {{ country: NO }}, 10.1.0.0/16: {{ country: vn }}, '::/0': {{}} }}\n"
    ));
    let rows: Vec<_> = config
        .geo
        .networks
        .iter()
        .map(|(net, row)| (net.to_string(), row.country.as_deref()))
        .collect();
    assert_eq!(
        rows,
        [
            ("10.1.0.0/16".into(), Some("VN")),
            ("10.0.0.0/8".into(), Some("NO")),
            ("::/0".into(), None)
        ]
    );
}

#[test]
fn loosened_safety_is_accepted_with_a_warning() {
    let text = "listen: [{ address: 127.0.0.1:8080 }]
trusted_proxies: [0.0.0.0/0]
origins:
  blog: { servers: [127.0.0.1:18080], tls: { verify: false } }
  spare: { servers: [127.0.0.1:18081], idle_min: 100 }
cache: { memory: 1MiB, redis: { url: 'rediss://r.example', insecure_redis_tls: true } }
sites: [{ hosts: [blog.example], origin: blog, cache: { insecure_store_set_cookie: true } }]
";
    let keys: Vec<_> = good(text)
        .warnings
        .iter()
        .map(|warning| warning.key.clone())
        .collect();
    assert_eq!(
        keys,
        [
            "trusted_proxies",
            "origins.blog.tls.verify",
            "origins.spare",
            "origins.spare.idle_min",
            "cache.memory",
            "cache.redis.insecure_redis_tls",
            "sites[0].cache.insecure_store_set_cookie"
        ]
    );
}

#[test]
fn off_is_off_however_a_tool_writes_it() {
    for off in ["off", "false", "\"off\""] {
        let config = good(&format!("{MINIMAL}admin: {off}\nlog: {{ access: {off} }}\n"));
        assert_eq!(config.admin.address, None);
        assert_eq!(config.log.access, AccessLog::Off);
    }
}

#[test]
fn an_alias_saves_writing_a_list_twice() {
    let config = good(&format!(
        "trusted_proxies: &lan [10.0.0.0/8]\n{}",
        MINIMAL.replace("origin: blog", "origin: blog, purge_from: *lan")
    ));
    assert_eq!(config.sites[0].purge.from, config.trusted_proxies);
}

#[test]
fn explain_shows_the_rules_in_force_at_a_wordpress_site() {
    let rules = "{ bypass_paths: [/club/], ignore_parameters: [ref], unknown_parameters: drop }";
    let site = format!("origin: blog, preset: wordpress, wordpress: {rules}");
    let said = explain(&good(&MINIMAL.replace("origin: blog", &site)));
    for rule in [
        "/club/",
        "/my-account/",
        " ref ",
        "comment_author*",
        "are dropped, but those of files",
        "wp/v2/users",
    ] {
        assert!(said.contains(rule), "{rule} is not in\n{said}");
    }
}

#[test]
fn explain_shows_no_password() {
    let config = good(&format!(
        "{MINIMAL}cache: {{ redis: 'redis://u:hunter2@r.example/0' }}\nkv: {{ redis: 'redis+sentinel://:hunter2@s/m' }}\n"
    ));
    let said = format!("{} {config:?}", explain(&config));
    assert!(
        said.contains("r.example:6379/0") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_file_is_found_by_option_then_variable_then_place() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("popgate.yaml");
    let mut env = Env {
        search: vec![folder.path().join("missing.yaml"), place.clone()],
        ..env()
    };
    let missing = find(None, &env).unwrap_err();
    assert!(missing.problem.contains("missing.yaml"), "{missing}");
    std::fs::write(&place, "").unwrap();
    assert_eq!(find(None, &env).unwrap(), place);
    env.variables.insert("POPGATE_CONFIG".into(), "/v.yaml".into());
    assert_eq!(find(None, &env).unwrap(), Path::new("/v.yaml"));
    assert_eq!(
        find(Some(Path::new("/c.yaml")), &env).unwrap(),
        Path::new("/c.yaml")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    for (path, mend) in [
        (folder.path().join("no.yaml"), "check the path"),
        (folder.path().into(), "file"),
    ] {
        let errors = load(&path, &env()).unwrap_err();
        assert!(
            errors[0].mend.contains(mend) && errors[0].line == 0,
            "{}",
            errors[0]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_give_a_configuration_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(errors) = parse(&bytes, Path::new("x.yaml"), &env()) {
            prop_assert!(!errors.is_empty());
        }
    }

    #[test]
    fn a_damaged_file_gives_a_configuration_or_errors(
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        put in "[a-z0-9:{}\\[\\], \n\t\"'&*-]{0,12}",
    ) {
        let text = include_str!("../../config/examples/full.yaml");
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        let mut damaged = text.as_bytes().to_vec();
        damaged.splice(start..end, put.into_bytes());
        let tried = parse(&damaged, Path::new("/nonexistent/x.yaml"), &env());
        prop_assert!(tried.is_err() || tried.is_ok_and(|config| !config.sites.is_empty()));
    }
}

fn declared() -> BTreeSet<(&'static str, &'static str)> {
    let keys =
        |table: &&keys::Table| -> Vec<_> { table.keys.iter().map(|key| (table.name, key.name)).collect() };
    keys::TABLES.iter().flat_map(keys).collect()
}
