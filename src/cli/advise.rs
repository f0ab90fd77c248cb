//! `popgate advise`: asks the running gateway.

use std::process::ExitCode;

use clap::Args;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{AdminArg, ask};

/// What lowers the hit ratio in the last hour.
#[derive(Debug, Args)]
pub(super) struct AdviseArgs {
    #[command(flatten)]
    admin: AdminArg,
    /// Only this site: its name as in metrics, the first of its hosts.
    #[arg(long)]
    site: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints it; exits 1 when it cannot be had.
pub(super) fn advise(args: &AdviseArgs) -> ExitCode {
    let format = if args.json { "json" } else { "text" };
    let mut path = format!("/advise?format={format}");
    if let Some(site) = &args.site {
        path.push_str(&format!("&site={}", utf8_percent_encode(site, NON_ALPHANUMERIC)));
    }
    match ask(&args.admin, Method::GET, &path, String::new()) {
        Ok((StatusCode::OK, page)) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Ok((status, page)) => super::fail(&format!("{status}: {}", page.trim())),
        Err(problem) => super::fail(&problem),
    }
}
