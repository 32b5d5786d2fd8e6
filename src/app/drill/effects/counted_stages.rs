//! Stages in a drill: their commands are counted, killed, and not run.
//!
//! In scope: the stand-in of a command, its kills, the files that are there at the end. Out of
//! scope: which stage runs (`app::stages`).

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use crate::app::drill::drill_clock::DrillClock;
use crate::app::drill::effects::counted_step::StepCounts;
use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::app::stages::artifact::{Artifact, make_part_path};
use crate::app::stages::stage_plan::PlannedStage;
use crate::app::stages::stage_watch::{StageCall, StageWatch, WatchedCommand};

/// The commands of one run of a drill.
pub struct CountedStages {
    counts: StepCounts,
    mishaps: Arc<RunMishaps>,
    clock: DrillClock,
    /// The folder from which paths are taken.
    folder: PathBuf,
    is_real: bool,
    /// The number of the call that began last.
    call: AtomicU64,
}

impl CountedStages {
    /// Creates the watch of one run. `is_real`: its commands are run.
    pub fn new(
        counts: &StepCounts,
        mishaps: Arc<RunMishaps>,
        clock: &DrillClock,
        folder: PathBuf,
        is_real: bool,
    ) -> Self {
        let (counts, clock) = (counts.clone(), clock.clone());
        Self { counts, mishaps, clock, folder, is_real, call: AtomicU64::new(0) }
    }

    async fn record_begun(&self, call: StageCall<'_>) -> io::Result<WatchedCommand> {
        let number = self.mishaps.queue.count_effect();
        self.call.store(number, Ordering::SeqCst);
        self.counts.count_call(call.name, true, (call.key, call.key));
        let content = simulate_command(call)?;
        let is_due = |mishap: &PlannedMishap| matches!(mishap, PlannedMishap::KillBeforeEffect(at) if *at == number);
        if !self.mishaps.queue.take(is_due).is_empty() {
            if let Some(path) = call.artifact {
                // What a killed process leaves, which the next run finds.
                let half = content.get(..content.len() / 2).unwrap_or_default();
                std::fs::write(make_part_path(&self.folder.join(path), number), half)?;
            }
            self.mishaps.kill_run_in(&format!("in stage {}", call.name)).await;
        }
        if self.is_real {
            return Ok(WatchedCommand::Executed(Box::new(self.clock.mark_busy())));
        }
        if let Some(output) = call.output {
            std::fs::File::create_new(output)?.write_all(&content)?;
        }
        Ok(WatchedCommand::Simulated)
    }
}

impl StageWatch for CountedStages {
    fn begin<'a>(&'a self, call: StageCall<'a>) -> BoxFuture<'a, io::Result<WatchedCommand>> {
        Box::pin(self.record_begun(call))
    }

    fn end<'a>(&'a self, call: StageCall<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let number = self.call.load(Ordering::SeqCst);
            let is_due = |mishap: &PlannedMishap| matches!(mishap, PlannedMishap::KillAfterEffect(at) if *at == number);
            if !self.mishaps.queue.take(is_due).is_empty() {
                let place = format!("after the command of stage {} had ended", call.name);
                self.mishaps.kill_run_in(&place).await;
            }
        })
    }
}

/// What a command makes that is not run: its stage, and what it has read.
fn simulate_command(call: StageCall<'_>) -> io::Result<Vec<u8>> {
    let mut content = format!("what stage {} of {} makes\n", call.name, call.key).into_bytes();
    if let Some(input) = call.input {
        content.extend(format!("of {}\n", Artifact::read(input, "its input")?.description()).into_bytes());
    }
    Ok(content)
}

/// Returns the files that stages have made, by their paths: their hashes, `None` for a file that is
/// not there. What is there beside them, such as an incomplete file, is among them.
pub fn hash_made_files(folder: &Path, stages: &[PlannedStage]) -> BTreeMap<String, Option<String>> {
    let mut files = BTreeMap::new();
    for path in stages.iter().filter_map(|stage| stage.artifact.as_ref()) {
        let place = folder.join(path);
        let found = Artifact::read(&place, path).ok().map(|artifact| artifact.sha256);
        files.insert(path.clone(), found);
        let start = format!(".{}.", place.file_name().unwrap_or_default().to_string_lossy());
        let entries = place.parent().and_then(|beside| std::fs::read_dir(beside).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&start) {
                files.insert(format!("{path}: {name}"), None);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_and_missing_files_are_among_what_was_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let stages = [PlannedStage::new_for_test("fetch", "data/raw")];
        assert_eq!(hash_made_files(folder.path(), &stages), BTreeMap::from([("data/raw".to_owned(), None)]));
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        std::fs::write(folder.path().join("data/raw"), "abc").expect("written");
        std::fs::write(make_part_path(&folder.path().join("data/raw"), 7), "ab").expect("written");
        let made = hash_made_files(folder.path(), &stages);
        let names: Vec<&str> = made.keys().map(String::as_str).collect();
        assert_eq!(names, ["data/raw", "data/raw: .raw.0000000000000007.part"]);
        assert!(made["data/raw"].as_deref().is_some_and(|hash| hash.starts_with("ba7816bf")));
    }
}
