//! Ranges inside rules of conditional formats, charts, slicers and protections follow the cells that they mean.
//!
//! In scope: finding such ranges wherever they stand in a kept body. Out of scope: what has one range of its own (`shift`), where a
//! chart lies on its sheet.

use serde_json::Value;

use crate::batch::context::{Batch, grid_range};
use crate::batch::request_types::GridRangeMessage;
use crate::error::ApiError;
use crate::grid::area::GridRange;

/// Members that are ranges.
const ONE: [&str; 2] = ["dataRange", "sourceRange"];

/// Members that are lists of ranges.
const LISTS: [&str; 3] = ["ranges", "sources", "unprotectedRanges"];

/// Moves the ranges that mean cells of a sheet. Rules that mean no cells any more go.
pub(crate) fn move_object_ranges(
    batch: &Batch<'_, '_>,
    sheet: i32,
    moved: &dyn Fn(GridRange) -> Option<GridRange>,
) -> Result<(), ApiError> {
    for home in batch.tx.sheets()? {
        for kind in ["chart", "slicer", "protected"] {
            for (id, mut body) in batch.tx.kept(Some(home.id), kind)? {
                if inside(&mut body, sheet, moved) {
                    batch.tx.keep(Some(home.id), kind, id, &body)?;
                }
            }
        }
    }
    let mut rules = batch.tx.kept(Some(sheet), "rule")?;
    let mut changed = false;
    for (_, body) in &mut rules {
        changed |= inside(body, sheet, moved);
    }
    if !changed {
        return Ok(());
    }
    for (id, _) in &rules {
        batch.tx.forget(Some(sheet), "rule", *id)?;
    }
    rules.retain(|(_, body)| body.get("ranges").and_then(Value::as_array).is_some_and(|ranges| !ranges.is_empty()));
    for (index, (_, body)) in (0..).zip(rules) {
        batch.tx.keep(Some(sheet), "rule", index, &body)?;
    }
    Ok(())
}

/// Moves the ranges in a body; tells whether any changed.
fn inside(body: &mut Value, sheet: i32, moved: &dyn Fn(GridRange) -> Option<GridRange>) -> bool {
    let mut changed = false;
    match body {
        Value::Array(parts) => parts.iter_mut().for_each(|part| changed |= inside(part, sheet, moved)),
        Value::Object(members) => {
            let mut gone = Vec::new();
            for (name, value) in members.iter_mut() {
                let is_one = ONE.contains(&name.as_str());
                match value {
                    Value::Array(ranges) if LISTS.contains(&name.as_str()) => {
                        ranges.retain_mut(|range| {
                            let (differs, stays) = follow(range, sheet, moved);
                            changed |= differs;
                            stays
                        });
                    }
                    Value::Object(range) if is_one && !range.contains_key("sources") => {
                        let (differs, stays) = follow(value, sheet, moved);
                        changed |= differs;
                        if !stays {
                            gone.push(name.clone());
                        }
                    }
                    _ => changed |= inside(value, sheet, moved),
                }
            }
            for name in gone {
                members.shift_remove(&name);
            }
        }
        _ => {}
    }
    changed
}

/// Moves one range: whether it differs, and whether anything of it is left.
fn follow(body: &mut Value, sheet: i32, moved: &dyn Fn(GridRange) -> Option<GridRange>) -> (bool, bool) {
    let range = serde_json::from_value::<GridRangeMessage>(body.clone()).ok().and_then(|sent| grid_range(&sent).ok());
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
