//! A real nginx as an origin.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Http1, eventually, free_port, loopback, required};

/// A running nginx; stopped when dropped.
pub struct Nginx {
    child: Child,
    folder: TempDir,
    pub port: u16,
}

impl Nginx {
    /// `server` goes into the server block. `None` when nginx is not installed (see [`required`]).
    pub async fn start(server: &str) -> Option<Self> {
        let program = required("nginx")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(
            folder.path().join("nginx.conf"),
            configuration(folder.path(), port, server),
        )
        .unwrap();
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { child, folder, port };
        eventually("nginx listens", async || {
            Http1::try_connect(loopback(port)).await.is_ok()
        })
        .await;
        Some(nginx)
    }

    /// The folder that it serves.
    pub fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }
}

fn configuration(folder: &Path, port: u16, server: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
         events {{ worker_connections 512; }}
         http {{
           access_log off; default_type text/plain;
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
           uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
           server {{ listen 127.0.0.1:{port}; root {folder}/root; {server} }}
         }}"
    )
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
