//! The programs of a job's steps, looked for without running them.
//!
//! In scope: whether each is there and may be run. Out of scope: what it does (`step::command`).

use crate::check::report::{Blocker, Line, Subject};
use crate::config::settings::Settings;
use crate::config::steps::{Deed, StepSettings};

/// One line for each step that runs a program.
pub fn programs(settings: &Settings) -> Vec<Line> {
    settings.steps.iter().filter_map(of_step).collect()
}

fn of_step(step: &StepSettings) -> Option<Line> {
    let name = step.name.clone();
    match &step.deed {
        Deed::Map(..) => None,
        Deed::Command(command) => Some(match command.program() {
            Ok(path) => Line::fine(Subject::Step, format!("{name} runs {}", path.display())),
            Err(why) => Line::problem(Subject::Step, Blocker::Program { step: name, why }),
        }),
    }
}
