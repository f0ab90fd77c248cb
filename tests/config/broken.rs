//! Each file of `broken/` says in its head what must be said about it:
//! `# expect: LINE: KEY: part of the problem | part of the mend`.

use popgate::config::{self, Diagnostic};

use crate::files::{certificate, env, mmdb, put, root, yaml_files};

struct Expected {
    line: usize,
    key: String,
    problem: String,
    mend: String,
}

fn expected(text: &str) -> Vec<Expected> {
    let expectation = |line: &str| {
        let (line, rest) = line.strip_prefix("# expect: ")?.split_once(": ")?;
        let (rest, mend) = rest.rsplit_once(" | ")?;
        let (key, problem) = rest
            .strip_prefix(": ")
            .map(|problem| ("", problem))
            .or(rest.split_once(": "))?;
        Some(Expected {
            line: line.parse().ok()?,
            key: key.into(),
            problem: problem.into(),
            mend: mend.into(),
        })
    };
    text.lines().filter_map(expectation).collect()
}

fn is_told(expected: &Expected, told: &Diagnostic) -> bool {
    told.line == expected.line
        && told.key == expected.key
        && told.problem.contains(&expected.problem)
        && told.mend.contains(&expected.mend)
}

#[test]
fn every_broken_file_is_told_line_key_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    certificate(&at("good.crt"), &at("good.key"));
    certificate(&at("other.crt"), &at("other.key"));
    put(&at("notes.txt"), "not a certificate\n");
    put(&at("good.mmdb"), mmdb("city"));
    put(&at("asn.mmdb"), mmdb("asn"));
    put(&at("empty.txt"), "\n");
    put(&at("tokens.txt"), "0123456789abcdef\n");
    put(&at("short.txt"), "secret\n");
    put(
        &at("damaged.crt"),
        "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
    );
    let files = yaml_files(&root().join("tests/config/broken"));
    assert!(files.len() >= 30, "{} broken files", files.len());

    let mut failures = String::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let expected = expected(&String::from_utf8_lossy(&bytes));
        let copy = at(file.file_name().unwrap().to_str().unwrap());
        put(&copy, &bytes);
        let told = config::load(&copy, &env()).err().unwrap_or_default();
        let all = !expected.is_empty()
            && told.len() == expected.len()
            && expected
                .iter()
                .all(|expected| told.iter().any(|told| is_told(expected, told)));
        if !all {
            failures.push_str(&format!("{}:\n", file.display()));
            told.iter()
                .for_each(|told| failures.push_str(&format!("  {told}\n")));
        }
    }
    assert!(failures.is_empty(), "told otherwise than expected:\n{failures}");
}

#[test]
fn no_secret_of_a_broken_file_is_repeated() {
    for file in yaml_files(&root().join("tests/config/broken")) {
        for told in config::load(&file, &env()).err().unwrap_or_default() {
            let told = told.to_string();
            assert!(!told.contains("ret@") && !told.contains(":pw"), "{told}");
        }
    }
}
