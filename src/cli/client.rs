//! `popgate purge`, `popgate reload` and `popgate health`: clients of a running popgate's admin listener.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;

use crate::config;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for a reload, which finishes what waits for stores that are left.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Pace of questions while waiting.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Where the admin listener is and how to be let in.
#[derive(Debug, Clone, Args)]
pub(super) struct AdminArg {
    /// Admin address; else the configuration's.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// File with the admin token; else the configuration's.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Configuration file to take the two from.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What to purge. Soft by default: purged objects are stale, not gone, and still serve while revalidated.
#[derive(Debug, Args)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    admin: AdminArg,
    /// URLs: https://blog.example/post/ (both schemes and all variants are purged).
    #[arg(long = "url", value_name = "URL")]
    urls: Vec<String>,
    /// Tags, as the origin sends them in Surrogate-Key, Cache-Tag and the like.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Hosts, whole.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Path prefixes: blog.example/category/.
    #[arg(long = "prefix", value_name = "HOST/PATH")]
    prefixes: Vec<String>,
    /// Everything.
    #[arg(long)]
    everything: bool,
    /// Limit tags to the sites of these hosts; else they are purged on all sites.
    #[arg(long = "on", value_name = "HOST")]
    on: Vec<String>,
    /// Delete instead of marking stale.
    #[arg(long)]
    hard: bool,
    /// Wait at most so many seconds until every popgate has applied it, and say how long that took.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// Whom to reload.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    admin: AdminArg,
}

/// Which question to ask.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    admin: AdminArg,
    /// Ask whether it may take traffic (/readyz) instead of whether it lives (/healthz).
    #[arg(long)]
    ready: bool,
}

/// Sends the purge and prints the report; exits 0 when every store was reached.
pub(super) fn purge(args: &PurgeArgs) -> ExitCode {
    if !args.everything
        && args.urls.is_empty()
        && args.tags.is_empty()
        && args.hosts.is_empty()
        && args.prefixes.is_empty()
    {
        return super::fail(&"nothing to purge: give --url, --tag, --host, --prefix or --everything");
    }
    let body = serde_json::json!({
        "urls": args.urls, "tags": args.tags, "hosts": args.hosts,
        "prefixes": args.prefixes, "everything": args.everything, "hard": args.hard, "on": args.on,
    });
    let answer = ask(&args.admin, Method::POST, "/purge", body.to_string());
    match (args.wait, answer) {
        (Some(seconds), Ok((status, text))) if status.is_success() => {
            wait(&args.admin, &text, Duration::from_secs(seconds))
        }
        (_, answer) => print(answer),
    }
}

/// Asks until every popgate has applied the purge; exits 0 when they have.
fn wait(admin: &AdminArg, report: &str, longest: Duration) -> ExitCode {
    print!("{report}");
    let report: serde_json::Value = serde_json::from_str(report).unwrap_or_default();
    let Some(id) = report["id"].as_str() else {
        return super::fail(&"the answer has no \"id\" to ask for");
    };
    let began = Instant::now();
    loop {
        let proof = match ask(admin, Method::GET, &format!("/purge/{id}"), String::new()) {
            Ok((StatusCode::OK, text)) => text,
            other => return print(other),
        };
        let proof: serde_json::Value = serde_json::from_str(&proof).unwrap_or_default();
        let complete = proof["complete"].as_bool() == Some(true);
        if complete || began.elapsed() >= longest {
            println!("{proof}");
            return if complete {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// Asks for a reload and prints its outcome as `check` prints errors.
pub(super) fn reload(args: &ReloadArgs) -> ExitCode {
    if args.admin.admin.is_none() {
        // A file that is wrong here is wrong there, and names no admin listener to ask.
        let env = config::Env::for_another_process();
        let loaded = config::find(args.admin.config.as_deref(), &env)
            .map_err(|diagnostic| vec![diagnostic])
            .and_then(|path| config::load(&path, &env));
        if let Err(diagnostics) = loaded {
            return super::report(&diagnostics);
        }
    }
    let (status, text) = match ask_within(
        RELOAD_TIMEOUT,
        &args.admin,
        Method::POST,
        "/reload",
        String::new(),
    ) {
        Ok(answer) => answer,
        Err(problem) => return super::fail(&problem),
    };
    let outcome: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let texts = |name: &str| -> Vec<String> {
        let values = outcome[name].as_array().into_iter().flatten();
        values
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    match status {
        StatusCode::OK => {
            println!("configuration reloaded");
            for key in texts("needs_restart") {
                println!("{key}: the change needs a restart, the running value stays");
            }
            ExitCode::SUCCESS
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            let errors = texts("errors");
            for error in &errors {
                eprintln!("error: {error}");
            }
            super::refused(errors.len())
        }
        _ => super::fail(&text.trim_end()),
    }
}

/// Asks for the process' health.
pub(super) fn health(args: &HealthArgs) -> ExitCode {
    let path = if args.ready { "/readyz" } else { "/healthz" };
    print(ask(&args.admin, Method::GET, path, String::new()))
}

/// Prints an answer; exits 0 when it is a plain yes.
fn print(answer: Result<(StatusCode, String), String>) -> ExitCode {
    match answer {
        Ok((status, text)) => {
            print!("{text}");
            if status == StatusCode::OK {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(problem) => super::fail(&problem),
    }
}

/// Asks the admin listener; its status and page, or why it cannot be reached.
pub(super) fn ask(
    admin: &AdminArg,
    method: Method,
    path: &str,
    body: String,
) -> Result<(StatusCode, String), String> {
    ask_within(TIMEOUT, admin, method, path, body)
}

fn ask_within(
    longest: Duration,
    admin: &AdminArg,
    method: Method,
    path: &str,
    body: String,
) -> Result<(StatusCode, String), String> {
    let (address, token_file) = locate(admin)?;
    let token = match &token_file {
        Some(file) => Some(
            std::fs::read_to_string(file)
                .map_err(|error| format!("cannot read the token in {}: {error}", file.display()))?
                .lines()
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        ),
        None => None,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| format!("cannot build the request: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let answer = runtime
        .block_on(async { tokio::time::timeout(longest, send(address, request)).await })
        .map_err(|_| {
            let seconds = longest.as_secs();
            format!("no answer from the admin listener at {address} within {seconds} s")
        })??;
    if answer.0 == StatusCode::UNAUTHORIZED {
        return Err(not_let_in(address, token_file.as_deref()));
    }
    Ok(answer)
}

/// What to do about a refused token: the running gateway knows that of its last reload, which a file may have left behind.
fn not_let_in(address: SocketAddr, token_file: Option<&Path>) -> String {
    let why = match token_file {
        Some(file) => format!("does not take the token in {}", file.display()),
        None => "asks for a token, and none is configured".to_owned(),
    };
    format!(
        "the admin listener at {address} {why}; give the file with the token it was started or last reloaded with: --token-file FILE"
    )
}

/// The admin listener's address and token file: from the arguments, else from the configuration.
fn locate(admin: &AdminArg) -> Result<(SocketAddr, Option<PathBuf>), String> {
    if let Some(address) = admin.admin {
        return Ok((address, admin.token_file.clone()));
    }
    let env = config::Env::for_another_process();
    let config = config::find(admin.config.as_deref(), &env)
        .map_err(|diagnostic| diagnostic.to_string())
        .and_then(|path| {
            config::load(&path, &env).map_err(|found| {
                let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
                lines.join("\n")
            })
        })?;
    let mut address = config
        .admin
        .address
        .ok_or("the configuration has no admin listener; give --admin ADDRESS")?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok((address, admin.token_file.clone().or(config.admin.token_file)))
}

async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, String), String> {
    let unreachable =
        |error: &dyn std::fmt::Display| format!("cannot reach the admin listener at {address}: {error}");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| unreachable(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(&error))?;
    tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| unreachable(&error))?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| unreachable(&error))?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}
