//! `cache`.

use std::path::PathBuf;

use super::super::keys::{CACHE, CACHE_REDIS};
use super::super::model::{Cache, Kv, KvStore, RedisCache, RedisTarget};
use super::super::reader::{Field, Map};
use super::super::value::{Wrong, bytes_text, quoted};
use super::redis;

/// The tiered cache.
pub(super) fn cache(root: &Map<'_>, kv: &Kv) -> Cache {
    let map = root.map("cache", &CACHE);
    let cache = Cache {
        memory: memory(&map),
        redis: map.field("redis").and_then(|field| redis_tier(&map, &field)),
        object_max: map.size("object_max"),
        lock_wait: map.duration("lock_wait"),
        lock_age: map.duration("lock_age"),
        lock_retries: map.count("lock_retries"),
        uncacheable_memory: map.duration("uncacheable_memory"),
        purges_max: map.count("purges_max"),
        purge_log: purge_log(&map, kv),
    };
    if cache.memory == 0 {
        if cache.redis.is_none()
            && map.field("redis").is_none()
            && let Some(field) = map.field("memory")
        {
            field.error(
                "nothing would be stored anywhere",
                "give `redis`, or a size for `memory`; to store nothing for a site write `cache: off` there",
            );
        }
    } else if cache.object_max > cache.memory
        && let Some(field) = map.field("object_max").or_else(|| map.field("memory"))
    {
        field.warn(
            format!(
                "objects up to {} do not fit into {}",
                bytes_text(cache.object_max),
                bytes_text(cache.memory)
            ),
            "give `memory` several times `object_max`",
        );
    }
    cache
}

/// Zero for none.
fn memory(map: &Map<'_>) -> u64 {
    match map.field("memory") {
        Some(field) if field.is_off() => 0,
        _ => map.size("memory"),
    }
}

/// Beside the embedded store, whose folder is kept and is one process' own.
fn purge_log(map: &Map<'_>, kv: &Kv) -> Option<PathBuf> {
    match map.field("purge_log") {
        Some(field) if field.is_off() => None,
        Some(field) => field.file_path(),
        None => match &kv.store {
            KvStore::Embedded(path) => Some(path.with_file_name("purges")),
            KvStore::Redis(_) | KvStore::Memory => None,
        },
    }
}

fn redis_tier(cache: &Map<'_>, field: &Field<'_>) -> Option<RedisCache> {
    let (target, map) = redis::target(field, cache, "redis", &CACHE_REDIS);
    settings(target, &map)
}

fn settings(target: Option<RedisTarget>, map: &Map<'_>) -> Option<RedisCache> {
    let (timeout, queue_max) = (map.duration("timeout"), map.count("queue_max"));
    let (queue_bytes, object_max) = (map.size("queue_bytes"), map.size("object_max"));
    let (ttl_max, prefix) = (map.duration("ttl_max"), map.parsed("prefix", prefix));
    let blind_max = map.duration("blind_max");
    Some(RedisCache {
        target: target?,
        timeout,
        queue_max,
        queue_bytes,
        object_max,
        ttl_max,
        prefix: prefix.unwrap_or_default(),
        blind_max,
    })
}

/// A prefix is part of keys and of the pattern that purges scan for.
fn prefix(text: &str) -> Result<String, Wrong> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.' | b'/');
    if text.len() <= 64 && text.bytes().all(fit) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{} is no good key prefix", quoted(text)),
        "write at most 64 ASCII letters, digits and `:`, `-`, `_`, `.`, `/`",
    ))
}
