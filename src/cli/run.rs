//! `popgate run`: from a configuration to a serving process and back to exit code 0.

use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::{error, info, warn};

use crate::app::{App, Outcome};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::proxy::Gateway;
use crate::server::drain::Phase;
use crate::server::signals::{Signal, Signals};
use crate::server::{self, systemd};

/// Loads the configuration and serves until told to stop.
pub(super) fn run(file: Option<&Path>) -> ExitCode {
    let env = config::Env::from_process();
    let path = match config::find(file, &env) {
        Ok(path) => path,
        Err(diagnostic) => return super::report(&[diagnostic]),
    };
    match config::load(&path, &env) {
        Ok(config) => serve(config, Some(path), None),
        Err(diagnostics) => super::report(&diagnostics),
    }
}

/// Serves a configuration; `file` is read again on SIGHUP, `demo` is the demo origin's socket.
pub(super) fn serve(config: Config, file: Option<PathBuf>, demo: Option<StdListener>) -> ExitCode {
    crate::telemetry::traces::start(&config.log.level, config.log.json);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_name("popgate");
    if config.threads > 0 {
        builder.worker_threads(config.threads);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => return super::fail(&format!("cannot start the runtime: {error}")),
    };
    let code = match runtime.block_on(live(config, file, demo)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => super::fail(&problem),
    };
    // What is cut off at the end of the grace period ends with the process; taking the runtime apart task
    // by task would only delay the exit.
    std::mem::forget(runtime);
    code
}

async fn live(config: Config, file: Option<PathBuf>, demo: Option<StdListener>) -> Result<(), String> {
    let signals = Signals::install().map_err(|error| format!("cannot listen for signals: {error}"))?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    server::descriptors::raise_limit(&config);
    if let Some(listener) = demo {
        let listener = TcpListener::from_std(listener).map_err(|error| format!("demo origin: {error}"))?;
        tokio::spawn(crate::demo_origin::serve(listener));
    }
    // Sockets first: a port that is taken must be known before stores are opened.
    let listeners = server::bind_all(&config)?;
    let admin = bind_admin(&config)?;
    let databases = crate::databases::bind_all(&config)?;
    let app = App::build(config, Clock::System)
        .await
        .map_err(|error| error.to_string())?;
    app.spawn_background();
    if let Some(listener) = admin {
        tokio::spawn(crate::admin::serve(listener, Arc::clone(&app)));
    }
    let gateway = Gateway::start(Arc::clone(&app));
    crate::proxy::refresh::spawn(&gateway);
    let serving = server::start(listeners, &app, &gateway)?;
    app.databases.start(databases)?;
    app.life.enter(Phase::Running);
    systemd::notify(&[sd_notify::NotifyState::Ready]);
    info!(pop = app.live().config.pop, "ready");
    until_stopped(&app, &gateway, &serving, file, signals).await;
    app.refuse_reloads().await;
    stop(&app, &gateway).await;
    Ok(())
}

fn bind_admin(config: &Config) -> Result<Option<TcpListener>, String> {
    let Some(address) = config.admin.address else {
        return Ok(None);
    };
    let listener = server::listener::bind(address)
        .map_err(|error| format!("admin: cannot listen on {address}: {error}; pick a free address"))?;
    info!(%address, "admin listening");
    Ok(Some(listener))
}

/// Obeys signals, and reloads for who asks over the admin listener, until a signal says stop.
async fn until_stopped(
    app: &Arc<App>,
    gateway: &Gateway,
    serving: &server::Serving,
    file: Option<PathBuf>,
    mut signals: Signals,
) {
    loop {
        let asked = tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => return,
                Signal::ReopenLogs => {
                    app.access_log().reopen();
                    continue;
                }
                Signal::Reload => None,
            },
            asked = app.reload_asked() => Some(asked),
        };
        systemd::notify(&[sd_notify::NotifyState::Reloading]);
        let outcome = match &file {
            Some(file) => reload(app, gateway, serving, file).await,
            None => Err(vec!["the configuration was not read from a file".to_owned()]),
        };
        systemd::notify(&[sd_notify::NotifyState::Ready]);
        say(app, &outcome);
        if let Some(asked) = asked {
            // Whoever asked may be gone.
            let _ = asked.send(outcome);
        }
    }
}

async fn reload(app: &Arc<App>, gateway: &Gateway, serving: &server::Serving, file: &Path) -> Outcome {
    let path = file.to_owned();
    // Reading and checking touches files; requests go on meanwhile.
    let loaded = tokio::task::spawn_blocking(move || config::load(&path, &config::Env::from_process())).await;
    let config = match loaded {
        Ok(Ok(config)) => config,
        Ok(Err(diagnostics)) => return Err(diagnostics.iter().map(ToString::to_string).collect()),
        Err(failed) => return Err(vec![failed.to_string()]),
    };
    let prepared = serving.prepare(&config).map_err(|problem| vec![problem])?;
    let databases = app.databases.prepare(&config).map_err(|problem| vec![problem])?;
    let kept = app.reload(config).map_err(|error| vec![error.to_string()])?;
    serving.commit(prepared, app, gateway);
    app.databases.commit(databases, &app.live().config);
    Ok(kept)
}

/// Tells the log and the metrics what came of a reload.
fn say(app: &App, outcome: &Outcome) {
    let (result, failed) = match outcome {
        Ok(_) => ("ok", 0),
        Err(_) => ("error", 1),
    };
    app.metrics.config_reload_failed.set(failed);
    app.metrics.config_reloads.with_label_values(&[result]).inc();
    match outcome {
        Ok(_) => info!(file = %app.live().config.source.display(), "configuration reloaded"),
        Err(problems) => error!(
            "configuration not reloaded, the running one stays: {}",
            problems.join("\n")
        ),
    }
}

/// Announces the stop, closes the listeners, lets requests finish, writes out what is queued.
async fn stop(app: &Arc<App>, gateway: &Gateway) {
    systemd::notify(&[sd_notify::NotifyState::Stopping]);
    let times = app.live().config.shutdown;
    app.life.enter(Phase::Announcing);
    info!(announce = ?times.announce, grace = ?times.grace, "stopping");
    tokio::time::sleep(times.announce).await;
    app.life.enter(Phase::Draining);
    gateway.stop_idle().await;
    let (drained, ()) = tokio::join!(
        app.in_flight.drained(times.grace),
        app.databases.drain(times.grace)
    );
    if !drained {
        warn!(
            left = app.in_flight.count(),
            "requests cut off at the end of the grace period"
        );
    }
    app.drain(std::time::Duration::from_secs(5)).await;
    app.life.enter(Phase::Stopped);
    info!("stopped");
}
