//! The steps of a job: jq and programs.
//!
//! In scope: each step's settings and name. Out of scope: running steps (`step`).

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::external::logical_time::{LOGICAL_DATE, SCHEDULED_FOR};
use crate::config::problem::ConfigProblem;
use crate::config::sections::records::evaluation::{EvaluationSettings, MAX_TIMEOUT_MS};
use crate::config::syntax::raw::{JobFile, StepSection as Raw};
use crate::config::value_reader::ValueReader;
use crate::ledger::items::write_mode::Delivery;
use crate::port::step::Step;
use crate::private_files::find_parent_folder;
use crate::step::command::command_step::{self, CommandSettings, CommandStep};
use crate::step::jq::program::Program;
use crate::step::map_step::{self, MapStep};

/// Default timeout of a program for one item, in milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;
/// The value of `delivery` for programs that may not run twice for one item.
const AT_MOST_ONCE: &str = "at-most-once";

/// The settings of one step.
#[derive(Debug, Clone)]
pub struct StepSettings {
    /// The step's name.
    pub name: String,
    /// The step's action.
    pub action: StepAction,
}

/// The action of a step.
#[derive(Debug, Clone)]
pub enum StepAction {
    /// A jq expression and its timeout for each value, in milliseconds.
    MapStep(Program, u64),
    /// A program that gets the item on standard input, with its settings.
    CommandStep(CommandSettings),
}

impl StepSettings {
    /// Creates the step; `evaluation` sets how its expressions are evaluated.
    pub fn make(&self, clock: &Arc<dyn Clock>, evaluation: &EvaluationSettings) -> Arc<dyn Step> {
        match &self.action {
            StepAction::MapStep(program, timeout_ms) => {
                Arc::new(MapStep::new(self.name.clone(), evaluation.make_expression_within(program, *timeout_ms)))
            }
            StepAction::CommandStep(settings) => {
                Arc::new(CommandStep::new(self.name.clone(), settings.clone(), Arc::clone(clock)))
            }
        }
    }

    /// Returns the text that identifies the step in the job's definition.
    pub fn expression(&self) -> String {
        match &self.action {
            StepAction::MapStep(program, _) => program.source().to_owned(),
            StepAction::CommandStep(settings) => format!("command {}", settings.words.join("\u{1f}")),
        }
    }
}

/// Reads the steps of a job file at `path`.
pub(in crate::config) fn settings(
    reader: &mut ValueReader<'_>,
    raw: &JobFile,
    path: &Path,
    job: Option<&str>,
    jq_timeout_ms: u64,
) -> Vec<StepSettings> {
    let mut steps: Vec<StepSettings> = Vec::new();
    for (at, step) in raw.step.iter().enumerate() {
        let default = if step.command.is_some() { command_step::DEFAULT_NAME } else { map_step::DEFAULT_NAME };
        let name = match &step.name {
            Some(at) => reader.read_non_empty(at, "`step.name`"),
            None if at == 0 => Some(default.to_owned()),
            None => Some(format!("{default} {}", at + 1)),
        };
        if let (Some(named), Some(name)) = (&step.name, &name)
            && steps.iter().any(|other| other.name == *name)
        {
            let help = "failures are recorded under the step's name; give each its own";
            reader.add_problem_at(named, "two steps have this name", "taken", help);
        }
        let action = read_action(reader, at + 1, step, path, job, jq_timeout_ms);
        steps.extend(name.zip(action).map(|(name, action)| StepSettings { name, action }));
    }
    steps
}

fn read_action(
    reader: &mut ValueReader<'_>,
    number: usize,
    step: &Raw,
    path: &Path,
    job: Option<&str>,
    jq_timeout_ms: u64,
) -> Option<StepAction> {
    match (&step.map, &step.command) {
        (Some(_), Some(command)) => {
            let help = "make two steps of it, each with its own [[step]]";
            reader.add_problem_at(command, "a step has both `map` and `command`", "one too many", help);
            None
        }
        (Some(map), None) => {
            if let Some(at) = &step.delivery {
                reader.add_problem_at(at, "`step.delivery` is for steps with a `command`", "of no use here", "");
            }
            let timeout_ms = step
                .timeout
                .as_ref()
                .map_or(Some(jq_timeout_ms), |at| reader.read_duration(at, "step.timeout", 1..=MAX_TIMEOUT_MS));
            let program = reader.read_program(map, "`step.map`");
            Some(StepAction::MapStep(program?, timeout_ms?))
        }
        (None, Some(command)) => {
            let example = "[\"./notify.sh\", \"--quiet\"]";
            let words = reader.read_command_words(command, "`step.command`", example);
            let timeout_ms = step
                .timeout
                .as_ref()
                .map_or(Some(DEFAULT_TIMEOUT_MS), |at| reader.read_duration(at, "step.timeout", 1..=MAX_TIMEOUT_MS));
            let folder = find_parent_folder(path);
            let environment = reader.environment;
            let variables = [LOGICAL_DATE, SCHEDULED_FOR]
                .into_iter()
                .filter_map(|name| environment.get(name).map(|value| (name, value.to_owned())))
                .collect();
            let (words, timeout_ms, job, folder) = (words?, timeout_ms?, job?.to_owned(), folder.to_owned());
            Some(StepAction::CommandStep(CommandSettings { words, timeout_ms, folder, job, variables }))
        }
        (None, None) => {
            // A wrong value of it was reported already.
            let is_reported = |problem: &ConfigProblem| ["step.command", "step.map"].contains(&problem.path.as_str());
            if reader.problems.iter().any(is_reported) {
                return None;
            }
            let what = format!("[[step]] number {number} has neither `map` nor `command`");
            let help = "write what it does, such as map = '{id: .id}'";
            match step.name.as_ref().or(step.timeout.as_ref()).or(step.delivery.as_ref()) {
                Some(at) => reader.add_problem_at(at, what, "this step", help),
                None => reader.add_problem(ConfigProblem::new(what).help(help)),
            }
            None
        }
    }
}

/// Returns the delivery of items: at most once if any step sets that.
pub(in crate::config) fn delivery(reader: &mut ValueReader<'_>, raw: &JobFile) -> Delivery {
    let mut delivery = Delivery::AtLeastOnce;
    for at in raw.step.iter().filter_map(|step| step.delivery.as_ref()) {
        match reader.read_text(at).as_deref() {
            Some(AT_MOST_ONCE) => delivery = Delivery::AtMostOnce,
            Some("at-least-once") | None => {}
            Some(_) => {
                let help = "write at-least-once or at-most-once";
                reader.add_problem_at(at, "`step.delivery` is not a way of delivery", "unknown", help);
            }
        }
    }
    delivery
}
