//! Developer metadata: invisible keys and values of a spreadsheet, sheet, row or column.
//!
//! In scope: storage, locations, matching lookups, the two methods that read it.
//! Out of scope: the requests that change it (`batch::objects`).

use std::ops::Range;

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
        let wanted_kind = self.location_type.as_deref().filter(|word| *word != UNSPECIFIED_TYPE);
        self.metadata_id.is_none_or(|wanted| wanted == id)
            && text("metadataKey", &self.metadata_key)
            && text("metadataValue", &self.metadata_value)
            && text("visibility", &self.visibility)
            && wanted_kind.is_none_or(|wanted| kind == Some(wanted))
            && self.metadata_location.as_ref().is_none_or(|wanted| self.is_at(wanted, location))
    }

    /// Returns whether the location matches: exactly, or else at any place that they share.
    fn is_at(&self, wanted: &Map<String, Value>, location: Option<&Value>) -> bool {
        let Some(location) = location.and_then(Value::as_object) else { return false };
        let (wanted, location) = (Place::read(wanted), Place::read(location));
        if self.strategy() == Some(EXACT) { wanted == location } else { wanted.intersects(&location) }
    }

    fn strategy(&self) -> Option<&str> {
        self.location_matching_strategy.as_deref().filter(|word| *word != UNSPECIFIED_STRATEGY)
    }

    /// Refuses members that contradict each other, by the field texts of the discovery document.
    /// The message about `spreadsheet` is reported word for word.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let refuse = |message: &str| Err(ApiError::invalid_argument(message));
        let kind = self.location_type.as_deref().filter(|word| *word != UNSPECIFIED_TYPE);
        let place = self.metadata_location.as_ref().map(Place::read);
        if self.strategy().is_some() && place.is_none() {
            return refuse(
                "DeveloperMetadataLookup.locationMatchingStrategy was specified, but metadataLocation was not.",
            );
        }
        let is_spreadsheet = place == Some(Place::Spreadsheet);
        if is_spreadsheet && self.strategy() == Some(INTERSECTING) {
            return refuse(
                "DeveloperMetadataLookup.spreadsheet is true, but locationMatchingStrategy was specified as \
                 INTERSECTING.",
            );
        }
        if kind.is_some() && self.strategy() == Some(EXACT) {
            return refuse(
                "DeveloperMetadataLookup.locationType was specified, but locationMatchingStrategy was specified as \
                 EXACT.",
            );
        }
        if kind == Some("SPREADSHEET") && place.is_some() && !is_spreadsheet {
            return refuse(
                "DeveloperMetadataLookup.locationType is SPREADSHEET, but metadataLocation is not the spreadsheet.",
            );
        }
        Ok(())
    }
}

const EXACT: &str = "EXACT_LOCATION";
const INTERSECTING: &str = "INTERSECTING_LOCATION";
const UNSPECIFIED_STRATEGY: &str = "DEVELOPER_METADATA_LOCATION_MATCHING_STRATEGY_UNSPECIFIED";
const UNSPECIFIED_TYPE: &str = "DEVELOPER_METADATA_LOCATION_TYPE_UNSPECIFIED";

/// Where metadata is: a `DeveloperMetadataLocation` without its spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Spreadsheet,
    Sheet(i64),
    /// Rows or columns of a sheet.
    Lines {
        sheet: i64,
        has_columns: bool,
        span: Range<i64>,
    },
}

impl Place {
    /// Reads a location. An absent number is zero, and an absent end is that of the sheet.
    fn read(location: &Map<String, Value>) -> Self {
        let Some(sheet) = read_location_sheet(location) else { return Self::Spreadsheet };
        let Some(range) = location.get("dimensionRange") else { return Self::Sheet(sheet) };
        let bound = |name: &str| range.get(name).and_then(Value::as_i64);
        Self::Lines {
            sheet,
            has_columns: range.get("dimension").and_then(Value::as_str) == Some("COLUMNS"),
            span: bound("startIndex").unwrap_or(0)..bound("endIndex").unwrap_or(i64::MAX),
        }
    }

    /// Returns whether both share cells. The spreadsheet shares only with itself: "Spreadsheet
    /// metadata cannot intersect any other developer metadata location" (the discovery document).
    fn intersects(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Spreadsheet, _) | (_, Self::Spreadsheet) => self == other,
            (
                Self::Lines { sheet, has_columns, span },
                Self::Lines { sheet: other_sheet, has_columns: other_has_columns, span: other_span },
            ) => {
                let crosses = has_columns != other_has_columns;
                sheet == other_sheet && (crosses || span.start < other_span.end && other_span.start < span.end)
            }
            (Self::Sheet(sheet) | Self::Lines { sheet, .. }, Self::Sheet(other) | Self::Lines { sheet: other, .. }) => {
                sheet == other
            }
        }
    }
}

/// Returns the sheet of a location.
pub(crate) fn read_location_sheet(location: &Map<String, Value>) -> Option<i64> {
    let direct = location.get("sheetId").and_then(Value::as_i64);
    let range = location.get("dimensionRange");
    direct.or_else(|| range.map(|range| range.get("sheetId").and_then(Value::as_i64).unwrap_or(0)))
}

/// Parses a lookup and checks it.
pub(crate) fn read_lookup(lookup: &Value) -> Result<MetadataLookup, ApiError> {
    let lookup: MetadataLookup = serde_json::from_value(lookup.clone())
        .map_err(|invalid| ApiError::invalid_argument(format!("Invalid developerMetadataLookup: {invalid}")))?;
    lookup.check()?;
    Ok(lookup)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(strategy: Option<&str>, location: &Value) -> Value {
        let mut lookup = json!({ "metadataLocation": location });
        if let Some(word) = strategy {
            lookup["locationMatchingStrategy"] = word.into();
        }
        lookup
    }

    #[test]
    fn a_lookup_matches_what_it_intersects_unless_it_is_exact() {
        let rows = |start: i64, end: i64| json!({"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": start, "endIndex": end}});
        let stored = json!({"location": {"dimensionRange": {"dimension": "ROWS", "startIndex": 2, "endIndex": 3}}});
        let finds = |strategy, location: &Value| read_lookup(&lookup(strategy, location)).unwrap().matches(1, &stored);
        for loose in [None, Some(INTERSECTING), Some(UNSPECIFIED_STRATEGY)] {
            assert!(finds(loose, &rows(0, 9)) && finds(loose, &rows(2, 3)) && finds(loose, &json!({"sheetId": 0})));
            assert!(finds(loose, &json!({"dimensionRange": {"dimension": "COLUMNS", "endIndex": 1}})));
            assert!(!finds(loose, &rows(3, 9)) && !finds(loose, &json!({"sheetId": 7})));
        }
        assert!(finds(Some(EXACT), &rows(2, 3)), "an absent sheet id is zero");
        assert!(!finds(Some(EXACT), &rows(0, 9)) && !finds(Some(EXACT), &json!({"sheetId": 0})));
        assert!(!finds(None, &json!({"spreadsheet": true})));
    }

    #[test]
    fn a_lookup_that_contradicts_itself_is_refused() {
        let message = |lookup: Value| read_lookup(&lookup).unwrap_err().message;
        let got = message(json!({"locationMatchingStrategy": INTERSECTING, "metadataKey": "k"}));
        assert!(got.contains("locationMatchingStrategy was specified, but metadataLocation was not"), "{got}");
        let whole = json!({"spreadsheet": true});
        assert_eq!(
            message(lookup(Some(INTERSECTING), &whole)),
            "DeveloperMetadataLookup.spreadsheet is true, but locationMatchingStrategy was specified as INTERSECTING."
        );
        assert!(read_lookup(&lookup(None, &whole)).is_ok() && read_lookup(&lookup(Some(EXACT), &whole)).is_ok());
        let mut typed = lookup(Some(EXACT), &json!({"sheetId": 0}));
        typed["locationType"] = "SHEET".into();
        assert!(message(typed.clone()).contains("locationType was specified"));
        typed["locationMatchingStrategy"] = Value::Null;
        assert!(read_lookup(&typed).is_ok());
        typed["locationType"] = "SPREADSHEET".into();
        assert!(message(typed).contains("locationType is SPREADSHEET"));
    }
}
