//! The context of a batch, for all request kinds.
//!
//! In scope: look-ups with Google's errors, checks of ranges against the grid, the cell limit, the
//! undocumented behaviours.
//! Out of scope: the kinds themselves.

use std::collections::HashSet;
use std::ops::Range;

use crate::batch::request_types::{DimensionName, DimensionRange, GridCoordinate, GridRangeMessage};
use crate::error::ApiError;
use crate::grid::a1::CellSpan;
use crate::grid::area::{Area, Dimension, GridRange};
use crate::random::RandomSource;
use crate::storage::content::named_ranges::fold;
use crate::storage::store::StorageError;
use crate::storage::transaction::{SheetProperties, Transaction};

/// The most cells of a spreadsheet, over all its grids (Sheets API limits).
pub(crate) const CELL_LIMIT: u64 = 10_000_000;

/// The most columns of a sheet (Sheets API limits).
const COLUMN_LIMIT: u32 = 18_278;

/// What `deleteNamedRange` and `updateNamedRange` do with an unknown id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingIdBehavior {
    /// The whole batch fails with 400.
    #[default]
    Refuse,
    /// The request has no effect.
    Ignore,
}

/// What names, titles and ids must differ from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValidationBehavior {
    /// From those of the spreadsheet after the earlier requests of the batch.
    #[default]
    Sequential,
    /// From those, and from those of the spreadsheet before the batch. A name that an earlier request freed
    /// still counts as taken.
    Snapshot,
}

/// What happens to a `namedRangeId` that the caller chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallerIdBehavior {
    /// The service uses it.
    #[default]
    Honour,
    /// The service draws another one.
    Ignore,
}

/// Behaviours of the live service that no public record decides. Tests run all eight combinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnknownBehaviors {
    /// Unknown ids of named ranges.
    pub missing_id: MissingIdBehavior,
    /// Uniqueness inside a batch.
    pub validate: ValidationBehavior,
    /// Ids of named ranges that the caller chose.
    pub caller_ids: CallerIdBehavior,
}

impl UnknownBehaviors {
    /// Returns all eight combinations, for tests that must hold under each.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8_u8).map(|bits| Self {
            missing_id: if bits & 1 == 0 { MissingIdBehavior::Refuse } else { MissingIdBehavior::Ignore },
            validate: if bits & 2 == 0 { ValidationBehavior::Sequential } else { ValidationBehavior::Snapshot },
            caller_ids: if bits & 4 == 0 { CallerIdBehavior::Honour } else { CallerIdBehavior::Ignore },
        })
    }
}

/// A running batch.
pub(crate) struct Batch<'a, 's> {
    /// The transaction of all its requests.
    pub tx: &'a Transaction<'s>,
    pub behaviors: UnknownBehaviors,
    /// The source of new ids.
    pub random: &'a dyn RandomSource,
    before: Option<ExistingIds>,
}

/// Names and ids that were taken before the batch.
#[derive(Default)]
struct ExistingIds {
    titles: HashSet<String>,
    sheets: HashSet<i32>,
    names: HashSet<String>,
    ranges: HashSet<String>,
}

/// Fails with 400 and this message.
pub(crate) fn refuse<T>(detail: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::invalid_argument(detail))
}

impl<'a, 's> Batch<'a, 's> {
    /// Starts a batch over this transaction.
    pub(crate) fn new(
        tx: &'a Transaction<'s>,
        behaviors: UnknownBehaviors,
        random: &'a dyn RandomSource,
    ) -> Result<Self, StorageError> {
        let before = match behaviors.validate {
            ValidationBehavior::Sequential => None,
            ValidationBehavior::Snapshot => {
                let (sheets, ranges) = (tx.sheets()?, tx.named_ranges()?);
                Some(ExistingIds {
                    titles: sheets.iter().map(|sheet| fold(&sheet.title)).collect(),
                    sheets: sheets.iter().map(|sheet| sheet.id).collect(),
                    names: ranges.iter().map(|range| fold(&range.name)).collect(),
                    ranges: ranges.into_iter().map(|range| range.id).collect(),
                })
            }
        };
        Ok(Self { tx, behaviors, random, before })
    }

    /// Returns the sheet of a request about cells. The error message speaks of a grid.
    pub(crate) fn grid(&self, id: i32) -> Result<SheetProperties, ApiError> {
        let missing = || ApiError::invalid_argument(format!("No grid with id: {id}"));
        self.tx.sheet(id)?.ok_or_else(missing)
    }

    /// Returns the sheet of a request about sheets.
    pub(crate) fn sheet(&self, id: i32) -> Result<SheetProperties, ApiError> {
        let missing = || ApiError::invalid_argument(format!("No sheet with id: {id}"));
        self.tx.sheet(id)?.ok_or_else(missing)
    }

    /// Returns whether another sheet than `except` has the title.
    pub(crate) fn is_title_taken(&self, title: &str, except: Option<&SheetProperties>) -> Result<bool, ApiError> {
        let folded = fold(title);
        if except.is_some_and(|own| fold(&own.title) == folded) {
            return Ok(false);
        }
        let now = self.tx.sheets()?.iter().any(|sheet| fold(&sheet.title) == folded);
        Ok(now || self.before.as_ref().is_some_and(|before| before.titles.contains(&folded)))
    }

    /// Returns whether a sheet has the id.
    pub(crate) fn is_sheet_id_taken(&self, id: i32) -> Result<bool, ApiError> {
        Ok(self.tx.sheet(id)?.is_some() || self.before.as_ref().is_some_and(|before| before.sheets.contains(&id)))
    }

    /// Returns whether another named range than `except` has the name.
    pub(crate) fn is_name_taken(&self, name: &str, except: Option<&str>) -> Result<bool, ApiError> {
        let folded = fold(name);
        if except.is_some_and(|own| fold(own) == folded) {
            return Ok(false);
        }
        let now = self.tx.named_range_by_name(name)?.is_some();
        Ok(now || self.before.as_ref().is_some_and(|before| before.names.contains(&folded)))
    }

    /// Returns whether a named range has the id.
    pub(crate) fn is_range_id_taken(&self, id: &str) -> Result<bool, ApiError> {
        let now = self.tx.named_range(id)?.is_some();
        Ok(now || self.before.as_ref().is_some_and(|before| before.ranges.contains(id)))
    }

    /// Draws a positive number of 31 bits.
    pub(crate) fn draw_id(&self) -> i32 {
        i32::try_from(self.random.next_u64() >> 33).unwrap_or(i32::MAX).max(1)
    }

    /// Fails if the spreadsheet has too many cells, or a sheet too many columns. Called after
    /// growth.
    pub(crate) fn check_size(&self) -> Result<(), ApiError> {
        check_column_limit(&self.tx.sheets()?)?;
        let cells = |sheet: &SheetProperties| u64::from(sheet.row_count) * u64::from(sheet.column_count);
        if self.tx.sheets()?.iter().map(cells).sum::<u64>() > CELL_LIMIT {
            return refuse(format!(
                "This action would increase the number of cells in the workbook above the limit of {CELL_LIMIT} cells."
            ));
        }
        Ok(())
    }

    /// Returns the sheet and cells of a range. An end beyond the grid is cut; a start beyond it is
    /// an error.
    pub(crate) fn area(&self, range: &GridRangeMessage) -> Result<(SheetProperties, Area), ApiError> {
        let sheet = self.grid(range.sheet_id)?;
        let asked = check_grid_range(range)?;
        let outside = asked.start_row.is_some_and(|row| row >= sheet.row_count)
            || asked.start_col.is_some_and(|col| col >= sheet.column_count);
        if outside {
            return Err(make_outside_grid_error(&sheet, &asked));
        }
        let area = asked.resolve(sheet.row_count, sheet.column_count);
        Ok((sheet, area))
    }

    /// Returns the sheet and cell of a coordinate.
    pub(crate) fn place(&self, place: &GridCoordinate) -> Result<(SheetProperties, u32, u32), ApiError> {
        let sheet = self.grid(place.sheet_id)?;
        let row = check_index(place.row_index, sheet.row_count, "rowIndex", "row")?;
        let col = check_index(place.column_index, sheet.column_count, "columnIndex", "column")?;
        Ok((sheet, row, col))
    }

    /// Returns the sheet and the rows or columns of a dimension range. Open ends are the edges;
    /// nothing is cut.
    pub(crate) fn span(&self, span: &DimensionRange) -> Result<(SheetProperties, Dimension, Range<u32>), ApiError> {
        let sheet = self.grid(span.sheet_id)?;
        let Some(dimension) = span.dimension.and_then(DimensionName::specified) else {
            return refuse("No dimension was specified.");
        };
        let size = count_lines(&sheet, dimension);
        let start = check_bound(span.start_index, "startIndex")?.unwrap_or(0);
        let end = check_bound(span.end_index, "endIndex")?.unwrap_or(size);
        if end <= start {
            return refuse(format!("endIndex ({end}) must be greater than startIndex ({start})"));
        }
        Ok((sheet, dimension, start..end))
    }
}

/// Fails if a sheet has more columns than letters name, `ZZZ` being the last (reported).
pub(crate) fn check_column_limit(sheets: &[SheetProperties]) -> Result<(), ApiError> {
    if sheets.iter().any(|sheet| sheet.column_count > COLUMN_LIMIT) {
        return refuse(format!(
            "This action would increase the number of columns in the sheet above the limit of {COLUMN_LIMIT} columns."
        ));
    }
    Ok(())
}

/// Returns the number of rows or columns of a sheet.
pub(crate) fn count_lines(sheet: &SheetProperties, dimension: Dimension) -> u32 {
    match dimension {
        Dimension::Rows => sheet.row_count,
        Dimension::Columns => sheet.column_count,
    }
}

/// Returns the error for a range outside the grid.
pub(crate) fn make_outside_grid_error(sheet: &SheetProperties, range: &GridRange) -> ApiError {
    let span = CellSpan {
        start_row: range.start_row,
        end_row: range.end_row,
        start_column: range.start_col,
        end_column: range.end_col,
    };
    ApiError::invalid_argument(format!(
        "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
        span.print_with(&sheet.title),
        sheet.row_count,
        sheet.column_count
    ))
}

/// Returns the range, if its bounds are not negative and in order.
pub(crate) fn check_grid_range(sent: &GridRangeMessage) -> Result<GridRange, ApiError> {
    let range = GridRange {
        sheet_id: sent.sheet_id,
        start_row: check_bound(sent.start_row_index, "startRowIndex")?,
        end_row: check_bound(sent.end_row_index, "endRowIndex")?,
        start_col: check_bound(sent.start_column_index, "startColumnIndex")?,
        end_col: check_bound(sent.end_column_index, "endColumnIndex")?,
    };
    for (start, end, name) in [(range.start_row, range.end_row, "Row"), (range.start_col, range.end_col, "Column")] {
        let start = start.unwrap_or(0);
        if let Some(end) = end.filter(|end| *end < start) {
            return refuse(format!("end{name}Index[{end}] must be greater than start{name}Index[{start}]"));
        }
    }
    Ok(range)
}

fn check_bound(sent: Option<i32>, name: &str) -> Result<Option<u32>, ApiError> {
    let Some(sent) = sent else { return Ok(None) };
    u32::try_from(sent)
        .map(Some)
        .map_err(|_| ApiError::invalid_argument(format!("{name}[{sent}] must not be negative")))
}

fn check_index(sent: i32, size: u32, member: &str, what: &str) -> Result<u32, ApiError> {
    let index = check_bound(Some(sent), member)?.unwrap_or(0);
    if index >= size {
        return refuse(format!(
            "GridCoordinate.{member}[{index}] is after last {what} in grid[{}]",
            size.saturating_sub(1)
        ));
    }
    Ok(index)
}
