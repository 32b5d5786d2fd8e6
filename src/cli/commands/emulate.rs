//! `sheetkeep emulate`: serves the Sheets API.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::emulator::{EmulatorRandom, EmulatorTime, failpoints};
use crate::cli::args::emulate::{self as args, EmulateArgs};
use crate::cli::errors::CliError;
use crate::cli::exit::{Context, Exit};
use crate::cli::session::Session;
use crate::cli::signals::SignalWatch;
use crate::clock::Clock;
use crate::emulator::{
    CallerIdBehavior, EmulatorOptions, FailureCause, Latency, LaunchError, LaunchOptions, MissingIdBehavior,
    QuotaLimits, UnknownBehaviors, ValidationBehavior, launch,
};
use crate::fault::Fault;
use crate::rng::Rng;

/// Serves until a signal arrives.
pub async fn command(
    session: &Session,
    args: &EmulateArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
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
    let (time, random) = (Arc::new(EmulatorTime(clock)), Arc::new(EmulatorRandom(chance)));
    let served = launch(options, time, random, ready, async move { stopped.cancelled().await }).await;
    drop(watch);
    served.map(|()| Exit::Ok).map_err(|error| to_cli_error(&error))
}

fn options(args: &EmulateArgs) -> Result<EmulatorOptions, CliError> {
    let faults = args.fault.iter().map(|spec| spec.parse()).collect::<Result<Vec<_>, String>>();
    let faults = faults.map_err(|error| CliError::new(format!("--fault: {error}"), Exit::Usage))?;
    Ok(EmulatorOptions {
        file: args.file.clone(),
        spreadsheet_id: args.spreadsheet_id.clone(),
        quota: args.quota.map(|args::QuotaChoice::Google| QuotaLimits::GOOGLE),
        latency: Latency(args.latency.unwrap_or_default()),
        behaviors: UnknownBehaviors {
            missing_id: match args.missing_id {
                args::MissingId::Refuse => MissingIdBehavior::Refuse,
                args::MissingId::Ignore => MissingIdBehavior::Ignore,
            },
            validate: match args.validate {
                args::Validate::Sequential => ValidationBehavior::Sequential,
                args::Validate::Snapshot => ValidationBehavior::Snapshot,
            },
            caller_ids: match args.caller_ids {
                args::CallerIds::Honour => CallerIdBehavior::Honour,
                args::CallerIds::Ignore => CallerIdBehavior::Ignore,
            },
        },
        faults,
        commit_hook: Some(failpoints()),
        hosts: args.allow_host.clone().into(),
        ..EmulatorOptions::default()
    })
}

/// Returns the exit for a storage error: damaged contents, a refused resource, or a read or write
/// error.
fn exit(lasting: Option<FailureCause>) -> Exit {
    match lasting {
        Some(FailureCause::Contents) => Exit::DataErr,
        Some(FailureCause::Resource) => Exit::OsErr,
        Some(FailureCause::Machine) | None => Exit::IoErr,
    }
}

fn to_cli_error(error: &LaunchError) -> CliError {
    let exit = match error {
        LaunchError::Storage(error) => exit(error.failure_cause()),
        LaunchError::StorageFailure(trouble) => exit(Some(trouble.cause)),
        LaunchError::Listen { .. } => Exit::Unavailable,
        LaunchError::Credentials { .. } => Exit::from((Fault::Denied, Context::Output)),
    };
    let trouble = CliError::new(error.to_string(), exit);
    match error {
        LaunchError::Listen { .. } => trouble.with_help("--port 0 takes any free port and prints the address"),
        _ => trouble,
    }
}
