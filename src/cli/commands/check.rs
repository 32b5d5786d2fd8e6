//! `sheetkeep check`: checks what a run needs, and probes the service if asked.

use std::sync::Arc;
use std::time::Duration;

use crate::app::connect::{Sheet, check_new_file};
use crate::app::error::AppError;
use crate::app::heartbeat::HeartbeatFile;
use crate::app::instance_lock::known_id;
use crate::app::job::{active_run, definition};
use crate::app::queries::connect_existing;
use crate::check::consequences::consequence;
use crate::check::preflight::{PlannedRun, check_source, check_spreadsheet};
use crate::check::probing::{ProbeEnd, ProbeReport, probe};
use crate::check::programs::check_programs;
use crate::check::report::{CheckItem, CheckVerdict, StartBlocker, Subject};
use crate::check::timetable::check_schedule;
use crate::cli::args::CheckArgs;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::read_settings;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::check::{CheckLine, CheckOutput, ProbeAnswer};
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::json_line;
use crate::cli::session::Session;
use crate::cli::signals::{Signal, SignalWatch};
use crate::clock::Clock;
use crate::config::sections::target::Target;
use crate::config::settings::Settings;
use crate::google::transport::proxy::ProxyRoute;
use crate::rng::Rng;
use crate::runner::shutdown::{Stop, StopReason};
use crate::store::probe::cleanup::CleanupReport;

/// Checks the job, probes the service with `--probe`, and returns the exit that a run would have.
pub async fn command(
    session: &Session,
    args: &CheckArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = read_settings(&args.job, None)?;
    let place = Spreadsheet::from_settings(&settings);
    let mut lines = destination_lines(args, &settings, &place);
    lines.extend(check_schedule(&settings, clock.now()));
    lines.extend(check_heartbeat(&settings));
    let (of_source, repeated_keys) = check_source(&settings, clock.as_ref()).await;
    lines.extend(of_source);
    lines.extend(check_programs(&settings));
    let job = settings.job.clone();
    let mut checked =
        CheckOutput { job, place, lines: Vec::new(), repeated_keys, probe: None, leftovers: 0, exit: Exit::Ok };
    let mut unreachable = None;
    let mut probed = None;
    match connect_existing(&settings, &clock, &chance) {
        Ok(Sheet { sheets, id, file }) => {
            let planned = PlannedRun {
                sheets: Arc::clone(&sheets),
                id: id.clone(),
                definition: definition(&settings),
                install: known_id(settings.state_dir.as_deref()),
                running: active_run(&settings),
                clock: Arc::clone(&clock),
            };
            let before = lines.len();
            let can_be_read = Box::pin(check_spreadsheet(&settings, &planned, &mut lines)).await;
            if let Err(error) = file.check(Ok(())) {
                lines.truncate(before);
                unreachable = Some((Subject::Spreadsheet, from_app(&error, &settings)));
            } else if can_be_read && args.probe {
                let stop = Stop::default();
                let watch = watch_signals(&stop, &clock);
                let asked = probe(sheets, id, clock, chance, &stop).await;
                drop(watch);
                probed = Some(asked.map_err(|error| from_app(&AppError::Store(error), &settings))?);
            }
        }
        Err(AppError::NeverRan) => match check_own_file(&settings) {
            Ok(()) => {
                let what = "it does not exist yet; the first run creates it";
                lines.push(CheckItem::fine(Subject::Spreadsheet, what));
            }
            Err(error) => unreachable = Some((Subject::Spreadsheet, from_app(&error, &settings))),
        },
        Err(error) => {
            let is_file = matches!(error, AppError::Embedded { .. });
            let subject = if is_file { Subject::Spreadsheet } else { Subject::Credentials };
            unreachable = Some((subject, from_app(&error, &settings)));
        }
    }
    checked.lines = lines.into_iter().map(|line| output_line(line, &settings, &mut checked.exit)).collect();
    if let Some((subject, error)) = unreachable {
        checked.lines.push(problem(subject, &error, &mut checked.exit));
    }
    if let Some(probed) = &probed {
        add_answers(probed, &mut checked);
    }
    let out = session.terminal.out();
    out.put(&if args.job.json { json_line(&checked.document()) } else { checked.text(out.palette()) });
    match probed {
        Some(probed) => probe_exit(probed, checked.exit, &settings),
        None => Ok(checked.exit),
    }
}

/// Returns the lines about the heartbeat. No ping is sent. A heartbeat that fails changes no run's
/// result, so nothing here is a problem.
fn check_heartbeat(settings: &Settings) -> Vec<CheckItem> {
    let subject = Subject::Heartbeat;
    let ping = settings.heartbeat.ping.as_ref().map(|ping| {
        let convention = ping.convention.as_str();
        CheckItem::fine(subject, format!("the ping address is well-formed ({convention}); no ping is sent here"))
    });
    let file = settings.heartbeat.file.as_ref().map(|file| {
        let shown = file.display();
        match HeartbeatFile::refusal(file, &settings.job) {
            None => CheckItem::fine(subject, format!("{shown} is written after each run")),
            Some(why) => {
                let help = "name another file as `file` in [heartbeat], or move that one away";
                CheckItem::warning(subject, format!("{shown} would not be written: {why}"), Some(help))
            }
        }
    });
    ping.into_iter().chain(file).collect()
}

/// Checks whether a first run could create the local file.
fn check_own_file(settings: &Settings) -> Result<(), AppError> {
    match &settings.target {
        Target::Embedded { file } => check_new_file(file),
        Target::Google { .. } => Ok(()),
    }
}

/// Returns the lines about the job file, its notes, the destination and the proxy.
fn destination_lines(args: &CheckArgs, settings: &Settings, place: &Spreadsheet) -> Vec<CheckItem> {
    let warnings =
        settings.notes.iter().map(|note| CheckItem::warning(Subject::JobFile, note.what.clone(), Some(&note.help)));
    let job_file = CheckItem::fine(Subject::JobFile, args.job.job.display().to_string());
    let place = CheckItem::fine(Subject::Spreadsheet, place.to_string());
    std::iter::once(job_file).chain(warnings).chain([place]).chain(proxy_line(settings)).collect()
}

/// Returns the line about the proxy; `None` without one. The embedded sheet needs none.
fn proxy_line(settings: &Settings) -> Option<CheckItem> {
    let url = &settings.api_url;
    let what = match settings.proxies.route(&url.parse().ok()?) {
        ProxyRoute::Direct => return None,
        ProxyRoute::Via(proxy) if proxy.has_credentials() => {
            format!("{url} is reached through {proxy}, with a user and a password")
        }
        ProxyRoute::Via(proxy) => format!("{url} is reached through {proxy}"),
        ProxyRoute::Bypassed(proxy, why) => format!("{url} is reached without {proxy}: {why}"),
    };
    Some(CheckItem::fine(Subject::Proxy, what))
}

/// Converts a line for output. The first problem decides the exit, as in a run.
fn output_line(line: CheckItem, settings: &Settings, exit: &mut Exit) -> CheckLine {
    let subject = line.subject.as_str();
    match line.verdict {
        CheckVerdict::Fine(message) => CheckLine { subject, verdict: "ok", message, hint: None },
        CheckVerdict::Warning { what, help } => CheckLine { subject, verdict: "warning", message: what, hint: help },
        CheckVerdict::Problem(blocker) => {
            let error = match blocker {
                StartBlocker::Pass(error) => AppError::Pass(error),
                StartBlocker::Source(error) => AppError::Source(error),
                StartBlocker::Call(error) => AppError::Call(error),
                StartBlocker::Busy { holder } => AppError::Busy { holder },
                StartBlocker::Program { step, why } => AppError::NoProgram { step, why },
            };
            problem(line.subject, &from_app(&error, settings), exit)
        }
    }
}

fn problem(subject: Subject, error: &CliError, exit: &mut Exit) -> CheckLine {
    if *exit == Exit::Ok {
        *exit = error.exit();
    }
    CheckLine {
        subject: subject.as_str(),
        verdict: "problem",
        message: error.message().to_owned(),
        hint: error.hint().map(str::to_owned),
    }
}

fn add_answers(probed: &ProbeReport, checked: &mut CheckOutput) {
    let answers = probed.findings.iter().map(|found| ProbeAnswer {
        question: found.assumption.name(),
        assumption: found.assumption.description(),
        outcome: found.outcome.as_str(),
        seen: found.seen.clone(),
        meaning: consequence(found.assumption, found.outcome),
    });
    checked.probe = Some(answers.collect());
    checked.leftovers = probed.cleanup.leftovers;
    if probed.unguarded().is_some() {
        checked.exit = Exit::Protocol;
    }
}

/// Returns the exit of a check with a probe.
fn probe_exit(probed: ProbeReport, exit: Exit, settings: &Settings) -> Result<Exit, CliError> {
    let sure = probed.has_proven_guard();
    if !probed.cleanup.left.is_empty() || probed.cleanup.why.is_some() {
        // A guard that does not hold is worse than leftovers.
        let exit = if exit == Exit::Protocol { exit } else { Exit::Unavailable };
        return Err(not_cleaned(&probed.cleanup, exit));
    }
    match probed.ended {
        Some(ProbeEnd::Error(error)) => Err(from_app(&AppError::Store(error), settings)),
        Some(ProbeEnd::Stopped(StopReason::Interrupt)) => Ok(Exit::Interrupted),
        Some(ProbeEnd::Stopped(StopReason::HangUp)) => Ok(Exit::HungUp),
        Some(ProbeEnd::Stopped(_)) => Ok(Exit::Terminated),
        None if exit == Exit::Ok && !sure => {
            let message = "the responses about the guard were lost, so it is not verified";
            Err(CliError::new(message, Exit::Unavailable).with_help("probe again later"))
        }
        None => Ok(exit),
    }
}

fn not_cleaned(cleanup: &CleanupReport, exit: Exit) -> CliError {
    let left = cleanup.left.join("\", \"");
    let what = if left.is_empty() { "tabs called sheetkeep probe …".to_owned() } else { format!("\"{left}\"") };
    let why = cleanup.why.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let message = format!("failed to delete what the probe made: {what} may still be there{why}");
    let help = "the next --probe after an hour deletes it, or delete it yourself; your data was not touched";
    CliError::new(message, exit).with_help(help)
}

/// The first signal ends the probe after the current question; the second one aborts that question.
/// The probe cleans up in both cases.
fn watch_signals(stop: &Stop, clock: &Arc<dyn Clock>) -> Option<SignalWatch> {
    let stop = stop.clone();
    let watch = SignalWatch::start(Arc::clone(clock), move |signal, nth| {
        stop.request(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        if nth > 1 {
            stop.force(Duration::ZERO);
        }
    });
    watch.inspect_err(|error| tracing::warn!(%error, "signals can't be received")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::probe::assumption::{Assumption, AssumptionOutcome, AssumptionResult};

    #[test]
    fn a_guard_that_does_not_hold_is_the_only_cause_of_76() {
        for (question, exit) in [(Assumption::MissingTab, Exit::Protocol), (Assumption::MissingName, Exit::Ok)] {
            let finding = AssumptionResult {
                assumption: question,
                outcome: AssumptionOutcome::NotHeld,
                seen: "the batch was applied".into(),
            };
            let probed = ProbeReport { findings: vec![finding], cleanup: CleanupReport::default(), ended: None };
            let (job, lines, probe) = ("j".to_owned(), Vec::new(), None);
            let place = crate::cli::output::fixtures::place().spreadsheet;
            let mut checked =
                CheckOutput { job, place, lines, repeated_keys: None, probe, leftovers: 0, exit: Exit::Ok };
            add_answers(&probed, &mut checked);
            assert_eq!(checked.exit, exit, "{question:?}");
            assert_eq!(checked.probe.map(|answers| answers.len()), Some(1));
        }
    }

    #[test]
    fn leftovers_of_the_check_are_reported_by_name() {
        let left = vec!["sheetkeep probe 1-0123456789abcdef-0".to_owned()];
        let output_line = not_cleaned(&CleanupReport { left, ..CleanupReport::default() }, Exit::Unavailable);
        assert!(output_line.message().contains("0123456789abcdef-0") && output_line.exit() == Exit::Unavailable);
        let why = Some(crate::port::store::StoreError::Missing { why: "no spreadsheet".into() });
        let output_line = not_cleaned(&CleanupReport { why, ..CleanupReport::default() }, Exit::Protocol);
        assert!(output_line.message().contains("no spreadsheet") && output_line.exit() == Exit::Protocol);
    }
}
