//! Reading the tab Jobs: people's cells, not the formulas.
//!
//! In scope: a second read, if people have moved columns. Out of scope: the meaning of the cells
//! (`store::tabs::jobs`).

use serde_json::Value;

use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::jobs::{JobsReading, find_moved_columns, join_jobs_rows, make_jobs_ranges, read_jobs};

impl Loader {
    /// Reads what is left of the tab. `info` is the tab if there is one, `id` the one that the state
    /// records, `read` the usual ranges of the tab (`make_jobs_ranges`).
    pub(crate) async fn read_jobs_tab(
        &self,
        metadata: &SpreadsheetInfo,
        (info, id): (Option<&TabInfo>, Option<i32>),
        read: &[Vec<Vec<Value>>],
    ) -> Result<JobsReading, LoadError> {
        let header_row = read.first().map_or(&[][..], Vec::as_slice);
        let rows = match info.map(|tab| (tab, find_moved_columns(tab, header_row))) {
            None => Vec::new(),
            Some((tab, None)) => join_jobs_rows(tab, None, read),
            Some((tab, Some(positions))) => {
                let again = self.read_values(&make_jobs_ranges(tab, Some(&positions))).await?;
                join_jobs_rows(tab, Some(&positions), &again)
            }
        };
        Ok(read_jobs(&self.job, self.jobs.as_ref(), metadata, (info, id), &rows))
    }
}
