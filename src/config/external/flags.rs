//! Settings of a job that flags may override.
//!
//! In scope: these settings. Out of scope: parsing flags (`cli`), their precedence
//! (`config::sections::sheet::target`).

use std::path::PathBuf;

use crate::config::external::logical_time::LogicalTime;

/// The values of flags; each wins over the environment and the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The spreadsheet, by id or address.
    pub spreadsheet: Option<String>,
    /// The file of the embedded sheet, which then wins over everything else.
    pub file: Option<PathBuf>,
    /// The path of a credentials file.
    pub credentials: Option<PathBuf>,
    /// The root of the Sheets API.
    pub api_url: Option<String>,
    /// The folder with the installation's id and lock.
    pub state_dir: Option<PathBuf>,
    /// The file to read instead of `.env` beside the job file.
    pub env_file: Option<PathBuf>,
    /// The path to read instead of the source's own; `-` is standard input.
    pub input: Option<PathBuf>,
    /// For which time the run is made; without one, job files can't use its variables.
    pub logical_time: Option<LogicalTime>,
}
