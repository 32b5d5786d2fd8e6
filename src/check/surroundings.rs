//! What surrounds a job on this machine: other job files of its name, its state directory, its `.env`.
//!
//! In scope: reading the job file's folder. Nothing is created, no program is started. Out of
//! scope: the settings themselves (`config`).

use std::io;
use std::path::{Path, PathBuf};

use crate::check::git_index::is_tracked;
use crate::check::report::{CheckItem, Subject};
use crate::config::settings::Settings;
use crate::private_files;
use crate::private_files::find_parent_folder;

/// Job files of the folder that are read at most, and bytes of each.
const MAX_FILES: usize = 1_000;
const MAX_BYTES: u64 = 1 << 20;

/// Returns a line for each thing that is unusual. `env_file` is the file that settings come from.
pub fn check_surroundings(settings: &Settings, env_file: &Path) -> Vec<CheckItem> {
    report_same_named_job(settings)
        .into_iter()
        .chain(report_missing_state_folder(settings))
        .chain(report_env_in_git(env_file))
        .collect()
}

/// Two jobs of one name share the local file, the lock and the state on the sheet.
fn report_same_named_job(settings: &Settings) -> Option<CheckItem> {
    let what = format!("{} beside it has the same job name, {}", find_same_named_job(settings)?, settings.job);
    let help = "give each job a name of its own: jobs of one name share keys, rows and state on one sheet";
    Some(CheckItem::new_warning(Subject::JobFile, what, Some(help)))
}

/// Returns the name of another job file in the same folder whose job has the same name.
pub fn find_same_named_job(settings: &Settings) -> Option<String> {
    let folder = find_parent_folder(&settings.path);
    let own = settings.path.canonicalize().ok();
    let is_other = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "toml")
            && path.canonicalize().ok() != own
            && read_job_name(path).is_some_and(|name| name == settings.job)
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten().take(MAX_FILES).map(|entry| entry.path());
    let mut others: Vec<String> =
        entries.filter(is_other).filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    others.sort();
    others.into_iter().next()
}

/// Returns the name of a job file; `None` for any other TOML.
fn read_job_name(path: &Path) -> Option<String> {
    let is_small = std::fs::metadata(path).ok()?.len() <= MAX_BYTES;
    let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten()?;
    let table: toml::Table = text.parse().ok()?;
    table.contains_key("source").then(|| table.get("name")?.as_str().map(str::to_owned)).flatten()
}

/// Without a state directory there is no lock on this machine, and no journal of programs' results.
fn report_missing_state_folder(settings: &Settings) -> Option<CheckItem> {
    let subject = Subject::StateFolder;
    let help = "make it writable for this user, or name another with --state-dir; until then no lock keeps two runs apart here";
    let Some(dir) = &settings.state_dir else {
        let what = "no state directory is known, as HOME and XDG_STATE_HOME are not set";
        return Some(CheckItem::new_warning(
            subject,
            what,
            Some("name one with --state-dir; without it there is no lock here"),
        ));
    };
    let error = check_folder(dir).err()?;
    Some(CheckItem::new_warning(
        subject,
        format!("the state directory {} can't be written: {error}", dir.display()),
        Some(help),
    ))
}

/// Checks whether a run could create files in the folder, or create the folder.
fn check_folder(dir: &Path) -> io::Result<()> {
    let existing = dir.ancestors().find(|folder| folder.symlink_metadata().is_ok());
    private_files::check_writable(existing.unwrap_or(Path::new(".")))
}

/// A `.env` in a repository gives its secrets to all who read the repository.
fn report_env_in_git(env_file: &Path) -> Option<CheckItem> {
    is_tracked(env_file).then(|| {
        let shown = env_file.display();
        let what = format!("{shown} is tracked by git, with the secrets in it");
        let help = format!(
            "git rm --cached {shown}, add it to .gitignore, and replace the keys and addresses that were in it"
        );
        CheckItem::new_warning(Subject::JobFile, what, Some(&help))
    })
}
