//! The form of a job file: its text, and the values of the `.env` file that belongs to it.
//!
//! In scope: reading both, before anything is checked; passing them to another process. Out of
//! scope: their meaning (`config::settings`).

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::external::environment::{Environment, find_env_file};
use crate::config::external::flags::Overrides;
use crate::config::problem::{ConfigError, ConfigProblem};
use crate::config::syntax::closest_word::find_closest_word;
use crate::schedule::export::quoting::quote_for_shell;

/// The longest job file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Bytes of a file of data in which its header row is looked for.
const MAX_HEADER_BYTES: u64 = 1 << 16;

/// A job file as it was read. `Debug` shows no values: those of the `.env` file may be secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFileForm {
    /// The text of the job file.
    pub text: String,
    /// Names and values of the `.env` file; empty without one.
    pub env_file: BTreeMap<String, String>,
}

impl fmt::Debug for JobFileForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobFileForm").field("env_file", &self.env_file.keys()).finish_non_exhaustive()
    }
}

impl JobFileForm {
    /// Reads the job file at `path`, and the `.env` file beside it or the one that a flag names.
    pub fn read(path: &Path, flags: &Overrides) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        match Environment::read_file(folder, flags.env_file.as_deref()) {
            Ok(env_file) => Ok(Self { text, env_file }),
            Err(problem) => Err(ConfigError::new(path, &text, vec![problem])),
        }
    }

    /// Returns the process environment together with the values of the `.env` file.
    pub(crate) fn read_environment(&self, path: &Path, flags: &Overrides) -> Environment {
        let folder = path.parent().unwrap_or(Path::new(""));
        Environment::with_file(self.env_file.clone(), find_env_file(folder, flags.env_file.as_deref()))
    }
}

/// Returns the problem that the file at `path` holds data and no job, with the job file to write.
pub(crate) fn report_data_file(path: &Path, text: &str) -> Option<ConfigProblem> {
    let kind = find_source_kind(path)?;
    let file = path.file_name()?.to_string_lossy();
    let stem = path.file_stem()?.to_string_lossy();
    // A folder may have the first name.
    let jobs = [path.with_extension("toml"), path.with_file_name(format!("{stem}-job.toml"))];
    let existing = jobs.iter().find(|job| job.is_file());
    let job = quote_path_for_shell(existing.or_else(|| jobs.iter().find(|job| !job.exists()))?);
    let header = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
    let first = header.split([',', ';', '\t', '|']).next().unwrap_or_default().trim().trim_matches('"');
    let key = if kind == "csv" { format_key_path(first) } else { ".id".to_owned() };
    let what = if kind == "csv" { "a CSV file" } else { "a file of data" };
    let problem = ConfigProblem::new(format!("{} is {what}, and a job file (TOML) is needed here", path.display()));
    if existing.is_some() {
        return Some(problem.help(format!("a job file is beside it; run that: sheetkeep run {job}")));
    }
    let lines = [
        format!("name = {stem:?}"),
        "[source]".to_owned(),
        format!("{kind} = {file:?}"),
        "[item]".to_owned(),
        format!("key = {key:?}"),
        "[sheet]".to_owned(),
        format!("tab = {stem:?}"),
    ];
    let lines = lines.map(|line| quote_for_shell(&line)).join(" ");
    Some(problem.help(format!(
        "write a job file and run it: printf '%s\\n' {lines} > {job} && sheetkeep run {job} \
         (docs/your-first-csv.md has the steps){}",
        if kind == "csv" { "" } else { "; write the path of your records' key in place of .id" }
    )))
}

/// Returns the jq path of a field; `.id` for a field without a name.
fn format_key_path(field: &str) -> String {
    let is_plain = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.as_bytes()[0].is_ascii_digit()
    };
    match field {
        "" => ".id".to_owned(),
        plain if is_plain(plain) => format!(".{plain}"),
        other => format!(".{}", serde_json::Value::from(other)),
    }
}

/// Returns a path as an argument of a command in a POSIX shell, which no command takes for a flag.
fn quote_path_for_shell(path: &Path) -> String {
    let is_like_flag = path.to_string_lossy().starts_with('-');
    let path = if is_like_flag { Path::new(".").join(path) } else { path.to_owned() };
    quote_for_shell(&path.to_string_lossy())
}

/// Returns the beginning of a file as text, read as `encoding = "auto"` would; empty if it can't be
/// read.
fn read_beginning(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_HEADER_BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    // The last character may be cut.
    match std::str::from_utf8(&bytes) {
        Err(error) if error.error_len().is_some() => encoding_rs::WINDOWS_1252.decode(&bytes).0.into_owned(),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Returns the key of `[source]` for a file of data; `None` for any other file.
fn find_source_kind(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "csv" | "tsv" | "txt" => Some("csv"),
        "json" | "geojson" => Some("json"),
        "jsonl" | "ndjson" => Some("jsonl"),
        "xlsx" => Some("xlsx"),
        _ => None,
    }
}

/// What is wrong with a job file that is not a text.
const NO_TEXT: &str = "is not valid UTF-8";

/// Returns the help for a job file that can't be read: one that is in the same folder.
fn advise_on_nearby_job_files(path: &Path) -> String {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let is_job = |name: &String| {
        let is_toml = Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        is_toml && !name.starts_with('.')
    };
    let entries = std::fs::read_dir(shown).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_job).collect();
    names.sort();
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    let near = find_closest_word(&wanted, names.iter().map(String::as_str)).map(str::to_owned);
    match near.or_else(|| names.first().cloned()) {
        Some(name) => format!("name a job file, such as {}", quote_path_for_shell(&folder.join(name))),
        None if std::fs::read_dir(shown).is_ok() => {
            format!("no job file (.toml) is in {}; docs/your-first-csv.md begins with one", shown.display())
        }
        None if shown.is_dir() => format!("this user may not read the folder {}", shown.display()),
        None => format!("the folder {} is not there", shown.display()),
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let refused = |error: &std::io::Error| {
        let why = error.kind();
        let problem = ConfigProblem::new(format!("the job file {} can't be read: {why}", path.display()));
        let help = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "give this user the right to read it and to enter its folder".to_owned()
            }
            _ => advise_on_nearby_job_files(path),
        };
        ConfigError::from_unreadable_file(path, false, problem.help(help))
    };
    let unreadable = |is_missing: bool, why: &str| {
        if !is_missing && let Some(problem) = report_data_file(path, &read_beginning(path)) {
            return ConfigError::from_unreadable_file(path, false, problem);
        }
        let problem = ConfigProblem::new(format!("the job file {} {why}", path.display()));
        let is_text = why != NO_TEXT;
        let help =
            if is_text { advise_on_nearby_job_files(path) } else { "save it as UTF-8, as a plain text".to_owned() };
        ConfigError::from_unreadable_file(path, is_missing, problem.help(help))
    };
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable(true, "was not found"),
        _ => refused(&error),
    })?;
    if about.len() > MAX_FILE_BYTES {
        return Err(unreadable(false, "is longer than 1 MiB; is it a job file?"));
    }
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => unreadable(false, NO_TEXT),
        std::io::ErrorKind::IsADirectory => unreadable(false, "is a folder"),
        _ => refused(&error),
    })
}
