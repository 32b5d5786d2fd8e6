//! What flags say about a job.
//!
//! In scope: the settings that a flag may name. Out of scope: parsing flags (`cli`), their precedence (`config::target`).

use std::path::PathBuf;

/// What flags say; each wins over the environment and the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The spreadsheet, by id or address.
    pub spreadsheet: Option<String>,
    /// The file of the embedded sheet, which is then used whatever else is set.
    pub file: Option<PathBuf>,
    /// The path of a credentials file.
    pub credentials: Option<PathBuf>,
    /// The root of the Sheets API.
    pub api_url: Option<String>,
    /// The folder of the installation's id and lock.
    pub state_dir: Option<PathBuf>,
    /// What to read in the place of the source's path; `-` is standard input.
    pub input: Option<PathBuf>,
}
