//! Find and replace.
//!
//! In scope: replacing texts, numbers and formulas, regular expressions.
//! Out of scope: filters (`basic_filter`).

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::request_types::GridRangeMessage;
use crate::batch::write_cells::change_rows;
use crate::error::ApiError;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue};
use crate::storage::transaction::SheetProperties;

/// `FindReplaceRequest`: a text or pattern, its replacement, and where to look.
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

/// Number and positions of replacements.
#[derive(Default)]
struct ReplaceCounts {
    values: u32,
    formulas: u32,
    rows: u32,
    sheets: u32,
    occurrences: u32,
}

/// Replaces a text in a range, a sheet or everywhere; the reply counts the replacements.
pub(crate) fn find_replace(batch: &Batch<'_, '_>, request: &FindReplace) -> Result<Value, ApiError> {
    let pattern = request.search_by_regex.then(|| compile_pattern(request)).transpose()?;
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
            let occurrences_before = counts.occurrences;
            for (_, cell) in (0..).zip(row.iter_mut()).filter(|(col, _)| area.cols.contains(col)) {
                replace_in_cell(cell, request, pattern.as_ref(), &mut counts);
            }
            counts.rows += u32::from(counts.occurrences > occurrences_before);
        })?;
        counts.sheets += u32::from(counts.occurrences > before);
    }
    let counted = [
        ("valuesChanged", counts.values),
        ("formulasChanged", counts.formulas),
        ("rowsChanged", counts.rows),
        ("sheetsChanged", counts.sheets),
        ("occurrencesChanged", counts.occurrences),
    ];
    let counted: Map<String, Value> = counted
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    Ok(json!({"findReplace": counted}))
}

/// Compiles the search text. The service uses RE2, whose grammar the `regex` crate shares.
fn compile_pattern(request: &FindReplace) -> Result<Regex, ApiError> {
    let text = if request.match_entire_cell { format!("^(?:{})$", request.find) } else { request.find.clone() };
    let mut builder = RegexBuilder::new(&text);
    let built = builder.case_insensitive(!request.match_case).size_limit(1 << 20).build();
    built.map_err(|_| ApiError::invalid_argument(format!("Invalid regular expression: {}", request.find)))
}

fn replace_in_cell(cell: &mut Cell, request: &FindReplace, pattern: Option<&Regex>, counts: &mut ReplaceCounts) {
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
        None => replace_matches(&text, request),
    };
    if times == 0 {
        return;
    }
    counts.occurrences += times;
    if formula {
        counts.formulas += 1;
        cell.enter(Some(CellValue::Formula { source: new, result: None }));
    } else {
        counts.values += 1;
        cell.enter(match new.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(CellValue::Number(number)),
            _ => Some(CellValue::Text(new)).filter(|value| *value != CellValue::Text(String::new())),
        });
    }
}

/// Replaces matches in a text. Returns the text and their number.
fn replace_matches(text: &str, request: &FindReplace) -> (String, u32) {
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
