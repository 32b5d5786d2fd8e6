//! `sheetkeep emulate`: serves the Sheets API.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::emulate_args::{self as args, EmulateArgs};
use crate::cli::errors::CliError;
use crate::cli::exit::{Context, Exit};
use crate::cli::session::Session;
use crate::cli::signals::SignalWatch;
use crate::emulator::batch::context::{CallerIds, Doubts, MissingId, Validate};
use crate::emulator::launch::{LaunchError, LaunchOptions, launch};
use crate::emulator::options::{EmulatorOptions, Latency};
use crate::emulator::quota::Limits;
use crate::emulator::storage_error::Lasting;
use crate::port::chance::Chance;
use crate::port::clock::Clock;

/// Serves until a signal arrives.
pub async fn command(
    session: &Session,
    args: &EmulateArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let options = LaunchOptions {
        host: Some(args.host),
        port: args.port,
        credentials: args.credentials.clone(),
        emulator: options(args)?,
    };
    let stopped = CancellationToken::new();
    let asked = stopped.clone();
    let watch = SignalWatch::start(Arc::clone(&clock), move |_, _| asked.cancel())
        .map_err(|error| CliError::new(format!("signals can't be received: {error}"), Exit::IoErr))?;
    let out = session.terminal.out();
    let ready = |url: &str| {
        out.line(url);
    };
    let served = launch(options, clock, chance, ready, async move { stopped.cancelled().await }).await;
    drop(watch);
    served.map(|()| Exit::Ok).map_err(|error| to_cli_error(&error))
}

fn options(args: &EmulateArgs) -> Result<EmulatorOptions, CliError> {
    let faults = args.fault.iter().map(|spec| spec.parse()).collect::<Result<Vec<_>, String>>();
    let faults = faults.map_err(|error| CliError::new(format!("--fault: {error}"), Exit::Usage))?;
    Ok(EmulatorOptions {
        file: args.file.clone(),
        spreadsheet_id: args.spreadsheet_id.clone(),
        quota: args.quota.map(|args::QuotaChoice::Google| Limits::GOOGLE),
        latency: Latency(args.latency.unwrap_or_default()),
        doubts: Doubts {
            missing_id: match args.missing_id {
                args::MissingId::Refuse => MissingId::Refuse,
                args::MissingId::Ignore => MissingId::Ignore,
            },
            validate: match args.validate {
                args::Validate::Sequential => Validate::Sequential,
                args::Validate::Snapshot => Validate::Snapshot,
            },
            caller_ids: match args.caller_ids {
                args::CallerIds::Honour => CallerIds::Honour,
                args::CallerIds::Ignore => CallerIds::Ignore,
            },
        },
        faults,
        hosts: args.allow_host.clone().into(),
        ..EmulatorOptions::default()
    })
}

/// Returns the exit for a storage error: damaged contents, a refused resource, or a read or write
/// error.
fn exit(lasting: Option<Lasting>) -> Exit {
    match lasting {
        Some(Lasting::Contents) => Exit::DataErr,
        Some(Lasting::Resource) => Exit::OsErr,
        Some(Lasting::Machine) | None => Exit::IoErr,
    }
}

fn to_cli_error(error: &LaunchError) -> CliError {
    let exit = match error {
        LaunchError::Storage(error) => exit(error.lasting()),
        LaunchError::Trouble(trouble) => exit(Some(trouble.lasting)),
        LaunchError::Listen { .. } => Exit::Unavailable,
        LaunchError::Credentials { .. } => Exit::from((error.fault(), Context::Output)),
    };
    let trouble = CliError::new(error.to_string(), exit);
    match error {
        LaunchError::Listen { .. } => trouble.with_help("--port 0 takes any free port and prints the address"),
        _ => trouble,
    }
}
