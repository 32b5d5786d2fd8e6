//! The flags of `sheetkeep drill`.
//!
//! In scope: parsing, help. Out of scope: the drill (`app::drill`).

use std::path::PathBuf;

use crate::cli::args::job::{JobArgs, SheetArgs};
use crate::cli::args::whole_number::whole_number_within;

/// The job file and the flags of `sheetkeep drill`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct DrillArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Run N drills, of the seeds 1 to N
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = |text: &str| whole_number_within::<u64>(text, &(1..=100_000)))]
    pub seeds: u64,
    /// Run the drill of this seed only, as a report names it
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Read the first N records of the source
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = |text: &str| whole_number_within::<u64>(text, &(1..=1_000_000)))]
    pub records: u64,
    /// Read FILE instead of the job file's source
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Run the programs of the job, again and again, in place of counting them
    #[arg(long)]
    pub really: bool,
    /// Assume that the service of STEP ignores an idempotency key that it has seen
    #[arg(long, value_name = "STEP")]
    pub idempotent: Vec<String>,
    /// Read settings from FILE, instead of `.env` beside the job file
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Print one JSON document on standard output; errors are JSON, too
    #[arg(long)]
    pub json: bool,
}

impl DrillArgs {
    /// Returns the flags by which the job's settings are read.
    pub fn make_job_args(&self) -> JobArgs {
        JobArgs {
            job: self.job.clone(),
            sheet: SheetArgs { spreadsheet: None, embedded: None, env_file: self.env_file.clone() },
            state_dir: None,
            json: self.json,
            date: None,
        }
    }

    /// Returns the seeds to be played.
    pub fn list_seeds(&self) -> Vec<u64> {
        self.seed.map_or_else(|| (1..=self.seeds).collect(), |seed| vec![seed])
    }
}
