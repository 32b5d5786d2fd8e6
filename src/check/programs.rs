//! The programs of a job's steps and stages, checked without running them.
//!
//! In scope: whether each exists and may be run. Out of scope: running it
//! (`step::command::command_step`, `app::stages`).

use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::config::settings::Settings;
use crate::step::command::command_step::CommandSettings;

/// Returns one line for each step or stage that runs a program.
pub fn check_programs(settings: &Settings) -> Vec<CheckItem> {
    let check = |(name, command): (&str, CommandSettings)| match command.find_program() {
        Ok(path) => CheckItem::new_expected(Subject::Step, format!("{name} runs {}", path.display())),
        Err(why) => CheckItem::new_problem(Subject::Step, StartBlocker::Program { step: name.to_owned(), why }),
    };
    settings.commands().into_iter().map(check).collect()
}
