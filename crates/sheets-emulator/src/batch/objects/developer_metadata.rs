//! Requests about developer metadata: create, update, delete.
//!
//! In scope: unique ids (reported word for word), lookups, locations on whole rows and columns.
//! Out of scope: metadata that follows its row through a sort.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::{self, merge_members};
use crate::batch::request_types::DimensionRange;
use crate::error::ApiError;
use crate::schema::response_mask::ResponseMask;
use crate::storage::content::developer_metadata::{KIND, MetadataLookup, find, read_location_sheet};

/// Characters of keys and values in a spreadsheet, and in each of its sheets (the metadata guide).
const BUDGET: usize = 30_000;

/// `CreateDeveloperMetadataRequest`: a new entry at a row, a column, a sheet or the spreadsheet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct CreateDeveloperMetadata {
    developer_metadata: Map<String, Value>,
}

/// `UpdateDeveloperMetadataRequest`: new contents for all entries that the filters find.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpdateDeveloperMetadata {
    developer_metadata: Map<String, Value>,
    data_filters: Vec<MetadataFilter>,
    fields: String,
}

/// `DeleteDeveloperMetadataRequest`: the entries that a filter finds are to go.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteDeveloperMetadata {
    data_filter: MetadataFilter,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MetadataFilter {
    developer_metadata_lookup: Option<MetadataLookup>,
}

impl MetadataFilter {
    fn require_lookup(self) -> Result<MetadataLookup, ApiError> {
        let missing = || ApiError::invalid_argument("A developerMetadataLookup must be specified in the data filter.");
        let lookup = self.developer_metadata_lookup.ok_or_else(missing)?;
        lookup.check()?;
        Ok(lookup)
    }
}

/// Stores metadata; the reply contains it with its id.
pub(crate) fn create(batch: &Batch<'_, '_>, request: CreateDeveloperMetadata) -> Result<Value, ApiError> {
    let mut body = request.developer_metadata;
    for (name, message) in [("metadataKey", "metadataKey must be set."), ("visibility", "visibility must be set.")] {
        if body.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
            return refuse(message);
        }
    }
    let taken = |id: i64| Ok::<bool, ApiError>(batch.tx.objects(None, KIND)?.iter().any(|(known, _)| *known == id));
    let id = match body.get("metadataId").and_then(Value::as_i64).filter(|id| *id != 0) {
        Some(id) if id < 0 => return refuse("metadataId must be positive."),
        Some(id) if taken(id)? => {
            return refuse(format!(
                "Cannot add developer metadata with ID [{id}] because developer metadata with that ID already exists."
            ));
        }
        Some(id) => id,
        None => i64::from(batch.draw_id()),
    };
    let location = locate(batch, body.get("location").and_then(Value::as_object))?;
    body.insert("metadataId".to_owned(), id.into());
    body.insert("location".to_owned(), Value::Object(location));
    let body = Value::Object(body);
    check_budget(batch, id, &body)?;
    batch.tx.put_object(None, KIND, id, &body)?;
    Ok(json!({"createDeveloperMetadata": {"developerMetadata": body}}))
}

/// Rejects metadata that exceeds the limit of its spreadsheet or sheet, with the recorded message.
fn check_budget(batch: &Batch<'_, '_>, id: i64, metadata: &Value) -> Result<(), ApiError> {
    let place = |metadata: &Value| metadata.get("location").and_then(Value::as_object).and_then(read_location_sheet);
    let size = |metadata: &Value| -> usize {
        let text = |name| metadata.get(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
        text("metadataKey") + text("metadataValue")
    };
    let others = batch.tx.objects(None, KIND)?;
    let beside = others.iter().filter(|(other, body)| *other != id && place(body) == place(metadata));
    if beside.map(|(_, body)| size(body)).sum::<usize>() + size(metadata) > BUDGET {
        return refuse("Adding the requested developer metadata would exceed the allowed storage limit");
    }
    Ok(())
}

/// Checks the location and adds its type. A range is exactly one row or column.
fn locate(batch: &Batch<'_, '_>, sent: Option<&Map<String, Value>>) -> Result<Map<String, Value>, ApiError> {
    let Some(sent) = sent else { return refuse("location must be set.") };
    let mut location = sent.clone();
    let kind = if let Some(range) = sent.get("dimensionRange") {
        let span: DimensionRange = serde_json::from_value(range.clone())
            .map_err(|_| ApiError::invalid_argument("location.dimensionRange is not a valid range"))?;
        let (_, dimension, range) = batch.span(&span)?;
        if range.len() != 1 {
            return refuse("location.dimensionRange must be a single row or column.");
        }
        if dimension == crate::grid::area::Dimension::Rows { "ROW" } else { "COLUMN" }
    } else if let Some(id) = sent.get("sheetId").and_then(Value::as_i64) {
        batch.sheet(i32::try_from(id).unwrap_or(-1))?;
        "SHEET"
    } else if sent.get("spreadsheet") == Some(&Value::Bool(true)) {
        "SPREADSHEET"
    } else {
        return refuse("location must name a place.");
    };
    location.insert("locationType".to_owned(), kind.into());
    Ok(location)
}

/// Changes the masked members of all matching metadata. No match is not an error.
pub(crate) fn update(batch: &Batch<'_, '_>, request: UpdateDeveloperMetadata) -> Result<Value, ApiError> {
    let mask = field_mask::read(&request.fields, "DeveloperMetadata")?;
    let lookups: Vec<MetadataLookup> =
        request.data_filters.into_iter().map(MetadataFilter::require_lookup).collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (id, old) in find(batch.tx, &lookups)? {
        let old = old.as_object().cloned().unwrap_or_default();
        let mut body = match &mask {
            ResponseMask::All => request.developer_metadata.clone(),
            ResponseMask::Members(masks) => merge_members(&old, &request.developer_metadata, masks),
        };
        for name in ["metadataKey", "visibility", "location"] {
            if let (None, Some(value)) = (body.get(name), old.get(name)) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        let location = locate(batch, body.get("location").and_then(Value::as_object))?;
        body.insert("metadataId".to_owned(), id.into());
        body.insert("location".to_owned(), Value::Object(location));
        let body = Value::Object(body);
        check_budget(batch, id, &body)?;
        batch.tx.put_object(None, KIND, id, &body)?;
        changed.push(body);
    }
    Ok(build_metadata_response("updateDeveloperMetadata", "developerMetadata", &changed))
}

/// Deletes all matching metadata. No match is not an error.
pub(crate) fn delete(batch: &Batch<'_, '_>, request: DeleteDeveloperMetadata) -> Result<Value, ApiError> {
    let lookups = [request.data_filter.require_lookup()?];
    let mut deleted = Vec::new();
    for (id, body) in find(batch.tx, &lookups)? {
        batch.tx.remove_object(None, KIND, id)?;
        deleted.push(body);
    }
    Ok(build_metadata_response("deleteDeveloperMetadata", "deletedDeveloperMetadata", &deleted))
}

fn build_metadata_response(kind: &str, name: &str, list: &[Value]) -> Value {
    let inner = if list.is_empty() { json!({}) } else { json!({ name: list }) };
    json!({ kind: inner })
}
