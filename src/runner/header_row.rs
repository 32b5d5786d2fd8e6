//! Checks before any write whether the source's header row has the fields of the key and version
//! expressions.
//!
//! In scope: plain paths such as `.id`. Out of scope: other jq expressions, which the first records
//! test (`runner::queue::first_records`).

use crate::ledger::rows::table_header::ADDED_KEY_COLUMN;
use crate::ledger::runs::event::{Event, EventSink};
use crate::ledger::values::columns::{Columns, trim_header};
use crate::ledger::values::json_path::MemberPath;
use crate::port::source::{HeaderRow, Source, SourceError};
use crate::port::step::KeyFinder;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopHandle;

/// Reads the header row, which may take long, unless the run is stopped meanwhile. Reports its
/// notes.
pub async fn check_header(
    source: &mut dyn Source,
    key_finder: &dyn KeyFinder,
    events: &EventSink,
    stop: &StopHandle,
) -> Result<(), RunError> {
    let notes = tokio::select! {
        notes = read_header(source, key_finder) => notes?,
        reason = stop.wait_for_reason() => return Err(RunError::Stopped { reason }),
    };
    for message in notes {
        events(Event::LastingAnomaly { message, is_known: false });
    }
    Ok(())
}

/// Checks the header row and returns its notes as sentences. Fails if no record has a key, or every
/// record would lose its version.
pub async fn read_header(source: &mut dyn Source, key_finder: &dyn KeyFinder) -> Result<Vec<String>, RunError> {
    let Some(header_row) = source.header_row().await else { return Ok(Vec::new()) };
    let paths = key_finder.paths();
    let Some((what, path)) = paths.into_iter().find(|(_, path)| !has_path(&header_row, path)) else {
        return Ok(header_row.notes);
    };
    match source.next().await {
        // An error text in place of a table has no rows.
        Ok(None) if is_prose(&header_row) => {
            let line = header_row.fields.join(",");
            Err(RunError::Input(SourceError::from_one_line(&header_row.what, &line)))
        }
        Err(error @ SourceError::OtherFormat { .. }) => Err(RunError::Input(error)),
        _ => Err(RunError::NoField { what, path: path.to_string(), header_row: Box::new(header_row) }),
    }
}

/// Checks that the source has each field for which the job names a column, or the tab has that column
/// already. `has_key_column` is true once the job has found the column of its keys. For jobs without steps, whose rows are the records; nothing is known without a header row.
pub async fn check_columns(
    source: &mut dyn Source,
    columns: &Columns,
    tab_columns: &[String],
    key_column: Option<&str>,
    has_key_column: bool,
) -> Result<(), RunError> {
    let unknown = find_unknown_columns(source, columns, key_column).await;
    let is_fine = |(name, error): &(String, RunError)| {
        if is_about_key_column(error) { has_key_column } else { tab_columns.contains(name) }
    };
    unknown.into_iter().find(|one| !is_fine(one)).map_or(Ok(()), |(_, error)| Err(error))
}

/// What names the key's column in a job file.
const KEY_SETTING: &str = "[sheet] key";

/// True if the error is about the column of the keys. A tab that has it does not help: the records
/// have to fill it. A job that has found its key's column before keeps that one.
pub fn is_about_key_column(error: &RunError) -> bool {
    matches!(error, RunError::NoField { what, .. } if *what == KEY_SETTING)
}

/// Returns the columns that the job names and its source has no field for. The error of each is that
/// of a run whose tab does not have the column either.
pub async fn find_unknown_columns(
    source: &mut dyn Source,
    columns: &Columns,
    key_column: Option<&str>,
) -> Vec<(String, RunError)> {
    let Some(header_row) = source.header_row().await else { return Vec::new() };
    let fields: Vec<&str> = header_row.fields.iter().map(|field| trim_header(field)).collect();
    let is_known = |name: &str| fields.contains(&name) || [Some(ADDED_KEY_COLUMN), key_column].contains(&Some(name));
    let typed = columns.types.iter().map(|(name, _)| ("[sheet] columns", name));
    let ordered = columns.order.iter().map(|name| ("[sheet] order", name));
    let unknown = typed.chain(ordered).map(|(what, name)| (what, name.as_str())).filter(|(_, name)| !is_known(name));
    let key = key_column.map(|name| (KEY_SETTING, name));
    let unknown = unknown.chain(key.filter(|(_, name)| *name != ADDED_KEY_COLUMN && !fields.contains(name)));
    let error = |what, name: &str| RunError::NoField {
        what,
        path: format!("{name:?}"),
        header_row: Box::new(header_row.clone()),
    };
    unknown.map(|(what, name)| (name.to_owned(), error(what, name))).collect()
}

/// Removes from the job's own columns those whose field the source no longer has, and returns a
/// sentence for each. For jobs without steps; nothing is known without a header row.
pub async fn remove_gone_fields(source: &mut dyn Source, own_columns: &mut Vec<String>) -> Vec<String> {
    let Some(header_row) = source.header_row().await else { return Vec::new() };
    let has = |name: &String| header_row.fields.iter().any(|field| trim_header(field) == name);
    let (kept, gone): (Vec<String>, Vec<String>) = own_columns.drain(..).partition(has);
    *own_columns = kept;
    let what = &header_row.what;
    let sentence = |name| {
        format!(
            "{what} no longer has the field {name:?}; its column stays empty in new rows: if that is wrong, see what writes the file"
        )
    };
    gone.into_iter().map(sentence).collect()
}

/// Values under a header row are text and have no members.
fn has_path(header_row: &HeaderRow, path: &MemberPath) -> bool {
    match path.members() {
        [] => true,
        [name] => header_row.fields.contains(name),
        [_, ..] => false,
    }
}

fn is_prose(header_row: &HeaderRow) -> bool {
    match header_row.fields.as_slice() {
        [_] => header_row.delimiter.is_none(),
        [_, rest @ ..] => rest.iter().any(|field| field.starts_with(' ')),
        [] => false,
    }
}
