//! Moves the ranges inside conditional formats, charts, slicers and protections with their cells.
//!
//! In scope: finding such ranges at any depth of a stored body.
//! Out of scope: objects with one range of their own (`shift_cells`), the position of a chart.

use serde_json::Value;

use crate::batch::context::{Batch, check_grid_range};
use crate::batch::request_types::GridRangeMessage;
use crate::error::ApiError;
use crate::grid::area::GridRange;

/// Members that are ranges.
const RANGE_MEMBERS: [&str; 2] = ["dataRange", "sourceRange"];

/// Members that are lists of ranges.
const LISTS: [&str; 3] = ["ranges", "sources", "unprotectedRanges"];

/// Moves the ranges of a sheet's cells. A rule without remaining cells is deleted.
pub(crate) fn move_object_ranges(
    batch: &Batch<'_, '_>,
    sheet: i32,
    moved: &dyn Fn(GridRange) -> Option<GridRange>,
) -> Result<(), ApiError> {
    for home in batch.tx.sheets()? {
        for kind in ["chart", "slicer", "protected"] {
            for (id, mut body) in batch.tx.objects(Some(home.id), kind)? {
                if move_ranges(&mut body, sheet, moved) {
                    batch.tx.put_object(Some(home.id), kind, id, &body)?;
                }
            }
        }
    }
    let mut rules = batch.tx.objects(Some(sheet), "rule")?;
    let mut changed = false;
    for (_, body) in &mut rules {
        changed |= move_ranges(body, sheet, moved);
    }
    if !changed {
        return Ok(());
    }
    for (id, _) in &rules {
        batch.tx.remove_object(Some(sheet), "rule", *id)?;
    }
    rules.retain(|(_, body)| body.get("ranges").and_then(Value::as_array).is_some_and(|ranges| !ranges.is_empty()));
    for (index, (_, body)) in (0..).zip(rules) {
        batch.tx.put_object(Some(sheet), "rule", index, &body)?;
    }
    Ok(())
}

/// Moves the ranges in a body. Returns whether any changed.
fn move_ranges(body: &mut Value, sheet: i32, moved: &dyn Fn(GridRange) -> Option<GridRange>) -> bool {
    let mut changed = false;
    match body {
        Value::Array(parts) => parts.iter_mut().for_each(|part| changed |= move_ranges(part, sheet, moved)),
        Value::Object(members) => {
            let mut empty = Vec::new();
            for (name, value) in members.iter_mut() {
                let is_one = RANGE_MEMBERS.contains(&name.as_str());
                match value {
                    Value::Array(ranges) if LISTS.contains(&name.as_str()) => {
                        ranges.retain_mut(|range| {
                            let (differs, stays) = move_range(range, sheet, moved);
                            changed |= differs;
                            stays
                        });
                    }
                    Value::Object(range) if is_one && !range.contains_key("sources") => {
                        let (differs, stays) = move_range(value, sheet, moved);
                        changed |= differs;
                        if !stays {
                            empty.push(name.clone());
                        }
                    }
                    _ => changed |= move_ranges(value, sheet, moved),
                }
            }
            for name in empty {
                members.shift_remove(&name);
            }
        }
        _ => {}
    }
    changed
}

/// Moves one range. Returns whether it changed, and whether anything of it is left.
fn move_range(body: &mut Value, sheet: i32, moved: &dyn Fn(GridRange) -> Option<GridRange>) -> (bool, bool) {
    let range =
        serde_json::from_value::<GridRangeMessage>(body.clone()).ok().and_then(|sent| check_grid_range(&sent).ok());
    let Some(range) = range.filter(|range| range.sheet_id == sheet) else { return (false, true) };
    match moved(range.clone()) {
        None => (true, false),
        Some(new) if new == range => (false, true),
        Some(new) => {
            *body = new.to_json();
            (true, true)
        }
    }
}
