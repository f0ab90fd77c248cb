//! Gateways with one site a profile, and the origin behind all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::rule::{DATED, NO_DATE, OWN_PATH, Profile, Script};
use crate::stage::{Nodes, Stage};
use crate::support::origin::{Reply, Seen};
use crate::support::{Answer, Certs, Conf, Gateway, Http2, Origin, Redis};

/// What the origin does for a rule, and what it was asked.
#[derive(Default)]
struct Case {
    script: Option<Script>,
    body: String,
    seen: Vec<Seen>,
}

type Cases = Arc<Mutex<HashMap<String, Case>>>;

/// Gateway and origin.
pub struct World {
    // Dropped in this order: the gateways first.
    stages: Vec<(Stage, Option<Nodes>)>,
    _redis: Option<Redis>,
    _origin: Origin,
    certs: Certs,
    cases: Cases,
    next: AtomicUsize,
    pub runtime: Runtime,
}

impl World {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let cases = Cases::default();
        let shared = Arc::clone(&cases);
        let certs = Certs::new();
        let (origin, redis, stages) = runtime.block_on(async {
            let origin = Origin::start(move |seen| react(&shared, seen)).await;
            let redis = Redis::start().await;
            let mut stages = Vec::new();
            for stage in Stage::ALL {
                let nodes = Nodes::start(stage, &conf(&origin, &certs), redis.as_ref()).await;
                stages.push((stage, nodes));
            }
            (origin, redis, stages)
        });
        Self {
            stages,
            _redis: redis,
            _origin: origin,
            certs,
            cases,
            next: AtomicUsize::new(0),
            runtime,
        }
    }

    /// The gateways of a stage; `None` when it cannot be set up here.
    pub fn nodes(&self, stage: Stage) -> Option<&Nodes> {
        self.stages
            .iter()
            .find(|(of, _)| *of == stage)
            .and_then(|(_, nodes)| nodes.as_ref())
    }

    /// A connection that has agreed on HTTP/2 over TLS.
    pub async fn tls_client(&self, gateway: &Gateway) -> Http2 {
        let port = gateway.listener(2).port();
        Http2::over(self.certs.connect(port, NAME, &["h2"]).await.unwrap()).await
    }

    /// A path that nobody else uses.
    pub fn path(&self) -> String {
        let path = format!("/r{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.cases.lock().unwrap().insert(path.clone(), Case::default());
        path
    }

    /// What the origin does from now on below a path; forgets what it was asked.
    pub fn script(&self, path: &str, script: Script, body: String) {
        let mut cases = self.cases.lock().unwrap();
        let case = cases.get_mut(path).unwrap();
        *case = Case {
            script: Some(script),
            body,
            seen: Vec::new(),
        };
    }

    /// What the origin was asked below a path.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.cases.lock().unwrap()[path].seen.clone()
    }
}

/// The name on the certificate.
const NAME: &str = "conformance.example";

/// The host of a profile's site.
pub fn host(profile: Profile) -> String {
    format!("{}.example", profile.name().replace('_', "-"))
}

fn conf(origin: &Origin, certs: &Certs) -> Conf {
    let (certificate, key) = certs.issue(NAME);
    let sites: Vec<Value> = Profile::ALL
        .iter()
        .map(|&profile| {
            let cache = match profile {
                Profile::Safe => json!({}),
                Profile::StoreSetCookie => json!({ "insecure_store_set_cookie": true }),
                Profile::Heuristic => json!({ "heuristic": true }),
                Profile::Deaf => json!({ "request_directives": "ignore" }),
            };
            json!({ "hosts": [host(profile)], "origin": "app", "preset": "standard", "cache": cache })
        })
        .collect();
    Conf::base().with(json!({
        "listen": [
            { "address": "127.0.0.1:@PORT0@" },
            { "address": "127.0.0.1:@PORT1@", "h2c": true },
            {
                "address": "127.0.0.1:@PORT2@",
                "tls": { "certificates": [{ "certificate": certificate, "key": key }] },
            },
        ],
        // Failures are part of the script, and the server is the same for all rules.
        "origins": { "app": {
            "servers": [origin.to_string()],
            "eject": { "failures": 0 },
            "connections_max": 256,
        } },
        "sites": sites,
    }))
}

fn react(cases: &Cases, seen: &Seen) -> Reply {
    let end = seen.target[1..]
        .find(['/', '?'])
        .map_or(seen.target.len(), |at| at + 1);
    let mut cases = cases.lock().unwrap();
    let path = &seen.target[..end];
    let Some(case) = cases.get_mut(path) else {
        return Reply::Close;
    };
    case.seen.push(seen.clone());
    match &case.script {
        None | Some(Script::Down) => Reply::Close,
        Some(Script::Answer(answer)) => written((**answer).clone(), path, &case.body).into(),
        Some(Script::NotModified(fields)) => {
            let conditional =
                seen.header("if-none-match").is_some() || seen.header("if-modified-since").is_some();
            let mut answer = Answer::new(if conditional { 304 } else { 200 }, Vec::new());
            answer.headers.clone_from(fields);
            written(answer, path, &case.body).into()
        }
    }
}

/// An answer as it is sent: with its body, its dates, and a `Date`.
fn written(mut answer: Answer, path: &str, body: &str) -> Answer {
    use crate::support::Body;
    if answer.status != 204
        && answer.status != 304
        && matches!(&answer.body, Body::Sized(sized) if sized.is_empty())
    {
        answer.body = Body::Sized(body.into());
    }
    for (_, value) in &mut answer.headers {
        *value = filled_in(value).replace(OWN_PATH, path);
    }
    if !answer
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("date"))
    {
        answer = answer.header("Date", &http_date(0));
    }
    answer
        .headers
        .retain(|(name, value)| !(name.eq_ignore_ascii_case("date") && value == NO_DATE));
    answer
}

/// A value with its date, if [`crate::rule::date`] made it.
pub fn filled_in(value: &str) -> String {
    match value.strip_prefix(DATED) {
        Some(from_now) => http_date(from_now.parse().unwrap()),
        None => value.to_owned(),
    }
}

/// RFC 9110 5.6.7, this many seconds from now.
fn http_date(from_now: i64) -> String {
    let offset = Duration::from_secs(from_now.unsigned_abs());
    let now = SystemTime::now();
    httpdate::fmt_http_date(if from_now < 0 { now - offset } else { now + offset })
}
