//! Developer metadata: invisible keys and values of a spreadsheet, sheet, row or column.
//!
//! In scope: storage, locations, matching lookups, the two methods that read it.
//! Out of scope: the requests that change it (`batch::objects`).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::Transaction;

/// Kind of stored metadata, by its id.
pub(crate) const KIND: &str = "metadata";

/// The API's `DeveloperMetadataLookup`; an absent member matches everything.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct MetadataLookup {
    metadata_id: Option<i64>,
    metadata_key: Option<String>,
    metadata_value: Option<String>,
    visibility: Option<String>,
    location_type: Option<String>,
    metadata_location: Option<Map<String, Value>>,
    location_matching_strategy: Option<String>,
}

impl MetadataLookup {
    /// Returns whether stored metadata matches the lookup.
    pub(crate) fn matches(&self, id: i64, body: &Value) -> bool {
        let text = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| body.get(name).and_then(Value::as_str) == Some(wanted))
        };
        let location = body.get("location");
        let kind = location.and_then(|location| location.get("locationType")).and_then(Value::as_str);
        self.metadata_id.is_none_or(|wanted| wanted == id)
            && text("metadataKey", &self.metadata_key)
            && text("metadataValue", &self.metadata_value)
            && text("visibility", &self.visibility)
            && self.location_type.as_deref().is_none_or(|wanted| kind == Some(wanted))
            && self.metadata_location.as_ref().is_none_or(|wanted| self.is_at(wanted, location))
    }

    /// Returns whether the location matches: exactly, or with `INTERSECTING_LOCATION` anywhere on
    /// the same sheet.
    fn is_at(&self, wanted: &Map<String, Value>, location: Option<&Value>) -> bool {
        let Some(location) = location.and_then(Value::as_object) else { return false };
        let loose = self.location_matching_strategy.as_deref() == Some("INTERSECTING_LOCATION");
        if loose && wanted.get("spreadsheet") == Some(&Value::Bool(true)) {
            return true;
        }
        if loose && let Some(sheet) = wanted.get("sheetId") {
            return read_location_sheet(location) == sheet.as_i64();
        }
        wanted.iter().filter(|(name, _)| *name != "locationType").all(|(name, value)| location.get(name) == Some(value))
    }
}

/// Returns the sheet of a location.
pub(crate) fn read_location_sheet(location: &Map<String, Value>) -> Option<i64> {
    let direct = location.get("sheetId").and_then(Value::as_i64);
    let range = location.get("dimensionRange");
    direct.or_else(|| range.map(|range| range.get("sheetId").and_then(Value::as_i64).unwrap_or(0)))
}

/// Parses a lookup.
pub(crate) fn read_lookup(lookup: &Value) -> Result<MetadataLookup, ApiError> {
    serde_json::from_value(lookup.clone())
        .map_err(|invalid| ApiError::invalid_argument(format!("Invalid developerMetadataLookup: {invalid}")))
}

/// Returns the metadata that matches any of the lookups, by id, each once.
pub(crate) fn find(tx: &Transaction<'_>, lookups: &[MetadataLookup]) -> Result<Vec<(i64, Value)>, StorageError> {
    let mut found = tx.objects(None, KIND)?;
    found.retain(|(id, body)| lookups.iter().any(|lookup| lookup.matches(*id, body)));
    Ok(found)
}

/// Answers `developerMetadata.get` with the metadata of this id, or 404.
pub(crate) fn get_metadata(store: &SpreadsheetStore, spreadsheet: &str, id: &str) -> Result<Value, ApiError> {
    let invalid = || {
        let invalid = format!("Invalid value at 'metadata_id' (TYPE_INT32), \"{id}\"");
        ApiError::bad_field("metadata_id", invalid)
    };
    let id: i64 = id.parse::<i32>().map_err(|_| invalid())?.into();
    let entries = store.read(spreadsheet)?.objects(None, KIND)?;
    let found = entries.into_iter().find(|(known, _)| *known == id).map(|(_, body)| body);
    found.ok_or_else(ApiError::not_found)
}

/// Answers `developerMetadata.search` with the matching metadata and its filters.
pub(crate) fn search_metadata(
    store: &SpreadsheetStore,
    spreadsheet: &str,
    body: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let filters = body.get("dataFilters").and_then(Value::as_array).cloned().unwrap_or_default();
    if filters.is_empty() {
        return Err(ApiError::invalid_argument("Must specify at least one DataFilter."));
    }
    let lookups: Vec<MetadataLookup> = filters
        .iter()
        .map(|filter| {
            let Some(lookup) = filter.get("developerMetadataLookup") else {
                return Err(ApiError::unimplemented("This emulator finds marks by developerMetadataLookup only."));
            };
            read_lookup(lookup)
        })
        .collect::<Result<_, _>>()?;
    let mut matched = Vec::new();
    for (id, metadata) in store.read(spreadsheet)?.objects(None, KIND)? {
        let own = lookups.iter().zip(&filters).filter(|(lookup, _)| lookup.matches(id, &metadata));
        let own: Vec<&Value> = own.map(|(_, filter)| filter).collect();
        if !own.is_empty() {
            matched.push(json!({"developerMetadata": metadata, "dataFilters": own}));
        }
    }
    Ok(if matched.is_empty() { json!({}) } else { json!({ "matchedDeveloperMetadata": matched }) })
}
