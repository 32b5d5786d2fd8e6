//! What a long simulation leaves behind: `docs/evidence/simulate.json`, and how long it took.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::record::Tally;

/// Measures a whole simulation, which has no clock of its own.
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "what is measured is this machine's time, not the simulated one")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The commit that is checked out here, and whether anything differs from it.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let told = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        String::from_utf8(told.stdout).ok().map(|text| text.trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let changed = git(&["status", "--porcelain", "--", "src", "tests", "Cargo.toml", "Cargo.lock"]);
    if changed.is_some_and(|changed| changed.is_empty()) { head } else { format!("{head}, with changes") }
}

/// Writes the evidence.
pub fn write(commit: &str, seeds: usize, tally: &Tally, seconds: f64) {
    let told = json!({
        "command": format!("SIMULATE={seeds} cargo test --release --test simulate -- --nocapture"),
        "commit": commit,
        "seeds": seeds,
        "violations": 0,
        "runs": tally.runs,
        "runs that ended well": tally.finished,
        "commits": tally.commits,
        "checks": tally.checks,
        "crashes": tally.crashes,
        "pauses": tally.pauses,
        "runs by a wrong clock": tally.wrong_clocks,
        "takeovers": tally.takeovers,
        "late deliveries": tally.late_deliveries,
        "edits by a person": tally.acts,
        "faults": tally.faults,
        "wall seconds": (seconds * 10.0).round() / 10.0,
    });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence");
    std::fs::create_dir_all(&folder).expect("the folder of the evidence can be made");
    let text = serde_json::to_string_pretty(&told).expect("it is JSON");
    std::fs::write(folder.join("simulate.json"), text + "\n").expect("the evidence can be written");
}
