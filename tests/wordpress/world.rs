//! The WordPress that all tests share, and a gateway in front of it for each.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::support::{Conf, Gateway, free_port, json};

/// Host of the site, plain HTTP.
pub const HOST: &str = "wp.example";

/// Host of the same site where WordPress insists on https.
pub const SECURE_HOST: &str = "secure.example";

static WORDPRESS: OnceCell<Option<WordPress>> = OnceCell::const_new();
static IN_USE: RwLock<()> = RwLock::const_new(());

/// A WordPress in a folder of its own.
pub struct WordPress {
    state: PathBuf,
    port: u16,
    /// Waits for the end of this process and takes WordPress down then, however it ends.
    _undertaker: Child,
}

impl WordPress {
    fn bring_up() -> Option<Self> {
        let state = std::env::temp_dir().join(format!("popgate-test-wordpress-{}", std::process::id()));
        let undertaker = Command::new("sh")
            .args(["-c", "cat >/dev/null; exec \"$0\" --wipe"])
            .arg(script("down"))
            .env("WP_STATE", &state)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wordpress = Self {
            state,
            port: free_port(),
            _undertaker: undertaker,
        };
        match wordpress.up() {
            Ok(()) => Some(wordpress),
            Err(said) => {
                let strict = std::env::var_os("POPGATE_TEST_REQUIRE_ALL").is_some_and(|value| value == "1");
                assert!(said.contains("missing:") && !strict, "{said}");
                println!("skipped: {said}");
                None
            }
        }
    }

    /// Starts what is down; the script's words when it cannot.
    pub fn up(&self) -> Result<(), String> {
        let output = Command::new(script("up"))
            .env("WP_STATE", &self.state)
            .env("WP_PORT", self.port.to_string())
            .env("WP_URL", format!("http://{HOST} https://{SECURE_HOST}"))
            .env("WP_POSTS", "30")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Runs PHP code inside it and returns what it prints.
    pub fn php(&self, code: &str) -> String {
        let output = Command::new(self.state.join("run/wp"))
            .arg(code)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Ends PHP-FPM; nginx stays.
    pub fn kill_php(&self) {
        let pid = std::fs::read_to_string(self.state.join("run/fpm.pid")).unwrap();
        crate::support::signal(pid.trim().parse().unwrap(), "TERM");
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts/wordpress")
        .join(name)
}

async fn shared() -> Option<&'static WordPress> {
    WORDPRESS
        .get_or_init(|| async { tokio::task::spawn_blocking(WordPress::bring_up).await.unwrap() })
        .await
        .as_ref()
}

/// A gateway in front of the shared WordPress.
pub struct Site {
    pub gateway: Gateway,
    pub wordpress: &'static WordPress,
    _in_use: RwLockReadGuard<'static, ()>,
}

impl Site {
    /// `None` when WordPress is not installed here.
    pub async fn start() -> Option<Self> {
        Self::start_with(json!({})).await
    }

    /// With these keys merged into the configuration.
    pub async fn start_with(more: serde_json::Value) -> Option<Self> {
        let wordpress = shared().await?;
        let in_use = IN_USE.read().await;
        Some(Self {
            gateway: Gateway::start(conf(wordpress).with(more)).await,
            wordpress,
            _in_use: in_use,
        })
    }
}

/// As [`Site`], while no other test uses WordPress.
pub struct AloneSite {
    pub gateway: Gateway,
    pub wordpress: &'static WordPress,
    _alone: RwLockWriteGuard<'static, ()>,
}

impl AloneSite {
    /// `None` when WordPress is not installed here.
    pub async fn start() -> Option<Self> {
        let wordpress = shared().await?;
        let alone = IN_USE.write().await;
        Some(Self {
            gateway: Gateway::start(conf(wordpress)).await,
            wordpress,
            _alone: alone,
        })
    }
}

impl Drop for AloneSite {
    fn drop(&mut self) {
        // Whatever the test did to it, the next one finds it up.
        let up = self.wordpress.up();
        assert!(up.is_ok() || std::thread::panicking(), "{up:?}");
    }
}

/// The configuration of these tests: what an operator would write, and no more.
pub fn conf(wordpress: &WordPress) -> Conf {
    Conf::base().with(json!({
        "origins": { "app": { "servers": [format!("127.0.0.1:{}", wordpress.port)] } },
        "sites": [{ "hosts": [HOST, SECURE_HOST], "origin": "app", "preset": "wordpress" }],
    }))
}
