//! `sheetkeep check`: checks what a run needs, and probes the service if asked.

use std::sync::Arc;
use std::time::Duration;

use crate::app::connect::Sheet;
use crate::app::error::AppError;
use crate::check::consequences::describe_consequence;
use crate::check::probing::{ProbeEnd, ProbeReport, probe_service};
use crate::check::report::{CheckItem, CheckVerdict, StartBlocker, Subject};
use crate::check::source::{report_unfit_records, unknown_column_line};
use crate::cli::args::command_line::CheckArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::inspect::check_lines::{OfflineFindings, check_offline, check_service};
use crate::cli::commands::load_settings::read_settings;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::check::{CheckLine, CheckOutput, ProbeResult};
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::format_json_line;
use crate::cli::signals::{Signal, SignalWatch};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::store::probe::cleanup::CleanupReport;

/// Checks the job, probes the service with `--probe`, and returns the exit that a run would have.
pub async fn execute(context: CommandContext<'_>, args: &CheckArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    let settings = read_settings(&args.job, None)?;
    let place = Spreadsheet::from_settings(&settings);
    let OfflineFindings { mut lines, repeated_keys, unfit, unknown_columns, source_end } =
        check_offline(args, &settings, &place, clock.as_ref()).await;
    let mut checked = CheckOutput {
        job: settings.job.clone(),
        place,
        lines: Vec::new(),
        repeated_keys,
        probe: None,
        leftovers: 0,
        exit: Exit::Ok,
        has_unnoticed: false,
    };
    let found = Box::pin(check_service(args, &settings, &clock, &rng, &mut lines)).await;
    let unfit = unfit.map(|cause| report_unfit_records(cause, found.has_done_keys));
    let unknown = unknown_column_line(unknown_columns, found.tab_columns.as_deref(), found.has_done_keys == Some(true));
    lines.splice(source_end..source_end, unknown.into_iter().chain(unfit));
    let probed = match found.to_probe {
        Some(Sheet { sheets, id, .. }) => {
            let stop = StopHandle::default();
            let watch = watch_signals(&stop, &clock);
            let asked = probe_service(sheets, id, clock, rng, &stop).await;
            drop(watch);
            Some(asked.map_err(|error| from_app(&AppError::Store(error), &settings))?)
        }
        None => None,
    };
    checked.lines = lines.into_iter().map(|line| convert_line(line, &settings, &mut checked)).collect();
    if let Some((subject, error)) = found.unreachable {
        checked.lines.push(make_problem_line(subject, &from_app(&error, &settings), &mut checked.exit));
    }
    if let Some(probed) = &probed {
        add_answers(probed, &mut checked);
    }
    let out = invocation.terminal.stdout();
    out.put(&if args.job.json {
        format_json_line(&checked.make_document())
    } else {
        checked.format_text(out.palette())
    });
    match probed {
        Some(probed) => choose_probe_exit(probed, checked.choose_exit(), &settings),
        None => Ok(checked.choose_exit()),
    }
}

/// Converts a line for output. The first problem decides the exit, as in a run.
fn convert_line(line: CheckItem, settings: &Settings, checked: &mut CheckOutput) -> CheckLine {
    let subject = line.subject.as_str();
    match line.verdict {
        CheckVerdict::Passed(message) => CheckLine { subject, verdict: "ok", message, hint: None },
        CheckVerdict::Warning { what, help } => CheckLine { subject, verdict: "warning", message: what, hint: help },
        CheckVerdict::Problem(blocker) => {
            let error = match blocker {
                StartBlocker::Run(error) => AppError::Run(error),
                StartBlocker::Source(error) => AppError::Source(error),
                StartBlocker::Call(error) => AppError::Call(error),
                StartBlocker::Busy { holder } => AppError::Busy { holder },
                StartBlocker::Program { step, why } => AppError::NoProgram { step, why },
                StartBlocker::Environment { what, help } => {
                    checked.has_unnoticed = true;
                    let error = CliError::new(what, Exit::Config).with_help(help);
                    return make_problem_line(line.subject, &error, &mut Exit::Config);
                }
            };
            make_problem_line(line.subject, &from_app(&error, settings), &mut checked.exit)
        }
    }
}

fn make_problem_line(subject: Subject, error: &CliError, exit: &mut Exit) -> CheckLine {
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
    let answers = probed.findings.iter().map(|found| ProbeResult {
        question: found.assumption.name(),
        assumption: found.assumption.description(),
        outcome: found.outcome.as_str(),
        seen: found.seen.clone(),
        meaning: describe_consequence(found.assumption, found.outcome),
    });
    checked.probe = Some(answers.collect());
    checked.leftovers = probed.cleanup.leftovers;
    if probed.find_broken_guard_assumption().is_some() {
        checked.exit = Exit::Protocol;
    }
}

/// Returns the exit of a check with a probe.
fn choose_probe_exit(probed: ProbeReport, exit: Exit, settings: &Settings) -> Result<Exit, CliError> {
    let sure = probed.has_proven_guard();
    if !probed.cleanup.left.is_empty() || probed.cleanup.why.is_some() {
        // A guard that does not hold is worse than leftovers.
        let exit = if exit == Exit::Protocol { exit } else { Exit::Unavailable };
        return Err(report_leftovers(&probed.cleanup, exit));
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

fn report_leftovers(cleanup: &CleanupReport, exit: Exit) -> CliError {
    let left = cleanup.left.join("\", \"");
    let what = if left.is_empty() { "tabs called sheetkeep probe …".to_owned() } else { format!("\"{left}\"") };
    let why = cleanup.why.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let message = format!("failed to delete what the probe made: {what} may still be there{why}");
    let help = "the next --probe after an hour deletes it, or delete it yourself; your data was not touched";
    CliError::new(message, exit).with_help(help)
}

/// The first signal ends the probe after the current question; the second one aborts that question.
/// The probe cleans up in both cases.
fn watch_signals(stop: &StopHandle, clock: &Arc<dyn Clock>) -> Option<SignalWatch> {
    let stop = stop.clone();
    let watch = SignalWatch::start(Arc::clone(clock), move |signal, nth| {
        stop.request_stop(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        if nth > 1 {
            stop.force_stop(Duration::ZERO);
        }
    });
    watch.inspect_err(|error| tracing::warn!(event = "signals.unavailable", %error, "signals can't be received")).ok()
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
            let place = crate::cli::output::fixtures::make_place().spreadsheet;
            let mut checked = CheckOutput {
                job,
                place,
                lines,
                repeated_keys: None,
                probe,
                leftovers: 0,
                exit: Exit::Ok,
                has_unnoticed: false,
            };
            add_answers(&probed, &mut checked);
            assert_eq!(checked.exit, exit, "{question:?}");
            assert_eq!(checked.probe.map(|answers| answers.len()), Some(1));
        }
    }

    #[test]
    fn leftovers_of_the_check_are_reported_by_name() {
        let left = vec!["sheetkeep probe 1-0123456789abcdef-0".to_owned()];
        let output_line = report_leftovers(&CleanupReport { left, ..CleanupReport::default() }, Exit::Unavailable);
        assert!(output_line.message().contains("0123456789abcdef-0") && output_line.exit() == Exit::Unavailable);
        let why = Some(crate::port::store::StoreError::Missing { why: "no spreadsheet".into() });
        let output_line = report_leftovers(&CleanupReport { why, ..CleanupReport::default() }, Exit::Protocol);
        assert!(output_line.message().contains("no spreadsheet") && output_line.exit() == Exit::Protocol);
    }
}
