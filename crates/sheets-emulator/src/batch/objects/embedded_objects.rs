//! Charts, slicers, banded ranges and filter views.
//!
//! In scope: storing them as sent, with ids; changing them by mask; returning them.
//! Out of scope: drawing, hiding rows, colouring cells.

use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::{self, merge_members};
use crate::batch::request_types::{GridRangeMessage, normalize_colors};
use crate::error::ApiError;
use crate::format::response_format::render_stored_object;
use crate::grid::area::GridRange;
use crate::schema::response_mask::ResponseMask;

/// The message of a request.
type Message = Map<String, Value>;

/// A kind of object.
struct ObjectKind {
    /// The kind in storage.
    kind: &'static str,
    /// The word in error messages.
    word: &'static str,
    /// The member with its id.
    id: &'static str,
    /// The member of requests and replies that contains it.
    member: &'static str,
    /// Its message type.
    message: &'static str,
    /// Whether it covers cells instead of floating above them.
    covers_cells: bool,
}

const CHART: ObjectKind = ObjectKind {
    kind: "chart",
    word: "chart",
    id: "chartId",
    member: "chart",
    message: "EmbeddedChart",
    covers_cells: false,
};
const SLICER: ObjectKind = ObjectKind {
    kind: "slicer",
    word: "slicer",
    id: "slicerId",
    member: "slicer",
    message: "Slicer",
    covers_cells: false,
};
const BANDING: ObjectKind = ObjectKind {
    kind: "banding",
    word: "banded range",
    id: "bandedRangeId",
    member: "bandedRange",
    message: "BandedRange",
    covers_cells: true,
};
const FILTER_VIEW: ObjectKind = ObjectKind {
    kind: "filter view",
    word: "filter view",
    id: "filterViewId",
    member: "filter",
    message: "FilterView",
    covers_cells: true,
};

/// Stores a chart.
pub(crate) fn add_chart(batch: &Batch<'_, '_>, request: Message) -> Result<Value, ApiError> {
    add(batch, &CHART, "addChart", request)
}

/// Stores a slicer.
pub(crate) fn add_slicer(batch: &Batch<'_, '_>, request: Message) -> Result<Value, ApiError> {
    add(batch, &SLICER, "addSlicer", request)
}

/// Stores a banded range.
pub(crate) fn add_banding(batch: &Batch<'_, '_>, request: Message) -> Result<Value, ApiError> {
    add(batch, &BANDING, "addBanding", request)
}

/// Stores a filter view.
pub(crate) fn add_filter_view(batch: &Batch<'_, '_>, request: Message) -> Result<Value, ApiError> {
    add(batch, &FILTER_VIEW, "addFilterView", request)
}

/// Replaces a chart's spec.
pub(crate) fn update_chart(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (sheet, mut chart) = find(batch, &CHART, read_number(request, "chartId"))?;
    chart.insert("spec".to_owned(), normalize_colors(request.get("spec").cloned().unwrap_or_else(|| json!({}))));
    store_object(batch, &CHART, sheet, chart)?;
    Ok(json!({}))
}

/// Changes the masked members of a slicer's spec.
pub(crate) fn update_slicer(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (sheet, mut slicer) = find(batch, &SLICER, read_number(request, "slicerId"))?;
    let new = read_message_member(request, "spec");
    let spec = merge_masked(request, "SlicerSpec", &read_message_member(&slicer, "spec"), new)?;
    slicer.insert("spec".to_owned(), Value::Object(spec));
    store_object(batch, &SLICER, sheet, slicer)?;
    Ok(json!({}))
}

/// Changes the masked members of a banded range.
pub(crate) fn update_banding(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    update(batch, &BANDING, request)
}

/// Changes the masked members of a filter view.
pub(crate) fn update_filter_view(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    update(batch, &FILTER_VIEW, request)
}

/// Moves or resizes a chart or a slicer; the reply contains the new position.
pub(crate) fn update_position(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (object_kind, sheet, mut body) = find_object(batch, read_number(request, "objectId"))?;
    let (old, new) = (read_message_member(&body, "position"), read_message_member(request, "newPosition"));
    let position = merge_masked(request, "EmbeddedObjectPosition", &old, new)?;
    body.insert("position".to_owned(), Value::Object(position));
    let target = find_sheet(batch, object_kind, &body)?;
    batch.tx.remove_object(Some(sheet), object_kind.kind, read_object_id(object_kind, &body))?;
    store_object(batch, object_kind, target, body.clone())?;
    Ok(json!({"updateEmbeddedObjectPosition": {"position": body.get("position")}}))
}

/// Changes the masked members of a chart's border.
pub(crate) fn update_border(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (object_kind, sheet, mut body) = find_object(batch, read_number(request, "objectId"))?;
    let new = read_message_member(request, "border");
    let border = merge_masked(request, "EmbeddedObjectBorder", &read_message_member(&body, "border"), new)?;
    body.insert("border".to_owned(), Value::Object(border));
    store_object(batch, object_kind, sheet, body)?;
    Ok(json!({}))
}

/// Deletes a chart or a slicer.
pub(crate) fn delete_object(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (object_kind, sheet, body) = find_object(batch, read_number(request, "objectId"))?;
    batch.tx.remove_object(Some(sheet), object_kind.kind, read_object_id(object_kind, &body))?;
    Ok(json!({}))
}

/// Deletes a banded range.
pub(crate) fn delete_banding(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    delete(batch, &BANDING, read_number(request, "bandedRangeId"))
}

/// Deletes a filter view.
pub(crate) fn delete_filter_view(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    delete(batch, &FILTER_VIEW, read_number(request, "filterId"))
}

/// Copies a filter view under another id and title.
pub(crate) fn duplicate_filter_view(batch: &Batch<'_, '_>, request: &Message) -> Result<Value, ApiError> {
    let (_, mut view) = find(batch, &FILTER_VIEW, read_number(request, "filterId"))?;
    view.shift_remove(FILTER_VIEW.id);
    let title = format!("Copy of {}", view.get("title").and_then(Value::as_str).unwrap_or_default());
    view.insert("title".to_owned(), title.trim_end().into());
    add(batch, &FILTER_VIEW, "duplicateFilterView", Map::from_iter([("filter".to_owned(), Value::Object(view))]))
}

fn add(batch: &Batch<'_, '_>, object_kind: &ObjectKind, reply: &str, mut request: Message) -> Result<Value, ApiError> {
    let Some(Value::Object(mut body)) = request.shift_remove(object_kind.member) else {
        return refuse(format!("{} must be set.", object_kind.member));
    };
    let id = match read_number(&body, object_kind.id) {
        0 => i64::from(batch.draw_id()),
        id if find(batch, object_kind, id).is_ok() => {
            return refuse(format!("A {} with id {id} already exists.", object_kind.word));
        }
        id => id,
    };
    let sheet = find_sheet(batch, object_kind, &body)?;
    check_banding(batch, object_kind, id, &body)?;
    body.insert(object_kind.id.to_owned(), id.into());
    let body = store_object(batch, object_kind, sheet, body)?;
    Ok(json!({ reply: { object_kind.member: render_stored_object(object_kind.kind, &body) } }))
}

fn update(batch: &Batch<'_, '_>, object_kind: &ObjectKind, request: &Message) -> Result<Value, ApiError> {
    let new = read_message_member(request, object_kind.member);
    let id = read_number(&new, object_kind.id);
    let (sheet, old) = find(batch, object_kind, id)?;
    let mut body = merge_masked(request, object_kind.message, &old, new)?;
    body.insert(object_kind.id.to_owned(), id.into());
    let target = find_sheet(batch, object_kind, &body)?;
    check_banding(batch, object_kind, id, &body)?;
    batch.tx.remove_object(Some(sheet), object_kind.kind, id)?;
    store_object(batch, object_kind, target, body)?;
    Ok(json!({}))
}

fn delete(batch: &Batch<'_, '_>, object_kind: &ObjectKind, id: i64) -> Result<Value, ApiError> {
    let (sheet, _) = find(batch, object_kind, id)?;
    batch.tx.remove_object(Some(sheet), object_kind.kind, id)?;
    Ok(json!({}))
}

fn find(batch: &Batch<'_, '_>, object_kind: &ObjectKind, id: i64) -> Result<(i32, Message), ApiError> {
    for sheet in batch.tx.sheets()? {
        let mut objects = batch.tx.objects(Some(sheet.id), object_kind.kind)?.into_iter();
        if let Some((_, Value::Object(body))) = objects.find(|(objects, _)| *objects == id) {
            return Ok((sheet.id, body));
        }
    }
    refuse(format!("No {} with id: {id}", object_kind.word))
}

fn find_object(batch: &Batch<'_, '_>, id: i64) -> Result<(&'static ObjectKind, i32, Message), ApiError> {
    let chart = find(batch, &CHART, id).map(|(sheet, body)| (&CHART, sheet, body));
    let found = chart.or_else(|_| find(batch, &SLICER, id).map(|(sheet, body)| (&SLICER, sheet, body)));
    found.or_else(|_| refuse(format!("No embedded object with id: {id}")))
}

/// Returns the sheet of an object, with its range checked and closed.
fn find_sheet(batch: &Batch<'_, '_>, object_kind: &ObjectKind, body: &Message) -> Result<i32, ApiError> {
    if object_kind.covers_cells {
        let sent = body.get("range").cloned().unwrap_or_else(|| json!({}));
        let sent: GridRangeMessage = serde_json::from_value(sent)
            .map_err(|_| ApiError::invalid_argument(format!("{}.range is not a valid range", object_kind.member)))?;
        return Ok(batch.area(&sent)?.0.id);
    }
    let position = read_message_member(body, "position");
    if position.get("newSheet") == Some(&Value::Bool(true)) {
        return Err(ApiError::unimplemented("A chart on a sheet of its own is not implemented in this emulator."));
    }
    let anchor = position.get("overlayPosition").and_then(|overlay| overlay.pointer("/anchorCell/sheetId"));
    let id = anchor.or(position.get("sheetId")).and_then(Value::as_i64).unwrap_or(0);
    Ok(batch.grid(i32::try_from(id).unwrap_or(-1))?.id)
}

/// Refuses a banded range without colours, or over another one.
fn check_banding(batch: &Batch<'_, '_>, object_kind: &ObjectKind, id: i64, body: &Message) -> Result<(), ApiError> {
    if object_kind.kind != BANDING.kind {
        return Ok(());
    }
    let is_set = |name: &str| body.get(name).is_some_and(Value::is_object);
    if !is_set("rowProperties") && !is_set("columnProperties") {
        return refuse("bandedRange must have rowProperties or columnProperties.");
    }
    let (sheet, area) = batch.area(&read_range(body))?;
    for (other_id, other) in batch.tx.objects(Some(sheet.id), BANDING.kind)? {
        let other = GridRange::from_json(&other["range"]).resolve(sheet.row_count, sheet.column_count);
        if other_id != id && !other.intersect(&area).is_empty() {
            return refuse(
                "You cannot add alternating background colors to a range that already has alternating background \
                 colors.",
            );
        }
    }
    Ok(())
}

/// Returns the range of an object that `find_sheet` accepted.
fn read_range(body: &Message) -> GridRangeMessage {
    body.get("range").and_then(|range| serde_json::from_value(range.clone()).ok()).unwrap_or_default()
}

fn store_object(
    batch: &Batch<'_, '_>,
    object_kind: &ObjectKind,
    sheet: i32,
    mut body: Message,
) -> Result<Value, ApiError> {
    if object_kind.covers_cells {
        let (grid, area) = batch.area(&read_range(&body))?;
        body.insert("range".to_owned(), GridRange::from_area(grid.id, &area).to_json());
    }
    let id = read_object_id(object_kind, &body);
    let body = normalize_colors(Value::Object(body));
    batch.tx.put_object(Some(sheet), object_kind.kind, id, &body)?;
    Ok(body)
}

fn read_object_id(object_kind: &ObjectKind, body: &Message) -> i64 {
    read_number(body, object_kind.id)
}

fn read_number(message: &Message, name: &str) -> i64 {
    message.get(name).and_then(Value::as_i64).unwrap_or(0)
}

fn read_message_member(message: &Message, name: &str) -> Message {
    message.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn merge_masked(request: &Message, message: &str, old: &Message, new: Message) -> Result<Message, ApiError> {
    let fields = request.get("fields").and_then(Value::as_str).unwrap_or_default();
    Ok(match field_mask::read(fields, message)? {
        ResponseMask::All => new,
        ResponseMask::Members(masks) => merge_members(old, &new, &masks),
    })
}
