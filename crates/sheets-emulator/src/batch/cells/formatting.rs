//! Requests about borders, white space and conditional formats.
//!
//! In scope: borders of each cell, trimmed texts, rules that are stored in order and returned.
//! Out of scope: the effect of a rule on a cell, how its ranges move (`batch::object_ranges`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::cells::paste::read_block;
use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::{GridRangeMessage, normalize_colors};
use crate::batch::write_cells::{change_rows, split_into_chunks, write_block};
use crate::error::ApiError;
use crate::format::response_format::render_stored_object;
use crate::formula::references::parse::find_titles;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue};
use crate::storage::content::named_ranges::fold;

/// Kind of stored rules, by their index.
const RULES: &str = "rule";

/// `UpdateBordersRequest`: borders around and within a range; one that is not given stays.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpdateBorders {
    range: GridRangeMessage,
    top: Option<Value>,
    bottom: Option<Value>,
    left: Option<Value>,
    right: Option<Value>,
    inner_horizontal: Option<Value>,
    inner_vertical: Option<Value>,
}

/// `TrimWhitespaceRequest`: a range whose texts lose space at their ends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrimWhitespace {
    range: GridRangeMessage,
}

/// `AddConditionalFormatRuleRequest`: a rule and its place among the rules of its sheet, from 0.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AddConditionalFormatRule {
    rule: Map<String, Value>,
    index: i64,
}

/// `DeleteConditionalFormatRuleRequest`: the place of a rule that is to go, from 0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteConditionalFormatRule {
    sheet_id: i32,
    index: i64,
}

impl UpdateBorders {
    /// Returns the borders of a cell in the range, by side.
    fn sides(&self, area: &Area, row: u32, col: u32) -> [(&'static str, Option<&Value>); 4] {
        let choose = |is_edge: bool, outer, inner| if is_edge { outer } else { inner };
        [
            ("top", choose(row == area.rows.start, self.top.as_ref(), self.inner_horizontal.as_ref())),
            ("bottom", choose(row + 1 == area.rows.end, self.bottom.as_ref(), self.inner_horizontal.as_ref())),
            ("left", choose(col == area.cols.start, self.left.as_ref(), self.inner_vertical.as_ref())),
            ("right", choose(col + 1 == area.cols.end, self.right.as_ref(), self.inner_vertical.as_ref())),
        ]
    }
}

/// Sets the borders around and inside a range. A side that the request omits stays.
pub(crate) fn set_borders(batch: &Batch<'_, '_>, request: &UpdateBorders) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    for rows in split_into_chunks(&area.rows) {
        let mut cells = read_block(batch, &sheet, &Area::new(rows.clone(), area.cols.clone()))?;
        for (row, line) in rows.clone().zip(&mut cells) {
            for (col, cell) in area.cols.clone().zip(line) {
                draw(cell, &request.sides(&area, row, col));
            }
        }
        write_block(batch, &sheet, rows.start, area.cols.start, cells, &CellMask::ALL)?;
    }
    Ok(json!({}))
}

fn draw(cell: &mut Cell, sides: &[(&'static str, Option<&Value>)]) {
    let mut format = cell.format().and_then(Value::as_object).cloned().unwrap_or_default();
    let mut borders = format.get("borders").and_then(Value::as_object).cloned().unwrap_or_default();
    for (side, border) in sides.iter().filter_map(|(side, border)| border.map(|border| (*side, border))) {
        match border.get("style").and_then(Value::as_str) {
            None | Some("NONE" | "STYLE_UNSPECIFIED") => borders.shift_remove(side),
            Some(_) => borders.insert(side.to_owned(), normalize_colors(border.clone())),
        };
    }
    if borders.is_empty() {
        format.shift_remove("borders");
    } else {
        format.insert("borders".to_owned(), Value::Object(borders));
    }
    cell.set_member("userEnteredFormat", (!format.is_empty()).then_some(Value::Object(format)));
}

/// Trims the ends of texts, and shortens white space inside to one blank. The reply counts the
/// cells.
pub(crate) fn trim(batch: &Batch<'_, '_>, request: &TrimWhitespace) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let mut count = 0_u32;
    change_rows(batch, &sheet, &area.rows, |row| {
        for (_, cell) in (0..).zip(row.iter_mut()).filter(|(col, _)| area.cols.contains(col)) {
            let Some(CellValue::Text(text)) = &cell.value else { continue };
            let trimmed = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if trimmed != *text {
                cell.enter((!trimmed.is_empty()).then_some(CellValue::Text(trimmed)));
                count += 1;
            }
        }
    })?;
    let inner = if count == 0 { json!({}) } else { json!({ "cellsChangedCount": count }) };
    Ok(json!({ "trimWhitespace": inner }))
}

/// Stores a rule at its index in the sheet of its first range.
pub(crate) fn add_rule(batch: &Batch<'_, '_>, request: AddConditionalFormatRule) -> Result<Value, ApiError> {
    let ranges = request.rule.get("ranges").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(first) = ranges.into_iter().next() else { return refuse("rule.ranges must not be empty.") };
    let sent: GridRangeMessage =
        serde_json::from_value(first).map_err(|_| ApiError::invalid_argument("rule.ranges[0] is not a valid range"))?;
    let (sheet, _) = batch.area(&sent)?;
    check_rule(&request.rule, &sheet.title)?;
    let mut rules: Vec<Value> = read_rules(batch, sheet.id)?;
    let Some(at) = usize::try_from(request.index).ok().filter(|at| *at <= rules.len()) else {
        return refuse(format!("No conditional format on sheet: {} at index: {}", sheet.id, request.index));
    };
    rules.insert(at, normalize_colors(Value::Object(request.rule)));
    keep_rules(batch, sheet.id, &rules)?;
    Ok(json!({}))
}

/// Deletes a rule; the reply contains it.
pub(crate) fn delete_rule(batch: &Batch<'_, '_>, request: &DeleteConditionalFormatRule) -> Result<Value, ApiError> {
    let sheet = batch.grid(request.sheet_id)?;
    let mut rules = read_rules(batch, sheet.id)?;
    let Some(at) = usize::try_from(request.index).ok().filter(|at| *at < rules.len()) else {
        return refuse(format!("No conditional format on sheet: {} at index: {}", sheet.id, request.index));
    };
    let deleted = rules.remove(at);
    batch.tx.remove_object(Some(sheet.id), RULES, i64::try_from(rules.len()).unwrap_or(i64::MAX))?;
    keep_rules(batch, sheet.id, &rules)?;
    Ok(json!({"deleteConditionalFormatRule": {"rule": render_stored_object(RULES, &deleted)}}))
}

/// `UpdateConditionalFormatRuleRequest`: the place of a rule, from 0, and the rule or place it
/// gets.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpdateConditionalFormatRule {
    index: i32,
    sheet_id: i32,
    rule: Option<Map<String, Value>>,
    new_index: Option<i32>,
}

/// Replaces a rule, or moves it within its sheet; the reply contains both rules.
pub(crate) fn update_rule(batch: &Batch<'_, '_>, request: UpdateConditionalFormatRule) -> Result<Value, ApiError> {
    let sheet = match request.rule.as_ref().and_then(|rule| rule.get("ranges")?.as_array()?.first().cloned()) {
        Some(range) => {
            let sent: GridRangeMessage = serde_json::from_value(range)
                .map_err(|_| ApiError::invalid_argument("rule.ranges[0] is not a valid range"))?;
            batch.area(&sent)?.0
        }
        None => batch.grid(request.sheet_id)?,
    };
    let mut rules = read_rules(batch, sheet.id)?;
    let at = |index: i32| usize::try_from(index).ok().filter(|at| *at < rules.len());
    let missing = |index: i32| format!("No conditional format on sheet: {} at index: {index}", sheet.id);
    let Some(old_at) = at(request.index) else { return refuse(missing(request.index)) };
    let mut reply_members = Map::new();
    if let Some(rule) = request.rule {
        check_rule(&rule, &sheet.title)?;
        let old = std::mem::replace(&mut rules[old_at], normalize_colors(Value::Object(rule)));
        reply_members.insert("newRule".to_owned(), rules[old_at].clone());
        reply_members.insert("oldRule".to_owned(), old);
        reply_members.extend((request.index > 0).then(|| ("newIndex".to_owned(), request.index.into())));
    } else {
        let new = request.new_index.unwrap_or(0);
        let Some(new_at) = at(new) else { return refuse(missing(new)) };
        let moved = rules.remove(old_at);
        reply_members.insert("newRule".to_owned(), moved.clone());
        rules.insert(new_at, moved);
        reply_members.extend((request.index > 0).then(|| ("oldIndex".to_owned(), request.index.into())));
        reply_members.extend((new > 0).then(|| ("newIndex".to_owned(), new.into())));
    }
    keep_rules(batch, sheet.id, &rules)?;
    Ok(json!({"updateConditionalFormatRule": reply_members}))
}

/// Refuses a rule whose formula reads another sheet, as the service does (reported).
fn check_rule(rule: &Map<String, Value>, title: &str) -> Result<(), ApiError> {
    let condition = rule.get("booleanRule").and_then(|rule| rule.pointer("/condition/values"));
    let values = condition.and_then(Value::as_array).into_iter().flatten();
    let formulas =
        values.filter_map(|value| value.get("userEnteredValue")?.as_str()).filter(|text| text.starts_with('='));
    for formula in formulas {
        if find_titles(formula).iter().any(|other| fold(other) != fold(title)) {
            return refuse("Conditional format rule cannot reference a different sheet.");
        }
    }
    Ok(())
}

fn read_rules(batch: &Batch<'_, '_>, sheet: i32) -> Result<Vec<Value>, ApiError> {
    Ok(batch.tx.objects(Some(sheet), RULES)?.into_iter().map(|(_, rule)| rule).collect())
}

fn keep_rules(batch: &Batch<'_, '_>, sheet: i32, rules: &[Value]) -> Result<(), ApiError> {
    for (id, rule) in (0..).zip(rules) {
        batch.tx.put_object(Some(sheet), RULES, id, rule)?;
    }
    Ok(())
}
