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
pub fn read_commit() -> String {
    let git = |args: &[&str]| {
        let printed = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        String::from_utf8(printed.stdout).ok().map(|text| text.trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let changed = git(&["status", "--porcelain", "--", "src", "tests", "Cargo.toml", "Cargo.lock"]);
    if changed.is_some_and(|changed| changed.is_empty()) { head } else { format!("{head}, with changes") }
}

/// Writes a file of evidence: the whole file, or one part of it and leaves the others.
pub fn write_evidence(file: &str, part: Option<&str>, evidence: &Value) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence");
    std::fs::create_dir_all(&folder).expect("the folder of the evidence can be made");
    let path = folder.join(file);
    let whole = match part {
        None => evidence.clone(),
        Some(part) => {
            let old = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
            let mut whole: Value = old.unwrap_or_else(|| json!({}));
            whole[part] = evidence.clone();
            whole
        }
    };
    let text = serde_json::to_string_pretty(&whole).expect("it is JSON");
    std::fs::write(path, text + "\n").expect("the evidence can be written");
}
