//! `popgate demo`: the main job with nothing else installed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::config;

/// Name of a demo's folder, before its process id.
const FOLDER: &str = "popgate-demo-";

/// Where the demo listens.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Port of the gateway on 127.0.0.1.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the admin listener on 127.0.0.1.
    #[arg(long, default_value_t = 9090)]
    admin_port: u16,
}

/// Starts the demo origin and a gateway in front of it.
pub(super) fn demo(args: &DemoArgs) -> ExitCode {
    let (origin, listener) = match bind_origin() {
        Ok(bound) => bound,
        Err(error) => return super::fail(&format!("cannot start the demo origin: {error}")),
    };
    let temporary = std::env::temp_dir();
    remove_left(&temporary);
    let folder = temporary.join(format!("{FOLDER}{}", std::process::id()));
    if let Err(error) = std::fs::create_dir_all(&folder) {
        return super::fail(&format!("cannot make {}: {error}", folder.display()));
    }
    let yaml = yaml(args, origin, &folder.join("kv"));
    let env = config::Env::from_process();
    let code = match config::parse(&yaml, &folder.join("demo.yaml"), &env) {
        Ok(config) => {
            println!("{}", welcome(args));
            super::run::serve(config, None, Some(listener))
        }
        Err(diagnostics) => super::report(&diagnostics),
    };
    // The demo's KV is for one run.
    let _ = std::fs::remove_dir_all(&folder);
    code
}

/// Removes what demos left that were killed.
fn remove_left(temporary: &Path) {
    let processes = Path::new("/proc");
    let (true, Ok(entries)) = (processes.join("self").exists(), std::fs::read_dir(temporary)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
            continue;
        };
        if !processes.join(pid.to_string()).exists() {
            // Another user's stays; it is that user's to remove.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn bind_origin() -> std::io::Result<(SocketAddr, std::net::TcpListener)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok((listener.local_addr()?, listener))
}

fn yaml(args: &DemoArgs, origin: SocketAddr, kv: &Path) -> String {
    format!(
        "pop: demo\n\
         listen: [{{ address: \"127.0.0.1:{}\" }}]\n\
         admin: {{ address: \"127.0.0.1:{}\" }}\n\
         geo:\n  networks:\n    127.0.0.0/8: {{ country: VN, city: Hanoi }}\n\
         cache: {{ memory: 64MiB }}\n\
         kv: {{ path: \"{}\" }}\n\
         shutdown: {{ announce: 0s, grace: 5s }}\n\
         limits: {{ connections: 1000 }}\n\
         origins:\n  demo: {{ servers: [\"{origin}\"] }}\n\
         sites:\n  - hosts: [\"*\"]\n    origin: demo\n    endpoints: [fast_user]\n    \
         cache: {{ stale_while_revalidate: 1m, stale_if_error: 1h }}\n    \
         filters: [{{ geo_headers: {{ location: true }} }}]\n",
        args.port,
        args.admin_port,
        kv.display()
    )
}

fn welcome(args: &DemoArgs) -> String {
    let (port, admin) = (args.port, args.admin_port);
    format!(
        "popgate demo: a gateway on 127.0.0.1:{port} in front of an embedded origin. Try in another terminal:\n\n  \
         curl -i http://127.0.0.1:{port}/              # X-Cache: MISS, and again: HIT with Age and Cache-Status\n  \
         curl -s http://127.0.0.1:{port}/headers       # what the origin sees: CF-IPCountry, CF-Connecting-IP, CF-Ray …\n  \
         curl -i http://127.0.0.1:{port}/api/fast-user # answered by popgate itself, out of its KV store\n  \
         curl -i http://127.0.0.1:{port}/slow          # one second at the origin, then from the cache\n  \
         curl -s -X POST http://127.0.0.1:{admin}/purge -d '{{\"everything\":true}}'\n  \
         curl -s http://127.0.0.1:{admin}/metrics | grep popgate_requests_total\n\nCtrl-C stops it.\n"
    )
}
