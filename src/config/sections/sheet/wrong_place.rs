//! Settings that would send rows to an unintended place.
//!
//! In scope: misspelt names, credentials without a spreadsheet, a link whose settings are
//! elsewhere. Each of these once made a run write to a local file and succeed. Out of scope: the
//! choice of the target (`config::sections::sheet::target`).

use std::path::{Path, PathBuf};

use crate::config::external::env_file;
use crate::config::external::names::{
    API_URL, CREDENTIALS_JSON, CREDENTIALS_PATH, LOG, LOG_FORMAT, SETTING_VARIABLES, SPREADSHEET, VariableKind,
    classify_name,
};
use crate::config::problem::ConfigProblem;
use crate::config::sections::sheet::linked::find_target_folder;
use crate::config::value_reader::ValueReader;

/// Settings that are read before a job file is, and so from the environment only.
const PROCESS_SETTINGS: [&str; 2] = [LOG, LOG_FORMAT];

/// Adds a problem for each misspelt name, and for each value that is not text.
pub(crate) fn report_misspelt(reader: &mut ValueReader<'_>) {
    let environment = reader.environment;
    for (name, in_file) in environment.names_and_places() {
        // A name that the job itself introduces is read where the job file uses it.
        let kind = if reader.mentions_variable(name) { VariableKind::Known } else { classify_name(name) };
        let place = environment.describe_place(in_file);
        let is_only_there = || environment.find_first(&[name]).is_some_and(|(_, found)| found.is_in_file);
        if in_file && PROCESS_SETTINGS.contains(&name) && is_only_there() {
            let help = "set it in the environment: logs begin before that file is read";
            reader.add_warning(format!("{name} has no effect in {place}"), help);
        }
        let help = match kind {
            VariableKind::Known => continue,
            VariableKind::Misspelt(suggestion) => format!("did you mean {suggestion}? {name} is set in {place}"),
            VariableKind::Unknown => format!("take it out of {place}; the names are {}", SETTING_VARIABLES.join(", ")),
        };
        reader.add_problem(ConfigProblem::new(format!("{name} is set, but no setting has that name")).help(help));
    }
    for name in [SPREADSHEET, CREDENTIALS_JSON, API_URL, CREDENTIALS_PATH] {
        if environment.is_unreadable(name) {
            reader
                .add_problem(ConfigProblem::new(format!("the value of {name} is not UTF-8 text")).help("set it anew"));
        }
    }
}

/// Returns the embedded sheet's file if no spreadsheet is named; a problem if one was probably
/// intended.
pub(crate) fn choose_default_file(reader: &mut ValueReader<'_>, path: &Path, job: Option<&str>) -> Option<PathBuf> {
    let file = reader.folder.join(format!("{}.sheet", job?));
    let shown = file.display().to_string();
    let environment = reader.environment;
    if let Some((name, found)) = environment.find_first(&[CREDENTIALS_PATH, CREDENTIALS_JSON]) {
        let place = environment.describe_place(found.is_in_file);
        let lacks = if environment.is_empty(SPREADSHEET) { "is empty" } else { "is not set" };
        let message = format!("{name} is set in {place}, but no spreadsheet is named: {SPREADSHEET} {lacks}");
        reader.add_problem(ConfigProblem::new(message).help(format!(
            "use --embedded {shown}, or set [state] file, to keep the rows in a local file all the same; else set {SPREADSHEET} in the \
             environment or in {}, or name the spreadsheet by --spreadsheet or [sheet] spreadsheet",
            environment.file_path().display()
        )));
        return None;
    }
    let Some(other) = find_target_folder(path) else { return Some(file) };
    let (linked, env) = (path.display(), other.join(env_file::NAME));
    if env.exists() && !environment.file_path().exists() {
        let message = format!("{linked} is a link, and {} beside the file that it leads to is not read", env.display());
        reader.add_problem(ConfigProblem::new(message).help(format!(
            "use --embedded {shown} to keep the rows in a local file all the same; settings come from the folder of the link, so link {} \
             there too, or run the job by the path of the file itself",
            env_file::NAME
        )));
        return None;
    }
    let sheet = other.join(file.file_name()?);
    if sheet.exists() && !file.exists() {
        let message = format!("{linked} is a link, and the job's rows so far are probably in {}", sheet.display());
        reader.add_problem(ConfigProblem::new(message).help(format!(
            "use --embedded {}; or use --embedded {shown} to begin anew beside the link",
            sheet.display()
        )));
        return None;
    }
    Some(file)
}

/// Warns of a `.env` that is not read because the job file is a link.
pub(crate) fn warn_of_ignored_env(reader: &mut ValueReader<'_>, path: &Path) {
    let Some(env) = find_target_folder(path).map(|other| other.join(env_file::NAME)).filter(|env| env.exists()) else {
        return;
    };
    let here = reader.environment.file_path();
    if here.canonicalize().ok() != env.canonicalize().ok() {
        let what =
            format!("{} is not read: the job file is a link, and settings come from {}", env.display(), here.display());
        reader.add_warning(what, format!("put what is missing into {}, or link it there", here.display()));
    }
}
