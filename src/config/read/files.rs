//! Files a configuration names: they must be there before a port is bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::super::reader::Field;

/// Largest certificate, key, token or password file.
const SMALL_FILE_MAX: u64 = 1024 * 1024;

/// The bytes of a small regular file; `None` after a complaint.
pub(super) fn read_small(path: &Path, field: &Field<'_>) -> Option<Vec<u8>> {
    match open(path).and_then(|file| bounded(file, SMALL_FILE_MAX)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            complain(path, field, &error);
            None
        }
    }
}

/// Whether `path` is a regular file that can be opened; complains otherwise.
pub(super) fn check_readable(path: &Path, field: &Field<'_>) -> bool {
    let opened = open(path);
    if let Err(error) = &opened {
        complain(path, field, error);
    }
    opened.is_ok()
}

/// One line of text: a token or password, without the line break at its end.
pub(super) fn secret(path: &Path, field: &Field<'_>) -> Option<String> {
    let bytes = read_small(path, field)?;
    let text = String::from_utf8(bytes)
        .ok()
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    let good =
        text.filter(|text| !text.is_empty() && text.len() <= 4096 && !text.contains(['\n', '\r', '\0']));
    if good.is_none() {
        let mend = "write it on one line, at most 4096 bytes of UTF-8";
        field.error(format!("{} does not hold one line of text", path.display()), mend);
    }
    good
}

/// Opens a regular file only: a pipe or device would hang the reading or never end.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

fn bounded(file: File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(bytes)
}

fn complain(path: &Path, field: &Field<'_>, error: &io::Error) {
    let mend = match error.kind() {
        io::ErrorKind::NotFound => "check the path; a relative one starts at the configuration file's folder",
        io::ErrorKind::PermissionDenied => "let the user that runs popgate read it",
        _ => "name a regular file of a sensible size",
    };
    field.error(format!("cannot read {}: {error}", path.display()), mend);
}
