//! Finds the job's own columns on the data tab, also after users renamed, deleted or moved headers.
//!
//! In scope: the reads that this needs, the marks of columns among them. Out of scope: what a
//! missing header means (`store::commit::own_columns`), a header pushed below row 1
//! (`store::load::header_check`).

use crate::sheets_client::types::response_types::{ColumnMark, TabInfo};
use crate::store::commit::own_columns::{ColumnLookup, OwnColumns, name_mark_key};
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::parse;
use crate::store::tabs::schema::Tab;

impl Loader {
    /// Looks up the job's own columns. Developer metadata is read only if a header is missing or
    /// occurs twice. If all headers are missing and the grid is known, the header is first searched
    /// in lower rows.
    pub async fn find_own_columns(
        &self,
        tab: &mut Tab,
        info: Option<&TabInfo>,
        columns: &[String],
    ) -> Result<ColumnLookup, LoadError> {
        let own = OwnColumns { job: &self.job, tab: &self.data_tab, columns };
        let lost = own.find_missing_columns(tab).len();
        if lost == 0 && own.find_duplicated_columns(tab).is_empty() {
            return Ok(ColumnLookup::default());
        }
        if let Some(info) = info.filter(|_| lost == columns.len()) {
            let wanted: Vec<_> = columns.iter().map(String::as_str).collect();
            if let Some(anomaly) = self.find_moved_header(info, &wanted).await? {
                return Ok(ColumnLookup { deleted_columns: Vec::new(), anomalies: vec![anomaly] });
            }
        }
        let marks = self.read_marks(tab).await?;
        Ok(own.find_lost_columns(tab, marks.as_deref()))
    }

    /// Reads the developer metadata of the job's columns; `None` if that fails, since the later
    /// checks report it. Metadata refers to a column position. So both the header and the metadata
    /// must be unchanged after the read: a column may have moved and moved back.
    async fn read_marks(&self, tab: &Tab) -> Result<Option<Vec<ColumnMark>>, LoadError> {
        let before = self.read_marks_once().await;
        let header = self.read_values(&[parse::make_header_range(&tab.title)]).await?;
        let is_same_header = parse::parse_header(header.first().map_or(&[][..], Vec::as_slice)) == tab.header;
        if !is_same_header || (before.is_some() && self.read_marks_once().await != before) {
            return Err(LoadError::new_stale(&tab.title));
        }
        Ok(before)
    }

    async fn read_marks_once(&self) -> Option<Vec<ColumnMark>> {
        let marks = self.sheets.search_column_marks(&self.id, &name_mark_key(&self.job)).await;
        marks
            .inspect_err(
                |error| tracing::warn!(event = "columns.marks_unread", %error, "the marks of columns can't be read"),
            )
            .ok()
    }
}
