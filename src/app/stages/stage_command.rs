//! The command of one stage: its variables, its attempts, and its artefact, complete or not at all.
//!
//! In scope: what the command gets, and what becomes of its output. Out of scope: attempts and
//! signals (`command_retry`), whether the stage runs (`app::stages::stage_source`).
//!
//! ```text
//!  SHEETKEEP_STAGE_INPUT    the artefact of the stage before, or the dead letter
//!  SHEETKEEP_STAGE_OUTPUT   a path beside the artefact, where nothing is yet
//!  standard output          the artefact, if the command has written nothing to that path
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::app::stages::artifact::{Artifact, make_folder_of, make_part_path, publish_part, remove_parts};
use crate::app::stages::stage_plan::{PlannedStage, StageOutcomes, StagePlan};
use crate::app::stages::stage_watch::{StageCall, WatchedCommand};
use crate::command_retry::attempt::CommandOutput;
use crate::command_retry::report::{AttemptReport, RetryOutcome, RetryReport};
use crate::command_retry::retry_loop::{CommandRetry, RetriedCommand};
use crate::command_retry::signals::StopSignal;
use crate::ledger::items::key::hash_texts;
use crate::port::lease_check::LeaseCheck;
use crate::private_files;
use crate::runner::shutdown::{StopHandle, StopReason};

/// The variable with the path of what the stage reads.
const INPUT: &str = "SHEETKEEP_STAGE_INPUT";
/// The variable with the path that the stage may write.
const OUTPUT: &str = "SHEETKEEP_STAGE_OUTPUT";

/// How the command of a stage ended.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandEnd {
    /// The command succeeded, after any retries.
    Done {
        /// Its artefact, if it makes one.
        artifact: Option<Artifact>,
        /// Attempts that it took.
        attempts: usize,
        /// Seconds that it took.
        seconds: f64,
    },
    /// The last attempt of the command failed.
    Failed {
        /// The error message.
        error: String,
        /// True if it may succeed later.
        may_pass: bool,
    },
    /// A stop was requested.
    Interrupted,
    /// The command succeeded, and another run has taken over meanwhile: nothing was put in its
    /// place.
    LeaseLost,
}

/// What runs the command of one stage.
pub struct StageCommand<'a> {
    /// The plan that the stage belongs to.
    pub plan: &'a StagePlan,
    /// The stage whose command is run.
    pub stage: &'a PlannedStage,
    /// The path of what it reads.
    pub input: Option<PathBuf>,
    /// The stop of the run.
    pub stop: &'a StopHandle,
    /// Takes the report.
    pub outcomes: &'a StageOutcomes,
    /// Asked before the artefact is put in its place; not needed for a stage that makes none.
    pub lease: Option<&'a dyn LeaseCheck>,
}

impl StageCommand<'_> {
    /// Makes attempts until one succeeds. The artefact is in its place only after a success.
    pub async fn run(&self) -> CommandEnd {
        let target = self.stage.artifact.as_ref().map(|path| self.plan.folders.resolve_path(path));
        let part = match target.as_deref().map(|target| self.prepare(target)).transpose() {
            Ok(part) => part.map(PartFile),
            Err(error) => return describe_file_failure(&error, "its folder can't be used"),
        };
        let part = part.as_ref().map(|part| part.0.as_path());
        let report = match self.run_watched(part).await {
            Ok(Some(report)) => report,
            Ok(None) => return CommandEnd::Interrupted,
            Err(error) => return CommandEnd::Failed { error, may_pass: false },
        };
        self.outcomes.record_report(&report);
        self.end_of(report, part.map(Path::to_owned), target).await
    }

    /// Makes the folder, and removes what killed processes have left there.
    fn prepare(&self, target: &Path) -> io::Result<PathBuf> {
        make_folder_of(target)?;
        remove_parts(target)?;
        let part = make_part_path(target, self.plan.rng.next_u64());
        std::path::absolute(part)
    }

    /// Runs the command as the plan's watch has it; `None` if a stop was requested before it began.
    async fn run_watched(&self, part: Option<&Path>) -> Result<Option<RetryReport>, String> {
        let Some(watch) = &self.plan.watch else { return self.run_attempts(part).await };
        let call = StageCall {
            name: &self.stage.name,
            key: self.stage.key.as_str(),
            artifact: self.stage.artifact.as_deref(),
            input: self.input.as_deref(),
            output: part,
        };
        let report = match watch.begin(call).await {
            Ok(WatchedCommand::Simulated) => Some(RetryReport::of_success(self.stage.policy.max_attempts)),
            Ok(WatchedCommand::Executed(guard)) => {
                let report = self.run_attempts(part).await?;
                drop(guard);
                report
            }
            Err(error) => return Err(format!("its file can't be made: {error}")),
        };
        if report.as_ref().is_some_and(|report| report.outcome == RetryOutcome::Succeeded) {
            watch.end(call).await;
        }
        Ok(report)
    }

    /// Returns the report; `None` if a stop was requested before the command began.
    async fn run_attempts(&self, part: Option<&Path>) -> Result<Option<RetryReport>, String> {
        let (plan, stage) = (self.plan, self.stage);
        let stdin = match &plan.stdin {
            Some(read) => tokio::select! {
                stdin = read() => stdin?,
                () = self.stop.wait() => return Ok(None),
            },
            None => None,
        };
        let variables = self.list_variables(part);
        let output = StageOutput { part, terminal: plan.listeners.output.as_ref(), file: Mutex::new(None) };
        let retry = CommandRetry {
            command: &RetriedCommand::Program(
                stage.words.iter().map(|word| fill_variables(word, &variables)).collect(),
            ),
            policy: &stage.policy,
            stdin: stdin.as_ref(),
            streams_output: plan.streams_output,
            folder: plan.folders.base.as_deref().filter(|folder| !folder.as_os_str().is_empty()),
            variables: &variables,
            output: &output,
            clock: plan.clock.as_ref(),
            rng: plan.rng.as_ref(),
        };
        let (sender, mut stops) = unbounded_channel();
        let mut on_attempt = |attempt: &AttemptReport| {
            if attempt.error.is_some() {
                part.into_iter().for_each(remove_part);
            }
            self.report_attempt(attempt);
        };
        let report = tokio::select! {
            report = retry.run(&mut stops, &mut on_attempt) => report,
            () = pass_stops_on(self.stop, &sender) => return Ok(None),
        };
        output.close().map_err(|error| format!("its standard output can't be kept: {error}"))?;
        Ok(Some(report))
    }

    fn report_attempt(&self, attempt: &AttemptReport) {
        let Some(error) = attempt.error.as_ref().filter(|_| attempt.delay > 0.0) else { return };
        let (name, of, number) = (&self.stage.name, self.stage.policy.max_attempts, attempt.number);
        let next = format!("{:.1}", attempt.delay);
        (self.plan.listeners.line)(&format!("{name}: attempt {number} of {of}: {error}; the next one in {next} s"));
    }

    fn list_variables(&self, part: Option<&Path>) -> Vec<(&'static str, String)> {
        let mut variables = self.plan.variables.clone();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        variables.extend(self.input.as_deref().map(|input| (INPUT, path(input))));
        variables.extend(part.map(|part| (OUTPUT, path(part))));
        let digest = hash_texts(&[&self.plan.job, self.stage.key.as_str()]);
        variables.push(("SHEETKEEP_JOB", self.plan.job.clone()));
        variables.push(("SHEETKEEP_STAGE", self.stage.name.clone()));
        variables.push((
            "SHEETKEEP_IDEMPOTENCY_KEY",
            format!("sk1_{}", data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or(&digest))),
        ));
        variables
    }

    async fn end_of(&self, report: RetryReport, part: Option<PathBuf>, target: Option<PathBuf>) -> CommandEnd {
        if report.outcome == RetryOutcome::Interrupted {
            return CommandEnd::Interrupted;
        }
        if let Some(error) = report.error {
            return CommandEnd::Failed { error, may_pass: report.outcome != RetryOutcome::Permanent };
        }
        let (attempts, seconds) = (report.attempts.len(), (report.total_s * 1_000.0).round() / 1_000.0);
        let (Some(part), Some(target), Some(shown)) = (part, target, self.stage.artifact.clone()) else {
            return CommandEnd::Done { artifact: None, attempts, seconds };
        };
        if !part.exists() {
            let error = "it ended with 0, and wrote neither to $SHEETKEEP_STAGE_OUTPUT nor to its standard output";
            return CommandEnd::Failed { error: error.to_owned(), may_pass: false };
        }
        let of_task = part.clone();
        let read = self.plan.block_on_files(move || {
            File::open(&of_task)?.sync_all()?;
            Artifact::read(&of_task, &shown)
        });
        let artifact = match read.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(artifact) => artifact,
            Err(error) => return describe_file_failure(&error, "its artefact can't be read"),
        };
        // Nothing that takes time comes between the answer and the rename.
        if let Some(lease) = self.lease
            && !lease.is_held().await
        {
            return CommandEnd::LeaseLost;
        }
        match publish_part(&part, &target) {
            Ok(()) => CommandEnd::Done { artifact: Some(artifact), attempts, seconds },
            Err(error) => describe_file_failure(&error, "its artefact can't be put in its place"),
        }
    }
}

/// A file that is not complete. It is removed with this value, unless it was renamed.
struct PartFile(PathBuf);

impl Drop for PartFile {
    fn drop(&mut self) {
        remove_part(&self.0);
    }
}

fn describe_file_failure(error: &io::Error, what: &str) -> CommandEnd {
    CommandEnd::Failed { error: format!("{what}: {error}"), may_pass: false }
}

fn remove_part(part: &Path) {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(event = "stage.part_left", path = %part.display(), %error, "a file that is not complete can't be removed");
        }
        _ => {}
    }
}

/// Passes the stops of the run on to the command, and never returns.
async fn pass_stops_on(stop: &StopHandle, sender: &UnboundedSender<StopSignal>) {
    let signal = match stop.wait_for_reason().await {
        StopReason::Interrupt => StopSignal::Interrupt,
        StopReason::HangUp => StopSignal::HangUp,
        StopReason::Terminate | StopReason::Deadline => StopSignal::Terminate,
    };
    // Nothing is left to stop once the command has ended.
    let _ = sender.send(signal);
    stop.wait_for_force().await;
    let _ = sender.send(signal);
    std::future::pending::<()>().await;
}

/// Returns the word with `${NAME}` replaced by the variable of this name. Others stay.
fn fill_variables(word: &OsString, variables: &[(&'static str, String)]) -> OsString {
    let Some(text) = word.to_str().filter(|text| text.contains("${")) else { return word.clone() };
    let fill = |text: String, (name, value): &(&str, String)| text.replace(&format!("${{{name}}}"), value);
    OsString::from(variables.iter().fold(text.to_owned(), fill))
}

/// Takes the output of a command: the standard output of its successful attempt is the artefact, if
/// the command has not written it itself.
struct StageOutput<'a> {
    part: Option<&'a Path>,
    terminal: &'a dyn CommandOutput,
    file: Mutex<Option<io::Result<File>>>,
}

impl StageOutput<'_> {
    fn close(&self) -> io::Result<()> {
        match self.file.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Err(error)) => Err(error),
            Some(Ok(file)) => file.sync_all(),
            None => Ok(()),
        }
    }
}

impl CommandOutput for StageOutput<'_> {
    fn put_out(&self, bytes: &[u8]) {
        // Our standard output has the summary of the run.
        let Some(part) = self.part else { return self.terminal.put_err(bytes) };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() && part.exists() {
            return self.terminal.put_err(bytes);
        }
        let open = file.get_or_insert_with(|| private_files::create_new(part));
        if let Ok(output) = open
            && let Err(error) = output.write_all(bytes)
        {
            *file = Some(Err(error));
        }
    }

    fn put_err(&self, bytes: &[u8]) {
        self.terminal.put_err(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_the_variables_of_their_stage() {
        let variables = [(INPUT, "a b".to_owned()), (OUTPUT, "c".to_owned())];
        let fill = |word: &str| fill_variables(&OsString::from(word), &variables);
        assert_eq!(fill("--in=${SHEETKEEP_STAGE_INPUT}"), "--in=a b");
        assert_eq!(fill("${SHEETKEEP_STAGE_OUTPUT}:${HOME}:$1"), "c:${HOME}:$1");
    }
}
