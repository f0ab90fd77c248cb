//! A MariaDB in a temporary folder, and popgate's side in front of it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use popgate_hyperdrive::config::{
    Address, Database, Limits, Listen, OriginTls, Pool, PoolMode, Protocol, Role, Server, ServerAddress, User,
};
use popgate_hyperdrive::listener::{Door, Front, Socket, Throttle, accept};
use popgate_hyperdrive::observe::Nobody;
use popgate_hyperdrive::pool::Snapshot;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub struct Place {
    folder: tempfile::TempDir,
    server: Child,
    port: u16,
    front: Arc<dyn Front>,
    _closing: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

impl Place {
    pub fn start(max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, socket) = (folder.path().join("data"), folder.path().join("db.sock"));
        let as_me = format!("--user={}", whoami());
        run(Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                &as_me,
            ])
            .arg(format!("--datadir={}", data.display()))
            // Several at once would meet each other's temporary tables.
            .env("TMPDIR", folder.path()))
        .unwrap();
        let server = Command::new("mariadbd")
            .args([
                "--no-defaults",
                "--skip-networking",
                "--innodb-buffer-pool-size=16M",
                &as_me,
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", socket.display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let setup = "CREATE DATABASE app; CREATE DATABASE other; CREATE USER app@localhost IDENTIFIED BY 'secret'; \
                     GRANT ALL ON *.* TO app@localhost";
        let start = Instant::now();
        while let Err(error) = run(Command::new("mariadb")
            .args(["--no-defaults", "-uroot", "-e", setup, "-S"])
            .arg(&socket))
        {
            assert!(start.elapsed() < Duration::from_secs(30), "{error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let settings = Arc::new(settings(socket, max));
        let guard = runtime.enter();
        let front: Arc<dyn Front> =
            popgate_hyperdrive::mysql::Database::new(settings, Arc::new(Nobody)).unwrap();
        let bound = Socket::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let port = bound.port().unwrap();
        let (closing, watching) = watch::channel(false);
        let door = Door {
            peer: None,
            tls: None,
            require_tls: false,
            throttle: Arc::new(Throttle::default()),
            closing: watching,
        };
        runtime.spawn(Arc::clone(&front).keep());
        runtime.spawn(accept(bound, Arc::clone(&front), door));
        drop(guard);
        Self {
            folder,
            server,
            port,
            front,
            _closing: closing,
            _runtime: runtime,
        }
    }

    pub fn client(&self, user: &str, password: &str, sql: &str) -> Result<String, String> {
        let file = self.folder.path().join("statement.sql");
        std::fs::write(&file, sql).unwrap();
        let mut command = Command::new("mariadb");
        command
            .args([
                "--no-defaults",
                "-N",
                "-B",
                "-h127.0.0.1",
                "--protocol=tcp",
                "--skip-ssl",
            ])
            .arg(format!("-P{}", self.port))
            .arg(format!("-u{user}"))
            .arg(format!("-p{password}"))
            .arg("app")
            .stdin(std::fs::File::open(&file).unwrap());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    pub fn query(&self, sql: &str) -> String {
        self.client("app", "secret", sql).unwrap()
    }

    pub fn fails(&self, sql: &str) -> String {
        self.client("app", "secret", sql).unwrap_err()
    }

    pub fn php(&self, script: &str) -> String {
        run(Command::new("php")
            .args(["-r", script, "--"])
            .arg(self.port.to_string()))
        .unwrap()
    }

    pub fn snapshot(&self) -> Snapshot {
        self.front.snapshot()
    }
}

fn whoami() -> String {
    run(Command::new("id").arg("-un").stdin(Stdio::null()))
        .unwrap()
        .trim()
        .to_owned()
}

fn settings(socket: PathBuf, max: usize) -> Database {
    Database {
        name: "db".to_owned(),
        protocol: Protocol::MySql,
        listen: vec![Listen {
            address: Address::Tcp(([127, 0, 0, 1], 0).into()),
            tls: None,
        }],
        servers: vec![Server {
            address: ServerAddress::Unix(socket),
            role: Role::Primary,
        }],
        tls: OriginTls::Off,
        users: vec![User {
            name: "app".to_owned(),
            password: "secret".to_owned(),
            origin_user: "app".to_owned(),
        }],
        pool: Pool {
            mode: PoolMode::Auto,
            min: 1,
            max,
            wait: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            lifetime: Duration::from_secs(3600),
            connecting_max: 2,
        },
        limits: Limits {
            clients_max: 100,
            query: Duration::from_secs(20),
            idle_in_transaction: Duration::from_secs(20),
            packet_max: 64 << 20,
            login: Duration::from_secs(10),
        },
        cache: None,
    }
}
