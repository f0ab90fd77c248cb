//! Which file, and from file to configuration.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::env::Env;
use super::model::Config;
use super::read;
use super::reader::{Field, Findings, Reader};
use super::yaml::{self, FILE_BYTES_MAX};

/// The file to read: the one named on the command line, else `POPGATE_CONFIG`, else the first of
/// [`Env::search`] that exists.
///
/// # Errors
/// When nothing names a file and none of the usual places has one.
pub fn find(cli: Option<&Path>, env: &Env) -> Result<PathBuf, Diagnostic> {
    if let Some(path) = cli {
        return Ok(path.to_owned());
    }
    if let Some(path) = env.variable("POPGATE_CONFIG") {
        return Ok(PathBuf::from(path));
    }
    if let Some(path) = env.search.iter().find(|path| path.exists()) {
        return Ok(path.clone());
    }
    let places: Vec<_> = env.search.iter().map(|path| path.display().to_string()).collect();
    Err(whole_file(
        env.search
            .first()
            .map(PathBuf::as_path)
            .unwrap_or(Path::new("popgate.yaml")),
        format!(
            "there is no configuration file; looked for {}",
            places.join(", then ")
        ),
        "name one with -c FILE or in POPGATE_CONFIG",
    ))
}

/// Reads and checks a file.
///
/// # Errors
/// Everything that is wrong with it, in file order.
pub fn load(path: &Path, env: &Env) -> Result<Config, Vec<Diagnostic>> {
    let bytes = bytes_of(path).map_err(|diagnostic| vec![diagnostic])?;
    parse(&bytes, path, env)
}

/// Checks the text of a file that is (or would be) at `path`.
///
/// # Errors
/// Everything that is wrong with it, in file order.
pub fn parse(text: impl AsRef<[u8]>, path: &Path, env: &Env) -> Result<Config, Vec<Diagnostic>> {
    let (config, findings) = examine(text.as_ref(), path, env);
    match config {
        Some(config) if findings.errors.is_empty() => Ok(Config {
            warnings: findings.warnings,
            ..config
        }),
        _ => Err(findings.errors),
    }
}

/// What a text means and all that was noted on the way.
pub(super) fn examine(text: &[u8], path: &Path, env: &Env) -> (Option<Config>, Findings) {
    let reader = Reader::new(path, env);
    let (tree, faults) = yaml::parse(text);
    for fault in faults {
        reader.error(fault.at, &fault.key, fault.problem, fault.mend);
    }
    let config = tree.map(|tree| read::config(&Field::top(&reader, &tree), path));
    (config, reader.finish())
}

/// The file's bytes, at most one more than are allowed.
fn bytes_of(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let problem =
        |error: std::io::Error| whole_file(path, format!("cannot read the file: {error}"), mend(&error));
    let file = File::open(path).map_err(problem)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(problem)?;
    Ok(bytes)
}

fn mend(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "check the path, or name another file with -c FILE",
        std::io::ErrorKind::PermissionDenied => "let the user that runs popgate read it",
        std::io::ErrorKind::IsADirectory => "name the file in it",
        _ => "check the file",
    }
}

fn whole_file(path: &Path, problem: String, mend: &str) -> Diagnostic {
    Diagnostic {
        file: path.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        problem,
        mend: mend.to_owned(),
    }
}
