//! What the way of a hit is made of, piece by piece: `cargo bench`.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method, StatusCode, header};
use popgate::cache::entry::Searched;
use popgate::cache::memory::{Memory, Slot};
use popgate::cache::policy::vary::variant_slot;
use popgate::cache::policy::{
    Directives, Exchange, Overrides, request_decision, reuse, store_decision, stored_headers,
};
use popgate::cache::{Entry, KeyHash, PurgeSeq, Times};
use popgate::clock::Clock;
use popgate::config::{self, Config, Preset};
use popgate::preset;
use popgate::serve::key;
use popgate::server::head::{HeadLimits, examine};
use popgate::telemetry::Metrics;
use popgate_filters::KeyParts;

const YAML: &str = "\
listen: [{ address: \"127.0.0.1:8080\" }]
kv: { persist: false }
origins: { app: { servers: [\"127.0.0.1:1\"] } }
sites:
  - { hosts: [blog.example], origin: app, preset: wordpress }
";

fn settings() -> Config {
    config::parse(YAML, Path::new("bench.yaml"), &config::Env::from_process()).unwrap()
}

fn fields(lines: &[(header::HeaderName, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value)))
        .collect()
}

/// What a browser sends.
fn browser() -> HeaderMap {
    fields(&[
        (header::HOST, "blog.example"),
        (
            header::USER_AGENT,
            "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
        ),
        (
            header::ACCEPT,
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        (header::ACCEPT_LANGUAGE, "vi,en-US;q=0.7,en;q=0.3"),
        (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
        (header::COOKIE, "_ga=GA1.1.1234567890.1700000000; theme=dark"),
    ])
}

fn answer() -> HeaderMap {
    fields(&[
        (header::DATE, "Sat, 31 Jan 2026 10:00:00 GMT"),
        (header::CONTENT_TYPE, "text/html; charset=UTF-8"),
        (header::CACHE_CONTROL, "max-age=300, stale-while-revalidate=60"),
        (header::VARY, "Accept-Encoding"),
        (header::ETAG, "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
        (header::CONTENT_LENGTH, "1024"),
    ])
}

fn times(now: SystemTime) -> Times {
    Times {
        stored_at: now,
        initial_age: Duration::ZERO,
        fresh_until: now + Duration::from_secs(300),
        stale_while_revalidate: Duration::from_secs(60),
        stale_if_error: Duration::ZERO,
    }
}

fn keys(bench: &mut Criterion) {
    bench.bench_function("key of a URL", |b| {
        b.iter(|| {
            let parts = KeyParts::new(
                "https",
                "blog.example",
                black_box("/2026/01/a-post/"),
                Some("p=1"),
            );
            key::of(&parts, None)
        });
    });
    let (request, names) = (browser(), [header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE]);
    bench.bench_function("variant by coding and language", |b| {
        b.iter(|| variant_slot(KeyHash(black_box(7)), &names, &request));
    });
}

fn policy(bench: &mut Criterion) {
    let settings = settings();
    let site = &settings.sites[0];
    let (request, response, now) = (browser(), answer(), SystemTime::now());
    let facts = preset::RequestFacts {
        method: &Method::GET,
        path: "/2026/01/a-post/",
        query: Some("utm_source=x&b=1"),
        headers: &request,
    };
    bench.bench_function("wordpress preset on a request", |b| {
        b.iter(|| preset::request(site.rules(), black_box(&facts)));
    });
    bench.bench_function("may a request be looked up", |b| {
        b.iter(|| request_decision(&Method::GET, black_box(&request), &site.cache, None));
    });
    let life = times(now);
    bench.bench_function("may a stored answer be used", |b| {
        b.iter(|| reuse(black_box(&life), &response, &Directives::default(), now));
    });
    let exchange = Exchange {
        method: &Method::GET,
        request: &request,
        no_store: false,
        requested_at: now,
    };
    bench.bench_function("may an answer be stored", |b| {
        b.iter(|| {
            let overrides = Overrides::default();
            store_decision(
                &exchange,
                StatusCode::OK,
                black_box(&response),
                &site.cache,
                &overrides,
                now,
            )
        });
    });
    bench.bench_function("headers to store", |b| {
        b.iter(|| stored_headers(black_box(&response), now));
    });
    assert_eq!(site.preset, Preset::Wordpress);
}

fn heads(bench: &mut Criterion) {
    let limits = HeadLimits {
        header_bytes: 32 * 1024,
        headers: 100,
        uri_bytes: 8 * 1024,
    };
    let mut bytes = b"GET /2026/01/a-post/?p=1 HTTP/1.1\r\n".to_vec();
    for (name, value) in &browser() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bench.bench_function("head of a browser's request", |b| {
        b.iter(|| examine(black_box(&bytes), limits));
    });
}

fn entry(number: u128, now: SystemTime) -> Entry {
    Entry {
        base: KeyHash(number),
        root: KeyHash(number),
        slot: KeyHash(number),
        host: "blog.example".into(),
        path: "/2026/01/a-post/".into(),
        query: None,
        status: StatusCode::OK,
        headers: answer(),
        body: Bytes::from(vec![b'x'; 1024]),
        times: times(now),
        seq: PurgeSeq(0),
        tags: Box::default(),
        wire: Default::default(),
        searched: Searched::default(),
        superseded: Default::default(),
    }
}

fn memory(bench: &mut Criterion) {
    let now = SystemTime::now();
    let metrics = Metrics::new().unwrap();
    for objects in [1_000_u128, 100_000] {
        let memory = Memory::new(1 << 30, variant_slot, Clock::System, &metrics);
        // Spread as hashes are.
        let key = |number: u128| KeyHash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        for number in 0..objects {
            let mut entry = entry(number, now);
            entry.root = key(number);
            memory.insert(key(number), Slot::Object(entry.into()));
        }
        memory.run_pending();
        let (request, mut next) = (browser(), 0);
        bench.bench_function(&format!("memory hit among {objects}"), |b| {
            b.iter(|| {
                next = (next + 7919) % objects;
                memory.find(key(next), &request)
            });
        });
        bench.bench_function(&format!("memory insert among {objects}"), |b| {
            b.iter_batched(
                || (key(next), Slot::Object(entry(next, now).into())),
                |(key, slot)| memory.insert(key, slot),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(pure, keys, policy, heads, memory);
criterion_main!(pure);
