//! `log`.

use std::path::Path;

use super::super::keys::LOG;
use super::super::model::{AccessLog, Log};
use super::super::reader::Map;

/// Logs.
pub(super) fn log(root: &Map<'_>) -> Log {
    let map = root.map("log", &LOG);
    Log {
        access: access(&map),
        level: map.choice("level").unwrap_or("info").to_owned(),
        json: map.flag("json"),
        queue_max: map.count("queue_max"),
    }
}

fn access(map: &Map<'_>) -> AccessLog {
    let Some(field) = map.field("access") else {
        return AccessLog::Off;
    };
    match field.word() {
        Some("off" | "false") => return AccessLog::Off,
        Some("stdout") => return AccessLog::Stdout,
        Some(word @ ("on" | "true" | "stderr" | "-" | "file")) => {
            let problem = format!("`{word}` is no target of the access log");
            field.error(problem, "write `off`, `stdout` or the path of a file");
            return AccessLog::Off;
        }
        _ => {}
    }
    let Some(path) = field.file_path() else {
        return AccessLog::Off;
    };
    if path.is_dir() || !path.parent().is_none_or(folder_exists) {
        let problem = format!("there can be no file {}", path.display());
        field.error(problem, "name a file in a folder that exists");
    }
    AccessLog::File(path)
}

fn folder_exists(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.is_dir()
}
