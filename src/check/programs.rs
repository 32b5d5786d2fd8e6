//! The programs of a job's steps, checked without running them.
//!
//! In scope: whether each exists and may be run. Out of scope: running it
//! (`step::command::command_step`).

use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::config::sections::records::steps::{StepAction, StepSettings};
use crate::config::settings::Settings;

/// Returns one line for each step that runs a program.
pub fn check_programs(settings: &Settings) -> Vec<CheckItem> {
    settings.steps.iter().filter_map(of_step).collect()
}

fn of_step(step: &StepSettings) -> Option<CheckItem> {
    let name = step.name.clone();
    match &step.action {
        StepAction::Map(..) => None,
        StepAction::Command(command) => Some(match command.program() {
            Ok(path) => CheckItem::fine(Subject::Step, format!("{name} runs {}", path.display())),
            Err(why) => CheckItem::problem(Subject::Step, StartBlocker::Program { step: name, why }),
        }),
    }
}
