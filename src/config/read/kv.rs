//! `kv`.

use super::super::keys::{KV, KV_REDIS};
use super::super::model::{Kv, KvStore};
use super::super::reader::Map;
use super::redis;

/// The key-value store.
pub(super) fn kv(root: &Map<'_>) -> Kv {
    let map = root.map("kv", &KV);
    Kv {
        store: store(&map),
        memory: map.size("memory"),
        value_max: map.size("value_max"),
        memory_ttl: map.duration("memory_ttl"),
        negative_ttl: map.duration("negative_ttl"),
        timeout: map.duration("timeout"),
        queue_max: map.count("queue_max"),
    }
}

fn store(map: &Map<'_>) -> KvStore {
    let path = map.path("path");
    let redis = map
        .field("redis")
        .map(|field| (redis::target(&field, map, "redis", &KV_REDIS).0, field));
    let persist = map.flag("persist");
    if let (Some(_), Some((_, field))) = (&path, &redis) {
        field.error(
            "values live either in `path` or in `redis`",
            "remove one of the two",
        );
    }
    if !persist {
        if (path.is_some() || redis.is_some())
            && let Some(field) = map.field("persist")
        {
            field.error(
                "`persist: false` keeps values in memory only",
                "remove it, or `path` and `redis`",
            );
        }
        return KvStore::Memory;
    }
    if let Some((path, field)) = &path
        && path
            .ancestors()
            .find(|part| part.exists())
            .is_some_and(|part| !part.is_dir())
    {
        let problem = format!("there can be no folder {}", path.display());
        field.error(problem, "name a folder, or a path where one can be made");
    }
    match (path, redis) {
        (_, Some((Some(target), _))) => KvStore::Redis(target),
        (Some((path, _)), _) => KvStore::Embedded(path),
        _ => KvStore::Embedded(map.reader().env().kv_path()),
    }
}
