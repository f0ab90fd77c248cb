//! What the surroundings say: passed in, so that tests choose it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The surroundings a configuration is read in.
#[derive(Clone, Default)]
pub struct Env {
    /// Environment variables: `POPGATE_CONFIG`, `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` are looked at,
    /// and those that a configuration names for its passwords.
    pub variables: BTreeMap<String, String>,
    /// The process runs as root.
    pub root: bool,
    /// The host name, as the system tells it.
    pub host_name: String,
    /// Another process will serve, in an environment of its own: a password that is not in this one is worth a
    /// warning only.
    pub elsewhere: bool,
    /// Where a configuration is looked for when nothing names one, in order.
    pub search: Vec<PathBuf>,
}

impl fmt::Debug for Env {
    /// Names of variables without their values, which may be passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("variables", &self.variables.keys())
            .field("root", &self.root)
            .field("host_name", &self.host_name)
            .field("elsewhere", &self.elsewhere)
            .field("search", &self.search)
            .finish()
    }
}

impl Env {
    /// The surroundings of this process.
    pub fn from_process() -> Self {
        Env {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            root: runs_as_root(),
            host_name: std::fs::read_to_string("/proc/sys/kernel/hostname")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            elsewhere: false,
            search: vec![
                PathBuf::from("/etc/popgate/popgate.yaml"),
                PathBuf::from("config/popgate.yaml"),
            ],
        }
    }

    /// The surroundings of this process, which asks or checks for one that serves.
    pub fn for_another_process() -> Self {
        Env {
            elsewhere: true,
            ..Self::from_process()
        }
    }

    /// A variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Default folder of the embedded key-value store.
    pub fn kv_path(&self) -> PathBuf {
        // systemd lists several directories with colons between them.
        if let Some(state) = self
            .variable("STATE_DIRECTORY")
            .and_then(|all| all.split(':').next())
        {
            return PathBuf::from(state).join("kv");
        }
        if self.root {
            return PathBuf::from("/var/lib/popgate/kv");
        }
        let state = self
            .variable("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || {
            self.variable("HOME")
                .map(|home| PathBuf::from(home).join(".local/state"))
        };
        state
            .or_else(home)
            .unwrap_or_else(|| PathBuf::from("/var/lib"))
            .join("popgate/kv")
    }

    /// Default name of the point of presence: the host name, made fit for a header.
    pub fn pop(&self) -> String {
        let fit = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '-'
            }
        };
        let name: String = self.host_name.chars().map(fit).take(32).collect();
        let name = name.trim_matches('-');
        if name.is_empty() {
            "popgate".to_owned()
        } else {
            name.to_owned()
        }
    }
}

#[cfg(target_os = "linux")]
fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of /proc/self is the effective user.
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn runs_as_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)], root: bool) -> Env {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Env {
            variables: variables.collect(),
            root,
            ..Env::default()
        }
    }

    #[test]
    fn the_store_goes_to_the_state_directory_then_root_then_the_user() {
        let path = |variables: &[(&str, &str)], root| env(variables, root).kv_path();
        let all = [
            ("STATE_DIRECTORY", "/s:/t"),
            ("XDG_STATE_HOME", "/x"),
            ("HOME", "/home/a"),
        ];
        assert_eq!(path(&all, true), PathBuf::from("/s/kv"));
        assert_eq!(path(&all[1..], true), PathBuf::from("/var/lib/popgate/kv"));
        assert_eq!(path(&all[1..], false), PathBuf::from("/x/popgate/kv"));
        assert_eq!(
            path(&all[2..], false),
            PathBuf::from("/home/a/.local/state/popgate/kv")
        );
        assert_eq!(path(&[], false), PathBuf::from("/var/lib/popgate/kv"));
    }

    #[test]
    fn the_pop_is_a_fit_host_name() {
        let pop = |host: &str| {
            Env {
                host_name: host.into(),
                ..Env::default()
            }
            .pop()
        };
        assert_eq!(pop("edge-1.sin.example"), "edge-1-sin-example");
        assert_eq!(pop("ünü"), "n");
        assert_eq!(pop(""), "popgate");
        assert_eq!(pop(&"a".repeat(60)).len(), 32);
    }
}
