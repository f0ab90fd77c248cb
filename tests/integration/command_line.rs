//! The command line: exit codes, and diagnostics that name the place and the mend.

use crate::support::gateway::popgate;
use crate::support::*;

fn check(text: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.yaml");
    std::fs::write(&file, text.replace("@DIR@", folder.path().to_str().unwrap())).unwrap();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|argument| {
            if *argument == "FILE" {
                file.to_str().unwrap()
            } else {
                argument
            }
        })
        .collect();
    let output = popgate(&arguments);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const GOOD: &str = "\
listen:
  - address: 127.0.0.1:8080
origins:
  app: { servers: [\"127.0.0.1:1\"] }
kv: { path: \"@DIR@/kv\" }
sites:
  - hosts: [site.example]
    origin: app
";

#[test]
fn a_good_file_is_0() {
    for arguments in [["check", "-c", "FILE"].as_slice(), &["-t", "-c", "FILE"]] {
        let (code, said) = check(GOOD, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
}

#[test]
fn a_bad_file_is_78_and_names_file_line_key_and_mend() {
    for arguments in [
        ["check", "-c", "FILE"].as_slice(),
        &["-t", "-c", "FILE"],
        &["run", "-c", "FILE"],
    ] {
        let (code, said) = check(&GOOD.replace("origins:", "orgins:"), arguments);
        assert_eq!(code, Some(78), "{arguments:?}: {said}");
        assert!(said.contains("site.yaml:3"), "{said}");
        assert!(said.contains("orgins") && said.contains("origins"), "{said}");
    }
}

#[test]
fn several_errors_are_told_at_once() {
    let text = GOOD
        .replace("127.0.0.1:8080", "nowhere")
        .replace("origin: app", "origin: missing");
    let (code, said) = check(&text, &["check", "-c", "FILE"]);
    assert_eq!(code, Some(78));
    assert!(
        said.contains("site.yaml:2") && said.contains("site.yaml:8"),
        "{said}"
    );
}

#[test]
fn a_missing_file_is_78_and_named() {
    let output = popgate(&["check", "-c", "/nonexistent/site.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/site.yaml"));
}

#[test]
fn a_check_binds_no_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = GOOD.replace("127.0.0.1:8080", &taken.local_addr().unwrap().to_string());
    assert_eq!(check(&text, &["check", "-c", "FILE"]).0, Some(0));
}

#[test]
fn the_environment_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("named.yaml");
    std::fs::write(&file, "nonsense: 1\n").unwrap();
    let output = std::process::Command::new(gateway::POPGATE)
        .arg("check")
        .env("POPGATE_CONFIG", &file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("named.yaml:1"));
}

#[test]
fn help_and_version_are_0_and_a_wrong_command_is_2() {
    assert_eq!(popgate(&["--help"]).status.code(), Some(0));
    let version = popgate(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(popgate(&["nonsense"]).status.code(), Some(2));
}
