//! `spreadsheets.get`, and the spreadsheet in other responses.
//!
//! In scope: which sheets and cells a response contains, cells with all their members.
//! Out of scope: `fields` (the caller), properties (`format::response_format`), displayed texts
//! (`format::render`).

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::format::render::read_effective_value;
use crate::format::response_format::{
    build_default_effective_format, build_spreadsheet_url, name_groups_kind, render_named_range,
    render_protected_range, render_sheet_properties, render_spreadsheet_properties, render_stored_object,
};
use crate::grid::area::{Area, Dimension};
use crate::grid::cell::Cell;
use crate::schema::response_mask::ResponseMask;
use crate::storage::content::developer_metadata::KIND;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{SheetProperties, Transaction};
use crate::workbook::cell_json::render_cell_data;
use crate::workbook::conditional_format::{ConditionalFormats, FormattedCell};
use crate::workbook::data_filter::find_filter;
use crate::workbook::ranges::{SheetRange, Workbook};

/// Default heights and widths of rows and columns, in pixels.
const PIXELS: (u32, u32) = (21, 100);

/// The parts of a spreadsheet in a response.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpreadsheetView {
    /// The requested cells. If there are any, the response contains their sheets and cells only.
    pub selections: Vec<CellSelection>,
    /// Whether the response contains cells.
    pub includes_grid_data: bool,
    /// The members that the response keeps. Costly members that it does not keep are not computed.
    pub mask: ResponseMask,
}

/// A selection of cells.
#[derive(Debug, Clone)]
pub(crate) enum CellSelection {
    /// By A1 text.
    Range(String),
    /// By a `DataFilter`.
    Filter(Value),
}

impl CellSelection {
    fn find_places(&self, workbook: &Workbook<'_, '_>) -> Result<Vec<SheetRange>, ApiError> {
        match self {
            Self::Range(text) => Ok(vec![workbook.find(text)?]),
            Self::Filter(filter) => find_filter(workbook, filter),
        }
    }
}

/// Answers `spreadsheets.get`. `include_grid_data` applies only without a mask; a mask that reaches
/// into `sheets.data` requests cells by itself (recorded). The response is trimmed to the mask.
pub(crate) fn get(
    store: &SpreadsheetStore,
    id: &str,
    ranges: Vec<String>,
    includes_grid_data: bool,
    mask: &ResponseMask,
) -> Result<Value, ApiError> {
    let grid_data = match mask {
        ResponseMask::All => includes_grid_data,
        ResponseMask::Members(_) => mask.covers("sheets.data"),
    };
    let tx = store.read(id)?;
    let selections = ranges.into_iter().map(CellSelection::Range).collect();
    let view = SpreadsheetView { selections, includes_grid_data: grid_data, mask: mask.clone() };
    Ok(mask.apply(render_spreadsheet(&tx, id, &view)?))
}

/// Returns the spreadsheet of a transaction.
pub(crate) fn render_spreadsheet(tx: &Transaction<'_>, id: &str, view: &SpreadsheetView) -> Result<Value, ApiError> {
    let workbook = Workbook::open(tx)?;
    let mut places = Vec::new();
    for selections in &view.selections {
        places.extend(selections.find_places(&workbook)?);
    }
    let mut sheets = Vec::new();
    for sheet in &workbook.sheets {
        let selections: Vec<Area> =
            places.iter().filter(|place| place.sheet.id == sheet.id).map(SheetRange::area).collect();
        if view.selections.is_empty() || !selections.is_empty() {
            sheets.push(render_sheet(&workbook, sheet, view, &selections)?);
        }
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".to_owned(), id.into());
    if view.mask.covers("properties") {
        answer.insert("properties".to_owned(), render_spreadsheet_properties(&tx.properties()?));
    }
    answer.insert("sheets".to_owned(), Value::Array(sheets));
    let named: Vec<Value> = tx.named_ranges()?.iter().map(render_named_range).collect();
    if !named.is_empty() {
        answer.insert("namedRanges".to_owned(), Value::Array(named));
    }
    answer.insert("spreadsheetUrl".to_owned(), build_spreadsheet_url(id).into());
    if view.mask.covers("developerMetadata") {
        let metadata = find_metadata(&workbook, |location| location.get("spreadsheet") == Some(&Value::Bool(true)))?;
        if !metadata.is_empty() {
            answer.insert("developerMetadata".to_owned(), Value::Array(metadata));
        }
    }
    Ok(Value::Object(answer))
}

fn render_sheet(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    view: &SpreadsheetView,
    selections: &[Area],
) -> Result<Value, ApiError> {
    let mut members = Map::new();
    members.insert("properties".to_owned(), render_sheet_properties(sheet));
    if view.includes_grid_data {
        let whole = [Area::new(0..sheet.row_count, 0..sheet.column_count)];
        let areas = if selections.is_empty() { &whole[..] } else { selections };
        let data: Vec<Value> = areas
            .iter()
            .map(|area| render_grid_data(workbook, sheet, area, &view.mask))
            .collect::<Result<_, StorageError>>()?;
        members.insert("data".to_owned(), Value::Array(data));
    }
    for (kind, name) in [
        ("merge", "merges"),
        ("protected", "protectedRanges"),
        ("rule", "conditionalFormats"),
        ("filter view", "filterViews"),
        ("chart", "charts"),
        ("banding", "bandedRanges"),
        ("slicer", "slicers"),
        (name_groups_kind(Dimension::Rows), "rowGroups"),
        (name_groups_kind(Dimension::Columns), "columnGroups"),
    ] {
        if !view.mask.covers(&format!("sheets.{name}")) {
            continue;
        }
        let objects = workbook.transaction.objects(Some(sheet.id), kind)?;
        if !objects.is_empty() {
            let all: Vec<Value> =
                objects.iter().map(|(_, body)| render_object(workbook, kind, body)).collect::<Result<_, _>>()?;
            members.insert(name.to_owned(), Value::Array(all));
        }
    }
    if view.mask.covers("sheets.basicFilter")
        && let Some((_, filter)) = workbook.transaction.objects(Some(sheet.id), "filter")?.first()
    {
        members.insert("basicFilter".to_owned(), render_stored_object("filter", filter));
    }
    if view.mask.covers("sheets.developerMetadata") {
        let metadata = find_metadata(workbook, |location| location.get("sheetId") == Some(&json!(sheet.id)))?;
        if !metadata.is_empty() {
            members.insert("developerMetadata".to_owned(), Value::Array(metadata));
        }
    }
    Ok(Value::Object(members))
}

fn render_object(workbook: &Workbook<'_, '_>, kind: &str, body: &Value) -> Result<Value, StorageError> {
    if kind != "protected" {
        return Ok(render_stored_object(kind, body));
    }
    let named = match body.get("namedRangeId").and_then(Value::as_str) {
        Some(id) => workbook.transaction.named_range(id)?,
        None => None,
    };
    Ok(render_protected_range(body, named.as_ref()))
}

/// Returns the developer metadata at these locations.
fn find_metadata(
    workbook: &Workbook<'_, '_>,
    selections: impl Fn(&Map<String, Value>) -> bool,
) -> Result<Vec<Value>, StorageError> {
    let metadata = workbook.transaction.objects(None, KIND)?.into_iter().map(|(_, body)| body);
    Ok(metadata.filter(|body| body.get("location").and_then(Value::as_object).is_some_and(&selections)).collect())
}

/// Returns `GridData`: rows up to the last one with contents, and metadata for every row and
/// column.
fn render_grid_data(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    mask: &ResponseMask,
) -> Result<Value, StorageError> {
    let mut members = Map::new();
    for (name, start) in [("startRow", area.rows.start), ("startColumn", area.cols.start)] {
        if start > 0 {
            members.insert(name.to_owned(), start.into());
        }
    }
    let rows = render_row_data(workbook, sheet, area, mask)?;
    if !rows.is_empty() {
        members.insert("rowData".to_owned(), Value::Array(rows));
    }
    for (name, kind, range, pixels) in
        [("rowMetadata", "rows", &area.rows, PIXELS.0), ("columnMetadata", "columns", &area.cols, PIXELS.1)]
    {
        if !mask.covers(&format!("sheets.data.{name}")) {
            continue;
        }
        let mut list = vec![json!({"pixelSize": pixels}); range.len()];
        for (index, body) in workbook.transaction.objects(Some(sheet.id), kind)? {
            let at = index - i64::from(range.start);
            if let Some(place) = usize::try_from(at).ok().and_then(|at| list.get_mut(at)) {
                place
                    .as_object_mut()
                    .into_iter()
                    .for_each(|place| place.extend(body.as_object().cloned().unwrap_or_default()));
            }
        }
        members.insert(name.to_owned(), Value::Array(list));
    }
    Ok(Value::Object(members))
}

/// Returns the rows up to the last one with contents, or with a cell that a conditional format
/// changes.
fn render_row_data(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    mask: &ResponseMask,
) -> Result<Vec<Value>, StorageError> {
    let formats = ConditionalFormats::read(workbook, sheet)?;
    let covered = formats.find_covered_area(area);
    let has_formats = mask.covers("sheets.data.rowData.values.effectiveFormat");
    let properties = workbook.transaction.properties()?;
    let default = has_formats.then(|| build_default_effective_format(&properties));
    let mut rows = Vec::new();
    let add = |rows: &mut Vec<Value>, row: u32, cells: &[Cell]| {
        let values = render_row_values(
            workbook,
            sheet,
            &formats,
            RowPart { row, area, cells, covered: covered.as_ref(), default: default.as_ref() },
        );
        if !values.is_empty() {
            rows.resize((row - area.rows.start) as usize, json!({}));
            rows.push(json!({"values": values}));
        }
    };
    let blank_rows = |from: u32, to: u32, rows: &mut Vec<Value>| {
        let within = covered.as_ref().map_or(0..0, |covered| covered.rows.clone());
        (from.max(within.start)..to.min(within.end)).for_each(|row| add(rows, row, &[]));
    };
    let mut next = area.rows.start;
    workbook.visit(sheet.id, area, |row, cells| {
        blank_rows(next, row, &mut rows);
        next = row.saturating_add(1);
        add(&mut rows, row, &cells);
        Ok::<(), StorageError>(())
    })?;
    blank_rows(next, area.rows.end, &mut rows);
    Ok(rows)
}

/// The requested part of a row.
#[derive(Debug, Clone, Copy)]
struct RowPart<'a> {
    row: u32,
    area: &'a Area,
    cells: &'a [Cell],
    /// The cells that conditional formats may change, contents or not.
    covered: Option<&'a Area>,
    /// The format of a cell without one of its own; `None` if the response keeps no such formats.
    default: Option<&'a Value>,
}

fn render_row_values(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    formats: &ConditionalFormats,
    part: RowPart<'_>,
) -> Vec<Value> {
    let RowPart { row, area, cells, covered, default } = part;
    let blank = Cell::default();
    let covered = covered.filter(|covered| covered.rows.contains(&row));
    let end = covered.map_or(0, |covered| covered.cols.end as usize).max(cells.len()).min(area.cols.end as usize);
    let mut values = Vec::new();
    for column in area.cols.start..u32::try_from(end).unwrap_or(u32::MAX) {
        let cell = cells.get(column as usize).unwrap_or(&blank);
        let changes = covered.and_then(|_| {
            let scalar = &read_effective_value(cell);
            formats.find_changes(workbook, FormattedCell { sheet: sheet.id, row, column, cell, scalar })
        });
        let link_target = |source: &str| workbook.find_link_target(sheet.id, row, column, source);
        if !cell.is_blank() || changes.is_some() {
            values.resize((column - area.cols.start) as usize, json!({}));
            values.push(render_cell_data(cell, default, changes.as_ref(), link_target));
        }
    }
    values
}
