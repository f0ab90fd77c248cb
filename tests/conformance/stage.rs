//! Where the rules are carried out: behind one gateway or two, with memory or without.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Conf, Gateway, Redis, Req, eventually};

/// How many gateways there are, and what they store in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// One gateway that stores in memory.
    Memory,
    /// One gateway that stores in Redis alone.
    RedisOnly,
    /// Two gateways with one Redis, asked in turns as a round-robin balancer does.
    TwoNodes,
}

impl Stage {
    pub const ALL: [Self; 3] = [Self::Memory, Self::RedisOnly, Self::TwoNodes];

    /// What stands before the names of its trials.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Memory => "",
            Self::RedisOnly => "redis_only::",
            Self::TwoNodes => "two_nodes::",
        }
    }

    fn nodes(self) -> usize {
        if self == Self::TwoNodes { 2 } else { 1 }
    }

    fn cache(self, redis: Option<&Redis>) -> Value {
        let url = redis.map(|redis| redis.url(if self == Self::TwoNodes { 2 } else { 1 }));
        match self {
            Self::Memory => json!({}),
            Self::RedisOnly => json!({ "memory": "off", "redis": { "url": url, "timeout": "5s" } }),
            Self::TwoNodes => json!({ "redis": { "url": url, "timeout": "5s" }, "purges_max": 1_000_000 }),
        }
    }
}

/// The gateways of a stage.
pub struct Nodes {
    stage: Stage,
    gateways: Vec<Gateway>,
    markers: AtomicUsize,
}

impl Nodes {
    /// `None` when the stage needs a Redis and there is none.
    pub async fn start(stage: Stage, conf: &Conf, redis: Option<&Redis>) -> Option<Self> {
        if stage != Stage::Memory && redis.is_none() {
            return None;
        }
        let mut gateways = Vec::new();
        for node in 0..stage.nodes() {
            let own = json!({ "pop": format!("n{node}"), "cache": stage.cache(redis) });
            let gateway = Gateway::start(conf.clone().with(own)).await;
            gateway.in_step().await;
            gateways.push(gateway);
        }
        Some(Self {
            stage,
            gateways,
            markers: AtomicUsize::new(0),
        })
    }

    /// The gateway that gets the request number `turn` of a rule.
    pub fn gateway(&self, turn: usize) -> &Gateway {
        &self.gateways[turn % self.gateways.len()]
    }

    /// Waits until what the gateway of this turn has stored and purged is known to all. Visitors would see it some milliseconds
    /// later, too.
    pub async fn agree(&self, turn: usize) {
        if self.stage != Stage::TwoNodes {
            return;
        }
        let asked = self.gateway(turn);
        asked
            .metric_becomes("popgate_cache_writes_queued", &[], |now| now == 0.0)
            .await;
        // Purges are applied in their order, and messages of Redis come in theirs: this one is the last.
        let number = self.markers.fetch_add(1, Ordering::Relaxed);
        let purge = json!({ "urls": [format!("http://safe.example/marker/{number}")] });
        let made = asked
            .admin(Req::new("POST", "/purge").body(purge.to_string()))
            .await
            .unwrap();
        let made = made.json();
        let id = made["id"].as_str().unwrap_or_else(|| panic!("{made}"));
        eventually("the purge is applied on both", async || {
            let proof = asked.admin(Req::get(&format!("/purge/{id}"))).await.unwrap();
            proof.json()["complete"] == true
        })
        .await;
    }
}
