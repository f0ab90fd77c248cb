//! The command line.

mod advise;
mod check;
mod client;
mod databases;
mod demo;
mod docs;
mod run;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Exit code for a configuration that cannot be used (EX_CONFIG of sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// The open edge gateway: tiered cache, geo headers, warm origin pools and native endpoints.
#[derive(Debug, Parser)]
#[command(name = "popgate", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    config: ConfigArg,
    /// Check the configuration and exit (the same as `popgate check`).
    #[arg(short = 't')]
    test: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Args)]
struct ConfigArg {
    /// Configuration file; else $POPGATE_CONFIG, /etc/popgate/popgate.yaml, config/popgate.yaml.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default).
    Run(ConfigArg),
    /// Check a configuration without binding a port; prints the effective rules, exits 0 or 78.
    Check(ConfigArg),
    /// Serve an embedded demo origin: nothing else is needed.
    Demo(demo::DemoArgs),
    /// Ask a running popgate to purge.
    Purge(client::PurgeArgs),
    /// Ask a running popgate why a request gets what it gets.
    Why(why::WhyArgs),
    /// Ask a running popgate what lowers its hit ratio.
    Advise(advise::AdviseArgs),
    /// Ask a running popgate what its database pools are at; pause and resume them.
    Databases(databases::DatabasesArgs),
    /// Ask a running popgate to read its configuration again; exits 0, or 78 when the running one stays.
    Reload(client::ReloadArgs),
    /// Ask a running popgate whether it is alive (or ready); exits 0 or 1.
    Health(client::HealthArgs),
    /// Print generated documentation.
    Docs(docs::DocsArgs),
}

/// Runs the command line and returns the process' exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None if cli.test => check::check(cli.config.file.as_deref()),
        None => run::run(cli.config.file.as_deref()),
        Some(Command::Run(config)) => run::run(config.file.as_deref()),
        Some(Command::Check(config)) => check::check(config.file.as_deref()),
        Some(Command::Demo(args)) => demo::demo(&args),
        Some(Command::Purge(args)) => client::purge(&args),
        Some(Command::Why(args)) => why::why(&args),
        Some(Command::Advise(args)) => advise::advise(&args),
        Some(Command::Databases(args)) => databases::databases(&args),
        Some(Command::Reload(args)) => client::reload(&args),
        Some(Command::Health(args)) => client::health(&args),
        Some(Command::Docs(args)) => docs::docs(&args),
    }
}

/// Prints diagnostics and says how many there are.
fn report(diagnostics: &[crate::config::Diagnostic]) -> ExitCode {
    for diagnostic in diagnostics {
        eprintln!("error: {diagnostic}");
    }
    refused(diagnostics.len())
}

/// Says how many errors were printed.
fn refused(count: usize) -> ExitCode {
    eprintln!(
        "popgate: {count} {} in the configuration",
        if count == 1 { "error" } else { "errors" }
    );
    ExitCode::from(EXIT_CONFIG)
}

/// Prints a failure and returns exit code 1.
fn fail(problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("popgate: {problem}");
    ExitCode::FAILURE
}
