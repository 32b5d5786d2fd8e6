//! Which rows would look different under another job file: the rows of two jobs, compared by key
//! and column.
//!
//! In scope: reading both sources, running steps without outside effects, comparing cells. Out of
//! scope: the sheet, which is not read.
//!
//! The rows of the old job are kept as hashes, so that memory grows with cells and not with their
//! contents. The exception is the last record of each key in upsert mode. Values of examples are
//! read once more. Which record of a key counts is decided as in a first run: with
//! `order = "newer"` the newest, otherwise the last. A program is not started: what it would get is
//! compared in the place of its rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use serde_json::Value;

use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::grid::{Cell, Row};
use crate::ledger::items::key::{Fingerprint, Key, Version};
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::rows::row_builder::build_row;
use crate::port::step::{KeyFinder as _, Step};
use crate::runner::first_row::run_steps;

/// Examples of each column.
const EXAMPLES: usize = 3;

/// The difference between two jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanComparison {
    /// Rows of the old and of the new job.
    pub rows: (u64, u64),
    /// Records that fail in the old and in the new job.
    pub failed: (u64, u64),
    /// Rows that both have and that look the same.
    pub same: u64,
    /// Rows that both have and that look different.
    pub different: u64,
    /// Rows that only the old job has.
    pub only_old: u64,
    /// Rows that only the new job has.
    pub only_new: u64,
    /// The columns that differ, by name.
    pub columns: BTreeMap<String, ColumnDifference>,
    /// Programs that were not started, and warnings.
    pub notes: Vec<String>,
}

/// The difference in one column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnDifference {
    /// Rows with another value, of those that both jobs have.
    pub rows: u64,
    /// The first of them.
    pub examples: Vec<CellDifference>,
}

/// One cell that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct CellDifference {
    /// The row's key.
    pub key: String,
    /// The value under the old job; blank if its row has no such column.
    pub old: Cell,
    /// The value under the new job.
    pub new: Cell,
}

/// A row's identity: the key, the count of the key's record, and the row's number in it.
type RowId = (Fingerprint, u32, u32);

/// Compares the rows that two jobs make of their sources.
pub async fn compare_plans(old: &Settings, new: &Settings, clock: &Arc<dyn Clock>) -> Result<PlanComparison, AppError> {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<RowId, Vec<(usize, u64)>> = HashMap::new();
    let mut comparison = PlanComparison { notes: compare_settings(old, new), ..PlanComparison::default() };
    let (rows, failed) = read_rows(old, clock, |id, _, row| {
        let cells = row.cells.iter().filter(|(_, cell)| !cell.is_empty());
        known.insert(id, cells.map(|(name, cell)| (find_or_add_name(&mut names, name), hash_cell(cell))).collect());
    })
    .await?;
    (comparison.rows.0, comparison.failed.0) = (rows, failed);
    let mut wanted: HashMap<RowId, Vec<(String, usize)>> = HashMap::new();
    let (rows, failed) = read_rows(new, clock, |id, key, row| {
        let Some(before) = known.remove(&id) else {
            comparison.only_new += 1;
            return;
        };
        let changed = find_changed_columns(&before, &row, &names);
        comparison.same += u64::from(changed.is_empty());
        comparison.different += u64::from(!changed.is_empty());
        for name in changed {
            let column = comparison.columns.entry(name.clone()).or_default();
            column.rows += 1;
            if column.examples.len() < EXAMPLES {
                let cell = row.get(&name).cloned().unwrap_or(Cell::Empty);
                column.examples.push(CellDifference { key: key.as_str().to_owned(), old: Cell::Empty, new: cell });
                wanted.entry(id).or_default().push((name, column.examples.len() - 1));
            }
        }
    })
    .await?;
    (comparison.rows.1, comparison.failed.1) = (rows, failed);
    comparison.only_old = known.len() as u64;
    if !wanted.is_empty() {
        read_rows(old, clock, |id, _, row| {
            for (name, at) in wanted.get(&id).into_iter().flatten() {
                let example = comparison.columns.get_mut(name).and_then(|column| column.examples.get_mut(*at));
                if let (Some(example), Some(cell)) = (example, row.get(name)) {
                    example.old = cell.clone();
                }
            }
        })
        .await?;
    }
    Ok(comparison)
}

fn compare_settings(old: &Settings, new: &Settings) -> Vec<String> {
    let programs = [old, new].into_iter().flat_map(Settings::programs);
    let mut names: Vec<&str> = programs.collect();
    names.sort_unstable();
    names.dedup();
    let started = (!names.is_empty()).then(|| {
        format!("programs are not started here: what the first one would get is compared ({})", names.join(", "))
    });
    let moved = (old.tab != new.tab).then(|| {
        format!(
            "the tab changes from {} to {}: once keys are done, a run refuses that, unless the tab itself has been renamed",
            old.tab, new.tab
        )
    });
    let key = (old.key.source() != new.key.source()).then(|| {
        format!(
            "the key changes from {} to {}: rows are compared by their new and old keys",
            old.key.source(),
            new.key.source()
        )
    });
    started.into_iter().chain(moved).chain(key).collect()
}

/// Returns the columns in which a row differs from the old one; blank and missing cells are alike.
fn find_changed_columns(before: &[(usize, u64)], row: &Row, names: &[String]) -> Vec<String> {
    let hash_before = |name: &str| {
        let at = names.iter().position(|known| known == name)?;
        before.iter().find(|(column, _)| *column == at).map(|(_, hash)| *hash)
    };
    let after = row.cells.iter().filter(|(_, cell)| !cell.is_empty());
    let mut changed: Vec<String> = after
        .clone()
        .filter(|(name, cell)| hash_before(name) != Some(hash_cell(cell)))
        .map(|(name, _)| name.clone())
        .collect();
    let is_gone = |name: &String| !after.clone().any(|(there, _)| there == name);
    changed.extend(before.iter().filter_map(|(at, _)| names.get(*at)).filter(|name| is_gone(name)).cloned());
    changed
}

fn find_or_add_name(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

fn hash_cell(cell: &Cell) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{cell:?}").hash(&mut hasher);
    hasher.finish()
}

/// Reads all rows that a job makes of its source. Returns the number of rows and of failed records.
async fn read_rows(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    mut visit: impl FnMut(RowId, &Key, Row),
) -> Result<(u64, u64), AppError> {
    let mut source = settings.open_source().map_err(AppError::Source)?;
    if !source.is_rereadable() {
        return Err(AppError::SourceReadOnce);
    }
    let key_finder = settings.make_key_finder();
    let steps: Vec<_> = settings.make_steps(clock).into_iter().take_while(|step| !step.has_outside_effects()).collect();
    let mut counts: HashMap<Fingerprint, u32> = HashMap::new();
    let mut seen: HashSet<(Fingerprint, Version)> = HashSet::new();
    // With one row a key, a later record of a key may count, so its rows wait for the end.
    let mut last: HashMap<Fingerprint, (Key, u64, Vec<Row>)> = HashMap::new();
    let (mut rows, mut failed) = (0, 0);
    while let Some(record) = source.next().await.map_err(AppError::Source)? {
        let Ok(body) = record.body else {
            failed += 1;
            continue;
        };
        let Ok((key, version)) = key_finder.identify(&body).await else {
            failed += 1;
            continue;
        };
        if !settings.reprocess_policy.accepts(&version) {
            failed += 1;
            continue;
        }
        let fingerprint = key.fingerprint();
        let rank = settings.reprocess_policy.version_hash(&version);
        let has_newer = last.get(&fingerprint).is_some_and(|(_, newest, _)| *newest > rank);
        if settings.reprocess_policy == ReprocessPolicy::OnNewer && has_newer {
            continue;
        }
        let is_repeated = !seen.insert((fingerprint, version.clone()));
        if settings.mode == WriteMode::Append && is_repeated {
            continue;
        }
        let Some(made) = make_rows(settings, &steps, body, &key, version).await else {
            failed += 1;
            continue;
        };
        if settings.mode == WriteMode::Upsert {
            last.insert(fingerprint, (key, rank, made));
            continue;
        }
        let count = counts.entry(fingerprint).or_default();
        *count += 1;
        for (at, row) in made.into_iter().enumerate() {
            rows += 1;
            visit((fingerprint, *count, u32::try_from(at).unwrap_or(u32::MAX)), &key, row);
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_unstable_by(|(_, (one, ..)), (_, (other, ..))| one.as_str().cmp(other.as_str()));
    for (fingerprint, (key, _, made)) in last {
        for (at, row) in made.into_iter().enumerate() {
            rows += 1;
            visit((fingerprint, 1, u32::try_from(at).unwrap_or(u32::MAX)), &key, row);
        }
    }
    Ok((rows, failed))
}

/// Returns the rows of a record; `None` if it fails.
async fn make_rows(
    settings: &Settings,
    steps: &[Arc<dyn Step>],
    body: Value,
    key: &Key,
    version: Version,
) -> Option<Vec<Row>> {
    let values = run_steps(steps, body, key, version).await?;
    values.into_iter().map(|value| build_row(value, &settings.columns).ok()).collect()
}
