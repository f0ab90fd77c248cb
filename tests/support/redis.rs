//! A real redis-server on a free port, and a fake one that answers garbage.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{eventually, free_port, loopback, required, signal};

/// A running redis-server without persistence; killed when dropped.
pub struct Redis {
    child: Option<Child>,
    folder: TempDir,
    arguments: Vec<String>,
    /// Its port, the same over restarts.
    pub port: u16,
}

impl Redis {
    /// `None` when redis-server is not installed (see [`required`]).
    pub async fn start() -> Option<Self> {
        Self::launch(&[]).await
    }

    /// A cluster of one node that has all slots.
    pub async fn cluster() -> Option<Self> {
        let redis = Self::launch(&["--cluster-enabled", "yes"]).await?;
        let mut connection = redis.connection(0).await;
        let slots = redis::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(0)
            .arg(16383)
            .to_owned();
        let () = slots.query_async(&mut connection).await.unwrap();
        eventually("the cluster is whole", async || {
            let info = redis::cmd("CLUSTER")
                .arg("INFO")
                .query_async::<String>(&mut connection.clone())
                .await;
            info.is_ok_and(|info| info.contains("cluster_state:ok"))
        })
        .await;
        Some(redis)
    }

    /// A sentinel that watches this server under a service's name.
    pub async fn sentinel(&self, service: &str) -> Option<Self> {
        let program = required("redis-server")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {service} 127.0.0.1 {} 1\n",
            folder.path().display(),
            self.port
        );
        std::fs::write(&file, text).unwrap();
        let child = quiet(Command::new(program).arg(&file).arg("--sentinel"));
        let sentinel = Self {
            child: Some(child),
            folder,
            arguments: Vec::new(),
            port,
        };
        eventually("the sentinel answers", async || sentinel.ping().await).await;
        Some(sentinel)
    }

    async fn launch(more: &[&str]) -> Option<Self> {
        required("redis-server")?;
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut arguments: Vec<String> = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(port.to_string());
        // A cluster node listens for others on its port + 10000, which may be taken or too high.
        if more.contains(&"--cluster-enabled") {
            arguments.extend(["--cluster-port".to_owned(), free_port().to_string()]);
        }
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        let mut redis = Self {
            child: None,
            folder,
            arguments,
            port,
        };
        redis.up().await;
        Some(redis)
    }

    /// Starts it (again, empty) and waits for its answer.
    pub async fn up(&mut self) {
        assert!(self.child.is_none());
        let mut command = Command::new(super::program("redis-server").unwrap());
        self.child = Some(quiet(
            command.args(&self.arguments).arg("--dir").arg(self.folder.path()),
        ));
        eventually("redis-server answers", async || self.ping().await).await;
    }

    async fn ping(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(loopback(self.port)).await else {
            return false;
        };
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").await.is_ok()
            && stream.read_exact(&mut answer).await.is_ok()
            && &answer == b"+PONG\r\n"
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGSTOP: connections stay open, nothing is answered.
    pub fn pause(&self) {
        signal(self.child.as_ref().unwrap().id(), "STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        signal(self.child.as_ref().unwrap().id(), "CONT");
    }

    /// `redis://127.0.0.1:port/db`.
    pub fn url(&self, db: u8) -> String {
        format!("redis://127.0.0.1:{}/{db}", self.port)
    }

    /// A connection to look inside.
    pub async fn connection(&self, db: u8) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url(db)).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// All keys of one database.
    pub async fn keys(&self, db: u8) -> Vec<String> {
        let mut connection = self.connection(db).await;
        redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut connection)
            .await
            .unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn quiet(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Something on a port that answers every command with bytes that are no RESP.
pub struct GarbageRedis {
    pub port: u16,
    task: JoinHandle<()>,
}

impl GarbageRedis {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(loopback(0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        if stream.write_all(b"\x00\xffgarbage %$3\r\n*-7\r\n").await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for GarbageRedis {
    fn drop(&mut self) {
        self.task.abort();
    }
}
