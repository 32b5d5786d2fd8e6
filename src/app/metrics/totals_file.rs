//! The sums of an installation, in a file of the state directory, so that counters grow from run to
//! run.
//!
//! In scope: reading, adding a run, writing. Out of scope: what is summed
//! (`telemetry::metrics::samples`).
//!
//! The file is locked while a run is added, for runs of one job may end at the same time. It is
//! written in place: if a crash cuts it, counting starts anew, as every reader of counters expects.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::private_files;
use crate::telemetry::metrics::run_measurement::RunMeasurement;
use crate::telemetry::metrics::samples::MetricTotals;

/// Bytes of the file that are read.
const MAX_BYTES: u64 = 65_536;

/// The file of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalsFile(PathBuf);

impl TotalsFile {
    /// Returns the file of `job` at `target` in the state directory `dir`.
    pub fn new(dir: &Path, job: &str, target: &str) -> Self {
        let digest = Sha256::digest(format!("{target}\u{1f}{job}").as_bytes());
        let name = format!("{}.json", HEXLOWER.encode(digest.get(..12).unwrap_or(&digest)));
        Self(dir.join("metrics").join(name))
    }

    /// Adds a run to the sums, and returns them. Blocks while another process does so.
    pub fn add(&self, run: &RunMeasurement) -> io::Result<MetricTotals> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        private_files::make_folder(folder)?;
        let mut file = private_files::open_or_create(&self.0)?;
        file.lock()?;
        let mut text = String::new();
        (&mut file).take(MAX_BYTES).read_to_string(&mut text)?;
        let mut totals: MetricTotals = serde_json::from_str(&text).unwrap_or_default();
        totals.add(run);
        let written = serde_json::to_vec(&totals)?;
        file.rewind()?;
        file.write_all(&written)?;
        file.set_len(written.len() as u64)?;
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunMeasurement {
        RunMeasurement { status: "succeeded", step_retries: 2, ..RunMeasurement::default() }
    }

    fn retries(totals: &MetricTotals) -> Option<f64> {
        let samples = totals.samples();
        let is_steps = |label: &Option<String>| label.as_deref() == Some("step");
        samples
            .iter()
            .find(|one| one.family.name == "sheetkeep_retries_total" && is_steps(&one.label))
            .map(|one| one.value)
    }

    #[test]
    fn counters_grow_over_runs_of_one_job_and_target() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = TotalsFile::new(dir.path(), "quakes", "1AbC");
        assert_eq!(retries(&file.add(&run()).expect("written")), Some(2.0));
        assert_eq!(retries(&file.add(&run()).expect("written")), Some(4.0));
        let other = TotalsFile::new(dir.path(), "quakes", "1Other");
        assert_eq!(retries(&other.add(&run()).expect("written")), Some(2.0));
    }

    #[test]
    fn a_file_that_was_cut_starts_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = TotalsFile::new(dir.path(), "quakes", "1AbC");
        file.add(&run()).expect("written");
        let text = std::fs::read_to_string(&file.0).expect("text");
        std::fs::write(&file.0, &text[..text.len() / 2]).expect("cut");
        assert_eq!(retries(&file.add(&run()).expect("written")), Some(2.0));
    }
}
