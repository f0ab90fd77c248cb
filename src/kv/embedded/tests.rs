use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use super::*;
use crate::kv::LIST_MAX;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn item(value: &str, expires_at: Option<SystemTime>) -> Item {
    Item {
        value: value.to_owned().into(),
        metadata: None,
        expires_at,
    }
}

fn put(name: &str, value: &str, expires_at: Option<SystemTime>) -> Write {
    Write::Put {
        key: key(name),
        item: item(value, expires_at),
        only_if_absent: false,
    }
}

fn day_one() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(1_000_000))
}

fn in_seconds(clock: &Clock, seconds: u64) -> Option<SystemTime> {
    clock.now().checked_add(Duration::from_secs(seconds))
}

#[tokio::test]
async fn items_survive_a_restart_with_metadata_and_expiry() {
    let folder = tempfile::tempdir().unwrap();
    let clock = day_one();
    let whole = Item {
        value: "value".into(),
        metadata: Some("meta".into()),
        expires_at: in_seconds(&clock, 60),
    };
    let store = EmbeddedStore::open(folder.path(), clock.clone()).unwrap();
    let write = Write::Put {
        key: key("k"),
        item: whole.clone(),
        only_if_absent: false,
    };
    assert_eq!(store.write(vec![write]).await, [Ok(true)]);
    drop(store);
    let store = EmbeddedStore::open(folder.path(), clock).unwrap();
    assert_eq!(store.get(&key("k")).await, Ok(Some(whole)));
}

#[tokio::test]
async fn an_expired_item_is_invisible_at_once_and_swept_later() {
    let folder = tempfile::tempdir().unwrap();
    let clock = day_one();
    let store = EmbeddedStore::open(folder.path(), clock.clone()).unwrap();
    store
        .write(vec![
            put("short", "1", in_seconds(&clock, 10)),
            put("long", "2", in_seconds(&clock, 100)),
        ])
        .await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(store.get(&key("short")).await, Ok(None));
    assert_eq!(store.list("", None, 10).await.unwrap().keys, [key("long")]);
    assert_eq!(store.database.sweep(clock.now(), 10).unwrap(), 1);
    assert_eq!(store.database.sweep(clock.now(), 10).unwrap(), 0);
    assert!(store.get(&key("long")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_sweep_removes_at_most_its_batch_and_never_a_renewed_item() {
    let folder = tempfile::tempdir().unwrap();
    let clock = day_one();
    let database = Database::open(folder.path()).unwrap();
    let soon = in_seconds(&clock, 1);
    let writes: Vec<Write> = (0..25).map(|n| put(&format!("k{n}"), "v", soon)).collect();
    database.write(&writes, clock.now()).unwrap();
    database
        .write(&[put("k7", "renewed", in_seconds(&clock, 100))], clock.now())
        .unwrap();
    clock.advance(Duration::from_secs(2));
    let swept: Vec<usize> = (0..4).map(|_| database.sweep(clock.now(), 10).unwrap()).collect();
    assert_eq!(swept, [10, 10, 4, 0]);
    assert!(database.get(&key("k7"), clock.now()).unwrap().is_some());
}

#[tokio::test]
async fn a_put_only_if_absent_leaves_a_live_item_and_replaces_an_expired_one() {
    let folder = tempfile::tempdir().unwrap();
    let clock = day_one();
    let store = EmbeddedStore::open(folder.path(), clock.clone()).unwrap();
    let absent = |value: &str| Write::Put {
        key: key("k"),
        item: item(value, None),
        only_if_absent: true,
    };
    store.write(vec![put("k", "first", in_seconds(&clock, 10))]).await;
    assert_eq!(store.write(vec![absent("second")]).await, [Ok(false)]);
    clock.advance(Duration::from_secs(10));
    assert_eq!(store.write(vec![absent("third")]).await, [Ok(true)]);
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap().value, "third");
    assert_eq!(
        store.database.sweep(clock.now(), 10).unwrap(),
        0,
        "the old expiry is no longer indexed"
    );
}

#[tokio::test]
async fn writes_of_one_batch_take_effect_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), Clock::System).unwrap();
    let delete = || Write::Delete { key: key("k") };
    let written = store
        .write(vec![
            delete(),
            put("k", "1", None),
            put("k", "2", None),
            delete(),
            delete(),
        ])
        .await;
    assert_eq!(written, [Ok(false), Ok(true), Ok(true), Ok(true), Ok(false)]);
    assert_eq!(store.get(&key("k")).await, Ok(None));
}

#[tokio::test]
async fn a_list_goes_through_a_prefix_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), Clock::System).unwrap();
    let names: Vec<String> = (0..25).map(|n| format!("user_{n:02}")).collect();
    let mut writes: Vec<Write> = names.iter().map(|name| put(name, "v", None)).collect();
    writes.extend([
        put("user", "v", None),
        put("user`", "v", None),
        put("uset", "v", None),
    ]);
    store.write(writes).await;
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list("user_", cursor.as_ref(), 10).await.unwrap();
        assert!(page.keys.len() <= 10);
        found.extend(page.keys.iter().map(|key| key.as_str().to_owned()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, names);
    assert_eq!(store.list("none", None, LIST_MAX).await.unwrap(), Page::default());
}

#[tokio::test]
async fn a_database_in_use_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let _store = EmbeddedStore::open(folder.path(), Clock::System).unwrap();
    let error = EmbeddedStore::open(folder.path(), Clock::System).err().unwrap();
    assert!(matches!(error, EmbeddedError::Locked { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("kv.redb") && text.contains("another process") && text.contains("kv.path"),
        "{text}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_named_with_the_mend() {
    for garbage in [
        &b"not a database"[..],
        &[0x5a; 100_000],
        b"redb\x1a\x0a\xa9\x0d\x0a cut short",
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kv.redb"), garbage).unwrap();
        let error = EmbeddedStore::open(folder.path(), Clock::System).err().unwrap();
        assert!(matches!(error, EmbeddedError::Corrupt { .. }), "{error}");
        assert!(
            error.to_string().contains("move it away to start empty"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = EmbeddedStore::open(&file.join("kv"), Clock::System)
        .err()
        .unwrap();
    assert!(matches!(error, EmbeddedError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("file/kv"), "{error}");
}

#[tokio::test]
async fn a_database_path_that_is_no_file_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("kv.redb")).unwrap();
    let error = EmbeddedStore::open(folder.path(), Clock::System).err().unwrap();
    assert!(matches!(error, EmbeddedError::Unusable { .. }), "{error}");
    assert!(
        error.to_string().contains("writable by popgate's user"),
        "{error}"
    );
}

/// Names the folder of the child process of the test below.
const CHILD_FOLDER: &str = "POPGATE_TEST_KV_FOLDER";

/// Not a test of its own: the process that the next test kills. Says each number once it is stored.
#[tokio::test]
#[ignore = "the child process of kill_9_loses_nothing_that_was_acknowledged"]
async fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
        return;
    };
    let store = EmbeddedStore::open(Path::new(&folder), Clock::System).unwrap();
    for number in 0_u64.. {
        let writes = (0..10)
            .map(|part| put(&format!("{number}/{part}"), &"x".repeat(2000), None))
            .collect();
        assert!(store.write(writes).await.iter().all(Result::is_ok));
        let mut out = std::io::stdout();
        writeln!(out, "stored {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    for killed_after in [1, 60] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("kv::embedded::tests::child_that_writes_until_it_is_killed")
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("stored ")
                .and_then(|(_, number)| number.parse::<u64>().ok())
        });
        let last = stored.by_ref().nth(killed_after).unwrap();
        child.kill().unwrap();
        // Lines that were in the pipe when it died were acknowledged, too.
        let last = stored.last().unwrap_or(last);
        child.wait().unwrap();
        let store = EmbeddedStore::open(folder.path(), Clock::System).unwrap();
        for number in 0..=last {
            for part in 0..10 {
                let item = store.get(&key(&format!("{number}/{part}"))).await.unwrap();
                assert_eq!(
                    item.map(|item| item.value.len()),
                    Some(2000),
                    "{number}/{part} of {last}"
                );
            }
        }
    }
}

/// Not a test of its own: the process of the next test, which cannot grow files over 1 MiB until it lifts
/// that limit itself. Says how it went.
#[tokio::test]
#[ignore = "the child process of writes_resume_when_a_full_disk_has_room_again"]
async fn child_on_a_full_disk() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
        return;
    };
    let store = EmbeddedStore::open(Path::new(&folder), Clock::System).unwrap();
    let big = "x".repeat(100_000);
    let mut stored = 0;
    while store.write(vec![put(&format!("{stored}"), &big, None)]).await[0].is_ok() {
        stored += 1;
        assert!(stored < 1000, "the limit did not work");
    }
    assert!(stored > 0);
    println!("full after {stored}");
    let pid = std::process::id().to_string();
    let lifted = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(lifted.success());
    while store.write(vec![put("after", &big, None)]).await[0].is_err() {}
    for number in 0..stored {
        assert!(
            store.get(&key(&format!("{number}"))).await.unwrap().is_some(),
            "{number}"
        );
    }
    println!("resumed");
}

#[tokio::test]
async fn writes_resume_when_a_full_disk_has_room_again() {
    let folder = tempfile::tempdir().unwrap();
    // An ignored SIGXFSZ is inherited: a write over the limit fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -S -f 2048; exec \"$0\" --ignored --exact --nocapture \
                  kv::embedded::tests::child_on_a_full_disk";
    let output = Command::new("sh")
        .args([
            "-c",
            script,
            &std::env::current_exe().unwrap().display().to_string(),
        ])
        .env(CHILD_FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("full after") && text.contains("resumed"), "{text}");
}
