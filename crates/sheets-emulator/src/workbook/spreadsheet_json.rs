//! `spreadsheets.get`, and the spreadsheet inside other answers.
//!
//! In scope: which sheets and cells an answer holds, cells with all that is kept of them.
//! Out of scope: cutting the answer down to `fields` (the caller), properties (`present`), texts of values (`render`).

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::format::render::{effective, formatted};
use crate::format::response_format::{
    default_format, named_range, outline_kind, protected, sheet_properties, shown, spreadsheet_properties,
    spreadsheet_url, with_both_colors, without_first_sheet,
};
use crate::grid::area::{Area, Dimension};
use crate::grid::cell::{Cell, CellValue};
use crate::grid::value::{Scalar, error_type};
use crate::schema::response_mask::ResponseMask;
use crate::storage::developer_metadata::KIND;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{SheetProperties, Transaction};
use crate::workbook::data_filter::find_filter;
use crate::workbook::ranges::{SheetRange, Workbook};

/// Heights and widths of rows and columns that nobody changed, in pixels.
const PIXELS: (u32, u32) = (21, 100);

/// Which cells an answer holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpreadsheetView {
    /// When anything is asked for, only its sheets are in the answer, and only its cells.
    pub asked: Vec<CellSelection>,
    /// Whether cells are in the answer.
    pub grid_data: bool,
}

/// How cells are asked for.
#[derive(Debug, Clone)]
pub(crate) enum CellSelection {
    /// By A1 text.
    Range(String),
    /// By a `DataFilter`.
    Filter(Value),
}

impl CellSelection {
    fn places(&self, workbook: &Workbook<'_, '_>) -> Result<Vec<SheetRange>, ApiError> {
        match self {
            Self::Range(text) => Ok(vec![workbook.find(text)?]),
            Self::Filter(filter) => find_filter(workbook, filter),
        }
    }
}

/// Answers `spreadsheets.get`: `include_grid_data` counts only without a mask, a mask that reaches into `sheets.data`
/// asks for cells by itself (recorded). The answer is cut down to the mask.
pub(crate) fn get(
    store: &SpreadsheetStore,
    id: &str,
    ranges: Vec<String>,
    include_grid_data: bool,
    mask: &ResponseMask,
) -> Result<Value, ApiError> {
    let grid_data = match mask {
        ResponseMask::All => include_grid_data,
        ResponseMask::Members(_) => mask.covers("sheets.data"),
    };
    let tx = store.read(id)?;
    let asked = ranges.into_iter().map(CellSelection::Range).collect();
    Ok(mask.apply(spreadsheet(&tx, id, &SpreadsheetView { asked, grid_data })?))
}

/// The spreadsheet as a transaction sees it.
pub(crate) fn spreadsheet(tx: &Transaction<'_>, id: &str, view: &SpreadsheetView) -> Result<Value, ApiError> {
    let workbook = Workbook::open(tx)?;
    let mut places = Vec::new();
    for asked in &view.asked {
        places.extend(asked.places(&workbook)?);
    }
    let mut sheets = Vec::new();
    for sheet in &workbook.sheets {
        let asked: Vec<Area> = places.iter().filter(|place| place.sheet.id == sheet.id).map(SheetRange::area).collect();
        if view.asked.is_empty() || !asked.is_empty() {
            sheets.push(one_sheet(&workbook, sheet, view, &asked)?);
        }
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".to_owned(), id.into());
    answer.insert("properties".to_owned(), spreadsheet_properties(&tx.properties()?));
    answer.insert("sheets".to_owned(), Value::Array(sheets));
    let named: Vec<Value> = tx.named_ranges()?.iter().map(named_range).collect();
    if !named.is_empty() {
        answer.insert("namedRanges".to_owned(), Value::Array(named));
    }
    answer.insert("spreadsheetUrl".to_owned(), spreadsheet_url(id).into());
    let metadata = metadata_at(&workbook, |location| location.get("spreadsheet") == Some(&Value::Bool(true)))?;
    if !metadata.is_empty() {
        answer.insert("developerMetadata".to_owned(), Value::Array(metadata));
    }
    Ok(Value::Object(answer))
}

fn one_sheet(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    view: &SpreadsheetView,
    asked: &[Area],
) -> Result<Value, ApiError> {
    let mut members = Map::new();
    members.insert("properties".to_owned(), sheet_properties(sheet));
    if view.grid_data {
        let whole = [Area::new(0..sheet.row_count, 0..sheet.column_count)];
        let areas = if asked.is_empty() { &whole[..] } else { asked };
        let data: Vec<Value> =
            areas.iter().map(|area| grid_data(workbook, sheet, area)).collect::<Result<_, StorageError>>()?;
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
        (outline_kind(Dimension::Rows), "rowGroups"),
        (outline_kind(Dimension::Columns), "columnGroups"),
    ] {
        let kept = workbook.transaction.kept(Some(sheet.id), kind)?;
        if !kept.is_empty() {
            let all: Vec<Value> =
                kept.iter().map(|(_, body)| object_json(workbook, kind, body)).collect::<Result<_, _>>()?;
            members.insert(name.to_owned(), Value::Array(all));
        }
    }
    if let Some((_, filter)) = workbook.transaction.kept(Some(sheet.id), "filter")?.first() {
        members.insert("basicFilter".to_owned(), shown("filter", filter));
    }
    let metadata = metadata_at(workbook, |location| location.get("sheetId") == Some(&json!(sheet.id)))?;
    if !metadata.is_empty() {
        members.insert("developerMetadata".to_owned(), Value::Array(metadata));
    }
    Ok(Value::Object(members))
}

fn object_json(workbook: &Workbook<'_, '_>, kind: &str, body: &Value) -> Result<Value, StorageError> {
    if kind != "protected" {
        return Ok(shown(kind, body));
    }
    let named = match body.get("namedRangeId").and_then(Value::as_str) {
        Some(id) => workbook.transaction.named_range(id)?,
        None => None,
    };
    Ok(protected(body, named.as_ref()))
}

/// The developer metadata whose place is one that is asked for.
fn metadata_at(
    workbook: &Workbook<'_, '_>,
    asked: impl Fn(&Map<String, Value>) -> bool,
) -> Result<Vec<Value>, StorageError> {
    let metadata = workbook.transaction.kept(None, KIND)?.into_iter().map(|(_, body)| body);
    Ok(metadata.filter(|body| body.get("location").and_then(Value::as_object).is_some_and(&asked)).collect())
}

/// `GridData`: rows up to the last one with anything in it, metadata for every row and column.
fn grid_data(workbook: &Workbook<'_, '_>, sheet: &SheetProperties, area: &Area) -> Result<Value, StorageError> {
    let mut members = Map::new();
    for (name, start) in [("startRow", area.rows.start), ("startColumn", area.cols.start)] {
        if start > 0 {
            members.insert(name.to_owned(), start.into());
        }
    }
    let mut rows = Vec::new();
    workbook.visit(sheet.id, area, |row, cells| {
        let values = row_values(workbook, sheet, row, area, &cells);
        if !values.is_empty() {
            rows.resize((row - area.rows.start) as usize, json!({}));
            rows.push(json!({"values": values}));
        }
        Ok::<(), StorageError>(())
    })?;
    if !rows.is_empty() {
        members.insert("rowData".to_owned(), Value::Array(rows));
    }
    for (name, kind, range, pixels) in
        [("rowMetadata", "rows", &area.rows, PIXELS.0), ("columnMetadata", "columns", &area.cols, PIXELS.1)]
    {
        let mut list = vec![json!({"pixelSize": pixels}); range.len()];
        for (index, body) in workbook.transaction.kept(Some(sheet.id), kind)? {
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

fn row_values(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    row: u32,
    area: &Area,
    cells: &[Cell],
) -> Vec<Value> {
    let end = cells.len().min(area.cols.end as usize);
    let inside = cells.get(area.cols.start as usize..end).unwrap_or_default();
    let used = inside.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1);
    let leads = |column: u32, source: &str| workbook.address(sheet.id, row, column, source);
    let columns = area.cols.start..;
    columns.zip(&inside[..used]).map(|(column, cell)| cell_data(cell, |source| leads(column, source))).collect()
}

/// `CellData`; `leads` is where a formula leads that is a link.
fn cell_data(cell: &Cell, leads: impl Fn(&str) -> Option<String>) -> Value {
    let mut members = Map::new();
    if cell.is_blank() {
        return Value::Object(members);
    }
    let mut side = None;
    if let Some(value) = &cell.value {
        let scalar = effective(cell);
        members.extend(user_entered_value(value).map(|value| ("userEnteredValue".to_owned(), value)));
        members.insert("effectiveValue".to_owned(), effective_value(&scalar));
        side = side_of(&scalar);
        members.insert("formattedValue".to_owned(), formatted(cell, scalar).into());
        if let CellValue::Formula { source, .. } = value {
            let address = leads(source);
            members.extend(address.map(|address| ("hyperlink".to_owned(), address.into())));
        }
    }
    if let Some(format) = cell.format() {
        members.insert("userEnteredFormat".to_owned(), with_both_colors(format));
    }
    let format = cell.format().map(with_both_colors);
    members.insert("effectiveFormat".to_owned(), effective_format(format.as_ref(), side));
    for (name, value) in cell.members.iter().flat_map(|kept| kept.iter()) {
        if name != "userEnteredFormat" {
            members.insert(name.clone(), if name == "pivotTable" { without_first_sheet(value) } else { value.clone() });
        }
    }
    Value::Object(members)
}

/// `ExtendedValue` of what was entered, if anything was.
fn user_entered_value(value: &CellValue) -> Option<Value> {
    Some(match value {
        CellValue::Text(text) => json!({"stringValue": text}),
        CellValue::Number(number) => json!({"numberValue": to_json(*number)}),
        CellValue::Bool(truth) => json!({"boolValue": truth}),
        CellValue::Formula { source, .. } => json!({"formulaValue": source}),
        CellValue::Spilled(_) => return None,
    })
}

/// `ExtendedValue` of what it comes to.
fn effective_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Blank => json!({}),
        Scalar::Text(text) => json!({"stringValue": text}),
        Scalar::Number(number) => json!({"numberValue": to_json(*number)}),
        Scalar::Bool(truth) => json!({"boolValue": truth}),
        Scalar::Error(told) => json!({"errorValue": {"type": error_type(told), "message": told}}),
    }
}

/// Whole numbers without a point, as Google writes them.
#[expect(clippy::cast_possible_truncation, reason = "whole and far inside an i64")]
fn to_json(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e17 { Value::from(number as i64) } else { Value::from(number) }
}

/// To which side a value goes that nobody aligned.
fn side_of(scalar: &Scalar) -> Option<&'static str> {
    match scalar {
        Scalar::Blank => None,
        Scalar::Text(_) => Some("LEFT"),
        Scalar::Number(_) => Some("RIGHT"),
        Scalar::Bool(_) | Scalar::Error(_) => Some("CENTER"),
    }
}

/// The default format of a cell with what was set laid over it: a value without an alignment has one of its kind, and
/// links are shown plainly, as recorded answers have it.
fn effective_format(set: Option<&Value>, side: Option<&str>) -> Value {
    let mut format = default_format();
    if let Some(members) = format.as_object_mut() {
        members.extend(side.map(|side| ("horizontalAlignment".to_owned(), side.into())));
        members.insert("hyperlinkDisplayType".to_owned(), "PLAIN_TEXT".into());
    }
    if let Some(set) = set {
        overlay(&mut format, set);
    }
    format
}

fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                match base.get_mut(name) {
                    Some(known) if !name.to_lowercase().contains("color") => overlay(known, value),
                    _ => {
                        base.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}
