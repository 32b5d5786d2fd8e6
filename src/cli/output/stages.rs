//! The stages of a job, as `plan` and `status` print them.
//!
//! In scope: text and JSON. Out of scope: reading them (`app::stages::stage_state`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::stages::stage_state::{StageProgress, StageState};
use crate::cli::format::format_count;
use crate::cli::output::json::SCHEMA_VERSION;
use crate::cli::streams::control_characters::make_visible;

/// The stages of one logical run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageList<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The logical run.
    pub run: &'a str,
    /// The stages, in order.
    pub stages: &'a [StageState],
}

/// A stage, for machines.
#[derive(Serialize)]
pub struct StageDocument<'a> {
    stage: &'a str,
    command: Vec<String>,
    artifact: Option<&'a str>,
    input: Option<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    if_it_runs_twice: &'static str,
}

/// The document of `plan --json` for a job of stages.
#[derive(Serialize)]
pub struct StagePlanDocument<'a> {
    schema_version: u32,
    job: &'a str,
    run: &'a str,
    stages: Vec<StageDocument<'a>>,
}

impl StageList<'_> {
    /// Returns what a run would do: per stage what it does, what a second time does, how far it is.
    pub fn plan_text(&self) -> String {
        let mut out = format!("{} for {}: what a run would do\n", make_visible(self.job), make_visible(self.run));
        for state in self.stages {
            let _ = writeln!(out, "  {}: {}", make_visible(&state.stage.name), make_visible(&describe_action(state)));
            let _ = writeln!(out, "    if it runs twice: {}", describe_rerun(state));
            let _ = writeln!(out, "    now: {}", make_visible(&describe_progress(state)));
        }
        out.push_str("nothing was written\n");
        out
    }

    /// Returns how far the stages are, as lines of `status`.
    pub fn format_status(&self) -> String {
        let mut out = String::new();
        for (at, state) in self.stages.iter().enumerate() {
            let label = if at == 0 { "stages" } else { "" };
            let text = format!("{} {}", make_visible(&state.stage.name), make_visible(&describe_progress(state)));
            let run = if at == 0 { format!(" (of {})", make_visible(self.run)) } else { String::new() };
            let _ = writeln!(out, "  {label:<11} {text}{run}");
        }
        out
    }

    /// Returns the stages for machines.
    pub fn make_documents(&self) -> Vec<StageDocument<'_>> {
        self.stages.iter().map(StageDocument::from_state).collect()
    }

    /// Returns the plan for machines.
    pub fn plan_document(&self) -> StagePlanDocument<'_> {
        StagePlanDocument {
            schema_version: SCHEMA_VERSION,
            job: self.job,
            run: self.run,
            stages: self.make_documents(),
        }
    }
}

impl<'a> StageDocument<'a> {
    fn from_state(state: &'a StageState) -> Self {
        let (word, reason) = match &state.progress {
            StageProgress::Done => ("done", None),
            StageProgress::Open => ("open", None),
            StageProgress::Changed(why) => ("changed", Some(why.clone())),
            StageProgress::Failed { .. } => ("failed", Some(describe_progress(state))),
        };
        Self {
            stage: &state.stage.name,
            command: state.stage.words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            artifact: state.stage.artifact.as_deref(),
            input: state.input.as_deref(),
            state: word,
            reason,
            if_it_runs_twice: describe_rerun(state),
        }
    }
}

fn describe_action(state: &StageState) -> String {
    let words: Vec<_> = state.stage.words.iter().map(|word| word.to_string_lossy()).collect();
    let command = words.join(" ");
    match (&state.stage.artifact, &state.input) {
        (Some(artifact), Some(input)) => format!("{command} makes {artifact} of {input}"),
        (Some(artifact), None) => format!("{command} makes {artifact}"),
        (None, Some(input)) => format!("{command} delivers {input}"),
        (None, None) => command,
    }
}

fn describe_rerun(state: &StageState) -> &'static str {
    match (&state.stage.artifact, &state.input) {
        (Some(_), _) => "its file is replaced as a whole",
        (None, Some(_)) => "it delivers the file again, with the same SHEETKEEP_IDEMPOTENCY_KEY",
        (None, None) => "it does what it does again, with the same SHEETKEEP_IDEMPOTENCY_KEY",
    }
}

fn describe_progress(state: &StageState) -> String {
    match &state.progress {
        StageProgress::Done => "already done, skipping".to_owned(),
        StageProgress::Open => "not done yet".to_owned(),
        StageProgress::Changed(why) => format!("stops the run: {why}"),
        StageProgress::Failed { attempts, waits: false } => {
            format!("failed in {}; its file is a dead letter, which the next run sends", format_count(*attempts, "run"))
        }
        StageProgress::Failed { attempts, waits: true } => {
            format!("failed in {}; its dead letter waits for: sheetkeep failures retry", format_count(*attempts, "run"))
        }
    }
}
