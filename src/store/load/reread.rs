//! Reads the data tab again during a run: key positions, all rows, or the rows of an undo log.
//!
//! In scope: these calls.
//! Out of scope: the load (`store::load::loader`), conclusions from the reads
//! (`store::session::row_tracker`).

use serde_json::Value;

use crate::grid::quote_title;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::make_tab;
use crate::store::tabs::parse::{self, PAGE_ROWS};
use crate::store::tabs::row_index::{KeyColumnReader, RowIndex};
use crate::store::tabs::schema::Tab;
use crate::store::upsert::repair::location::image::EnteredImages;
use crate::store::upsert::undo_log::{MisplacedWrite, UndoFinding, UndoLog};

/// Maximum number of cells per call when a whole tab is read.
const PAGE_CELLS: u32 = 200_000;

/// All rows of a tab, as read.
pub struct TabReading {
    /// The tab with its header.
    pub tab: Tab,
    /// Its rows, including the header, without trailing blank rows.
    pub rows: Vec<Vec<Value>>,
    /// The number of rows in its grid.
    pub height: u32,
    /// Whether the read took several calls, so that rows may have moved in between.
    pub is_paged: bool,
}

impl TabReading {
    /// Whether this read shows the same as an earlier one, so that `entered`, which was read in
    /// between, belongs to it. The results of formulas may differ.
    pub fn is_same_as(&self, earlier: &Self, entered: &[Vec<Value>]) -> bool {
        let is_blank = |cell: Option<&Value>| cell.is_none_or(|cell| parse::format_cell(cell).is_empty());
        let is_formula = |cell: Option<&Value>| cell.and_then(Value::as_str).is_some_and(|text| text.starts_with('='));
        let is_same_row = |(at, (now, was)): (usize, (&Vec<Value>, &Vec<Value>))| {
            let entered = |column: usize| entered.get(at).and_then(|cells| cells.get(column));
            (0..now.len().max(was.len())).all(|column| {
                let (now, was, entered) = (now.get(column), was.get(column), entered(column));
                let is_computed = is_formula(entered) || is_blank(entered);
                is_blank(now) == is_blank(was) && (is_computed || is_blank(now) || now == was)
            })
        };
        let rows = self.rows.iter().zip(&earlier.rows).enumerate();
        self.tab.header == earlier.tab.header
            && self.rows.len() == earlier.rows.len()
            && rows.into_iter().all(is_same_row)
    }
}

impl Loader {
    /// Reads the data tab's header and the key positions. Each page comes with the header of the
    /// same moment, so that a move of columns is noticed.
    pub async fn read_index(
        &self,
        known: &Tab,
        own: &[String],
        key_column: &str,
    ) -> Result<(Tab, RowIndex), LoadError> {
        let info = self.read_tab_info(known.id).await?;
        let previous = known.position(key_column).unwrap_or_default();
        let mut column = previous;
        let mut key_reader = KeyColumnReader::default();
        let mut found: Option<Tab> = None;
        let mut from = 1;
        while from <= info.rows || found.is_none() {
            let to = info.rows.min(from + PAGE_ROWS - 1).max(from);
            // Rows that users insert meanwhile push the last rows down. So the last page has no end
            // row.
            let end = Some(to).filter(|to| *to < info.rows);
            let ranges =
                [parse::make_header_range(&info.title), parse::make_column_range(&info.title, column, from, end)];
            let mut read = self.read_values(&ranges).await?.into_iter();
            let tab = self.with_renamed(known, make_tab(&info, &read.next().unwrap_or_default()), own).await?;
            match (&found, tab.position(key_column)) {
                (_, None) => return Err(LoadError::new_stale(&info.title)),
                // First try the previous column, then once the current one.
                (None, Some(at)) if at != column && column == previous => column = at,
                (before, Some(at)) => {
                    if at != column || before.as_ref().is_some_and(|before| *before != tab) {
                        return Err(LoadError::new_stale(&info.title));
                    }
                    key_reader.read_column(&read.next().unwrap_or_default());
                    key_reader.skip_to(to);
                    from = to + 1;
                    found = Some(tab);
                }
            }
        }
        found.map(|tab| (tab, key_reader.finish())).ok_or_else(|| LoadError::new_stale(&self.data_tab))
    }

    /// Reads the data tab with all its rows, including the header.
    pub async fn read_whole(&self, known: &Tab, own: &[String]) -> Result<TabReading, LoadError> {
        let info = self.read_tab_info(known.id).await?;
        let page = (PAGE_CELLS / info.columns.max(1)).max(1);
        if info.rows <= page {
            // One call reads a consistent view.
            let rows = self.read_values(&[quote_title(&info.title)]).await?.into_iter().next().unwrap_or_default();
            let tab = self.with_renamed(known, make_tab(&info, rows.get(..1).unwrap_or_default()), own).await?;
            return Ok(TabReading { tab, rows, height: info.rows, is_paged: false });
        }
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut from = 1;
        while from <= info.rows {
            let to = info.rows.min(from.saturating_add(page - 1));
            let range = parse::make_whole_rows_range(&info.title, from, to);
            rows.extend(self.read_values(&[range]).await?.into_iter().flatten());
            rows.resize(to as usize, Vec::new());
            from = to + 1;
        }
        if self.read_tab_info(known.id).await? != info {
            return Err(LoadError::new_stale(&info.title));
        }
        let tab = self.with_renamed(known, make_tab(&info, rows.get(..1).unwrap_or_default()), own).await?;
        Ok(TabReading { tab, rows, height: info.rows, is_paged: true })
    }

    /// Reads the rows of `whole` as they were entered; `key` is the position of the key column.
    /// Returns no rows if users changed the tab in between.
    ///
    /// A paged tab must be identical in both reads. One read alone may miss a row that moved to an
    /// earlier page.
    pub async fn read_entered(&self, whole: &TabReading, key: usize) -> Result<Vec<Vec<Value>>, LoadError> {
        let TabReading { tab, rows, .. } = whole;
        let page = (PAGE_CELLS as usize / tab.width.max(1)).max(1);
        let mut entered: Vec<Vec<Value>> = Vec::new();
        let mut from = 0;
        while from < rows.len() {
            let to = rows.len().min(from + page);
            let range =
                parse::make_whole_rows_range(&tab.title, convert_to_row_number(from), convert_to_row_number(to - 1));
            entered.extend(self.read_entered_values(&[range]).await?.into_iter().flatten());
            entered.resize(to, Vec::new());
            from = to;
        }
        let is_same = rows
            .iter()
            .zip(&entered)
            .skip(1)
            .all(|(shown, entered)| has_same_key(shown, entered, key) && has_same_constants(shown, entered));
        let have_same_header = rows.first().zip(entered.first()).is_none_or(|(a, b)| has_same_constants(a, b));
        let is_same = is_same && have_same_header && have_formulas(rows, &entered);
        match (is_same, whole.is_paged) {
            (true, _) => Ok(entered),
            (false, false) => Ok(Vec::new()),
            (false, true) => Err(LoadError::new_stale(&tab.title)),
        }
    }

    /// Reads the pre-images of the misplaced writes from the undo rows, as entered; of a repair
    /// also the post-images, because a repair may write formulas.
    pub async fn read_entered_images(&self, title: &str, finding: &UndoFinding) -> Result<EnteredImages, LoadError> {
        let undo_log = &finding.undo_log;
        let (Some(first), Some(last)) = (finding.misplaced.first(), finding.misplaced.last()) else {
            return Ok(EnteredImages::default());
        };
        let (first, last) = (first.index, last.index);
        let columns = undo_log.columns() as usize;
        let mut ranges = vec![parse::make_rows_range(
            title,
            undo_log.pre_image_row(first) + 1,
            undo_log.pre_image_row(last) + 1,
            columns,
        )];
        if undo_log.is_repair {
            ranges.push(parse::make_rows_range(
                title,
                undo_log.post_image_row(first) + 1,
                undo_log.post_image_row(last) + 1,
                columns,
            ));
        }
        let kept = undo_log.formulas_row().filter(|_| undo_log.is_repair);
        ranges.extend(kept.map(|row| parse::make_rows_range(title, row + 1, row + 1, columns)));
        let mut read = self.read_entered_values(&ranges).await?.into_iter();
        let cells = |row: &Vec<Value>| row.get(undo_log.margin() as usize..).unwrap_or_default().to_vec();
        let mut images = || -> Vec<Vec<Value>> {
            let rows = read.next().unwrap_or_default();
            let image = |misplaced: &MisplacedWrite| rows.get(misplaced.index - first).map(cells).unwrap_or_default();
            finding.misplaced.iter().map(image).collect()
        };
        let before = images();
        let after = if undo_log.is_repair { images() } else { Vec::new() };
        let header = kept.and_then(|_| read.next()?.first().map(cells)).unwrap_or_default();
        Ok(EnteredImages { pre_images: before, post_images: after, header })
    }

    /// Reads the scratch rows of an undo log from this state tab.
    pub async fn read_scratch(&self, title: &str, undo_log: &UndoLog) -> Result<Vec<Vec<Value>>, LoadError> {
        let range =
            parse::make_rows_range(title, STATE_ROWS + 1, undo_log.count_needed_rows(), undo_log.columns() as usize);
        Ok(self.read_values(&[range]).await?.into_iter().next().unwrap_or_default())
    }

    /// Returns the tab with the job's names for renamed columns: from `known`, or looked up again.
    async fn with_renamed(&self, known: &Tab, tab: Tab, own: &[String]) -> Result<Tab, LoadError> {
        let mut tab = Tab { aliases: known.aliases.clone(), ..tab };
        // The load reports what blocks a run.
        let found = self.find_own_columns(&mut tab, None, own).await?;
        if found.is_blocking() { Err(LoadError::new_stale(&tab.title)) } else { Ok(tab) }
    }

    async fn read_tab_info(&self, id: i32) -> Result<TabInfo, LoadError> {
        let metadata = self.read_metadata().await.map_err(LoadError::Failed)?;
        let found = metadata.tabs.into_iter().find(|tab| tab.sheet_id == id);
        found.ok_or_else(|| LoadError::new_stale(&self.data_tab))
    }
}

/// Whether a formula may fill each cell that shows something without an entry. The formula is above
/// or in the cell's row, and not to the right of it. Else rows moved between the two reads.
fn have_formulas(shown: &[Vec<Value>], entered: &[Vec<Value>]) -> bool {
    let mut leftmost = usize::MAX;
    shown.iter().zip(entered).all(|(shown, entered)| {
        let is_formula = |cell: &Value| cell.as_str().is_some_and(|text| text.starts_with('='));
        leftmost = entered.iter().position(is_formula).map_or(leftmost, |at| leftmost.min(at));
        let is_blank = |cell: Option<&Value>| cell.is_none_or(|cell| parse::format_cell(cell).is_empty());
        shown.iter().enumerate().all(|(at, cell)| at >= leftmost || is_blank(Some(cell)) || !is_blank(entered.get(at)))
    })
}

/// Converts a row index to a row number (1-based).
fn convert_to_row_number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX).saturating_add(1)
}

/// Whether a row has the same key in both reads. Keys are constants; but a write that hit other columns
/// may have left a user's formula in the column of keys. Other cells with a displayed value but no
/// entry may be filled by an array formula elsewhere.
fn has_same_key(shown: &[Value], entered: &[Value], key: usize) -> bool {
    let is_formula = entered.get(key).and_then(Value::as_str).is_some_and(|text| text.starts_with('='));
    let key_of = |row: &[Value]| row.get(key).map(parse::format_cell).unwrap_or_default();
    is_formula || key_of(shown) == key_of(entered)
}

/// Whether the constants of a row are the same in both reads. The service's format of an entered
/// date is undocumented, so only texts and numbers are compared.
fn has_same_constants(shown: &[Value], entered: &[Value]) -> bool {
    let is_same = |(at, entered): (usize, &Value)| match (shown.get(at), entered) {
        (_, Value::String(text)) if text.starts_with('=') => true,
        (Some(Value::String(shown)), Value::String(entered)) => shown == entered || entered.is_empty(),
        (Some(Value::Number(shown)), Value::Number(entered)) => shown == entered,
        (None, entered) => parse::format_cell(entered).is_empty(),
        _ => true,
    };
    entered.iter().enumerate().all(is_same)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_without_an_entry_has_a_formula_above_or_left_of_it() {
        let rows =
            |rows: &[Value]| rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect::<Vec<_>>();
        let shown = rows(&[json!(["id", "arr"]), json!(["a", "x"]), json!(["", "x"])]);
        let filled = rows(&[json!(["id", "={\"arr\";A2:A3}"]), json!(["a"]), json!([])]);
        assert!(have_formulas(&shown, &filled));
        let moved = rows(&[json!(["id", "arr"]), json!(["a", "x"]), json!([])]);
        assert!(!have_formulas(&shown, &moved), "a row was inserted between the reads");
    }

    #[test]
    fn a_formula_in_the_column_of_keys_is_no_sign_of_a_move() {
        let row = |cells: &Value| cells.as_array().cloned().unwrap_or_default();
        assert!(has_same_key(&row(&json!(["1014", "x"])), &row(&json!(["=1000+14", "x"])), 0));
        assert!(!has_same_key(&row(&json!(["k1"])), &row(&json!(["k2"])), 0));
        assert!(!has_same_key(&row(&json!([""])), &row(&json!(["k2"])), 0), "a key without a value");
    }

    #[test]
    fn a_read_of_values_and_entries_holds_only_if_nothing_moved() {
        let rows =
            |rows: &[Value]| rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect::<Vec<_>>();
        let reading = |all: &[Value]| {
            let tab = Tab { header: vec!["id".into(), "n".into()], ..Tab::default() };
            TabReading { tab, rows: rows(all), height: 9, is_paged: false }
        };
        let entered = rows(&[json!(["id", "n"]), json!(["a", "=NOW()"]), json!(["", "=1+5"])]);
        let first = reading(&[json!(["id", "n"]), json!(["a", 1]), json!(["", 6])]);
        assert!(reading(&[json!(["id", "n"]), json!(["a", 2]), json!(["", 6])]).is_same_as(&first, &entered));
        let changed = reading(&[json!(["id", "n"]), json!(["b", 1]), json!(["", 6])]);
        assert!(!changed.is_same_as(&first, &entered), "a constant was changed");
        let inserted = reading(&[json!(["id", "n"]), json!(["a", 1]), json!([]), json!(["", 6])]);
        assert!(!inserted.is_same_as(&first, &entered), "a row was inserted");
    }

    #[test]
    fn headers_that_moved_between_two_reads_are_noticed() {
        let cells = |cells: Value| cells.as_array().cloned().unwrap_or_default();
        assert!(has_same_constants(&cells(json!(["id", "arr"])), &cells(json!(["id", "={\"arr\";A2:A3}"]))));
        assert!(!has_same_constants(&cells(json!(["id", "c", "filled"])), &cells(json!(["id", "filled", "c"]))));
    }
}
