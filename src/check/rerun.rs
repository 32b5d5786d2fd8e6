//! What happens if each step of a job runs twice for one item: the idempotency of a job, predicted.
//!
//! In scope: one row for the source, each step and the sheet. Out of scope: output (`cli::output`).
//!
//! A program's effects can't be known from outside. The prediction asks whether the program, or the
//! script that its words name, contains the name of the idempotency key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::config::sections::records::steps::{StepAction, StepSettings};
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::{Delivery, WriteMode};
use crate::step::command::command_step::CommandSettings;

/// The environment variable that carries the idempotency key to a program.
const KEY_VARIABLE: &str = "SHEETKEEP_IDEMPOTENCY_KEY";
/// Bytes of a script that are searched for the variable.
const SEARCHED_BYTES: u64 = 1 << 20;

/// Whether a repetition is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunVerdict {
    /// It changes nothing that the first time did not.
    Safe,
    /// It is harmless if the other side honours the idempotency key.
    SafeWithKey,
    /// It may have its effect twice.
    NotSafe,
}

impl RerunVerdict {
    /// Returns the word for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::SafeWithKey => "safe_with_key",
            Self::NotSafe => "not_safe",
        }
    }
}

/// The prediction for one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerunPrediction {
    /// The step: `source`, a step's name, or `sheet`.
    pub step: String,
    /// What it does.
    pub action: String,
    /// Whether a repetition is harmless.
    pub verdict: RerunVerdict,
    /// Why, in a few words.
    pub why: String,
    /// What to add to make it safe; empty if nothing is missing.
    pub to_add: String,
}

/// Predicts what happens if each part of the job runs twice, in the order of the job.
pub fn predict_reruns(settings: &Settings) -> Vec<RerunPrediction> {
    let steps = settings.steps.iter().map(|step| predict_step_rerun(step, settings.delivery));
    std::iter::once(predict_source_rerun(settings)).chain(steps).chain([predict_sheet_rerun(settings)]).collect()
}

fn predict_source_rerun(settings: &Settings) -> RerunPrediction {
    RerunPrediction {
        step: "source".to_owned(),
        action: format!("reads {}", settings.source.input.name()),
        verdict: RerunVerdict::Safe,
        why: "read only".to_owned(),
        to_add: String::new(),
    }
}

fn predict_step_rerun(step: &StepSettings, delivery: Delivery) -> RerunPrediction {
    let predict = |action: String, verdict, why: &str, to_add: &str| RerunPrediction {
        step: step.name.clone(),
        action,
        verdict,
        why: why.to_owned(),
        to_add: to_add.to_owned(),
    };
    match &step.action {
        StepAction::MapStep(..) => {
            predict("computes with jq".to_owned(), RerunVerdict::Safe, "changes nothing outside", "")
        }
        StepAction::CommandStep(command) => {
            let program = command.words.first().map(String::as_str).unwrap_or_default();
            let action = format!("runs {program}");
            if delivery == Delivery::AtMostOnce {
                let why = "never runs twice: an item in doubt becomes a failure";
                return predict(action, RerunVerdict::Safe, why, "");
            }
            if passes_key(command) {
                let why = "write with key: safe where the service honours the key";
                return predict(action, RerunVerdict::SafeWithKey, why, "");
            }
            let to_add = "pass $SHEETKEEP_IDEMPOTENCY_KEY to the service, or set delivery = \"at-most-once\"; nothing if it only reads";
            predict(action, RerunVerdict::NotSafe, "write without key: not safe", to_add)
        }
    }
}

fn predict_sheet_rerun(settings: &Settings) -> RerunPrediction {
    let tab = &settings.tab;
    let (action, why) = match (settings.mode, settings.version.is_some()) {
        (WriteMode::Append, false) => (format!("appends rows to tab {tab}"), "write with key: each key's rows once"),
        (WriteMode::Append, true) => {
            (format!("appends rows to tab {tab}"), "write with key: the rows of each version of a key once")
        }
        (WriteMode::Upsert, _) => {
            (format!("keeps one row a key in tab {tab}"), "write with key: a version that is done is not written again")
        }
    };
    RerunPrediction {
        step: "sheet".to_owned(),
        action,
        verdict: RerunVerdict::Safe,
        why: why.to_owned(),
        to_add: String::new(),
    }
}

/// True if the program's words, or a file that one of them names, contain the variable of the
/// idempotency key.
fn passes_key(command: &CommandSettings) -> bool {
    command.words.iter().any(|word| word.contains(KEY_VARIABLE))
        || command.find_program().is_ok_and(|program| contains_variable(&program))
        || command.words.iter().skip(1).any(|word| contains_variable(&command.folder.join(word)))
}

/// True if the file is a text that contains the variable. A large or binary file counts as one that
/// does not.
fn contains_variable(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SEARCHED_BYTES).read_to_end(&mut text));
    read.is_ok() && std::str::from_utf8(&text).is_ok_and(|text| text.contains(KEY_VARIABLE))
}
