//! `sheetkeep check`.

use std::sync::Arc;
use std::time::Duration;

use crate::app::error::AppError;
use crate::app::installation::known;
use crate::app::job::{definition, running_here};
use crate::app::sheet::Sheet;
use crate::app::view::existing;
use crate::check::meaning::meaning;
use crate::check::preflight::{Coming, source, spreadsheet};
use crate::check::probing::{Ended, Probed, probe};
use crate::check::programs::programs;
use crate::check::report::{Blocker, Line, Subject, Verdict};
use crate::cli::args::CheckArgs;
use crate::cli::commands::setting::read_settings;
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::Trouble;
use crate::cli::exit::Exit;
use crate::cli::output::check::{CheckLine, Checked, ProbeAnswer};
use crate::cli::output::json::line;
use crate::cli::output::place::Spreadsheet;
use crate::cli::session::Session;
use crate::cli::signals::{Signal, Watch};
use crate::config::settings::Settings;
use crate::google::proxy::Way;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::stop::{Stop, StopReason};
use crate::store::probe::sweep::Swept;

/// Checks the job, asks the service if it is to, and ends as a run would.
pub async fn command(
    session: &Session,
    args: &CheckArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, Trouble> {
    let settings = read_settings(&args.job, None)?;
    let place = Spreadsheet::of(&settings);
    let mut lines = meant(args, &settings, &place);
    let (of_source, looked) = source(&settings, clock.as_ref()).await;
    lines.extend(of_source);
    lines.extend(programs(&settings));
    let job = settings.job.clone();
    let mut checked = Checked { job, place, lines: Vec::new(), looked, probe: None, leftovers: 0, exit: Exit::Ok };
    let mut unreachable = None;
    let mut probed = None;
    match existing(&settings, &clock, &chance) {
        Ok(Sheet { sheets, id, file }) => {
            let coming = Coming {
                sheets: Arc::clone(&sheets),
                id: id.clone(),
                definition: definition(&settings),
                install: known(settings.state_dir.as_deref()),
                running: running_here(&settings),
                clock: Arc::clone(&clock),
            };
            let before = lines.len();
            let can_be_read = spreadsheet(&settings, &coming, &mut lines).await;
            if let Err(error) = file.judge(Ok(())) {
                lines.truncate(before);
                unreachable = Some((Subject::Spreadsheet, of_app(&error, &settings)));
            } else if can_be_read && args.probe {
                let stop = Stop::default();
                let watch = listen(&stop, &clock);
                let asked = probe(sheets, id, clock, chance, &stop).await;
                drop(watch);
                probed = Some(asked.map_err(|error| of_app(&AppError::Store(error), &settings))?);
            }
        }
        Err(AppError::NeverRan) => {
            let what = "it is not there yet; the first run makes it";
            lines.push(Line::fine(Subject::Spreadsheet, what));
        }
        Err(error) => {
            let is_file = matches!(error, AppError::Embedded { .. });
            let subject = if is_file { Subject::Spreadsheet } else { Subject::Credentials };
            unreachable = Some((subject, of_app(&error, &settings)));
        }
    }
    checked.lines = lines.into_iter().map(|line| told(line, &settings, &mut checked.exit)).collect();
    if let Some((subject, trouble)) = unreachable {
        checked.lines.push(problem(subject, &trouble, &mut checked.exit));
    }
    if let Some(probed) = &probed {
        answered(probed, &mut checked);
    }
    let out = session.terminal.out();
    out.put(&if args.job.json { line(&checked.document()) } else { checked.text(out.palette()) });
    match probed {
        Some(probed) => end(probed, checked.exit, &settings),
        None => Ok(checked.exit),
    }
}

/// What the job file and the environment say: what is odd about it, where the rows are to be, and the way there.
fn meant(args: &CheckArgs, settings: &Settings, place: &Spreadsheet) -> Vec<Line> {
    let odd = settings.notes.iter().map(|note| Line::warning(Subject::JobFile, note.what.clone(), Some(&note.help)));
    let job_file = Line::fine(Subject::JobFile, args.job.job.display().to_string());
    let place = Line::fine(Subject::Spreadsheet, place.to_string());
    std::iter::once(job_file).chain(odd).chain([place]).chain(way(settings)).collect()
}

/// The way to the service, where a proxy is set. The embedded sheet needs none.
fn way(settings: &Settings) -> Option<Line> {
    let url = &settings.api_url;
    let what = match settings.proxies.way(&url.parse().ok()?) {
        Way::Straight => return None,
        Way::Through(proxy) if proxy.has_credentials() => {
            format!("{url} is reached through {proxy}, with a user and a password")
        }
        Way::Through(proxy) => format!("{url} is reached through {proxy}"),
        Way::Past(proxy, why) => format!("{url} is reached without {proxy}: {why}"),
    };
    Some(Line::fine(Subject::Proxy, what))
}

/// A line as it is shown; the first problem decides how the process ends, as it would a run.
fn told(line: Line, settings: &Settings, exit: &mut Exit) -> CheckLine {
    let subject = line.subject.word();
    match line.verdict {
        Verdict::Fine(message) => CheckLine { subject, verdict: "ok", message, hint: None },
        Verdict::Warning { what, mend } => CheckLine { subject, verdict: "warning", message: what, hint: mend },
        Verdict::Problem(blocker) => {
            let error = match blocker {
                Blocker::Pass(error) => AppError::Pass(error),
                Blocker::Source(error) => AppError::Source(error),
                Blocker::Call(error) => AppError::Call(error),
                Blocker::Busy { holder } => AppError::Busy { holder },
                Blocker::Program { step, why } => AppError::NoProgram { step, why },
            };
            problem(line.subject, &of_app(&error, settings), exit)
        }
    }
}

fn problem(subject: Subject, trouble: &Trouble, exit: &mut Exit) -> CheckLine {
    if *exit == Exit::Ok {
        *exit = trouble.exit();
    }
    CheckLine {
        subject: subject.word(),
        verdict: "problem",
        message: trouble.message().to_owned(),
        hint: trouble.hint().map(str::to_owned),
    }
}

fn answered(probed: &Probed, checked: &mut Checked) {
    let answers = probed.findings.iter().map(|found| ProbeAnswer {
        question: found.question.word(),
        assumption: found.question.assumption(),
        outcome: found.outcome.word(),
        seen: found.seen.clone(),
        meaning: meaning(found.question, found.outcome),
    });
    checked.probe = Some(answers.collect());
    checked.leftovers = probed.swept.leftovers;
    if probed.unguarded().is_some() {
        checked.exit = Exit::Protocol;
    }
}

/// How a check ends that asked the service.
fn end(probed: Probed, exit: Exit, settings: &Settings) -> Result<Exit, Trouble> {
    let sure = probed.is_sure_of_the_guard();
    if !probed.swept.left.is_empty() || probed.swept.why.is_some() {
        // What keeps runs apart is the worse news.
        let exit = if exit == Exit::Protocol { exit } else { Exit::Unavailable };
        return Err(unswept(&probed.swept, exit));
    }
    match probed.ended {
        Some(Ended::Error(error)) => Err(of_app(&AppError::Store(error), settings)),
        Some(Ended::Stopped(StopReason::Interrupt)) => Ok(Exit::Interrupted),
        Some(Ended::Stopped(StopReason::HangUp)) => Ok(Exit::HungUp),
        Some(Ended::Stopped(_)) => Ok(Exit::Terminated),
        None if exit == Exit::Ok && !sure => {
            let message = "the answers about the guard were lost, so nothing is known of it";
            Err(Trouble::new(message, Exit::Unavailable).with_help("ask again later"))
        }
        None => Ok(exit),
    }
}

fn unswept(swept: &Swept, exit: Exit) -> Trouble {
    let left = swept.left.join("\", \"");
    let what = if left.is_empty() { "tabs called sheetkeep probe …".to_owned() } else { format!("\"{left}\"") };
    let why = swept.why.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let message = format!("failed to delete what the probe made: {what} may still be there{why}");
    let help = "the next --probe after an hour deletes it, and so may you; nothing of yours was touched";
    Trouble::new(message, exit).with_help(help)
}

/// A first signal ends the probe after the question in hand, a second one drops that too; either way it sweeps up.
fn listen(stop: &Stop, clock: &Arc<dyn Clock>) -> Option<Watch> {
    let stop = stop.clone();
    let heard = Watch::begin(Arc::clone(clock), move |signal, nth| {
        stop.ask(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        if nth > 1 {
            stop.hurry(Duration::ZERO);
        }
    });
    heard.inspect_err(|error| tracing::warn!(%error, "signals can't be heard")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::probe::question::{Finding, Outcome, Question};

    #[test]
    fn a_guard_that_does_not_hold_is_what_a_run_ends_with_76_for_and_any_other_answer_is_not() {
        for (question, exit) in [(Question::MissingTab, Exit::Protocol), (Question::MissingName, Exit::Ok)] {
            let finding = Finding { question, outcome: Outcome::NotHeld, seen: "the batch was applied".into() };
            let probed = Probed { findings: vec![finding], swept: Swept::default(), ended: None };
            let (job, lines, probe) = ("j".to_owned(), Vec::new(), None);
            let place = crate::cli::output::sample::place().spreadsheet;
            let mut checked = Checked { job, place, lines, looked: None, probe, leftovers: 0, exit: Exit::Ok };
            answered(&probed, &mut checked);
            assert_eq!(checked.exit, exit, "{question:?}");
            assert_eq!(checked.probe.map(|answers| answers.len()), Some(1));
        }
    }

    #[test]
    fn what_could_not_be_swept_up_is_told_by_name_and_so_is_a_sweep_that_saw_nothing() {
        let left = vec!["sheetkeep probe 1-0123456789abcdef-0".to_owned()];
        let told = unswept(&Swept { left, ..Swept::default() }, Exit::Unavailable);
        assert!(told.message().contains("0123456789abcdef-0") && told.exit() == Exit::Unavailable);
        let why = Some(crate::port::store::StoreError::Missing { why: "no spreadsheet".into() });
        let told = unswept(&Swept { why, ..Swept::default() }, Exit::Protocol);
        assert!(told.message().contains("no spreadsheet") && told.exit() == Exit::Protocol);
    }
}
