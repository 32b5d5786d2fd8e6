//! A job of stages: what it has in place of source, item and sheet.
//!
//! In scope: which keys it can't have, and completing it, so that everything else reads it as it
//! reads any job. Out of scope: the stages themselves (`config::sections::stages`).

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::ConfigProblem;

/// The sections about records, which a job of stages can't have.
const RECORD_SECTIONS: [&str; 5] = ["source", "item", "step", "expect", "jq"];

/// Completes a job of stages, and returns what it can't have. Other jobs stay as they are.
pub(crate) fn complete_stage_job(table: &mut Spanned<DeTable<'_>>) -> Vec<ConfigProblem> {
    let table = table.get_mut();
    if !table.contains_key("stage") {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for name in RECORD_SECTIONS {
        if let Some(value) = table.remove(name) {
            let problem = ConfigProblem::new_at(
                value.span(),
                format!("a job of stages has no `{name}`"),
                "stages or records, not both",
            );
            problems.push(problem.help(
                "make it a job file of its own, and let the last stage run it: command = [\"sheetkeep\", \"run\", \"rows.toml\", \
                 \"--input\", \"${SHEETKEEP_STAGE_INPUT}\"]",
            ));
        }
    }
    let job = match table.get("name").map(Spanned::get_ref) {
        Some(DeValue::String(name)) => name.clone().into_owned(),
        _ => String::new(),
    };
    insert_into(table, "source", "jsonl", "-".to_owned());
    insert_into(table, "item", "key", ".key".to_owned());
    insert_into(table, "sheet", "tab", format!("Stages {job}"));
    problems
}

/// Sets a text in a section, if the file has none.
fn insert_into(table: &mut DeTable<'_>, section: &'static str, key: &'static str, value: String) {
    let nowhere = 0..0;
    let name = |name: &'static str| Spanned::new(nowhere.clone(), Cow::Borrowed(name));
    if !table.contains_key(section) {
        table.insert(name(section), Spanned::new(nowhere.clone(), DeValue::Table(DeTable::new())));
    }
    if let Some(DeValue::Table(inner)) = table.get_mut(section).map(Spanned::get_mut)
        && !inner.contains_key(key)
    {
        inner.insert(name(key), Spanned::new(nowhere.clone(), DeValue::String(Cow::Owned(value))));
    }
}
