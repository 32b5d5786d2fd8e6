//! The lines of `sheetkeep check`, in the order in which a run would reach what they are about.
//!
//! In scope: what this machine has, then what the service answers. Out of scope: each check itself
//! (`check`), output and exit (`cli::commands::inspect::check`).

use std::path::PathBuf;
use std::sync::Arc;

use crate::alert_delivery::channel::ChannelTarget;
use crate::app::connect::connect_existing;
use crate::app::connect::{Sheet, check_new_file, connect_to_drive};
use crate::app::error::AppError;
use crate::app::heartbeat::HeartbeatFile;
use crate::app::local_state::installation::read_known_id;
use crate::app::metrics::metric_files::{explain_records_refusal, explain_textfile_refusal};
use crate::app::run_request::make_definition;
use crate::app::single_run::find_active_run;
use crate::check::preflight::{PlannedRun, SpreadsheetFindings, check_spreadsheet};
use crate::check::programs::check_programs;
use crate::check::repeated::RepeatedKeyScan;
use crate::check::report::{CheckItem, Subject};
use crate::check::source::{SourceFindings, check_source};
use crate::check::surroundings::check_surroundings;
use crate::check::timetable::check_schedule;
use crate::check::trash::check_trash;
use crate::check::write_access::check_write;
use crate::cli::args::command_line::CheckArgs;
use crate::cli::output::destination::Spreadsheet;
use crate::clock::Clock;
use crate::config::external::env_file::NAME as ENV_FILE;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::program_file::find_program;
use crate::rng::Rng;
use crate::runner::queue::first_records::CommonCause;
use crate::runner::run_config::RunError;
use crate::sheets_client::transport::proxy::ProxyRoute;

/// What the offline part of a check found.
pub struct OfflineFindings {
    /// Its lines.
    pub lines: Vec<CheckItem>,
    /// The repeated keys of the source's first records, if these were read.
    pub repeated_keys: Option<RepeatedKeyScan>,
    /// Why none of the first records fits the columns: what it means depends on the sheet.
    pub unfit: Option<CommonCause>,
    /// The columns that the source has no field for, each with a run's error; they depend on the
    /// sheet, too.
    pub unknown_columns: Vec<(String, RunError)>,
    /// The place of the lines about both.
    pub source_end: usize,
}

/// What the service's part of a check found beside its lines.
#[derive(Default)]
pub struct ServiceFindings {
    /// Whether the job has done a key; `None` if that is unknown.
    pub has_done_keys: Option<bool>,
    /// The columns of the data tab; `None` if that is unknown.
    pub tab_columns: Option<Vec<String>>,
    /// The sheet, if it can be read and a probe was asked for.
    pub to_probe: Option<Sheet>,
    /// Why the sheet can't be used at all, and what that is about.
    pub unreachable: Option<(Subject, AppError)>,
}

/// Looks at what is on this machine.
pub async fn check_offline(
    args: &CheckArgs,
    settings: &Settings,
    place: &Spreadsheet,
    clock: &dyn Clock,
) -> OfflineFindings {
    let mut lines = report_destination(args, settings, place);
    lines.extend(check_surroundings(settings, &find_env_file(args, settings)));
    lines.extend(check_schedule(settings, clock.now()));
    lines.extend(check_heartbeat(settings));
    lines.extend(check_alerts(settings));
    lines.extend(check_metrics(settings));
    let mut source = check_source(settings, clock).await;
    lines.append(&mut source.lines);
    let source_end = lines.len();
    lines.extend(check_programs(settings));
    let SourceFindings { repeated_keys, unfit, unknown_columns, .. } = source;
    OfflineFindings { lines, repeated_keys, unfit, unknown_columns, source_end }
}

/// Adds the lines about the service and the spreadsheet, or about the local file.
pub async fn check_service(
    args: &CheckArgs,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
    lines: &mut Vec<CheckItem>,
) -> ServiceFindings {
    let unreachable =
        |subject, error| ServiceFindings { unreachable: Some((subject, error)), ..ServiceFindings::default() };
    let sheet = match connect_existing(settings, clock, rng) {
        Ok(sheet) => sheet,
        Err(AppError::NeverRan) => {
            let what = "it does not exist yet; the first run creates it";
            let created =
                check_own_file(settings).map(|()| lines.push(CheckItem::new_expected(Subject::Spreadsheet, what)));
            let (has_done_keys, tab_columns) = (Some(false), Some(Vec::new()));
            let fresh = ServiceFindings { has_done_keys, tab_columns, ..ServiceFindings::default() };
            return created.map_or_else(|error| unreachable(Subject::Spreadsheet, error), |()| fresh);
        }
        Err(error) => {
            let is_file = matches!(error, AppError::Embedded { .. });
            return unreachable(if is_file { Subject::Spreadsheet } else { Subject::Credentials }, error);
        }
    };
    let planned = PlannedRun {
        sheets: Arc::clone(&sheet.sheets),
        id: sheet.id.clone(),
        definition: make_definition(settings),
        installation: read_known_id(settings.state_dir.as_deref()),
        running: find_active_run(settings),
        clock: Arc::clone(clock),
    };
    let before = lines.len();
    let SpreadsheetFindings { can_be_read, has_done_keys, tab_columns } =
        Box::pin(check_spreadsheet(settings, &planned, lines)).await;
    if can_be_read {
        lines.extend(report_trashed_file(settings, clock, rng).await);
    }
    if can_be_read && args.write {
        let (sheets, id) = (Arc::clone(&sheet.sheets), sheet.id.clone());
        lines.push(check_write(sheets, id, Arc::clone(clock), Arc::clone(rng)).await);
    }
    if let Err(error) = sheet.file.check(Ok(())) {
        lines.truncate(before);
        return unreachable(Subject::Spreadsheet, error);
    }
    let to_probe = Some(sheet).filter(|_| can_be_read && args.probe);
    ServiceFindings { has_done_keys, tab_columns, to_probe, unreachable: None }
}

/// Returns the lines about the job file, its notes, the destination and the proxy.
fn report_destination(args: &CheckArgs, settings: &Settings, place: &Spreadsheet) -> Vec<CheckItem> {
    let warnings =
        settings.notes.iter().map(|note| CheckItem::new_warning(Subject::JobFile, note.what.clone(), Some(&note.help)));
    let job_file = CheckItem::new_expected(Subject::JobFile, args.job.job.display().to_string());
    let place = CheckItem::new_expected(Subject::Spreadsheet, place.to_string());
    std::iter::once(job_file).chain(warnings).chain([place]).chain(report_proxy(settings)).collect()
}

/// Returns the line about the proxy; `None` without one. The embedded sheet needs none.
fn report_proxy(settings: &Settings) -> Option<CheckItem> {
    let url = &settings.api_url;
    let what = match settings.proxies.route(&url.parse().ok()?) {
        ProxyRoute::Direct => return None,
        ProxyRoute::Via(proxy) if proxy.has_credentials() => {
            format!("{url} is reached through {proxy}, with a user and a password")
        }
        ProxyRoute::Via(proxy) => format!("{url} is reached through {proxy}"),
        ProxyRoute::Bypassed(proxy, why) => format!("{url} is reached without {proxy}: {why}"),
    };
    Some(CheckItem::new_expected(Subject::Proxy, what))
}

/// Returns the path of the file that settings come from, which need not exist.
fn find_env_file(args: &CheckArgs, settings: &Settings) -> PathBuf {
    let beside = || settings.path.parent().map(|folder| folder.join(ENV_FILE)).unwrap_or_default();
    args.job.sheet.env_file.clone().unwrap_or_else(beside)
}

/// Returns the lines about the heartbeat. No ping is sent. A heartbeat that fails changes no run's
/// result, so nothing here is a problem.
fn check_heartbeat(settings: &Settings) -> Vec<CheckItem> {
    let subject = Subject::Heartbeat;
    let ping = settings.heartbeat.ping.as_ref().map(|ping| {
        let convention = ping.convention.as_str();
        CheckItem::new_expected(
            subject,
            format!("the ping address is well-formed ({convention}); no ping is sent here"),
        )
    });
    let file = settings.heartbeat.file.as_ref().map(|file| {
        let shown = file.display();
        match HeartbeatFile::explain_refusal(file, &settings.job) {
            None => CheckItem::new_expected(subject, format!("{shown} is written after each run")),
            Some(why) => {
                let help = "name another file as `file` in [heartbeat], or move that one away";
                CheckItem::new_warning(subject, format!("{shown} would not be written: {why}"), Some(help))
            }
        }
    });
    ping.into_iter().chain(file).collect()
}

/// Names the channels that hear of failures; nothing if there is none. What fails there changes no
/// run's result, so nothing here is a problem.
fn check_alerts(settings: &Settings) -> Vec<CheckItem> {
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for channel in &settings.alerts.channels {
        match explain_unusable_channel(&channel.target) {
            None => names.push(channel.to_string()),
            Some(why) => {
                let help = "correct `command` in [[alerts.channel]]: a program of PATH, or a path from the job file's \
                            folder, such as ./send.sh";
                let what = format!("{channel} would reach no one: {why}");
                lines.push(CheckItem::new_warning(Subject::Alerts, what, Some(help)));
            }
        }
    }
    let what = format!("well-formed: {}; no message is sent here, sheetkeep alert test sends one", names.join(", "));
    lines.extend((!names.is_empty()).then(|| CheckItem::new_expected(Subject::Alerts, what)));
    lines
}

fn explain_unusable_channel(target: &ChannelTarget) -> Option<String> {
    let ChannelTarget::Program { words, folder } = target else { return None };
    find_program(words.first().map_or("", String::as_str), folder).err()
}

/// Returns the lines about who gets metrics. Nothing is sent or written. What fails there changes
/// no run's result, so nothing here is a problem.
fn check_metrics(settings: &Settings) -> Vec<CheckItem> {
    let (subject, metrics) = (Subject::Metrics, &settings.metrics);
    let of_file = |path: &PathBuf, refusal: Option<String>, fine: &str| {
        let shown = path.display();
        match refusal {
            None => CheckItem::new_expected(subject, format!("{shown} {fine} after each run")),
            Some(why) => {
                let help = "name another file in [metrics], or move that one away";
                CheckItem::new_warning(subject, format!("{shown} would not be written: {why}"), Some(help))
            }
        }
    };
    let jsonl = metrics.jsonl.as_ref().map(|path| of_file(path, explain_records_refusal(path), "gets a line"));
    let refusal = |path: &PathBuf| explain_textfile_refusal(path, &settings.job);
    let textfile = metrics.textfile.as_ref().map(|path| of_file(path, refusal(path), "is written"));
    let hosts = metrics.pushgateway.iter().map(|gateway| &gateway.host);
    let hosts = hosts.chain(metrics.statsd.iter().map(|statsd| &statsd.address));
    let sent = hosts.map(|host| {
        CheckItem::new_expected(subject, format!("{host} gets metrics after each run; none are sent here"))
    });
    jsonl.into_iter().chain(textfile).chain(sent).collect()
}

/// Checks whether a first run could create the local file.
fn check_own_file(settings: &Settings) -> Result<(), AppError> {
    match &settings.target {
        SheetTarget::Embedded { file } => check_new_file(file),
        SheetTarget::Google { .. } => Ok(()),
    }
}

/// Asks Drive whether the file is in the trash; nothing for a local file.
async fn report_trashed_file(settings: &Settings, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> Option<CheckItem> {
    let Sheet { sheets, id, .. } = connect_to_drive(settings, clock, rng).ok().flatten()?;
    Some(check_trash(&sheets, &id).await)
}
