//! The unions of the API: messages of which one member at most may be set.
//!
//! In scope: which members exclude each other, and the name of their union. Out of scope: the kind
//! of a request (`batch::request_body`), `start` and `range` of `updateCells`
//! (`batch::write_cells`).
//!
//! Source: the "union fields" of the reference pages.

use serde_json::{Map, Value};

/// A union: its name, and its members.
type Union = (&'static str, &'static [&'static str]);

/// Returns the union of a message, if it has one.
fn find_union(message: &str) -> Option<Union> {
    Some(match message {
        "ConditionalFormatRule" => ("rule", &["booleanRule", "gradientRule"]),
        "DeveloperMetadataLocation" => ("location", &["spreadsheet", "sheetId", "dimensionRange"]),
        "ColorStyle" => ("kind", &["rgbColor", "themeColor"]),
        "DataFilter" => ("filter", &["developerMetadataLookup", "a1Range", "gridRange"]),
        "ExtendedValue" => ("value", &["numberValue", "stringValue", "boolValue", "formulaValue", "errorValue"]),
        "ConditionValue" => ("value", &["relativeDate", "userEnteredValue"]),
        "TextRotation" => ("type", &["angle", "vertical"]),
        "Chip" => ("chip_type", &["personProperties", "richLinkProperties"]),
        "FindReplaceRequest" => ("scope", &["range", "sheetId", "allSheets"]),
        "PasteDataRequest" => ("kind", &["delimiter", "html"]),
        "AutoFillRequest" => ("area", &["range", "sourceAndDestination"]),
        "UpdateConditionalFormatRuleRequest" => ("instruction", &["rule", "newIndex"]),
        "EmbeddedObjectPosition" => ("location", &["sheetId", "overlayPosition", "newSheet"]),
        "ChartSpec" => ("chart", CHARTS),
        "ChartData" => ("type", &["sourceRange", "columnReference"]),
        "ChartGroupRule" => ("rule", &["dateTimeRule", "histogramRule"]),
        "PivotGroupRule" => ("rule", &["manualRule", "histogramRule", "dateTimeRule"]),
        "PivotTable" => ("source_data", &["source", "dataSourceId"]),
        "PivotValue" => ("value", &["sourceColumnOffset", "formula", "dataSourceColumnReference"]),
        "FilterSpec" => ("reference", &["columnIndex", "dataSourceColumnReference"]),
        "SortSpec" => ("reference", &["dimensionIndex", "dataSourceColumnReference"]),
        _ => return None,
    })
}

const CHARTS: &[&str] = &[
    "basicChart",
    "pieChart",
    "bubbleChart",
    "candlestickChart",
    "orgChart",
    "histogramChart",
    "waterfallChart",
    "treemapChart",
    "scorecardChart",
];

/// Returns whether a member is set. `false` is not counted: Google's own guides send `newSheet: false`
/// beside another place of a chart.
fn is_set(value: &Value) -> bool {
    *value != Value::Bool(false)
}

/// Returns whether a message with these members, in JSON spelling, sets one of its union at most.
pub(crate) fn has_single_choice(message: &str, members: &Map<String, Value>) -> bool {
    let Some((_, choices)) = find_union(message) else { return true };
    members.iter().filter(|(name, value)| choices.contains(&name.as_str()) && is_set(value)).count() < 2
}

/// Returns Google's sentence about `name` with its value, if a message with these members can't take
/// it too.
pub(crate) fn explain_second_choice(
    message: &str,
    members: &Map<String, Value>,
    (name, value): (&str, &Value),
    path: &str,
) -> Option<String> {
    let (union, choices) = find_union(message)?;
    let is_taken = choices.iter().any(|choice| *choice != name && members.get(*choice).is_some_and(is_set));
    (is_taken && is_set(value) && choices.contains(&name)).then(|| {
        format!("Invalid value at '{path}' (oneof), oneof field '{union}' is already set. Cannot set '{name}'")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::message_types::{FieldKind, find_member};
    use crate::schema::proto_json::{is_storable, normalise};

    #[test]
    fn a_second_member_of_a_union_is_refused() {
        let rule = json!({"rule": {"booleanRule": {}, "gradientRule": {}}});
        let got = normalise(rule, "AddConditionalFormatRuleRequest", "requests[0].add_conditional_format_rule");
        assert_eq!(
            got.unwrap_err().message,
            "Invalid value at 'requests[0].add_conditional_format_rule.rule' (oneof), oneof field 'rule' is already \
             set. Cannot set 'gradientRule'"
        );
        for (message, both) in [
            ("DeveloperMetadataLocation", json!({"spreadsheet": true, "sheetId": 0})),
            ("ColorStyle", json!({"rgbColor": {"red": 1}, "themeColor": "TEXT"})),
            ("DataFilter", json!({"a1Range": "A1", "gridRange": {}})),
            ("ExtendedValue", json!({"numberValue": 1, "stringValue": "x"})),
        ] {
            assert!(!is_storable(&both, FieldKind::Message(message), false), "{message}");
            assert!(normalise(both, message, "x").unwrap_err().message.contains("is already set"), "{message}");
        }
    }

    #[test]
    fn a_null_beside_a_member_of_a_union_is_not_set() {
        let clean = normalise(json!({"rgbColor": {"red": 1}, "themeColor": null}), "ColorStyle", "x").unwrap();
        assert_eq!(clean, json!({"rgbColor": {"red": 1}}));
    }

    #[test]
    fn false_beside_a_member_of_a_union_is_not_counted() {
        for position in [json!({"newSheet": false, "overlayPosition": {}}), json!({"sheetId": 1, "newSheet": false})] {
            assert!(is_storable(&position, FieldKind::Message("EmbeddedObjectPosition"), false), "{position}");
            assert!(normalise(position, "EmbeddedObjectPosition", "x").is_ok());
        }
    }

    #[test]
    fn every_member_of_a_union_is_a_member_of_its_message() {
        for message in ["ConditionalFormatRule", "ChartSpec", "FindReplaceRequest", "PivotValue", "Chip", "SortSpec"] {
            let (_, choices) = find_union(message).unwrap();
            assert!(choices.iter().all(|name| find_member(message, name).is_some()), "{message}");
        }
    }
}
