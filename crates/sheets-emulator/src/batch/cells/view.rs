//! Requests about what people see: merged cells, find and replace.
//!
//! In scope: keeping merges and giving them back, replacing texts, by regular expressions too. Out of scope: filters (`filter`).

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::GridRangeMessage;
use crate::batch::shift_cells::body_range;
use crate::batch::write_cells::{change_rows, clear_area};
use crate::error::ApiError;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::{Cell, CellValue};
use crate::storage::transaction::SheetProperties;

/// `MergeCellsRequest` and `UnmergeCellsRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct MergeCells {
    range: GridRangeMessage,
    merge_type: MergeType,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum MergeType {
    #[default]
    #[serde(rename = "MERGE_ALL")]
    All,
    #[serde(rename = "MERGE_COLUMNS")]
    Columns,
    #[serde(rename = "MERGE_ROWS")]
    Rows,
}

/// `FindReplaceRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "the API's own switches")]
pub(crate) struct FindReplace {
    find: String,
    replacement: String,
    match_case: bool,
    match_entire_cell: bool,
    search_by_regex: bool,
    include_formulas: bool,
    range: Option<GridRangeMessage>,
    sheet_id: Option<i32>,
    all_sheets: bool,
}

/// Merges cells; each merge keeps the value of its first cell only.
pub(crate) fn merge(batch: &Batch<'_, '_>, request: &MergeCells) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    release(batch, &sheet, &area)?;
    let parts: Vec<Area> = match request.merge_type {
        MergeType::All => vec![area],
        MergeType::Columns => area.cols.clone().map(|col| Area::new(area.rows.clone(), col..col + 1)).collect(),
        MergeType::Rows => area.rows.clone().map(|row| Area::new(row..row + 1, area.cols.clone())).collect(),
    };
    let next = batch.tx.kept(Some(sheet.id), "merge")?.last().map_or(0, |(id, _)| id + 1);
    for (id, part) in (next..).zip(parts) {
        let rest = CellMask::read("userEnteredValue")?;
        let (top, left) = (part.rows.start, part.cols.start);
        clear_area(batch, &sheet, &Area::new(top..top + 1, left + 1..part.cols.end), &rest)?;
        clear_area(batch, &sheet, &Area::new(top + 1..part.rows.end, part.cols.clone()), &rest)?;
        let body = json!({"range": GridRange::closed(sheet.id, &part).to_json()});
        batch.tx.keep(Some(sheet.id), "merge", id, &body)?;
    }
    Ok(json!({}))
}

/// Takes the merges of a range apart.
pub(crate) fn unmerge(batch: &Batch<'_, '_>, request: &MergeCells) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    release(batch, &sheet, &area)?;
    Ok(json!({}))
}

fn release(batch: &Batch<'_, '_>, sheet: &SheetProperties, area: &Area) -> Result<(), ApiError> {
    for (id, body) in batch.tx.kept(Some(sheet.id), "merge")? {
        let Some(range) = body_range(&body) else { continue };
        let merged = range.resolve(sheet.row_count, sheet.column_count);
        let common = merged.intersect(area);
        if common.is_empty() {
            continue;
        }
        if common != merged {
            return refuse("You must select all cells in a merged range to merge or unmerge them.");
        }
        batch.tx.forget(Some(sheet.id), "merge", id)?;
    }
    Ok(())
}

/// How often and where a text was replaced.
#[derive(Default)]
struct ReplaceCounts {
    values: u32,
    formulas: u32,
    rows: u32,
    sheets: u32,
    occurrences: u32,
}

/// Replaces a text in a range, a sheet or everywhere; the reply counts.
pub(crate) fn find_replace(batch: &Batch<'_, '_>, request: &FindReplace) -> Result<Value, ApiError> {
    let pattern = request.search_by_regex.then(|| pattern(request)).transpose()?;
    if request.find.is_empty() {
        return refuse("The text to find must not be empty.");
    }
    let whole = |sheet: SheetProperties| {
        let area = Area::new(0..sheet.row_count, 0..sheet.column_count);
        (sheet, area)
    };
    let places = match (&request.range, request.sheet_id, request.all_sheets) {
        (Some(range), None, false) => vec![batch.area(range)?],
        (None, Some(id), false) => vec![whole(batch.grid(id)?)],
        (None, None, true) => batch.tx.sheets()?.into_iter().map(whole).collect(),
        _ => return refuse("Exactly one of range, sheetId and allSheets must be specified."),
    };
    let mut counts = ReplaceCounts::default();
    for (sheet, area) in places {
        let before = counts.occurrences;
        change_rows(batch, &sheet, &area.rows, |row| {
            let seen = counts.occurrences;
            for (_, cell) in (0..).zip(row.iter_mut()).filter(|(col, _)| area.cols.contains(col)) {
                replace(cell, request, pattern.as_ref(), &mut counts);
            }
            counts.rows += u32::from(counts.occurrences > seen);
        })?;
        counts.sheets += u32::from(counts.occurrences > before);
    }
    let told = [
        ("valuesChanged", counts.values),
        ("formulasChanged", counts.formulas),
        ("rowsChanged", counts.rows),
        ("sheetsChanged", counts.sheets),
        ("occurrencesChanged", counts.occurrences),
    ];
    let told: Map<String, Value> =
        told.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count.into())).collect();
    Ok(json!({"findReplace": told}))
}

/// What is searched for as a regular expression; the service's are RE2's, whose grammar this crate shares.
fn pattern(request: &FindReplace) -> Result<Regex, ApiError> {
    let text = if request.match_entire_cell { format!("^(?:{})$", request.find) } else { request.find.clone() };
    let mut builder = RegexBuilder::new(&text);
    let built = builder.case_insensitive(!request.match_case).size_limit(1 << 20).build();
    built.map_err(|_| ApiError::invalid_argument(format!("Invalid regular expression: {}", request.find)))
}

fn replace(cell: &mut Cell, request: &FindReplace, pattern: Option<&Regex>, counts: &mut ReplaceCounts) {
    let (text, formula) = match &cell.value {
        Some(CellValue::Text(text)) => (text.clone(), false),
        Some(CellValue::Number(number)) => (number.to_string(), false),
        Some(CellValue::Formula { source, .. }) if request.include_formulas => (source.clone(), true),
        _ => return,
    };
    let (new, times) = match pattern {
        Some(pattern) => {
            let times = u32::try_from(pattern.find_iter(&text).count()).unwrap_or(u32::MAX);
            (pattern.replace_all(&text, request.replacement.as_str()).into_owned(), times)
        }
        None => replaced(&text, request),
    };
    if times == 0 {
        return;
    }
    counts.occurrences += times;
    if formula {
        counts.formulas += 1;
        cell.value = Some(CellValue::Formula { source: new, result: None });
    } else {
        counts.values += 1;
        cell.value = match new.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(CellValue::Number(number)),
            _ => Some(CellValue::Text(new)).filter(|value| *value != CellValue::Text(String::new())),
        };
    }
}

/// The text with what was found replaced, and how often that was.
fn replaced(text: &str, request: &FindReplace) -> (String, u32) {
    let same = |a: &str| {
        if request.match_case { a == request.find } else { a.to_lowercase() == request.find.to_lowercase() }
    };
    if request.match_entire_cell {
        return if same(text) { (request.replacement.clone(), 1) } else { (text.to_owned(), 0) };
    }
    let letters = request.find.chars().count();
    let (mut new, mut times, mut rest) = (String::new(), 0, text);
    while let Some(first) = rest.chars().next() {
        let end = rest.char_indices().nth(letters).map_or(rest.len(), |(at, _)| at);
        if same(&rest[..end]) {
            new.push_str(&request.replacement);
            times += 1;
            rest = &rest[end..];
        } else {
            new.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    (new, times)
}
