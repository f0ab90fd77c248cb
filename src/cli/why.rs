//! `popgate why`: asks the running gateway.

use std::net::IpAddr;
use std::process::ExitCode;

use clap::Args;
use http::{Method, StatusCode};

use super::client::{AdminArg, ask};

/// The request to explain. Nothing is fetched and nothing changes.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    admin: AdminArg,
    /// The URL, with scheme: https://blog.example/post/?a=b.
    url: String,
    /// A header of the request; may be given again.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Its method.
    #[arg(short = 'X', long, default_value = "GET")]
    method: String,
    /// Address it comes from; loopback when left out.
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the whole decision; exits 1 when it cannot be had.
pub(super) fn why(args: &WhyArgs) -> ExitCode {
    let question = serde_json::json!({
        "url": args.url,
        "method": args.method,
        "headers": args.headers,
        "client": args.client,
    });
    let path = if args.json { "/why" } else { "/why?format=text" };
    match ask(&args.admin, Method::POST, path, question.to_string()) {
        Ok((StatusCode::OK, page)) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Ok((status, page)) => super::fail(&format!("{status}: {}", page.trim())),
        Err(problem) => super::fail(&problem),
    }
}
