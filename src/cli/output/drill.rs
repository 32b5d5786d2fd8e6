//! The output of `sheetkeep drill`: the recovery log, the sums, the findings.
//!
//! In scope: text and JSON. Out of scope: playing the drills (`app::drill`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::drill::outcome::{DrillOutcome, StepRuns};
use crate::cli::args::jobs::drill::DrillArgs;
use crate::cli::exit::Exit;
use crate::cli::format::{format_count, format_number, make_shell_safe};
use crate::cli::output::json::SCHEMA_VERSION;
use crate::cli::streams::control_characters::make_visible;

/// A step or a stage that runs a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSteps {
    /// The step's name.
    pub step: String,
    /// Whether its program reads the idempotency key.
    pub reads_key: bool,
    /// Whether a flag says that repeats do no harm.
    pub is_declared: bool,
    /// Whether it is a stage whose file is replaced as a whole.
    pub replaces_file: bool,
}

impl ProgramSteps {
    fn may_repeat(&self) -> bool {
        self.reads_key || self.is_declared || self.replaces_file
    }
}

/// What a drill goes through: the records of a source, or stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrilledUnits {
    /// How many there are.
    pub count: usize,
    /// True if the source has more.
    pub is_cut: bool,
    /// What one is called: `record` or `stage`.
    pub name: &'static str,
}

/// The drills of one call.
#[derive(Debug, Clone)]
pub struct DrillOutput {
    job: String,
    job_file: String,
    units: DrilledUnits,
    is_real: bool,
    seeds: Vec<(u64, DrillOutcome)>,
    planned: usize,
    programs: Vec<ProgramSteps>,
    failing: u64,
}

#[derive(Serialize)]
struct DrillDocument<'a> {
    schema_version: u32,
    job: &'a str,
    records: usize,
    seeds: usize,
    kills: u64,
    throttled_calls: u64,
    lost_replies: u64,
    second_runs: u64,
    sorts: u64,
    doubled: u64,
    lost: u64,
    changed: u64,
    in_doubt: u64,
    steps: Vec<DrillStepDocument>,
    drills: Vec<DrillSeedDocument<'a>>,
    findings: Vec<String>,
    exit_code: u8,
}

#[derive(Serialize)]
struct DrillStepDocument {
    step: String,
    outside: bool,
    runs: u64,
    repeated_items: u64,
    most_repeats: u64,
    reads_idempotency_key: Option<bool>,
}

#[derive(Serialize)]
struct DrillSeedDocument<'a> {
    seed: u64,
    moments: &'a [String],
    runs: u64,
    doubled: u64,
    lost: u64,
    error: Option<&'a str>,
}

/// The sums of one step over all drills.
struct StepSums {
    runs: StepRuns,
    /// Drills in which it was repeated.
    drills: usize,
    /// The seed with the most repeats of one item.
    worst_seed: u64,
}

impl DrillOutput {
    /// Starts the output.
    pub fn new(job: &str, args: &DrillArgs, units: DrilledUnits, programs: Vec<ProgramSteps>) -> Self {
        Self {
            job: job.to_owned(),
            job_file: args.job.display().to_string(),
            units,
            is_real: args.really,
            seeds: Vec::new(),
            planned: args.list_seeds().len(),
            programs,
            failing: 0,
        }
    }

    /// Adds how many items fail in the undisturbed run.
    pub fn add_undisturbed(&mut self, failing: u64) {
        self.failing = failing;
    }

    /// Adds a drill.
    pub fn add(&mut self, seed: u64, outcome: DrillOutcome) {
        self.seeds.push((seed, outcome));
    }

    /// Returns the line before the first drill.
    pub fn format_heading(&self) -> String {
        let DrilledUnits { count, is_cut, name } = self.units;
        let first = if is_cut { "the first " } else { "" };
        let units = format_count(count as u64, name);
        let effects = match (self.programs.len() as u64, self.is_real) {
            (_, true) if self.has_stages() => "their commands really run, in a copy of the folder".to_owned(),
            (_, false) if self.has_stages() => "their commands are counted, not run".to_owned(),
            (0, _) => "no step has an effect outside".to_owned(),
            (1, false) => "the program of 1 step is counted, not run".to_owned(),
            (count, false) => format!("the programs of {count} steps are counted, not run"),
            (_, true) => "programs really run".to_owned(),
        };
        let drills = format_count(self.planned as u64, "drill");
        let job = make_visible(&self.job);
        let mut text = format!("{drills} of {job}: {first}{units}, on a sheet in memory; {effects}");
        if self.failing > 0 {
            let _ = write!(text, "\n  {} of them fail without any mishap", format_number(self.failing));
        }
        text
    }

    /// Returns the line of one drill.
    pub fn format_line(seed: u64, outcome: &DrillOutcome) -> String {
        let moments = if outcome.moments.is_empty() { "undisturbed".to_owned() } else { outcome.moments.join("; ") };
        let runs = format_count(outcome.runs, "run");
        let (doubled, lost) = (outcome.doubled, outcome.lost);
        let mut text = format!("seed {seed}: {} … {runs}, {doubled} doubled, {lost} lost", make_visible(&moments));
        if outcome.in_doubt > 0 {
            let _ = write!(text, ", {} in doubt", outcome.in_doubt);
        }
        if let Some(error) = &outcome.error {
            let _ = write!(text, ", not recovered: {}", make_visible(error));
        }
        text
    }

    fn has_stages(&self) -> bool {
        self.units.name == "stage"
    }

    fn sum_outcomes(&self, of: impl Fn(&DrillOutcome) -> u64) -> u64 {
        self.seeds.iter().map(|(_, outcome)| of(outcome)).sum()
    }

    fn sum_steps(&self) -> Vec<StepSums> {
        let mut sums: Vec<StepSums> = Vec::new();
        for (seed, outcome) in &self.seeds {
            for step in &outcome.steps {
                let at = sums.iter().position(|sum| sum.runs.step == step.step).unwrap_or_else(|| {
                    let mut runs = StepRuns::default();
                    (runs.step, runs.is_outside) = (step.step.clone(), step.is_outside);
                    sums.push(StepSums { runs, drills: 0, worst_seed: *seed });
                    sums.len() - 1
                });
                let Some(sum) = sums.get_mut(at) else { continue };
                sum.runs.runs += step.runs;
                sum.runs.items += step.items;
                sum.runs.repeated_items += step.repeated_items;
                sum.drills += usize::from(step.repeated_items > 0);
                if step.most_repeats > sum.runs.most_repeats {
                    sum.runs.most_repeats = step.most_repeats;
                    sum.runs.example.clone_from(&step.example);
                    sum.worst_seed = *seed;
                }
            }
        }
        sums
    }

    fn find_program(&self, step: &str) -> Option<&ProgramSteps> {
        self.programs.iter().find(|program| program.step == step)
    }

    /// Returns what is wrong with the job, one sentence each.
    pub fn describe_findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (seed, outcome) in self.seeds.iter().filter(|(_, outcome)| !outcome.is_exact()) {
            let what = match &outcome.error {
                Some(error) => format!("the job did not recover: {}", make_visible(error)),
                None if outcome.wrong_files > 0 => {
                    let files = format_count(outcome.wrong_files, "file");
                    format!("{files} of stages missing, incomplete, or not as in an undisturbed run")
                }
                None => format!("{} doubled, {} lost", format_count(outcome.doubled, "row"), outcome.lost),
            };
            let job = make_shell_safe(&self.job_file);
            findings.push(format!("seed {seed}: {what}; to play it again: sheetkeep drill {job} --seed {seed}"));
        }
        for sum in self.sum_steps().iter().filter(|sum| sum.runs.repeated_items > 0) {
            let Some(program) = self.find_program(&sum.runs.step) else { continue };
            if program.may_repeat() {
                continue;
            }
            if self.has_stages() {
                findings.push(format!(
                    "stage {} is not idempotent: it ran more than once in {} of {}, {} in seed {}; its command \
                     does not read SHEETKEEP_IDEMPOTENCY_KEY",
                    make_visible(&sum.runs.step),
                    sum.drills,
                    format_count(self.seeds.len() as u64, "drill"),
                    format_times(sum.runs.most_repeats + 1),
                    sum.worst_seed
                ));
                continue;
            }
            findings.push(format!(
                "step {} is not idempotent: it ran more than once for {} in {} of {}, {} for {} in seed {}; its program does not read SHEETKEEP_IDEMPOTENCY_KEY",
                make_visible(&sum.runs.step),
                format_count(sum.runs.repeated_items, "item"),
                sum.drills,
                format_count(self.seeds.len() as u64, "drill"),
                format_times(sum.runs.most_repeats + 1),
                make_visible(sum.runs.example.as_deref().unwrap_or("one item")),
                sum.worst_seed
            ));
        }
        findings
    }

    /// Returns the lines after the last drill.
    pub fn format_summary(&self) -> String {
        let mut text = String::new();
        let drills = self.seeds.len() as u64;
        for sum in self.sum_steps().iter().filter(|sum| sum.runs.is_outside) {
            let repeated = |count: u64| {
                if self.has_stages() {
                    return format!("more than once in {} of {}", sum.drills, format_count(drills, "drill"));
                }
                format!("more than once for {}", format_count(count, "item"))
            };
            let repeats = match (sum.runs.repeated_items, self.find_program(&sum.runs.step)) {
                (0, _) if self.has_stages() => "never more than once".to_owned(),
                (0, _) => "never twice for one item".to_owned(),
                (count, Some(program)) if program.may_repeat() => {
                    let why = if program.replaces_file {
                        "and its file is replaced as a whole"
                    } else if program.reads_key {
                        "with the same key, which its program reads"
                    } else {
                        "which --idempotent allows"
                    };
                    format!("{}, {why}", repeated(count))
                }
                (count, _) => repeated(count),
            };
            let what = if self.has_stages() { "stage" } else { "step" };
            let runs = format_count(sum.runs.runs, "run");
            let _ = writeln!(text, "{what} {}: {runs}, {repeats}", make_visible(&sum.runs.step));
        }
        let changed = self.sum_outcomes(|outcome| outcome.changed);
        if changed > 0 {
            let rows = format_count(changed, "row");
            let _ = writeln!(text, "{rows} with another content than in an undisturbed run: a step reads the clock");
        }
        let in_doubt = self.sum_outcomes(|outcome| outcome.in_doubt);
        if in_doubt > 0 {
            let items = format_count(in_doubt, "item");
            let _ = writeln!(text, "{items} in doubt, left to a person as at-most-once asks");
        }
        for finding in self.describe_findings() {
            let _ = writeln!(text, "finding: {finding}");
        }
        let _ = writeln!(
            text,
            "{}: {}, {} answered with 429, {} lost, {} of a second machine, {}: {} doubled, {} lost",
            format_count(self.seeds.len() as u64, "drill"),
            format_count(self.sum_outcomes(|outcome| outcome.kills), "kill"),
            format_count(self.sum_outcomes(|outcome| outcome.throttled_calls), "call"),
            describe_lost_replies(self.sum_outcomes(|outcome| outcome.lost_replies)),
            format_count(self.sum_outcomes(|outcome| outcome.second_runs), "run"),
            format_count(self.sum_outcomes(|outcome| outcome.sorts), "sort"),
            format_number(self.sum_outcomes(|outcome| outcome.doubled)),
            format_number(self.sum_outcomes(|outcome| outcome.lost)),
        );
        text
    }

    /// Returns the JSON document.
    pub fn format_json(&self, exit: Exit) -> String {
        let drills = self.seeds.iter().map(|(seed, outcome)| DrillSeedDocument {
            seed: *seed,
            moments: &outcome.moments,
            runs: outcome.runs,
            doubled: outcome.doubled,
            lost: outcome.lost,
            error: outcome.error.as_deref(),
        });
        let steps = self.sum_steps().into_iter().map(|sum| DrillStepDocument {
            reads_idempotency_key: self.find_program(&sum.runs.step).map(|program| program.reads_key),
            step: sum.runs.step,
            outside: sum.runs.is_outside,
            runs: sum.runs.runs,
            repeated_items: sum.runs.repeated_items,
            most_repeats: sum.runs.most_repeats,
        });
        let document = DrillDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.job,
            records: self.units.count,
            seeds: self.seeds.len(),
            kills: self.sum_outcomes(|outcome| outcome.kills),
            throttled_calls: self.sum_outcomes(|outcome| outcome.throttled_calls),
            lost_replies: self.sum_outcomes(|outcome| outcome.lost_replies),
            second_runs: self.sum_outcomes(|outcome| outcome.second_runs),
            sorts: self.sum_outcomes(|outcome| outcome.sorts),
            doubled: self.sum_outcomes(|outcome| outcome.doubled),
            lost: self.sum_outcomes(|outcome| outcome.lost),
            changed: self.sum_outcomes(|outcome| outcome.changed),
            in_doubt: self.sum_outcomes(|outcome| outcome.in_doubt),
            steps: steps.collect(),
            drills: drills.collect(),
            findings: self.describe_findings(),
            exit_code: exit.code(),
        };
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

fn format_times(count: u64) -> String {
    if count == 2 { "twice".to_owned() } else { format!("{count} times") }
}

fn describe_lost_replies(count: u64) -> String {
    if count == 1 { "1 response".to_owned() } else { format!("{count} responses") }
}
