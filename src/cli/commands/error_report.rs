//! Errors of the commands: the exit of each, and the next step.

use crate::app::error::AppError;
use crate::app::plan::plan_file::PlanFileError;
use crate::app::schedule::run_history::HistoryError;
use crate::check::surroundings::find_same_named_job;
use crate::cli::commands::fields::{explain_common_cause, explain_missing_field};
use crate::cli::errors::CliError;
use crate::cli::exit::{ErrorContext, Exit};
use crate::cli::output::destination::Spreadsheet;
use crate::config::problem::ConfigError;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::config::syntax::closest_word::find_closest_word;
use crate::fault::Fault;
use crate::machine::{MachineError, MachineRefusal};
use crate::port::source::SourceError;
use crate::port::store::StoreError;
use crate::runner::queue::first_records::CommonCause;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopReason;
use crate::sheets_client::auth::credentials::CredentialsError;
use crate::sheets_client::errors::call_error::ErrorCause;
use crate::store::tabs::error::convert_call_error;

/// The next step after a run that was dropped in the middle of its work.
pub const AFTER_A_DROP: &str = "run it again: the next run reads what was committed, and nothing is doubled";

/// Converts an error of the job file or the environment.
pub fn from_config(error: ConfigError) -> CliError {
    let exit = if error.is_missing() { Exit::NoInput } else { Exit::Config };
    CliError::from_diagnostic(error, exit)
}

/// Converts an error of a stored plan.
pub fn from_plan_file(error: &PlanFileError) -> CliError {
    let (exit, help) = match error {
        PlanFileError::SourceReadOnce { .. } => (Exit::Usage, "or plan without --out"),
        PlanFileError::Unreadable { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
            (Exit::NoInput, "make a plan with: sheetkeep plan JOB.toml --out FILE")
        }
        PlanFileError::Unreadable { .. } => (Exit::IoErr, "look at the file's permissions"),
        PlanFileError::Unwritable { .. } => (Exit::CantCreate, "name a file in a folder that you may write to"),
        PlanFileError::NotAPlan { .. } => (Exit::DataErr, "make a new one with: sheetkeep plan JOB.toml --out FILE"),
        PlanFileError::SheetChanged { .. } => {
            (Exit::DataErr, "nothing was written; make a new plan, read it, and run that")
        }
    };
    CliError::from_error(error, exit).with_help(help)
}

/// Converts any other error of a job with these settings.
pub fn from_app(error: &AppError, settings: &Settings) -> CliError {
    let exit = choose_app_exit(error);
    let machine_error = CliError::from_error(error, exit);
    if let AppError::Store(StoreError::Predecessor { .. })
    | AppError::Run(RunError::Store(StoreError::Predecessor { .. })) = error
    {
        return machine_error
            .with_help("restore it from the trash, or share it with the job's account again; if it is lost for good, run --accept-changes leaves it behind");
    }
    let proxy_help = || advise_on_proxy(error, exit, settings);
    let help = || advise_on_contents(error, settings).or_else(|| find_help(error).map(str::to_owned));
    match proxy_help().or_else(help).or_else(|| advise_on_target(error, exit, settings)) {
        Some(help) => machine_error.with_help(help),
        None => machine_error,
    }
}

/// Converts an error of reading a job's earlier runs. `settings` are those of the job, if they
/// could be read.
pub fn from_history(error: &HistoryError, settings: Option<&Settings>) -> CliError {
    match (error, settings) {
        (HistoryError::App(error), Some(settings)) => from_app(error, settings),
        (HistoryError::RolledOver { .. }, _) => CliError::from_error(error, Exit::Config)
            .with_help("set SHEETKEEP_SPREADSHEET_ID, or --spreadsheet, to that one"),
        _ => CliError::from_error(error, Exit::NoInput),
    }
}

/// Names the spreadsheet and the service if either was not found.
fn advise_on_target(error: &AppError, exit: Exit, settings: &Settings) -> Option<String> {
    let through = settings.proxies.proxy_for(&settings.api_url);
    match (exit, &settings.target) {
        (Exit::NoInput | Exit::Unavailable, SheetTarget::Google { .. }) => {
            let through = through.map_or_else(String::new, |proxy| format!(", through the proxy {proxy}"));
            let sheet = Spreadsheet::from_settings(settings);
            Some(format!("the command used the {sheet}; the calls went to {}{through}", settings.api_url))
        }
        (Exit::Protocol, SheetTarget::Google { .. }) => {
            through.map(|proxy| format!("the call went through the proxy {proxy}; see what that answers"))
        }
        (Exit::NoInput, SheetTarget::Embedded { .. })
            if matches!(error, AppError::NeverRan | AppError::NoTab { .. }) =>
        {
            Some(format!("the command used the {}", Spreadsheet::from_settings(settings)))
        }
        _ => None,
    }
}

/// Returns help for a refusal by a proxy, which the spreadsheet's owner can't change.
fn advise_on_proxy(error: &AppError, exit: Exit, settings: &Settings) -> Option<String> {
    let is_refusal = error.is_proxy_error() && matches!(exit, Exit::NoPerm | Exit::Protocol);
    let url = &settings.api_url;
    is_refusal.then(|| {
        format!("calls to {url} and to the token service go through it; NO_PROXY lists what is reached without one")
    })
}

fn choose_app_exit(error: &AppError) -> Exit {
    match error {
        AppError::Run(error) => run_exit(error),
        AppError::Store(error) => choose_store_exit(error),
        AppError::Source(error) => choose_source_exit(error),
        AppError::Call(error) => match convert_call_error(error) {
            StoreError::Missing { .. } => Exit::NoInput,
            StoreError::ForeignResponse { .. } => Exit::Protocol,
            _ => Exit::from((error.fault(), ErrorContext::Service)),
        },
        AppError::Busy { .. } => Exit::TempFail,
        AppError::OutOfTime => Exit::Timeout,
        AppError::Machine(machine_error) => Exit::from(machine_error.refused),
        AppError::Credentials(_) => Exit::NoPerm,
        AppError::Address(_)
        | AppError::Connect(_)
        | AppError::NoEmbedded
        | AppError::NoProgram { .. }
        | AppError::NoSchedule { .. } => Exit::Config,
        AppError::Embedded { is_damaged: true, .. } => Exit::DataErr,
        AppError::Embedded { .. } => Exit::IoErr,
        AppError::NoTab { .. } | AppError::NeverRan => Exit::NoInput,
        AppError::SourceReadOnce => Exit::Usage,
    }
}

fn run_exit(error: &RunError) -> Exit {
    match error {
        RunError::LeaseHeld { .. }
        | RunError::Fenced { .. }
        | RunError::SheetChanged
        | RunError::AlreadyClaimed { .. }
        | RunError::EditedWhileRead { .. } => Exit::TempFail,
        RunError::DefinitionChanged { .. }
        | RunError::ModeChanged { .. }
        | RunError::TabChanged { .. }
        | RunError::RolledOver { .. }
        | RunError::RolloverIncomplete { .. }
        | RunError::NoField { .. } => Exit::Config,
        RunError::Stopped { reason: StopReason::Interrupt } => Exit::Interrupted,
        RunError::Stopped { reason: StopReason::Terminate } => Exit::Terminated,
        RunError::Stopped { reason: StopReason::HangUp } => Exit::HungUp,
        RunError::Stopped { reason: StopReason::Deadline } => Exit::Timeout,
        RunError::Store(error) => choose_store_exit(error),
        RunError::Refused { .. } => Exit::DataErr,
        RunError::NoFailure { .. } => Exit::Unknown,
        RunError::Source { error, .. } | RunError::Input(error) => choose_source_exit(error),
        RunError::CommonCause { cause, .. } => choose_cause_exit(cause),
        RunError::Machine { error: machine_error, .. } => Exit::from(machine_error.refused),
        RunError::Unfinished { fault: Fault::Transient, .. } => Exit::Unavailable,
        RunError::Unfinished { fault, .. } => Exit::from((*fault, ErrorContext::Service)),
    }
}

fn choose_store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Predecessor { error, .. } => choose_store_exit(error),
        StoreError::Machine { error: machine_error } => Exit::from(machine_error.refused),
        StoreError::Missing { .. } => Exit::NoInput,
        StoreError::Inconsistent { .. } => Exit::DataErr,
        StoreError::NoWorkingGuard { .. } | StoreError::ForeignResponse { .. } => Exit::Protocol,
        StoreError::Denied { .. } => Exit::NoPerm,
        StoreError::Unavailable { fault, .. } | StoreError::Proxy { fault, .. } => {
            Exit::from((*fault, ErrorContext::Service))
        }
    }
}

fn choose_source_exit(error: &SourceError) -> Exit {
    match error {
        SourceError::Missing { .. } => Exit::NoInput,
        SourceError::InvalidContent { .. }
        | SourceError::SettingsMismatch { .. }
        | SourceError::Ambiguous { .. }
        | SourceError::OtherFormat { .. }
        | SourceError::Stage { fault: Fault::Inconsistent, .. } => Exit::DataErr,
        SourceError::Denied { .. } => Exit::NoPerm,
        SourceError::Unavailable { .. } => Exit::IoErr,
        SourceError::Stage { fault: Fault::Transient, .. } => Exit::Unavailable,
        SourceError::Stage { .. } => Exit::Failed,
    }
}

/// Returns the exit for one common cause of all first failures: the job file's expressions, the
/// data, or a program.
fn choose_cause_exit(cause: &CommonCause) -> Exit {
    match cause.step.as_str() {
        "item" => Exit::Config,
        _ if cause.is_program => Exit::Failed,
        _ => Exit::DataErr,
    }
}

/// Returns help that depends on the error's contents.
fn advise_on_contents(error: &AppError, settings: &Settings) -> Option<String> {
    match error {
        AppError::Source(error) | AppError::Run(RunError::Input(error) | RunError::Source { error, .. })
            if error.advice().is_some() =>
        {
            error.advice().map(str::to_owned)
        }
        AppError::Call(error) if matches!(&error.cause, ErrorCause::Refused { refusal, .. } if refusal.is_service_disabled()) => {
            Some("the link is for the owner of the credentials' project; the spreadsheet needs nothing".to_owned())
        }
        AppError::Run(
            error @ (RunError::DefinitionChanged { .. } | RunError::ModeChanged { .. } | RunError::TabChanged { .. }),
        ) => advise_on_changed_definition(error, settings),
        AppError::NoTab { wanted, there } => {
            let meant = find_closest_word(wanted, there.iter().map(String::as_str))?;
            Some(format!("did you mean {meant:?}?"))
        }
        AppError::Run(RunError::NoField { what, path, header_row }) => {
            Some(explain_missing_field(what, path, header_row))
        }
        AppError::Run(RunError::CommonCause { cause, .. }) => Some(explain_common_cause(cause, settings.key.source())),
        AppError::Run(RunError::Source {
            error: SourceError::InvalidContent { .. } | SourceError::Ambiguous { .. },
            report,
        }) if report.run.counts.read == 0 => Some(NO_RECORD_PROCESSED.to_owned()),
        AppError::Run(RunError::Input(SourceError::InvalidContent { .. } | SourceError::Ambiguous { .. })) => {
            Some(NO_RECORD_PROCESSED.to_owned())
        }
        _ => None,
    }
}

/// Returns help for a job file that is another one than that of the last run.
fn advise_on_changed_definition(error: &RunError, settings: &Settings) -> Option<String> {
    if let Some(other) = find_same_named_job(settings) {
        return Some(format!(
            "{other} beside it has the same job name, {}: give this job a name of its own. It would take the other job's \
             keys and rows",
            settings.job
        ));
    }
    let RunError::TabChanged { title, named, .. } = error else { return None };
    Some(format!(
        "write tab = {title:?}, or rename that tab to {named} on the spreadsheet and run once with --accept-changes; for a \
         second tab, write a second job with a name of its own"
    ))
}

fn find_help(error: &AppError) -> Option<&'static str> {
    Some(match error {
        AppError::Machine(error)
        | AppError::Store(StoreError::Machine { error })
        | AppError::Run(RunError::Store(StoreError::Machine { error }) | RunError::Machine { error, .. }) => {
            find_remedy(error.refused)
        }
        _ if error.fault() == Fault::Machine => find_remedy(MachineRefusal::Resource),
        AppError::Run(RunError::LeaseHeld { .. }) => {
            "wait until it is over; if you know that it is dead, --take-over takes over its lease"
        }
        AppError::Run(RunError::SheetChanged) => {
            "wait until that run is over, then repeat the command; nothing was written"
        }
        AppError::NoSchedule { .. } => {
            "add a table [schedule] at the end of the job file, with cron = \"0 9 * * *\" and timezone = \"Europe/Berlin\""
        }
        AppError::Run(RunError::AlreadyClaimed { .. }) => "nothing is left to do for this one; nothing was written",
        AppError::Busy { .. } => {
            "wait until it is over, or end that process; --take-over works against runs on other machines only. Nothing was read or written"
        }
        AppError::Embedded { is_damaged: true, .. } => {
            "restore the file from a copy; without one, move it away, and the next run processes every key anew"
        }
        AppError::NoProgram { .. } => {
            "see `command` in [[step]]: it names a program of PATH, or a path from the job file's folder, such as ./send.sh"
        }
        AppError::Run(RunError::Fenced { .. }) => "what this run had committed stays; nothing is doubled",
        AppError::Run(RunError::DefinitionChanged { .. }) => {
            "put the job file back as it was, or accept the change with --accept-changes: keys that are done stay done"
        }
        AppError::Run(RunError::ModeChanged { .. }) => {
            "put the mode back; for the other mode, write a second job with a name and a tab of its own"
        }
        AppError::Run(RunError::RolledOver { .. }) => {
            "set SHEETKEEP_SPREADSHEET_ID, or [sheet] spreadsheet, to that one; keys that are done here count there"
        }
        AppError::Run(RunError::RolloverIncomplete { .. }) => {
            "name the earlier spreadsheet again and run sheetkeep rollover once more; until then the job runs there"
        }
        AppError::Run(RunError::Source { error, .. }) => return find_source_help(error),
        AppError::OutOfTime => AFTER_A_DROP,
        AppError::Run(RunError::Stopped { .. }) => "run it again: nothing is lost",
        AppError::Run(
            RunError::Unfinished { fault: Fault::Inconsistent, .. }
            | RunError::Store(StoreError::ForeignResponse { .. }),
        )
        | AppError::Store(StoreError::ForeignResponse { .. }) => PAGE,
        AppError::Run(RunError::Unfinished { .. } | RunError::EditedWhileRead { .. }) => {
            "run it again later: keys that are on the sheet are skipped"
        }
        AppError::Call(error) if error.cause.is_foreign() => PAGE,
        AppError::Run(RunError::NoFailure { .. }) => "sheetkeep failures list JOB.toml lists them; nothing was written",
        AppError::Run(RunError::Refused { .. }) => "see the service's message; nothing of that batch was written",
        AppError::Credentials(CredentialsError::Unreadable { .. }) => {
            "correct the path there, or make the file readable for this user"
        }
        AppError::Credentials(_) => "README.md explains in five steps how to get credentials and where to name them",
        AppError::Source(error) | AppError::Run(RunError::Input(error)) => return find_start_help(error),
        _ => return None,
    })
}

/// Returns the next step where a source can't be opened or read before the first record.
fn find_start_help(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::Denied { .. } => Some(UNREADABLE_SOURCE_ADVICE),
        SourceError::Unavailable { .. } => Some(LOOK_AT_IT),
        SourceError::Missing { .. } => Some(MISSING_SOURCE_ADVICE),
        _ => None,
    }
}

/// The next step where a source ended before its first record.
const NO_RECORD_PROCESSED: &str = "no record was processed; correct the source and run again";

/// The next step when a file may not be read.
const UNREADABLE_SOURCE_ADVICE: &str = "name a file that this user may read";

/// The next step when reading the source failed.
const LOOK_AT_IT: &str = "check that another program can read it, then run again: it continues where it stopped";

/// The next step when the source is not there.
const MISSING_SOURCE_ADVICE: &str =
    "correct the path: that of [source] starts at the job file's folder, that of --input where you are";

/// Returns the next step after an error of the source in the middle of a run.
fn find_source_help(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::InvalidContent { .. } => {
            Some("what came before is on the sheet; correct the source and run again; it continues from there")
        }
        SourceError::Ambiguous { .. } => Some(
            "rows of the first one are on the sheet, and their keys are done; docs/jq.md explains when that is found earlier",
        ),
        _ => find_start_help(error),
    }
}

/// The next step when a web page came in place of the service's response.
const PAGE: &str =
    "log in to this network in a browser, or see what SHEETKEEP_API_URL and the proxy settings name; then run it again";
/// Converts a refusal by this machine before the command has started.
pub fn from_machine(machine_error: &MachineError) -> CliError {
    CliError::new(format!("failed to begin: {machine_error}"), Exit::from(machine_error.refused))
        .with_help(find_remedy(machine_error.refused))
}

/// Returns the next step for a refusal by this machine.
fn find_remedy(refused: MachineRefusal) -> &'static str {
    match refused {
        MachineRefusal::Resource => {
            "no record is to blame: see `ulimit -a` and what else this user runs here, then run it again; it continues where it stopped"
        }
        MachineRefusal::Storage => {
            "no record is to blame: make room on that disk, then run it again; it continues where it stopped"
        }
        MachineRefusal::Program => {
            "no record is to blame: put the program back (see `command` in [[step]]), then run it again; it continues where it stopped"
        }
        MachineRefusal::Busy => {
            "no record is to blame: that program is being written; run it again when it is complete"
        }
    }
}
