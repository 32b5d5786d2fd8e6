//! `sheetkeep emulate`: serves the Sheets API.
//!
//! In scope: options, what is printed, when it ends. Out of scope: serving (`emulator`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::emulator::{EmulatorRandom, EmulatorTime, make_failpoint_hook};
use crate::cli::args::emulate::{self as args, EmulateArgs, TabFile};
use crate::cli::args::job::{JobArgs, SheetArgs};
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::errors::CliError;
use crate::cli::exit::{ErrorContext, Exit};
use crate::cli::parent_watch::ParentWatch;
use crate::cli::signals::SignalWatch;
use crate::config::sections::sheet::target::SheetTarget;
use crate::emulator::{
    CallerIdBehavior, EmulatorOptions, FailureCause, Latency, LaunchError, LaunchOptions, LoadedTab, MissingIdBehavior,
    QuotaLimits, ReadyServer, UnknownBehaviors, ValidationBehavior, launch,
};
use crate::fault::Fault;

/// Serves until a signal arrives, or until the parent is gone.
pub async fn execute(context: CommandContext<'_>, args: &EmulateArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    let file = match &args.job {
        Some(job) => Some(find_local_sheet(job)?),
        None => args.file.clone(),
    };
    let shows_spreadsheets = file.is_some();
    let options = LaunchOptions {
        host: Some(args.host),
        port: args.port,
        credentials: args.credentials.clone(),
        emulator: make_options(args, file)?,
    };
    let stopped = CancellationToken::new();
    let asked = stopped.clone();
    let watch = SignalWatch::start(Arc::clone(&clock), move |_, _| asked.cancel())
        .map_err(|error| CliError::new(format!("signals can't be received: {error}"), Exit::IoErr))?;
    let parent = args.exit_with_parent.then(|| ParentWatch::start(Arc::clone(&clock)));
    let (out, err) = (invocation.terminal.stdout(), invocation.terminal.stderr());
    let ready = |server: &ReadyServer| {
        if shows_spreadsheets {
            for (id, title) in &server.spreadsheets {
                err.write_line(&format!("spreadsheet id: {id} ({title})"));
            }
        }
        out.write_line(&server.url);
    };
    let stop = async move {
        match parent {
            Some(parent) => tokio::select! {
                () = stopped.cancelled() => {}
                () = parent.wait_for_end() => {}
            },
            None => stopped.cancelled().await,
        }
    };
    let (time, random) = (Arc::new(EmulatorTime(clock)), Arc::new(EmulatorRandom(rng)));
    let served = launch(options, time, random, ready, stop).await;
    drop(watch);
    served.map(|()| Exit::Ok).map_err(|error| to_cli_error(&error))
}

/// Returns the file of a job's local sheet. Fails if the job writes to a spreadsheet of the
/// service, or never ran.
fn find_local_sheet(job: &Path) -> Result<PathBuf, CliError> {
    let args = JobArgs {
        job: job.to_owned(),
        sheet: SheetArgs { spreadsheet: None, embedded: None, env_file: None },
        state_dir: None,
        json: false,
        date: None,
    };
    match load_settings(&args, None)?.target {
        SheetTarget::Embedded { file } if file.exists() => Ok(file),
        SheetTarget::Embedded { file } => {
            let message = format!("{} does not exist: the job {} never ran", file.display(), job.display());
            let help = format!("run it first: sheetkeep run {}", job.display());
            Err(CliError::new(message, Exit::NoInput).with_help(help))
        }
        SheetTarget::Google { id } => {
            let message = format!("{} writes to spreadsheet {id} of the service, not to a local file", job.display());
            Err(CliError::new(message, Exit::Usage)
                .with_help("serve a file of your own: sheetkeep emulate --file my.sheet --spreadsheet-id test"))
        }
    }
}

/// Reads the tabs that the initial spreadsheet has from the start.
fn load_tabs(files: &[TabFile]) -> Result<Vec<LoadedTab>, CliError> {
    let mut titles = BTreeSet::new();
    let read = |TabFile { tab, file }: &TabFile| {
        if !titles.insert(tab.clone()) {
            return Err(CliError::new(format!("--load names the tab {tab:?} twice"), Exit::Usage));
        }
        let text = std::fs::read(file).map_err(|error| {
            CliError::new(format!("--load: failed to read {}: {error}", file.display()), Exit::NoInput)
                .with_help("name a CSV file, as in --load Orders=orders.csv")
        })?;
        LoadedTab::from_csv(tab.clone(), &text).map_err(|error| {
            CliError::new(format!("--load: {}: {error}", file.display()), Exit::DataErr)
                .with_help("it has to be a CSV file in UTF-8, with commas between the values")
        })
    };
    files.iter().map(read).collect()
}

fn make_options(args: &EmulateArgs, file: Option<PathBuf>) -> Result<EmulatorOptions, CliError> {
    let faults = args.fault.iter().map(|spec| spec.parse()).collect::<Result<Vec<_>, String>>();
    let faults = faults.map_err(|error| CliError::new(format!("--fault: {error}"), Exit::Usage))?;
    Ok(EmulatorOptions {
        file,
        spreadsheet_id: args.spreadsheet_id.clone(),
        tabs: load_tabs(&args.load)?,
        quota: args.quota.map(|args::QuotaChoice::Google| QuotaLimits::GOOGLE),
        latency: Latency(args.latency.unwrap_or_default()),
        behaviors: UnknownBehaviors {
            missing_id: match args.missing_id {
                args::MissingId::Refuse => MissingIdBehavior::Refuse,
                args::MissingId::Ignore => MissingIdBehavior::Ignore,
            },
            validate: match args.validate {
                args::ValidationChoice::Sequential => ValidationBehavior::Sequential,
                args::ValidationChoice::Snapshot => ValidationBehavior::Snapshot,
            },
            caller_ids: match args.caller_ids {
                args::CallerIds::Honour => CallerIdBehavior::Honour,
                args::CallerIds::Ignore => CallerIdBehavior::Ignore,
            },
        },
        faults,
        commit_hook: Some(make_failpoint_hook()),
        hosts: args.allow_host.clone().into(),
        ..EmulatorOptions::default()
    })
}

/// Returns the exit for a storage error: damaged contents, a refused resource, or a read or write
/// error.
fn choose_storage_exit(lasting: Option<FailureCause>) -> Exit {
    match lasting {
        Some(FailureCause::Contents) => Exit::DataErr,
        Some(FailureCause::Resource) => Exit::OsErr,
        Some(FailureCause::Machine) | None => Exit::IoErr,
    }
}

fn to_cli_error(error: &LaunchError) -> CliError {
    let exit = match error {
        LaunchError::Storage(error) => choose_storage_exit(error.failure_cause()),
        LaunchError::StorageFailure(failure) => choose_storage_exit(Some(failure.cause)),
        LaunchError::Listen { .. } => Exit::Unavailable,
        LaunchError::Credentials { .. } => Exit::from((Fault::Denied, ErrorContext::Output)),
    };
    let failure = CliError::new(error.to_string(), exit);
    match error {
        LaunchError::Listen { .. } => failure.with_help("--port 0 takes any free port and prints the address"),
        _ => failure,
    }
}
