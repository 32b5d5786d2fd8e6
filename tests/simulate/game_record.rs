//! What has happened so far in one game: counts, what was seen, and the first thing that was wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::runs::event::RunReport;

use crate::call_fault::CallFault;
use crate::invariants::InvariantChecker;
use crate::observation::{CheckLevel, Observation};

/// Counts, of one game or of many.
#[derive(Debug, Clone, Default)]
pub struct GameCounts {
    pub faults: BTreeMap<String, u64>,
    pub runs: u64,
    pub finished: u64,
    pub crashes: u64,
    pub pauses: u64,
    /// Runs of machines whose clock is wrong by minutes.
    pub skewed_clock_runs: u64,
    /// Runs that their machine stopped.
    pub machine_errors: u64,
    pub takeovers: u64,
    pub late_deliveries: u64,
    pub commits: u64,
    pub checks: u64,
    pub edits: u64,
}

impl GameCounts {
    /// The evidence of these games.
    pub fn write_evidence(&self, commit: &str, seeds: usize, seconds: f64) -> Value {
        json!({
            "command": format!("SIMULATE={seeds} cargo test --release --test simulate -- --nocapture"),
            "commit": commit,
            "seeds": seeds,
            "violations": 0,
            "runs": self.runs,
            "runs that ended well": self.finished,
            "commits": self.commits,
            "checks": self.checks,
            "crashes": self.crashes,
            "pauses": self.pauses,
            "runs by a wrong clock": self.skewed_clock_runs,
            "machine troubles": self.machine_errors,
            "takeovers": self.takeovers,
            "late deliveries": self.late_deliveries,
            "edits by a person": self.edits,
            "faults": self.faults,
            "wall seconds": (seconds * 10.0).round() / 10.0,
        })
    }

    /// Takes another game's counts in.
    pub fn add(&mut self, other: &Self) {
        for (call_fault, times) in &other.faults {
            *self.faults.entry(call_fault.clone()).or_default() += times;
        }
        let pairs = [
            (&mut self.runs, other.runs),
            (&mut self.finished, other.finished),
            (&mut self.crashes, other.crashes),
            (&mut self.pauses, other.pauses),
            (&mut self.skewed_clock_runs, other.skewed_clock_runs),
            (&mut self.machine_errors, other.machine_errors),
            (&mut self.takeovers, other.takeovers),
            (&mut self.late_deliveries, other.late_deliveries),
            (&mut self.commits, other.commits),
            (&mut self.checks, other.checks),
            (&mut self.edits, other.edits),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

/// The record of a game.
pub struct GameRecord {
    inner: Mutex<RecordedGame>,
    mode: WriteMode,
}

/// Content that the service rejects.
#[derive(Debug, Clone)]
pub struct RejectedContent {
    /// Cells that begin so.
    pub cell_prefix: String,
    /// 400: it refuses the batch; 500: it fails.
    pub status: u16,
}

impl RejectedContent {
    pub fn call_fault(&self) -> CallFault {
        CallFault::Refuses(self.status)
    }
}

#[derive(Default)]
struct RecordedGame {
    rejected_content: Option<RejectedContent>,
    counts: GameCounts,
    invariants: InvariantChecker,
    check_level: CheckLevel,
    violation: Option<String>,
    event_log: Vec<String>,
}

/// Lines of a game's log that are kept.
const MAX_EVENT_LINES: usize = 400;

impl GameRecord {
    pub fn new(mode: WriteMode) -> Self {
        Self { inner: Mutex::default(), mode }
    }

    fn lock_game(&self) -> MutexGuard<'_, RecordedGame> {
        self.inner.lock().expect("no thread panics while it holds it")
    }

    pub fn mode(&self) -> WriteMode {
        self.mode
    }

    /// From now on the service rejects this.
    pub fn set_rejected_content(&self, rejected_content: Option<RejectedContent>) {
        self.lock_game().rejected_content = rejected_content;
    }

    pub fn rejected_content(&self) -> Option<RejectedContent> {
        self.lock_game().rejected_content.clone()
    }

    pub fn count_fault(&self, call_fault: CallFault) {
        *self.lock_game().counts.faults.entry(call_fault.label()).or_default() += 1;
    }

    pub fn count(&self, count: impl FnOnce(&mut GameCounts)) {
        count(&mut self.lock_game().counts);
    }

    /// How exactly the rows are checked from now on.
    pub fn set_check_level(&self, check_level: CheckLevel) {
        self.lock_game().check_level = check_level;
    }

    /// Adds a line to the log.
    pub fn log_event(&self, line: String) {
        let mut lock_game = self.lock_game();
        if lock_game.event_log.len() < MAX_EVENT_LINES {
            lock_game.event_log.push(line);
        }
    }

    /// Checks the sheet, and returns whether another run has just taken over.
    pub fn check(&self, observation: &Observation) -> bool {
        let mut lock_game = self.lock_game();
        let RecordedGame { counts, invariants, check_level, violation, .. } = &mut *lock_game;
        counts.checks += 1;
        let heads = invariants.heads();
        let has_taken_over = invariants.check(observation, self.mode, *check_level);
        counts.commits += invariants.heads() - heads;
        match has_taken_over {
            Ok(has_taken_over) => {
                counts.takeovers += u64::from(has_taken_over);
                has_taken_over
            }
            Err(why) => {
                violation.get_or_insert(why);
                false
            }
        }
    }

    /// A run ended well and says so.
    pub fn record_finished_run(&self, report: &RunReport) {
        let mut lock_game = self.lock_game();
        lock_game.counts.finished += 1;
        lock_game.invariants.record_finished_run(&report.run);
    }

    /// The checks while no run is active.
    pub fn check_at_rest(&self, observation: &Observation, whole: &crate::observation::ExpectedEnd<'_>) {
        let mut lock_game = self.lock_game();
        if let Err(why) = lock_game.invariants.check_at_rest(observation, self.mode, whole) {
            lock_game.violation.get_or_insert(why);
        }
    }

    pub fn report_violation(&self, why: String) {
        self.lock_game().violation.get_or_insert(why);
    }

    /// The first thing that was wrong.
    pub fn check_no_violation(&self) -> Result<(), String> {
        self.lock_game().violation.clone().map_or(Ok(()), Err)
    }

    pub fn counts(&self) -> GameCounts {
        self.lock_game().counts.clone()
    }

    pub fn event_log(&self) -> String {
        self.lock_game().event_log.join("\n")
    }
}
