//! Programs of Debian's packages.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Says that a test is skipped for lack of a program, which `POPGATE_TEST_REQUIRE_ALL=1` does not allow.
pub fn missing(name: &str) {
    let strict = std::env::var_os("POPGATE_TEST_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!strict, "{name} is not installed");
    println!("skipped: {name} is not installed");
}

/// Where a program lies.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a program to its end: what it prints, or what it complains about.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
