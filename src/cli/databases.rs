//! `popgate databases`: asks the running gateway.

use std::process::ExitCode;

use clap::Args;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{AdminArg, ask};

/// What the database pools are at, or what they are to do.
#[derive(Debug, Args)]
pub(super) struct DatabasesArgs {
    #[command(flatten)]
    admin: AdminArg,
    /// Hand out no connection of this database until it is resumed; clients wait.
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pause: Option<String>,
    /// End a pause.
    #[arg(long, value_name = "NAME")]
    resume: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints it; exits 1 when it cannot be had, or connections are still in use after a pause.
pub(super) fn databases(args: &DatabasesArgs) -> ExitCode {
    let act = |name: &str, act: &str| {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        (Method::POST, format!("/databases/{name}/{act}"))
    };
    let (method, path) = match (&args.pause, &args.resume) {
        (Some(name), _) => act(name, "pause"),
        (None, Some(name)) => act(name, "resume"),
        (None, None) => {
            let format = if args.json { "json" } else { "text" };
            (Method::GET, format!("/databases?format={format}"))
        }
    };
    match ask(&args.admin, method, &path, String::new()) {
        Ok((StatusCode::OK, page)) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Ok((StatusCode::ACCEPTED, page)) => {
            print!("{page}");
            super::fail(&"paused, and connections are still in use")
        }
        Ok((status, page)) => super::fail(&format!("{status}: {}", page.trim())),
        Err(problem) => super::fail(&problem),
    }
}
