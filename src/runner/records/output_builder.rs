//! Builds the rows of an item from the values that its steps made, for the data tab as it is.
//!
//! In scope: the key column, one row a key in upsert mode, columns that the tab lacks, tabs that
//! belong to another user. Out of scope: coercion (`ledger::rows::row_builder`), what becomes of a
//! value that is rejected (`runner::records::intake`).

use serde_json::Value;

use crate::grid::Row;
use crate::ledger::items::item::Output;
use crate::ledger::items::key::Key;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::rows::header_search::FirstRows;
use crate::ledger::rows::row_builder::{build_row, build_rows};
use crate::ledger::rows::table_header::{Header, KeyColumn, choose_key_column};
use crate::ledger::runs::expectation::FilledColumns;
use crate::ledger::values::columns::{Columns, ValueRejection};

/// What is known of the data tab, and how rows are made for it.
#[derive(Clone)]
pub struct OutputBuilder {
    /// The data tab's columns.
    pub header: Header,
    /// The column that carries the key, once it is known.
    pub key_column: Option<KeyColumn>,
    /// The types of columns.
    pub columns: Columns,
    /// The first rows of a data tab that the job has never written, until one of the job's rows
    /// proves that it may.
    pub first_rows: Option<FirstRows>,
    /// Why the job may not write to the data tab, once that is known: the run has to stop.
    pub foreign_tab: Option<String>,
    /// The key expression, in jq.
    pub key_expression: String,
    /// The title of the data tab.
    pub tab: String,
    /// How rows are written there.
    pub mode: WriteMode,
    /// Columns that may not be empty throughout.
    pub expected_columns: Vec<String>,
    /// Which of these were filled so far.
    pub expected_fill: FilledColumns,
}

impl OutputBuilder {
    /// Builds the rows of an item from the values that its steps made.
    pub fn build(&mut self, values: Vec<Value>, key: &Key) -> Result<Output, ValueRejection> {
        let column = match (&self.key_column, values.first()) {
            (Some(column), _) => column.clone(),
            (None, None) => return Ok(Output::default()),
            (None, Some(first)) => {
                choose_key_column(&self.key_expression, &build_row(first.clone(), &self.columns)?, key)
            }
        };
        if self.mode == WriteMode::Upsert && values.len() > 1 {
            let rows = values.len();
            return Err(ValueRejection(format!(
                "the steps make {rows} rows of this record, and mode = \"upsert\" keeps one row a key: make one row of it, or use \
                 mode = \"append\""
            )));
        }
        let mut rows = build_rows(values, key, &column, &self.columns)?;
        self.check_tab_ownership(&rows)?;
        for row in &mut rows {
            self.header.admit(row, column.name())?;
        }
        for row in &rows {
            self.expected_fill
                .add_row(&self.expected_columns, |column| row.get(column).is_some_and(|cell| !cell.is_empty()));
        }
        self.key_column = Some(column);
        Ok(Output::new(self.tab.clone(), rows))
    }

    /// Checks that the tab is not another user's table, before anything is written to it.
    fn check_tab_ownership(&mut self, rows: &[Row]) -> Result<(), ValueRejection> {
        let Some(first) = rows.first() else { return Ok(()) };
        let columns: Vec<_> = first.cells.iter().map(|(name, _)| name.as_str()).collect();
        self.foreign_tab = self.first_rows.as_ref().and_then(|first_rows| first_rows.explain_mismatch(&columns));
        if let Some(why) = &self.foreign_tab {
            return Err(ValueRejection(why.clone()));
        }
        self.first_rows = None;
        Ok(())
    }
}
