//! Requests about sheets and the spreadsheet: add, delete, duplicate, properties.
//!
//! In scope: titles, ids, order, visibility, grid sizes.
//! Out of scope: rows and columns (`dimensions`), cells (`batch::write_cells`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::cells::merge::check_merges_at_edges;
use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::{self, merge_members};
use crate::batch::request_types::is_empty_value;
use crate::batch::sheets::regional_settings::check_regional_settings;
use crate::batch::shift_cells;
use crate::error::ApiError;
use crate::format::response_format::{render_sheet_properties, render_spreadsheet_properties};
use crate::formula::references::rewrite::rewrite_formulas;
use crate::formula::references::shift::SheetEdit;
use crate::grid::area::Dimension;
use crate::schema::response_mask::ResponseMask;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

/// The longest title in characters.
const TITLE_LIMIT: usize = 100;

/// `AddSheetRequest`: the properties of a new sheet; what is missing gets a default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AddSheet {
    properties: Map<String, Value>,
}

/// `DeleteSheetRequest`: the id of a sheet that is to go; the last visible one can't.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteSheet {
    sheet_id: i32,
}

/// `DuplicateSheetRequest`: a sheet, and the id, the title and the place of its copy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DuplicateSheet {
    source_sheet_id: i32,
    insert_sheet_index: i32,
    new_sheet_id: Option<i32>,
    new_sheet_name: Option<String>,
}

/// `UpdateSheetPropertiesRequest` and `UpdateSpreadsheetPropertiesRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdateSheetProperties {
    properties: Map<String, Value>,
    fields: String,
}

/// Adds a sheet; the reply contains its properties.
pub(crate) fn add(batch: &Batch<'_, '_>, request: &AddSheet) -> Result<Value, ApiError> {
    let sheet = new_sheet(batch, &request.properties)?;
    insert(batch, sheet).map(|sheet| json!({"addSheet": {"properties": render_sheet_properties(&sheet)}}))
}

/// Returns the sheet that `SheetProperties` describe, with the defaults of `addSheet`.
fn new_sheet(batch: &Batch<'_, '_>, properties: &Map<String, Value>) -> Result<SheetProperties, ApiError> {
    check_sheet_type(properties)?;
    let sheets = batch.tx.sheets()?;
    let id = match properties.get("sheetId").and_then(Value::as_i64) {
        Some(id) => claim_id(batch, i32::try_from(id).unwrap_or(-1))?,
        None => draw_id(batch)?,
    };
    let title = match properties.get("title").and_then(Value::as_str) {
        Some(title) => title.to_owned(),
        None => find_free_title(batch)?,
    };
    let end = u32::try_from(sheets.len()).unwrap_or(u32::MAX);
    let mut sheet = SheetProperties::new(id, title, end);
    let grid = properties.get("gridProperties").and_then(Value::as_object);
    // On the wire, zero equals an absent number.
    sheet.row_count = count(grid, "rowCount")?.filter(|count| *count > 0).unwrap_or(sheet.row_count);
    sheet.column_count = count(grid, "columnCount")?.filter(|count| *count > 0).unwrap_or(sheet.column_count);
    copy_properties(&mut sheet, properties)?;
    sheet.index = count(Some(properties), "index")?.unwrap_or(end).min(end);
    Ok(sheet)
}

/// Checks a new sheet and inserts it at its index.
fn insert(batch: &Batch<'_, '_>, sheet: SheetProperties) -> Result<SheetProperties, ApiError> {
    check_title(batch, &sheet.title, None)?;
    check_grid(&sheet)?;
    for mut other in batch.tx.sheets()? {
        if other.index >= sheet.index {
            other.index += 1;
            batch.tx.put_sheet(&other)?;
        }
    }
    batch.tx.put_sheet(&sheet)?;
    batch.check_size()?;
    Ok(sheet)
}

/// Refuses a type of sheet that a request can't make: charts have their own request.
fn check_sheet_type(properties: &Map<String, Value>) -> Result<(), ApiError> {
    match properties.get("sheetType").and_then(Value::as_str) {
        None | Some("" | "GRID" | "SHEET_TYPE_UNSPECIFIED") => Ok(()),
        Some(kind) => refuse(format!("A sheet of the type {kind} can't be added or set; sheetType must be GRID.")),
    }
}

fn claim_id(batch: &Batch<'_, '_>, id: i32) -> Result<i32, ApiError> {
    if id < 0 {
        return refuse("Sheet id must be non-negative.");
    }
    if batch.is_sheet_id_taken(id)? {
        return refuse(format!("Sheet with id {id} already exists."));
    }
    Ok(id)
}

fn draw_id(batch: &Batch<'_, '_>) -> Result<i32, ApiError> {
    loop {
        let id = batch.draw_id();
        if !batch.is_sheet_id_taken(id)? {
            return Ok(id);
        }
    }
}

/// Returns the first of `Sheet1`, `Sheet2`, … that no sheet has (asserted by a live test of
/// googlesheets4, in a spreadsheet of `Sheet1` and `foofy`).
fn find_free_title(batch: &Batch<'_, '_>) -> Result<String, ApiError> {
    let mut number = 1_u32;
    loop {
        let title = format!("Sheet{number}");
        if !batch.is_title_taken(&title, None)? {
            return Ok(title);
        }
        number += 1;
    }
}

fn check_title(batch: &Batch<'_, '_>, title: &str, own: Option<&SheetProperties>) -> Result<(), ApiError> {
    if title.is_empty() {
        return refuse("The sheet name cannot be empty.");
    }
    if title.chars().count() > TITLE_LIMIT {
        return refuse(format!("The sheet name cannot be greater than {TITLE_LIMIT} characters."));
    }
    if batch.is_title_taken(title, own)? {
        return refuse(format!("A sheet with the name \"{title}\" already exists. Please enter another name."));
    }
    Ok(())
}

fn check_grid(sheet: &SheetProperties) -> Result<(), ApiError> {
    if sheet.row_count == 0 {
        return refuse("gridProperties.rowCount must be greater than 0");
    }
    if sheet.column_count == 0 {
        return refuse("gridProperties.columnCount must be greater than 0");
    }
    if sheet.frozen_rows >= sheet.row_count && sheet.frozen_rows > 0 {
        return refuse("You can't freeze all visible rows on the sheet.");
    }
    if sheet.frozen_columns >= sheet.column_count && sheet.frozen_columns > 0 {
        return refuse("You can't freeze all visible columns on the sheet.");
    }
    Ok(())
}

/// Deletes a sheet. Its named ranges lose their cells.
pub(crate) fn delete(batch: &Batch<'_, '_>, request: &DeleteSheet) -> Result<Value, ApiError> {
    let deleted = batch.sheet(request.sheet_id)?;
    let others: Vec<SheetProperties> = batch.tx.sheets()?.into_iter().filter(|sheet| sheet.id != deleted.id).collect();
    if others.is_empty() {
        return refuse("You can't remove all the sheets in a document.");
    }
    if others.iter().all(|sheet| sheet.is_hidden) {
        return refuse("You can't remove all the visible sheets in a document.");
    }
    shift_cells::detach_objects(batch, deleted.id)?;
    batch.tx.remove_sheet(deleted.id)?;
    rewrite_formulas(batch.tx, &deleted.title, &SheetEdit::DeleteSheet)?;
    for mut other in others.into_iter().filter(|sheet| sheet.index > deleted.index) {
        other.index -= 1;
        batch.tx.put_sheet(&other)?;
    }
    Ok(json!({}))
}

/// Copies a sheet with its cells; the reply contains the copy's properties.
pub(crate) fn duplicate(batch: &Batch<'_, '_>, request: DuplicateSheet) -> Result<Value, ApiError> {
    let source = batch.sheet(request.source_sheet_id)?;
    let id = match request.new_sheet_id {
        Some(id) => claim_id(batch, id)?,
        None => draw_id(batch)?,
    };
    let title = match request.new_sheet_name.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => copy_title(batch, &source.title)?,
    };
    let end = u32::try_from(batch.tx.sheets()?.len()).unwrap_or(u32::MAX);
    // A missing index is 0, as google-spreadsheet's tests found.
    let index = u32::try_from(request.insert_sheet_index).unwrap_or(0).min(end);
    let copy = insert(batch, SheetProperties { id, title, index, ..source.clone() })?;
    batch.tx.copy_sheet(source.id, id)?;
    Ok(json!({"duplicateSheet": {"properties": render_sheet_properties(&copy)}}))
}

/// Appends a copy of a sheet after the others, as `sheets.copyTo` does. The caller copies the rows.
pub(crate) fn finish_copy(batch: &Batch<'_, '_>, source: SheetProperties) -> Result<SheetProperties, ApiError> {
    let title = copy_title(batch, &source.title)?;
    let index = u32::try_from(batch.tx.sheets()?.len()).unwrap_or(u32::MAX);
    insert(batch, SheetProperties { id: draw_id(batch)?, title, index, ..source })
}

fn copy_title(batch: &Batch<'_, '_>, title: &str) -> Result<String, ApiError> {
    let mut name = format!("Copy of {title}");
    let mut number = 2;
    while batch.is_title_taken(&name, None)? {
        name = format!("Copy of {title} {number}");
        number += 1;
    }
    Ok(name)
}

/// Changes the masked properties of a sheet. Masked members that are absent or false are reset
/// (recorded).
pub(crate) fn update(batch: &Batch<'_, '_>, request: UpdateSheetProperties) -> Result<Value, ApiError> {
    let id = request.properties.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
    let old = batch.sheet(i32::try_from(id).unwrap_or(-1))?;
    let mask = field_mask::read(&request.fields, "SheetProperties")?;
    let members = render_sheet_properties(&old).as_object().cloned().unwrap_or_default();
    let merged = match &mask {
        // `*` means "as sent"; members that cannot be absent stay.
        ResponseMask::All => {
            let mut merged = request.properties;
            for name in ["title", "index", "gridProperties"] {
                if let (None, Some(value)) = (merged.get(name), members.get(name)) {
                    merged.insert(name.to_owned(), value.clone());
                }
            }
            merged
        }
        ResponseMask::Members(masks) => merge_members(&members, &request.properties, masks),
    };
    check_sheet_type(&merged)?;
    let title = merged.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut new = SheetProperties {
        title,
        extra: Map::new(),
        is_hidden: false,
        frozen_rows: 0,
        frozen_columns: 0,
        ..old.clone()
    };
    let grid = merged.get("gridProperties").and_then(Value::as_object);
    let whole = mask.child("gridProperties") == Some(&ResponseMask::All);
    new.row_count = count(grid, "rowCount")?.unwrap_or(if whole { old.row_count } else { 0 });
    new.column_count = count(grid, "columnCount")?.unwrap_or(if whole { old.column_count } else { 0 });
    copy_properties(&mut new, &merged)?;
    check_title(batch, &new.title, Some(&old))?;
    check_grid(&new)?;
    if (new.frozen_rows, new.frozen_columns) != (old.frozen_rows, old.frozen_columns) {
        check_merges_at_edges(batch, &new)?;
    }
    if new.is_hidden && !batch.tx.sheets()?.iter().any(|sheet| sheet.id != new.id && !sheet.is_hidden) {
        return refuse("You can't hide all the sheets in a document.");
    }
    shift_cells::shrink_grid(batch, &old, Dimension::Rows, new.row_count)?;
    shift_cells::shrink_grid(batch, &old, Dimension::Columns, new.column_count)?;
    batch.tx.put_sheet(&new)?;
    if new.title != old.title {
        // The formulas still have the old title, and the sheets the new one.
        rewrite_formulas(batch.tx, &old.title, &SheetEdit::Rename { title: new.title.clone() })?;
    }
    if mask.child("index").is_some() {
        move_to(batch, &new, count(Some(&merged), "index")?.unwrap_or(0))?;
    }
    batch.check_size()?;
    Ok(json!({}))
}

/// Moves a sheet in front of the one that is at `index` now. The API counts before the move.
fn move_to(batch: &Batch<'_, '_>, sheet: &SheetProperties, index: u32) -> Result<(), ApiError> {
    let mut sheets = batch.tx.sheets()?;
    let from = sheets.iter().position(|other| other.id == sheet.id).unwrap_or_default();
    let requested = usize::try_from(index).unwrap_or(usize::MAX).min(sheets.len());
    let to = if requested > from { requested - 1 } else { requested };
    let moved = sheets.remove(from);
    sheets.insert(to, moved);
    for (place, mut other) in (0..).zip(sheets) {
        if other.index != place {
            other.index = place;
            batch.tx.put_sheet(&other)?;
        }
    }
    Ok(())
}

/// Copies visibility, frozen rows and columns, and other members from `SheetProperties`.
fn copy_properties(sheet: &mut SheetProperties, properties: &Map<String, Value>) -> Result<(), ApiError> {
    let grid = properties.get("gridProperties").and_then(Value::as_object);
    sheet.is_hidden = properties.get("hidden") == Some(&Value::Bool(true));
    sheet.frozen_rows = count(grid, "frozenRowCount")?.unwrap_or(0);
    sheet.frozen_columns = count(grid, "frozenColumnCount")?.unwrap_or(0);
    let own = ["sheetId", "title", "index", "sheetType", "hidden", "gridProperties"];
    let own_grid = ["rowCount", "columnCount", "frozenRowCount", "frozenColumnCount"];
    sheet.extra = keep_other_members(properties, &own);
    let more = grid.map(|grid| keep_other_members(grid, &own_grid)).unwrap_or_default();
    if !more.is_empty() {
        sheet.extra.insert("gridProperties".to_owned(), Value::Object(more));
    }
    Ok(())
}

fn keep_other_members(members: &Map<String, Value>, own: &[&str]) -> Map<String, Value> {
    let remaining = members.iter().filter(|(name, value)| {
        !own.contains(&name.as_str()) && !is_empty_value(value) && **value != Value::Bool(false)
    });
    remaining
        .map(|(name, value)| (name.clone(), crate::batch::request_types::normalize_colors(value.clone())))
        .collect()
}

fn count(members: Option<&Map<String, Value>>, name: &str) -> Result<Option<u32>, ApiError> {
    let Some(value) = members.and_then(|members| members.get(name)).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let invalid =
        || ApiError::invalid_argument(format!("{name} must be a number that is not negative, and is {value}"));
    value.as_u64().and_then(|number| u32::try_from(number).ok()).map(Some).ok_or_else(invalid)
}

/// Changes the masked properties of the spreadsheet.
pub(crate) fn update_spreadsheet(batch: &Batch<'_, '_>, request: &UpdateSheetProperties) -> Result<Value, ApiError> {
    let old = batch.tx.properties()?;
    let mask = field_mask::read(&request.fields, "SpreadsheetProperties")?;
    let members = render_spreadsheet_properties(&old).as_object().cloned().unwrap_or_default();
    let merged = match &mask {
        ResponseMask::All => {
            let mut merged = members;
            merged.extend(request.properties.clone());
            merged
        }
        ResponseMask::Members(masks) => merge_members(&members, &request.properties, masks),
    };
    let new = read_spreadsheet_properties(&merged);
    check_regional_settings(&new, &old)?;
    batch.tx.set_properties(&new)?;
    Ok(json!({}))
}

/// Returns the properties that a `SpreadsheetProperties` message describes, with the defaults of a
/// new spreadsheet.
pub(crate) fn read_spreadsheet_properties(members: &Map<String, Value>) -> SpreadsheetProperties {
    let fresh = SpreadsheetProperties::default();
    let text = |name: &str, default: String| {
        members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map_or(default, ToOwned::to_owned)
    };
    SpreadsheetProperties {
        title: text("title", fresh.title),
        locale: text("locale", fresh.locale),
        time_zone: text("timeZone", fresh.time_zone),
        auto_recalc: text("autoRecalc", fresh.auto_recalc),
        extra: keep_other_members(
            members,
            &["title", "locale", "timeZone", "autoRecalc", "defaultFormat", "spreadsheetTheme"],
        ),
    }
}

/// Returns the sheets of a `spreadsheets.create` body: as described, or one `Sheet1` with id 0
/// (recorded).
pub(crate) fn create_first_sheets(batch: &Batch<'_, '_>, described: &[Map<String, Value>]) -> Result<(), ApiError> {
    if described.is_empty() {
        batch.tx.put_sheet(&SheetProperties::new(0, "Sheet1", 0))?;
    }
    for (n, properties) in described.iter().enumerate() {
        let mut properties = properties.clone();
        if n == 0 && !properties.contains_key("sheetId") && batch.tx.sheet(0)?.is_none() {
            properties.insert("sheetId".to_owned(), 0.into());
        }
        properties.shift_remove("index");
        let sheet = new_sheet(batch, &properties)?;
        insert(batch, sheet)?;
    }
    Ok(())
}
