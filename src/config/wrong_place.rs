//! Settings by which rows would come into another place than was meant.
//!
//! In scope: names that are nearly right, credentials without a spreadsheet, a link whose settings lie elsewhere. Each of these once
//! made a run write into a local file and succeed. Out of scope: what is chosen where all is right (`config::target`).

use std::path::{Path, PathBuf};

use crate::config::collect::ValueReader;
use crate::config::env_file;
use crate::config::linked::elsewhere;
use crate::config::names::{API_URL, CREDENTIALS_JSON, CREDENTIALS_PATH, SETTINGS, SPREADSHEET, VariableKind, kind};
use crate::config::problem::ConfigProblem;

/// Keeps a problem for each name that nothing reads, but that was meant to be read, and for each value that can't be.
pub(crate) fn misspelt(collect: &mut ValueReader<'_>) {
    let environment = collect.environment;
    for (name, in_file) in environment.names_and_places() {
        // A name of the job's own making is read where the job file says so.
        let kind = if collect.mentions(name) { VariableKind::Fine } else { kind(name) };
        let place = environment.place(in_file);
        let help = match kind {
            VariableKind::Fine => continue,
            VariableKind::Misspelt(meant) => format!("did you mean {meant}? {name} is set in {place}"),
            VariableKind::Unknown => format!("take it out of {place}; the names are {}", SETTINGS.join(", ")),
        };
        collect.say(ConfigProblem::of(format!("{name} is set, but no setting has that name")).help(help));
    }
    for name in [SPREADSHEET, CREDENTIALS_JSON, API_URL, CREDENTIALS_PATH] {
        if environment.is_unreadable(name) {
            collect.say(ConfigProblem::of(format!("the value of {name} is no UTF-8 text")).help("set it anew"));
        }
    }
}

/// The embedded sheet's file where nothing names a spreadsheet; none, and a problem, where one was probably meant.
pub(crate) fn unnamed(collect: &mut ValueReader<'_>, path: &Path, job: Option<&str>) -> Option<PathBuf> {
    let file = collect.folder.join(format!("{}.sheet", job?));
    let shown = file.display().to_string();
    let environment = collect.environment;
    if let Some((name, found)) = environment.first(&[CREDENTIALS_PATH, CREDENTIALS_JSON]) {
        let place = environment.place(found.in_file);
        let lacks = if environment.is_empty(SPREADSHEET) { "is empty" } else { "is not set" };
        let message = format!("{name} is set in {place}, but no spreadsheet is named: {SPREADSHEET} {lacks}");
        collect.say(ConfigProblem::of(message).help(format!(
            "use --embedded {shown}, or set [state] file, to keep the rows in a local file all the same; else set {SPREADSHEET} in the \
             environment or in {}, or name the spreadsheet by --spreadsheet or [sheet] spreadsheet",
            environment.file_path().display()
        )));
        return None;
    }
    let Some(other) = elsewhere(path) else { return Some(file) };
    let (linked, env) = (path.display(), other.join(env_file::NAME));
    if env.exists() && !environment.file_path().exists() {
        let message = format!("{linked} is a link, and {} beside the file that it leads to is not read", env.display());
        collect.say(ConfigProblem::of(message).help(format!(
            "use --embedded {shown} to keep the rows in a local file all the same; settings come from the folder of the link, so link {} \
             there too, or run the job by the path of the file itself",
            env_file::NAME
        )));
        return None;
    }
    let sheet = other.join(file.file_name()?);
    if sheet.exists() && !file.exists() {
        let message = format!("{linked} is a link, and the job's rows so far are probably in {}", sheet.display());
        collect.say(ConfigProblem::of(message).help(format!(
            "use --embedded {}; or use --embedded {shown} to begin anew beside the link",
            sheet.display()
        )));
        return None;
    }
    Some(file)
}

/// Notes a `.env` that is not read because the job file is a link.
pub(crate) fn beside_the_link(collect: &mut ValueReader<'_>, path: &Path) {
    let Some(env) = elsewhere(path).map(|other| other.join(env_file::NAME)).filter(|env| env.exists()) else { return };
    let here = collect.environment.file_path();
    if here.canonicalize().ok() != env.canonicalize().ok() {
        let what =
            format!("{} is not read: the job file is a link, and settings come from {}", env.display(), here.display());
        collect.note(what, format!("put what is missing into {}, or link it there", here.display()));
    }
}
