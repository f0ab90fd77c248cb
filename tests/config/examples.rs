//! Every example is a good file, and so is the one popgate starts with.

use std::collections::BTreeSet;
use std::path::Path;

use popgate::config::{self, Config};

use crate::files::{certificate, env, mmdb, put, root, yaml_files};

/// Loads a copy of a file beside the files it names.
fn load(file: &Path) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    for name in named(&text) {
        let path = folder.path().join(&name);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => certificate(&path, &path.with_extension("key")),
            Some("key") => {}
            Some("mmdb") => put(&path, mmdb(path.file_stem().unwrap().to_str().unwrap())),
            Some("tokens") => put(&path, "0123456789abcdef\nfedcba9876543210\n"),
            _ => put(&path, "one long line of a secret\n"),
        }
    }
    let copy = folder.path().join("popgate.yaml");
    put(&copy, text);
    config::load(&copy, &env()).unwrap_or_else(|errors| {
        let told: String = errors.iter().map(|error| format!("{error}\n")).collect();
        panic!("{}:\n{told}", file.display())
    })
}

/// Relative paths of files that stand beside an example.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let folders = ["certificates/", "databases/", "secrets/"];
    let words = text
        .split(word)
        .filter(|word| folders.iter().any(|folder| word.starts_with(folder)));
    words.map(str::to_owned).collect()
}

#[test]
fn every_example_is_good_and_warns_of_nothing() {
    let files = yaml_files(&root().join("config/examples"));
    assert!(files.len() >= 12, "{} examples", files.len());
    for file in files {
        let config = load(&file);
        assert_eq!(config.warnings, [], "{}", file.display());
        let said = config::explain(&config);
        for site in &config.sites {
            assert!(said.contains(&format!("\nsite {}", site.name)), "{said}");
        }
    }
}

#[test]
fn every_example_says_what_it_is_for() {
    for file in yaml_files(&root().join("config/examples")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let head = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!(head >= 1, "{}", file.display());
    }
}

#[test]
fn the_shipped_file_runs_for_anybody() {
    let config = config::load(&root().join("config/popgate.yaml"), &env()).unwrap();
    assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.admin.address.map(|address| address.to_string()).as_deref(),
        Some("127.0.0.1:9090")
    );
    assert_eq!(config.sites[0].hosts, [config::HostPattern::Any]);
    assert_eq!(config.sites[0].endpoints, [config::Endpoint::FastUser]);
    assert_eq!(config.sites[0].origin, None);
    assert_eq!(config.warnings, []);
}

#[test]
fn the_next_steps_of_the_shipped_file_are_good_too() {
    let text = std::fs::read_to_string(root().join("config/popgate.yaml")).unwrap();
    let steps = [
        "origins:",
        "  blog:",
        "    servers: [127.0.0.1:18080]",
        "    origin: blog",
        "    preset: wordpress",
    ];
    let lines = text.lines().map(|line| {
        let plain = line.replacen("# ", "", 1);
        if steps.contains(&plain.as_str()) {
            plain
        } else {
            line.to_owned()
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let config = config::parse(text, Path::new("popgate.yaml"), &env()).unwrap();
    assert_eq!(config.sites[0].origin.as_deref(), Some("blog"));
    assert_eq!(config.sites[0].preset, config::Preset::Wordpress);
}
