//! popgate: the open edge gateway. This page is the map of the house.
//!
//! A request's way: `server` accepts it and hands the connection to `proxy` (Pingora's hooks), which
//! finds the `site`, asks who the `visitor` is and where (`geo`), runs the filters, answers from an
//! `endpoint` or looks it up in `cache`, and else fetches it from an `origin`. What was decided goes to
//! `telemetry`; `admin` shows it and takes purges. `app` is where all parts meet.
//!
//! | room | what it does |
//! |---|---|
//! | [`config`] | YAML in, validated types or diagnostics out |
//! | [`app`] | composition root: builds the parts from a [`config::Config`], reloads, stops |
//! | [`server`] | listeners, TLS, PROXY protocol, drain, systemd |
//! | [`proxy`] | Pingora's hooks; with `server` and `cache::storage` the only users of Pingora |
//! | [`serve`] | what serving a request takes whoever does it: keys, request ids, who asks |
//! | [`site`] | Host and path to a site |
//! | [`visitor`] | whose request it is, behind trusted proxies |
//! | [`geo`] | where an address is |
//! | [`preset`] | rules of the application behind a site (WordPress) |
//! | [`cache`] | keys, RFC 9111 policy, tiers, purges |
//! | [`refresh`] | which purged URLs are fetched again before visitors ask, and how fast |
//! | [`sentinel`] | does a shared copy show what only one person should see? |
//! | [`purging`] | purge protocols that plugins and programs speak |
//! | [`origin`] | servers, balancing, health, connection caps |
//! | [`databases`] | warm, shared database connections: starts, reloads and shows what `popgate_hyperdrive` does |
//! | [`kv`] | key-value store behind endpoints |
//! | [`endpoint`] | natively served answers |
//! | [`redis_link`] | one Redis client for `cache` and `kv`: timeout, breaker, topology |
//! | [`admin`] | metrics, health and purge over HTTP |
//! | [`explain`] | why a request gets what it gets, for `popgate why` |
//! | [`advise`] | what lowers the hit ratio, for `popgate advise` |
//! | [`telemetry`] | metrics, access log, traces |
//! | [`cli`] | the command line |
//! | [`demo_origin`] | the pages behind `popgate demo` |
//! | [`clock`] | time as a value |

pub mod admin;
pub mod advise;
pub mod app;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod databases;
pub mod demo_origin;
pub mod endpoint;
pub mod explain;
pub mod geo;
pub mod kv;
pub mod origin;
pub mod preset;
pub mod proxy;
pub mod purging;
pub mod redis_link;
pub mod refresh;
pub mod sentinel;
pub mod serve;
pub mod server;
pub mod site;
pub mod telemetry;
pub mod visitor;
