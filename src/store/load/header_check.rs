//! Closer header checks: the first rows of a user's tab, a header that moved down, and headers that
//! the service stores as a number.
//!
//! In scope: these reads, each made only if the load's own reads require it.
//! Out of scope: what follows from the rows (`ledger::rows::header_search`), developer metadata of
//! columns (`store::commit::own_columns`).

use serde_json::Value;

use crate::ledger::rows::header_search::{FirstRows, find_header_below};
use crate::ledger::rows::row_codec::{PROCESSED, RUNS_NEEDED};
use crate::ledger::state::snapshot::Anomaly;
use crate::ledger::values::columns::trim_header;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::LoadPlan;
use crate::store::tabs::parse::{format_cell, make_header_range, make_rows_range, parse_header};
use crate::store::tabs::schema::{FAILURES_NEEDED, Tab, Tabs};

/// Maximum number of rows in which a header is searched.
const ROWS: u32 = 1_000;
/// Maximum number of cells in these rows.
const CELLS: u32 = 200_000;

/// The range of a tab's first rows, in which the header is searched.
pub fn make_first_rows_range(info: &TabInfo) -> String {
    let columns = info.columns.max(1);
    let rows = (CELLS / columns).clamp(1, ROWS).min(info.rows.max(1));
    make_rows_range(&info.title, 1, rows, usize::try_from(columns).unwrap_or(usize::MAX))
}

/// The first rows of a tab as texts.
pub fn make_first_rows(title: &str, rows: &[Vec<Value>]) -> FirstRows {
    FirstRows::new(title, format_rows(rows))
}

fn format_rows(rows: &[Vec<Value>]) -> Vec<Vec<String>> {
    let row = |row: &Vec<Value>| row.iter().map(|cell| trim_header(&format_cell(cell)).to_owned()).collect();
    rows.iter().map(row).collect()
}

impl Loader {
    /// Reads the first rows of a tab in which the job has never written.
    pub async fn read_first_rows(&self, info: &TabInfo) -> Result<FirstRows, LoadError> {
        let read = self.read_values(&[make_first_rows_range(info)]).await?;
        Ok(make_first_rows(&info.title, read.first().map_or(&[][..], Vec::as_slice)))
    }

    /// Returns why a tab in which the job has never written can't take its rows. Checks only what
    /// is known before a write.
    pub async fn explain_header_refusal(&self, first: &FirstRows) -> Option<String> {
        if let Some(why) = first.explain_missing_header() {
            return Some(why);
        }
        let preview = self.preview.as_ref().filter(|_| first.has_header())?;
        let columns = preview.columns().await?;
        first.explain_mismatch(&columns.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the anomaly of a header that is below row 1; `None` if no row has the header.
    pub async fn find_moved_header(&self, info: &TabInfo, wanted: &[&str]) -> Result<Option<Anomaly>, LoadError> {
        let read = self.read_values(&[make_first_rows_range(info)]).await?;
        let row = find_header_below(&format_rows(read.first().map_or(&[][..], Vec::as_slice)), wanted);
        let title = &info.title;
        Ok(row.map(|row| Anomaly {
            message: format!(
                "the header of tab {title} is in row {row} now, and it has to be in row 1; drag that row to the top, or delete the rows \
                 that were put above it"
            ),
            is_blocking: true,
        }))
    }

    /// Returns the anomaly of the first machine tab whose header is below row 1.
    pub async fn find_moved_machine_header(
        &self,
        load_plan: &LoadPlan<'_>,
        tabs: &Tabs,
    ) -> Result<Option<Anomaly>, LoadError> {
        let machine = [
            (load_plan.processed, tabs.processed.as_ref(), &PROCESSED[..]),
            (load_plan.failures, tabs.failures.as_ref(), FAILURES_NEEDED),
            (load_plan.runs, tabs.runs.as_ref(), RUNS_NEEDED),
        ];
        for (info, tab, wanted) in machine {
            let (Some(info), Some(tab)) = (info, tab) else { continue };
            if tab.missing_column(wanted).is_some()
                && let Some(anomaly) = self.find_moved_header(info, wanted).await?
            {
                return Ok(Some(anomaly));
            }
        }
        Ok(None)
    }

    /// Adds the displayed text of numeric headers (dates, percentages, amounts) as alternative
    /// column names. `row` is the header row as read. `own` are the job's columns, which already
    /// match by the stored value.
    pub async fn add_displayed_headers(&self, tab: &mut Tab, row: &[Value], own: &[String]) -> Result<(), LoadError> {
        let unlike = |cell: &Value| matches!(cell, Value::Number(_)) && !own.contains(&format_cell(cell));
        if !row.iter().any(unlike) {
            return Ok(());
        }
        let range = [make_header_range(&tab.title)];
        let read = self
            .sheets
            .read_formatted_values(&self.id, &range)
            .await
            .map_err(|error| crate::store::tabs::error::load_error(&error))?;
        let shown = parse_header(read.first().map_or(&[][..], Vec::as_slice));
        let moved =
            row.iter().zip(&tab.header).zip(&shown).any(|((cell, held), shown)| cell.is_string() && held != shown);
        if moved || shown.len() != tab.header.len() {
            return Err(LoadError::new_stale(&tab.title));
        }
        for ((cell, held), displayed) in row.iter().zip(&tab.header).zip(shown) {
            if unlike(cell) && displayed != *held && !tab.header.contains(&displayed) {
                tab.aliases.push((displayed, held.clone()));
            }
        }
        Ok(())
    }
}
