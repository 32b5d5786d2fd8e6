//! What a long test leaves behind in `docs/evidence`: of which commit it is, and how long it took.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};

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

/// Writes a file of evidence.
#[allow(dead_code, reason = "one test writes whole files, another one parts")]
pub fn write(file: &str, told: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence");
    std::fs::create_dir_all(&folder).expect("the folder of the evidence can be made");
    let text = serde_json::to_string_pretty(told).expect("it is JSON");
    std::fs::write(folder.join(file), text + "\n").expect("the evidence can be written");
}

/// Writes one part of a file of evidence, and leaves the others.
#[allow(dead_code, reason = "one test writes whole files, another one parts")]
pub fn write_part(file: &str, part: &str, told: &Value) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock();
    let there = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence").join(file));
    let mut all: Value = there.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| json!({}));
    all[part] = told.clone();
    write(file, &all);
}
