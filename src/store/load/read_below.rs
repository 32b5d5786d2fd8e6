//! Reads the cells below the last key of the data tab, and beside the job's columns.
//!
//! In scope: the ranges to read.
//! Out of scope: the position of new rows (`store::commit::append_position`).

use std::ops::Range;

use serde_json::Value;

use crate::grid::{format_column_letters, quote_title};
use crate::store::commit::append_position::{AppendPosition, find_other_columns, group_columns};
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::parse::{PAGE_ROWS, format_cell};
use crate::store::tabs::requests::convert_index;
use crate::store::tabs::schema::Tab;

impl Loader {
    /// Reads below the last key of a tab with `rows` rows. `own` are the positions of the job's
    /// columns, `key` that of the key column.
    pub async fn read_below(
        &self,
        tab: &Tab,
        key: usize,
        own: &[usize],
        rows: u32,
        is_filled: bool,
    ) -> Result<AppendPosition, LoadError> {
        let last =
            |rows: &[Vec<Value>], counts: fn(&Vec<Value>) -> bool| rows.iter().rposition(counts).map(convert_index);
        // Users seldom have many cells beside the job's rows. If they have none, the keys need no
        // read.
        let users_cells = self.read_entered_columns(tab, &find_other_columns(own, tab.width), 1, rows).await?;
        // A formula may display nothing, and still occupies its cell.
        let last_users = users_cells.iter().filter_map(|rows| last(rows, |row| !row.is_empty())).max();
        if !is_filled && last_users.is_none_or(|row| row == 0) {
            return Ok(AppendPosition::default());
        }
        let keys = self.read_entered_columns(tab, &group_columns(&[key]), 1, rows).await?.pop().unwrap_or_default();
        let last_key = last(&keys, |row| row.iter().any(|cell| !format_cell(cell).is_empty())).unwrap_or_default();
        if !is_filled && last_users.is_none_or(|row| row <= last_key) {
            return Ok(AppendPosition { last: last_key, ..AppendPosition::default() });
        }
        let from = last_key + 2;
        let read = self.read_entered_columns(tab, &group_columns(own), from, rows).await?;
        let mut own_rows: Vec<u32> = Vec::new();
        for block in &read {
            let rows = (from - 1..).zip(block).filter(|(_, row)| row.iter().any(|cell| !format_cell(cell).is_empty()));
            own_rows.extend(rows.map(|(row, _)| row));
        }
        Ok(AppendPosition::new(last_key, last_users, &own_rows, is_filled))
    }

    /// Reads entered values of these columns, page by page, from row `from` (1-based). The last
    /// page has no end row, because the grid may grow meanwhile.
    async fn read_entered_columns(
        &self,
        tab: &Tab,
        columns: &[Range<usize>],
        from: u32,
        rows: u32,
    ) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
        let mut all = vec![Vec::new(); columns.len()];
        let mut start = from;
        if columns.is_empty() {
            return Ok(all);
        }
        loop {
            let end = start.saturating_add(PAGE_ROWS - 1);
            let to = if end < rows { end.to_string() } else { String::new() };
            let range = |block: &Range<usize>| {
                let (first, last) =
                    (format_column_letters(block.start), format_column_letters(block.end.saturating_sub(1)));
                format!("{}!{first}{start}:{last}{to}", quote_title(&tab.title))
            };
            let read = self.read_entered_values(&columns.iter().map(range).collect::<Vec<_>>()).await?;
            for (all, page) in all.iter_mut().zip(read) {
                if !page.is_empty() {
                    all.resize((start - from) as usize, Vec::new());
                    all.extend(page);
                }
            }
            if end >= rows {
                return Ok(all);
            }
            start = end + 1;
        }
    }
}
