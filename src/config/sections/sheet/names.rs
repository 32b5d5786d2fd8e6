//! The name of a job, and the title of its data tab.
//!
//! Out of scope: the titles of the tool's own tabs (`store::guard::head_guard`).

use crate::config::syntax::located::Located;
use crate::config::value_reader::ValueReader;

/// The longest job name, in characters: tab titles contain it, and a title has at most 100.
const MAX_NAME_CHARS: usize = 50;
/// The longest title of a tab, in characters.
const MAX_TITLE_CHARS: usize = 100;

/// Reads the name of the job, which the titles of its tabs contain.
pub(crate) fn read_job_name(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<String> {
    let name = reader.read_non_empty(at, "`name`")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || " _.-".contains(c);
    if name.chars().count() > MAX_NAME_CHARS {
        reader.add_problem_at(
            at,
            "`name` has more than 50 characters",
            "too long",
            "tabs are named after the job; keep it short",
        );
        return None;
    }
    if !name.chars().all(plain) || name.trim() != name {
        let help = "letters, digits, blanks, `_`, `.` and `-` make a name, and no blank at its ends";
        reader.add_problem_at(at, "`name` holds a character that a job's name can't have", "not a job's name", help);
        return None;
    }
    Some(name)
}

/// Reads the title of the data tab, which no tab of the tool may have.
pub(crate) fn read_tab(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<String> {
    let title = reader.read_non_empty(at, "`sheet.tab`")?;
    let lower = title.to_lowercase();
    let machine = ["runs", "jobs"].contains(&lower.as_str())
        || ["processed ", "failures ", "sheetkeep "].iter().any(|start| lower.starts_with(start));
    if machine {
        let help = "Runs, Jobs, and titles that start with Processed, Failures or sheetkeep belong to the tool";
        reader.add_problem_at(at, "`sheet.tab` is the title of one of the tool's own tabs", "taken", help);
        return None;
    }
    if title.chars().count() > MAX_TITLE_CHARS || title.chars().any(char::is_control) {
        reader.add_problem_at(at, "`sheet.tab` has to be one line of at most 100 characters", "no title", "");
        return None;
    }
    Some(title)
}
