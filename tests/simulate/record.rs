//! What has happened so far in one game: counts, what was seen, and the first thing that was wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::runs::event::RunReport;

use crate::kind::Kind;
use crate::seen::{CheckLevel, Seen};
use crate::watch::Watch;

/// Counts, of one game or of many.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub faults: BTreeMap<String, u64>,
    pub runs: u64,
    pub finished: u64,
    pub crashes: u64,
    pub pauses: u64,
    /// Runs of machines whose clock is wrong by minutes.
    pub wrong_clocks: u64,
    /// Runs that their machine stopped.
    pub machine_errors: u64,
    pub takeovers: u64,
    pub late_deliveries: u64,
    pub commits: u64,
    pub checks: u64,
    pub acts: u64,
}

impl Tally {
    /// The evidence of these games.
    pub fn document(&self, commit: &str, seeds: usize, seconds: f64) -> Value {
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
            "runs by a wrong clock": self.wrong_clocks,
            "machine troubles": self.machine_errors,
            "takeovers": self.takeovers,
            "late deliveries": self.late_deliveries,
            "edits by a person": self.acts,
            "faults": self.faults,
            "wall seconds": (seconds * 10.0).round() / 10.0,
        })
    }

    /// Takes another game's counts in.
    pub fn add(&mut self, other: &Self) {
        for (kind, times) in &other.faults {
            *self.faults.entry(kind.clone()).or_default() += times;
        }
        let pairs = [
            (&mut self.runs, other.runs),
            (&mut self.finished, other.finished),
            (&mut self.crashes, other.crashes),
            (&mut self.pauses, other.pauses),
            (&mut self.wrong_clocks, other.wrong_clocks),
            (&mut self.machine_errors, other.machine_errors),
            (&mut self.takeovers, other.takeovers),
            (&mut self.late_deliveries, other.late_deliveries),
            (&mut self.commits, other.commits),
            (&mut self.checks, other.checks),
            (&mut self.acts, other.acts),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

/// A game's memory.
pub struct Record {
    inner: Mutex<Inner>,
    mode: WriteMode,
}

/// What the service takes for poison.
#[derive(Debug, Clone)]
pub struct Poison {
    /// Cells that begin so.
    pub text: String,
    /// 400: it says no; 500: it chokes.
    pub status: u16,
}

impl Poison {
    pub fn kind(&self) -> Kind {
        Kind::Refuses(self.status)
    }
}

#[derive(Default)]
struct Inner {
    poison: Option<Poison>,
    tally: Tally,
    watch: Watch,
    eyes: CheckLevel,
    wrong: Option<String>,
    diary: Vec<String>,
}

/// Lines of a game's story that are kept.
const DIARY_LINES: usize = 400;

impl Record {
    pub fn new(mode: WriteMode) -> Self {
        Self { inner: Mutex::default(), mode }
    }

    fn held(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panics while it holds it")
    }

    pub fn mode(&self) -> WriteMode {
        self.mode
    }

    /// From now on this is poison.
    pub fn poison_with(&self, poison: Option<Poison>) {
        self.held().poison = poison;
    }

    pub fn poison(&self) -> Option<Poison> {
        self.held().poison.clone()
    }

    pub fn count_fault(&self, kind: Kind) {
        *self.held().tally.faults.entry(kind.word()).or_default() += 1;
    }

    pub fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.held().tally);
    }

    /// How closely the rows are looked at from now on.
    pub fn look_with(&self, eyes: CheckLevel) {
        self.held().eyes = eyes;
    }

    /// A line of the story.
    pub fn note(&self, line: String) {
        let mut held = self.held();
        if held.diary.len() < DIARY_LINES {
            held.diary.push(line);
        }
    }

    /// Checks the sheet, and returns whether another run has just taken over.
    pub fn check(&self, seen: &Seen) -> bool {
        let mut held = self.held();
        let Inner { tally, watch, eyes, wrong, .. } = &mut *held;
        tally.checks += 1;
        let heads = watch.heads();
        let taken = watch.check(seen, self.mode, *eyes);
        tally.commits += watch.heads() - heads;
        match taken {
            Ok(taken) => {
                tally.takeovers += u64::from(taken);
                taken
            }
            Err(why) => {
                wrong.get_or_insert(why);
                false
            }
        }
    }

    /// A run ended well and says so.
    pub fn finished(&self, report: &RunReport) {
        let mut held = self.held();
        held.tally.finished += 1;
        held.watch.finished(&report.run);
    }

    /// The checks while no run is active.
    pub fn check_at_rest(&self, seen: &Seen, whole: &crate::seen::Whole<'_>) {
        let mut held = self.held();
        if let Err(why) = held.watch.at_rest(seen, self.mode, whole) {
            held.wrong.get_or_insert(why);
        }
    }

    pub fn is_wrong(&self, why: String) {
        self.held().wrong.get_or_insert(why);
    }

    /// The first thing that was wrong.
    pub fn wrong(&self) -> Result<(), String> {
        self.held().wrong.clone().map_or(Ok(()), Err)
    }

    pub fn tally(&self) -> Tally {
        self.held().tally.clone()
    }

    pub fn diary(&self) -> String {
        self.held().diary.join("\n")
    }
}
