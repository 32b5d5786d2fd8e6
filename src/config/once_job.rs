//! The job that keeps the marks of `sheetkeep once`: it has no job file.
//!
//! In scope: its settings, from flags and environment. Out of scope: what it runs (`app::stages`).

use std::path::Path;

use crate::config::external::environment::Environment;
use crate::config::external::flags::Overrides;
use crate::config::job_file::JobFileForm;
use crate::config::problem::ConfigError;
use crate::config::settings::{Settings, from_form};

/// Returns the settings of the job `name`. Its `.env` file is in `folder`. The name has letters,
/// digits, `_`, `.` and `-`.
pub fn make_once_settings(name: &str, folder: &Path, flags: &Overrides) -> Result<Settings, ConfigError> {
    // Of a job without rows, the tab is never made.
    let text =
        format!("name = \"{name}\"\n[source]\njsonl = \"-\"\n[item]\nkey = \".key\"\n[sheet]\ntab = \"once {name}\"\n");
    let path = folder.join(format!("{name}.toml"));
    let env_file = Environment::read_file(folder, flags.env_file.as_deref())
        .map_err(|problem| ConfigError::new(&path, "", vec![problem]))?;
    from_form(&path, &JobFileForm { text, env_file }, flags).map(Settings::with_command_limits)
}
