//! The basic filter of a sheet: sorts immediately, and hides rows.
//!
//! In scope: hidden values, the common conditions on texts, numbers and blanks, `hiddenByFilter` of
//! the rows.
//! Out of scope: conditions on colours, dates and formulas, which hide nothing; hiding again after
//! later changes, for which the filter must be set again.
//!
//! Hidden rows are read and written like any others, as in the service.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::cells::range_edits::{SortSpec, sort_rows};
use crate::batch::context::{Batch, refuse};
use crate::batch::request_types::GridRangeMessage;
use crate::error::ApiError;
use crate::format::render::format_cell;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::Cell;
use crate::grid::value::Scalar;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// `SetBasicFilterRequest`: the one filter of a sheet, which replaces an earlier one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SetBasicFilter {
    filter: Map<String, Value>,
}

/// `ClearBasicFilterRequest`: the sheet whose filter is to go.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ClearBasicFilter {
    sheet_id: i32,
}

/// Stores the filter of a sheet, sorts the rows below the header, and hides rows.
pub(crate) fn set(batch: &Batch<'_, '_>, request: SetBasicFilter) -> Result<Value, ApiError> {
    let range = request.filter.get("range").cloned().unwrap_or_else(|| json!({}));
    let sent: GridRangeMessage =
        serde_json::from_value(range).map_err(|_| ApiError::invalid_argument("filter.range is not a valid range"))?;
    let (sheet, area) = batch.area(&sent)?;
    let mut body = request.filter;
    body.insert("range".to_owned(), GridRange::from_area(sheet.id, &area).to_json());
    let below = Area::new((area.rows.start + 1).min(area.rows.end)..area.rows.end, area.cols.clone());
    if let Some(specs) = body.get("sortSpecs") {
        let specs: Vec<SortSpec> = serde_json::from_value(specs.clone())
            .map_err(|_| ApiError::invalid_argument("filter.sortSpecs can't be read"))?;
        sort_rows(batch, &sheet, below.clone(), &specs)?;
    }
    show_all(batch, &sheet)?;
    hide_rows(batch, &sheet, &below, &read_criteria(&body)?)?;
    batch.tx.put_object(Some(sheet.id), "filter", 0, &Value::Object(body))?;
    Ok(json!({}))
}

/// Removes the filter of a sheet, and shows its rows.
pub(crate) fn clear(batch: &Batch<'_, '_>, request: &ClearBasicFilter) -> Result<Value, ApiError> {
    let sheet = batch.grid(request.sheet_id)?;
    batch.tx.remove_object(Some(sheet.id), "filter", 0)?;
    show_all(batch, &sheet)?;
    Ok(json!({}))
}

/// The visible values of one column.
struct ColumnCriterion {
    column: u32,
    hidden: Vec<String>,
    condition: Option<BooleanCondition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BooleanCondition {
    r#type: String,
    values: Vec<ConditionValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConditionValue {
    user_entered_value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterCriteriaMessage {
    hidden_values: Vec<String>,
    condition: Option<BooleanCondition>,
}

/// Reads `filterSpecs`, or the older `criteria`, which is a map by column. If both are set,
/// `filterSpecs` takes precedence, as in the discovery document.
fn read_criteria(body: &Map<String, Value>) -> Result<Vec<ColumnCriterion>, ApiError> {
    let read = |column: u32, value: &Value| {
        let read: FilterCriteriaMessage = serde_json::from_value(value.clone())
            .map_err(|_| ApiError::invalid_argument("the criteria of a filter can't be read"))?;
        Ok::<_, ApiError>(ColumnCriterion { column, hidden: read.hidden_values, condition: read.condition })
    };
    let mut found = Vec::new();
    for spec in body.get("filterSpecs").and_then(Value::as_array).into_iter().flatten() {
        let column = spec.get("columnIndex").and_then(Value::as_u64).unwrap_or(0);
        let criteria = spec.get("filterCriteria").cloned().unwrap_or_else(|| json!({}));
        found.push(read(u32::try_from(column).unwrap_or(u32::MAX), &criteria)?);
    }
    let older = body.get("criteria").and_then(Value::as_object).filter(|_| found.is_empty());
    for (column, value) in older.into_iter().flatten() {
        let Ok(column) = column.parse() else { return refuse(format!("filter.criteria has no column \"{column}\"")) };
        found.push(read(column, value)?);
    }
    Ok(found)
}

fn show_all(batch: &Batch<'_, '_>, sheet: &SheetProperties) -> Result<(), ApiError> {
    for (row, mut body) in batch.tx.objects(Some(sheet.id), "rows")? {
        let Some(members) = body.as_object_mut() else { continue };
        if members.shift_remove("hiddenByFilter").is_none() {
            continue;
        }
        if members.is_empty() {
            batch.tx.remove_object(Some(sheet.id), "rows", row)?;
        } else {
            batch.tx.put_object(Some(sheet.id), "rows", row, &body)?;
        }
    }
    Ok(())
}

fn hide_rows(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    criteria: &[ColumnCriterion],
) -> Result<(), ApiError> {
    if criteria.is_empty() {
        return Ok(());
    }
    let workbook = Workbook::open(batch.tx)?;
    let stored = workbook.rows(sheet.id, area)?;
    let objects = batch.tx.objects(Some(sheet.id), "rows")?;
    for (row, cells) in stored {
        let shown = criteria.iter().all(|criterion| {
            let blank = Cell::default();
            let cell = cells.get(criterion.column as usize).unwrap_or(&blank);
            let scalar = workbook.value_at(sheet.id, row, criterion.column, cell);
            criterion.is_visible(cell, &scalar)
        });
        if !shown {
            let known = objects.iter().find(|(index, _)| *index == i64::from(row)).map(|(_, body)| body.clone());
            let mut body = known.unwrap_or_else(|| json!({}));
            body["hiddenByFilter"] = true.into();
            batch.tx.put_object(Some(sheet.id), "rows", i64::from(row), &body)?;
        }
    }
    Ok(())
}

impl ColumnCriterion {
    fn is_visible(&self, cell: &Cell, scalar: &Scalar) -> bool {
        let text = format_cell(cell, scalar.clone());
        !self.hidden.contains(&text) && self.condition.as_ref().is_none_or(|condition| condition.is_met(scalar, &text))
    }
}

impl BooleanCondition {
    fn is_met(&self, scalar: &Scalar, text: &str) -> bool {
        let wanted = |at: usize| self.values.get(at).map_or("", |value| value.user_entered_value.as_str());
        let (lower, word) = (text.to_lowercase(), wanted(0).to_lowercase());
        let number = match scalar {
            Scalar::Number(number) => Some(*number),
            _ => None,
        };
        let compare = |is_met: fn(f64, f64) -> bool| {
            number.zip(wanted(0).trim().parse().ok()).is_some_and(|(number, bound)| is_met(number, bound))
        };
        let between = || {
            let bounds = wanted(0).trim().parse::<f64>().ok().zip(wanted(1).trim().parse::<f64>().ok());
            number.zip(bounds).is_some_and(|(number, (low, high))| low <= number && number <= high)
        };
        match self.r#type.as_str() {
            "NUMBER_GREATER" => compare(|a, b| a > b),
            "NUMBER_GREATER_THAN_EQ" => compare(|a, b| a >= b),
            "NUMBER_LESS" => compare(|a, b| a < b),
            "NUMBER_LESS_THAN_EQ" => compare(|a, b| a <= b),
            "NUMBER_EQ" => compare(|a, b| a.total_cmp(&b).is_eq()),
            "NUMBER_NOT_EQ" => !compare(|a, b| a.total_cmp(&b).is_eq()),
            "NUMBER_BETWEEN" => between(),
            "NUMBER_NOT_BETWEEN" => number.is_some() && !between(),
            "TEXT_CONTAINS" => lower.contains(&word),
            "TEXT_NOT_CONTAINS" => !lower.contains(&word),
            "TEXT_STARTS_WITH" => lower.starts_with(&word),
            "TEXT_ENDS_WITH" => lower.ends_with(&word),
            "TEXT_EQ" => lower == word,
            "TEXT_NOT_EQ" => lower != word,
            "BLANK" => text.is_empty(),
            "NOT_BLANK" => !text.is_empty(),
            _ => true,
        }
    }
}
