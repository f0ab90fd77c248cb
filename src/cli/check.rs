//! `popgate check` and `popgate -t`.

use std::path::Path;
use std::process::ExitCode;

use crate::config;

/// Checks a configuration without binding a port or starting anything.
pub(super) fn check(file: Option<&Path>) -> ExitCode {
    let env = config::Env::for_another_process();
    let loaded = config::find(file, &env)
        .map_err(|diagnostic| vec![diagnostic])
        .and_then(|path| config::load(&path, &env));
    match loaded {
        Ok(config) => {
            for warning in &config.warnings {
                eprintln!("warning: {warning}");
            }
            print!("{}", config::explain(&config));
            println!("{}: configuration is valid", config.source.display());
            ExitCode::SUCCESS
        }
        Err(diagnostics) => super::report(&diagnostics),
    }
}
