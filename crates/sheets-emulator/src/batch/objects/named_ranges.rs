//! Requests about named ranges and protected ranges.
//!
//! In scope: valid names and ids, the undocumented behaviours (`UnknownBehaviors`).
//! Out of scope: enforcing protections (`auth::protection`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::auth::protection::ADDED_BY;
use crate::batch::context::{
    Batch, CallerIdBehavior, MissingIdBehavior, check_grid_range, make_outside_grid_error, refuse,
};
use crate::batch::field_mask::{self, merge_members};
use crate::batch::request_types::GridRangeMessage;
use crate::error::ApiError;
use crate::format::response_format::{remove_defaults, render_named_range, render_stored_object};
use crate::grid::a1::A1Reference;
use crate::grid::area::{GridRange, NamedRange};
use crate::schema::response_mask::ResponseMask;

/// The longest name in characters (Sheets: "1 to 250 characters").
const NAME_LIMIT: usize = 250;

/// `NamedRange` as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct NamedRangeMessage {
    named_range_id: Option<String>,
    name: Option<String>,
    range: Option<GridRangeMessage>,
}

/// `AddNamedRangeRequest`: a name for a range, with an id of the caller's if it has one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AddNamedRange {
    named_range: NamedRangeMessage,
}

/// `UpdateNamedRangeRequest`: another name or range for an id.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpdateNamedRange {
    named_range: NamedRangeMessage,
    fields: String,
}

/// `DeleteNamedRangeRequest`: the id of a named range that is to go; its cells stay.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteNamedRange {
    named_range_id: String,
}

/// Adds a named range; the reply contains it with its id.
pub(crate) fn add(batch: &Batch<'_, '_>, request: AddNamedRange) -> Result<Value, ApiError> {
    let NamedRangeMessage { named_range_id, name, range } = request.named_range;
    let name = name.unwrap_or_default();
    check_name(&name)?;
    let range = check_range(batch, &range.unwrap_or_default())?;
    if batch.is_name_taken(&name, None)? {
        return refuse(explain_taken_name(&name));
    }
    let id = match named_range_id.filter(|id| !id.is_empty() && batch.behaviors.caller_ids == CallerIdBehavior::Honour)
    {
        Some(id) if batch.is_range_id_taken(&id)? => {
            return refuse(format!("Cannot add named range with ID: {id}, a named range with that ID already exists."));
        }
        Some(id) => id,
        None => draw_id(batch)?,
    };
    let named = NamedRange { id, name, range };
    batch.tx.add_named_range(&named)?;
    Ok(json!({"addNamedRange": {"namedRange": render_named_range(&named)}}))
}

/// Returns Google's message for a taken name (reported word for word).
fn explain_taken_name(name: &str) -> String {
    format!("Cannot add named range with name: {name}, a named range with that name already exists.")
}

fn draw_id(batch: &Batch<'_, '_>) -> Result<String, ApiError> {
    loop {
        let id = batch.draw_id().to_string();
        if !batch.is_range_id_taken(&id)? {
            return Ok(id);
        }
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let letters = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let short = name.chars().count() <= NAME_LIMIT;
    let like_cells = matches!(A1Reference::parse(&format!("x!{name}")), Some(A1Reference::Cells { .. }));
    let word = ["true", "false"].contains(&name.to_lowercase().as_str());
    if letters && first && short && !like_cells && !word {
        return Ok(());
    }
    refuse(format!(
        "Invalid name: {name}. A name has letters, numbers and underscores, no number first, and is not a cell."
    ))
}

fn check_range(batch: &Batch<'_, '_>, sent: &GridRangeMessage) -> Result<GridRange, ApiError> {
    let sheet = batch.grid(sent.sheet_id)?;
    let range = check_grid_range(sent)?;
    let outside = [range.start_row, range.end_row].iter().flatten().any(|row| *row > sheet.row_count)
        || [range.start_col, range.end_col].iter().flatten().any(|col| *col > sheet.column_count);
    if outside {
        return Err(make_outside_grid_error(&sheet, &range));
    }
    Ok(range)
}

/// Changes the masked members of a named range.
pub(crate) fn update(batch: &Batch<'_, '_>, request: UpdateNamedRange) -> Result<Value, ApiError> {
    let mask = field_mask::read(&request.fields, "NamedRange")?;
    let id = request.named_range.named_range_id.unwrap_or_default();
    let Some(mut named) = batch.tx.named_range(&id)? else { return refuse_missing_range(batch, &id) };
    if mask.child("name").is_some() {
        let name = request.named_range.name.unwrap_or_default();
        check_name(&name)?;
        if batch.is_name_taken(&name, Some(&named.name))? {
            return refuse(explain_taken_name(&name));
        }
        named.name = name;
    }
    if mask.child("range").is_some() {
        named.range = check_range(batch, &request.named_range.range.unwrap_or_default())?;
    }
    batch.tx.remove_named_range(&id)?;
    batch.tx.add_named_range(&named)?;
    Ok(json!({}))
}

/// Removes a named range.
pub(crate) fn delete(batch: &Batch<'_, '_>, request: &DeleteNamedRange) -> Result<Value, ApiError> {
    if batch.tx.remove_named_range(&request.named_range_id)? {
        return Ok(json!({}));
    }
    refuse_missing_range(batch, &request.named_range_id)
}

fn refuse_missing_range(batch: &Batch<'_, '_>, id: &str) -> Result<Value, ApiError> {
    match batch.behaviors.missing_id {
        MissingIdBehavior::Refuse => refuse(format!("No named range with id: {id}")),
        MissingIdBehavior::Ignore => Ok(json!({})),
    }
}

/// `AddProtectedRangeRequest` and, with `fields`, `UpdateProtectedRangeRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ProtectedRangeRequest {
    protected_range: Map<String, Value>,
    fields: String,
}

/// `DeleteProtectedRangeRequest`: the id of a protection that is to go; its cells stay.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteProtectedRange {
    protected_range_id: i32,
}

/// Stores a protected range; the reply contains it with its id.
pub(crate) fn protect(batch: &Batch<'_, '_>, request: ProtectedRangeRequest) -> Result<Value, ApiError> {
    let mut body = request.protected_range;
    let sheet = read_protected_range(batch, &body)?.sheet_id;
    let id = match body.get("protectedRangeId").and_then(Value::as_i64) {
        Some(id) if find_protected(batch, id)?.is_some() => {
            return refuse(format!("Protected range with id {id} already exists."));
        }
        Some(id) => id,
        None => i64::from(batch.draw_id()),
    };
    body.insert("protectedRangeId".to_owned(), id.into());
    body.insert("requestingUserCanEdit".to_owned(), true.into());
    if let Some(account) = batch.tx.account() {
        body.insert(ADDED_BY.to_owned(), account.into());
    }
    let body = remove_defaults(Value::Object(body));
    batch.tx.put_object(Some(sheet), "protected", id, &body)?;
    let mut body = body;
    if body.get("warningOnly").is_none() && body.get("editors").is_none() {
        body["editors"] = json!({});
    }
    Ok(json!({"addProtectedRange": {"protectedRange": render_stored_object("protected", &body)}}))
}

/// Changes the masked members of a protected range.
pub(crate) fn update_protected(batch: &Batch<'_, '_>, request: ProtectedRangeRequest) -> Result<Value, ApiError> {
    let mask = field_mask::read(&request.fields, "ProtectedRange")?;
    let mut new = request.protected_range;
    let id = new.get("protectedRangeId").and_then(Value::as_i64).unwrap_or_default();
    let Some((sheet, old)) = find_protected(batch, id)? else {
        return refuse(format!("No protected range with id: {id}"));
    };
    let old = old.as_object().cloned().unwrap_or_default();
    let mut body = match &mask {
        ResponseMask::All => std::mem::take(&mut new),
        ResponseMask::Members(masks) => merge_members(&old, &new, masks),
    };
    for name in ["protectedRangeId", "requestingUserCanEdit"] {
        body.insert(name.to_owned(), old.get(name).cloned().unwrap_or(Value::Bool(true)));
    }
    body.extend(old.get(ADDED_BY).map(|account| (ADDED_BY.to_owned(), account.clone())));
    let target = read_protected_range(batch, &body)?.sheet_id;
    batch.tx.remove_object(Some(sheet), "protected", id)?;
    batch.tx.put_object(Some(target), "protected", id, &remove_defaults(Value::Object(body)))?;
    Ok(json!({}))
}

/// Deletes a protected range.
pub(crate) fn unprotect(batch: &Batch<'_, '_>, request: &DeleteProtectedRange) -> Result<Value, ApiError> {
    let id = i64::from(request.protected_range_id);
    let Some((sheet, _)) = find_protected(batch, id)? else {
        return refuse(format!("No protected range with id: {id}"));
    };
    batch.tx.remove_object(Some(sheet), "protected", id)?;
    Ok(json!({}))
}

fn find_protected(batch: &Batch<'_, '_>, id: i64) -> Result<Option<(i32, Value)>, ApiError> {
    for sheet in batch.tx.sheets()? {
        let objects = batch.tx.objects(Some(sheet.id), "protected")?;
        if let Some((_, body)) = objects.into_iter().find(|(objects, _)| *objects == id) {
            return Ok(Some((sheet.id, body)));
        }
    }
    Ok(None)
}

/// Returns the cells of a protected range, given directly or by a named range.
fn read_protected_range(batch: &Batch<'_, '_>, body: &Map<String, Value>) -> Result<GridRange, ApiError> {
    if let Some(id) = body.get("namedRangeId").and_then(Value::as_str) {
        let found = batch.tx.named_range(id)?;
        return found
            .map(|named| named.range)
            .ok_or_else(|| ApiError::invalid_argument(format!("No named range with id: {id}")));
    }
    let sent = body.get("range").cloned().unwrap_or_else(|| json!({}));
    let sent: GridRangeMessage = serde_json::from_value(sent)
        .map_err(|_| ApiError::invalid_argument("protectedRange.range is not a valid range"))?;
    check_range(batch, &sent)
}
