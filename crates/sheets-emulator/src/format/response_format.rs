//! The JSON of sheets, properties and named ranges in responses.
//!
//! In scope: which members and zeros are written (recorded), the defaults of a new spreadsheet.
//! Out of scope: cells (`workbook::spreadsheet_json`), `fields` (`schema::response_mask`).

use serde_json::{Map, Value, json};

use crate::auth::protection::{ADDED_BY, may_edit};
use crate::auth::test_credentials::TEST_ACCOUNT;
use crate::grid::area::{Dimension, NamedRange};
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

/// Returns `SheetProperties`. `sheetId` 0 and `index` 0 are written; false and unset members are
/// omitted (recorded).
pub(crate) fn render_sheet_properties(sheet: &SheetProperties) -> Value {
    let mut grid = Map::new();
    grid.insert("rowCount".to_owned(), sheet.row_count.into());
    grid.insert("columnCount".to_owned(), sheet.column_count.into());
    for (name, count) in [("frozenRowCount", sheet.frozen_rows), ("frozenColumnCount", sheet.frozen_columns)] {
        if count > 0 {
            grid.insert(name.to_owned(), count.into());
        }
    }
    if let Some(Value::Object(more)) = sheet.extra.get("gridProperties") {
        grid.extend(more.clone());
    }
    let mut members = Map::new();
    members.insert("sheetId".to_owned(), sheet.id.into());
    members.insert("title".to_owned(), sheet.title.as_str().into());
    members.insert("index".to_owned(), sheet.index.into());
    members.insert("sheetType".to_owned(), "GRID".into());
    members.insert("gridProperties".to_owned(), Value::Object(grid));
    if sheet.is_hidden {
        members.insert("hidden".to_owned(), true.into());
    }
    let more = sheet.extra.iter().filter(|(name, _)| *name != "gridProperties");
    members.extend(more.map(|(name, value)| (name.clone(), value.clone())));
    add_both_colors(&Value::Object(members))
}

/// Adds the second form of each colour: `backgroundColor` and `backgroundColorStyle` (recorded).
pub(crate) fn add_both_colors(format: &Value) -> Value {
    let Value::Object(members) = format else { return format.clone() };
    let mut both: Map<String, Value> =
        members.iter().map(|(name, value)| (name.clone(), add_both_colors(value))).collect();
    // Only borders name their colour `color`.
    let of_border = members.contains_key("style").then_some("color");
    for name in ["backgroundColor", "foregroundColor", "tabColor"].into_iter().chain(of_border) {
        let styled = format!("{name}Style");
        if let (Some(colour), false) = (members.get(name), members.contains_key(&styled)) {
            both.insert(styled, json!({ "rgbColor": colour }));
        } else if let (Some(colour), false) = (members.get(&styled), members.contains_key(name))
            && let Some(colour) = colour.get("rgbColor")
        {
            both.insert(name.to_owned(), colour.clone());
        }
    }
    Value::Object(both)
}

/// Returns a `NamedRange`. The range is `{}` if its cells were deleted.
pub(crate) fn render_named_range(named: &NamedRange) -> Value {
    json!({"namedRangeId": named.id, "name": named.name, "range": named.range.to_json()})
}

/// Returns `SpreadsheetProperties`, with the format and theme of all recorded spreadsheets.
pub(crate) fn render_spreadsheet_properties(properties: &SpreadsheetProperties) -> Value {
    let mut members = Map::new();
    for (name, text) in [
        ("title", &properties.title),
        ("locale", &properties.locale),
        ("autoRecalc", &properties.auto_recalc),
        ("timeZone", &properties.time_zone),
    ] {
        members.insert(name.to_owned(), text.as_str().into());
    }
    members.insert("defaultFormat".to_owned(), build_default_format());
    members.insert("spreadsheetTheme".to_owned(), build_theme());
    members.extend(properties.extra.clone());
    Value::Object(members)
}

/// Returns a stored object as responses write it. A merge is its range. Ranges omit sheet id 0. The
/// formats of a rule have both forms of their colours.
pub(crate) fn render_stored_object(kind: &str, body: &Value) -> Value {
    let mut body = remove_first_sheet_id(body);
    if kind == "rule" {
        body = add_both_colors(&body);
    }
    if let Some(members) = body.as_object_mut() {
        members.shift_remove(ADDED_BY);
        if matches!(kind, "filter" | "filter view") {
            add_other_criteria(members);
        }
    }
    if kind == "merge" { body.get("range").cloned().unwrap_or_default() } else { body }
}

/// Adds `criteria` to a filter with `filterSpecs`, or the reverse: both are populated in responses
/// (discovery document).
fn add_other_criteria(filter: &mut Map<String, Value>) {
    let specs = filter.get("filterSpecs").and_then(Value::as_array).cloned().unwrap_or_default();
    if specs.is_empty() {
        let criteria = filter.get("criteria").and_then(Value::as_object);
        let spec = |(column, criteria): (&String, &Value)| {
            Some(json!({"columnIndex": column.parse::<u32>().ok()?, "filterCriteria": criteria}))
        };
        let specs: Vec<Value> = criteria.into_iter().flatten().filter_map(spec).collect();
        if !specs.is_empty() {
            filter.insert("filterSpecs".to_owned(), Value::Array(specs));
        }
        return;
    }
    let of_column = |spec: &Value| {
        let column = spec.get("columnIndex").and_then(Value::as_u64).unwrap_or(0);
        (column.to_string(), spec.get("filterCriteria").cloned().unwrap_or_else(|| json!({})))
    };
    filter.insert("criteria".to_owned(), Value::Object(specs.iter().map(of_column).collect()));
}

/// Removes `sheetId` 0 from the ranges and coordinates of a message, as on Google's wire
/// (recorded).
pub(crate) fn remove_first_sheet_id(value: &Value) -> Value {
    const FORMAT_MEMBERS: [&str; 9] = [
        "startRowIndex",
        "endRowIndex",
        "startColumnIndex",
        "endColumnIndex",
        "rowIndex",
        "columnIndex",
        "dimension",
        "startIndex",
        "endIndex",
    ];
    match value {
        Value::Object(members) => {
            let is_place = members.keys().all(|name| name == "sheetId" || FORMAT_MEMBERS.contains(&name.as_str()));
            let first = |name: &str, value: &Value| is_place && name == "sheetId" && *value == json!(0);
            let is_set = members.iter().filter(|(name, value)| !first(name, value));
            is_set.map(|(name, value)| (name.clone(), remove_first_sheet_id(value))).collect()
        }
        Value::Array(items) => items.iter().map(remove_first_sheet_id).collect(),
        other => other.clone(),
    }
}

/// Returns a protected range as `spreadsheets.get` writes it. Its creator is among its editors
/// (recorded); the reply to `addProtectedRange` omits them. A warning has no editors. A protected
/// name also has its cells, which pygsheets reads.
pub(crate) fn render_protected_range(body: &Value, named: Option<&NamedRange>) -> Value {
    let added_by = body.get(ADDED_BY).and_then(Value::as_str).unwrap_or(TEST_ACCOUNT);
    let can_edit = may_edit(body, TEST_ACCOUNT);
    let mut body = render_stored_object("protected", body);
    if let Some(named) = named {
        body["range"] = named.range.to_json();
    }
    if let (false, Some(members)) = (can_edit, body.as_object_mut()) {
        members.shift_remove("requestingUserCanEdit");
    }
    if body.get("warningOnly") == Some(&Value::Bool(true)) {
        return body;
    }
    if let Some(members) = body.as_object_mut() {
        let editors = members.entry("editors").or_insert_with(|| json!({}));
        let known = editors.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
        if !known.iter().any(|user| user == added_by) {
            editors["users"] = known.into_iter().chain([Value::from(added_by)]).collect();
        }
    }
    body
}

/// Returns the kind of stored row or column groups.
pub(crate) fn name_groups_kind(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "row group",
        Dimension::Columns => "column group",
    }
}

/// Removes false and empty members at any depth, which Google's wire omits.
pub(crate) fn remove_defaults(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let remaining = members.into_iter().map(|(name, value)| (name, remove_defaults(value)));
            let is_set = |value: &Value| {
                !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]) && *value != json!("")
            };
            Value::Object(remaining.filter(|(_, value)| is_set(value)).collect())
        }
        Value::Array(items) => items.into_iter().map(remove_defaults).collect(),
        other => other,
    }
}

/// Returns the URL of the spreadsheet in a browser.
pub(crate) fn build_spreadsheet_url(id: &str) -> String {
    format!("https://docs.google.com/spreadsheets/d/{id}/edit")
}

/// Returns `properties.defaultFormat` of the recordings.
pub(crate) fn build_default_format() -> Value {
    json!({
        "backgroundColor": {"red": 1, "green": 1, "blue": 1},
        "padding": {"top": 2, "right": 3, "bottom": 2, "left": 3},
        "verticalAlignment": "BOTTOM",
        "wrapStrategy": "OVERFLOW_CELL",
        "textFormat": {
            "foregroundColor": {}, "fontFamily": "arial,sans,sans-serif", "fontSize": 10, "bold": false,
            "italic": false, "strikethrough": false, "underline": false, "foregroundColorStyle": {"rgbColor": {}}
        },
        "backgroundColorStyle": {"rgbColor": {"red": 1, "green": 1, "blue": 1}}
    })
}

/// Returns the format of a cell without one of its own. Its font is the theme's, as recorded: the
/// spreadsheet's `defaultFormat` names another one.
pub(crate) fn build_default_effective_format(properties: &SpreadsheetProperties) -> Value {
    let mut format = build_default_format();
    let changed = properties.extra.get("spreadsheetTheme").and_then(|theme| theme.get("primaryFontFamily"));
    format["textFormat"]["fontFamily"] = changed.cloned().unwrap_or_else(|| build_theme()["primaryFontFamily"].clone());
    format["hyperlinkDisplayType"] = "PLAIN_TEXT".into();
    format
}

fn build_theme() -> Value {
    let colour = |kind: &str, rgb: Value| json!({"colorType": kind, "color": {"rgbColor": rgb}});
    json!({
        "primaryFontFamily": "Arial",
        "themeColors": [
            colour("TEXT", json!({})),
            colour("BACKGROUND", json!({"red": 1, "green": 1, "blue": 1})),
            colour("ACCENT1", json!({"red": 0.258_823_54, "green": 0.521_568_66, "blue": 0.956_862_75})),
            colour("ACCENT2", json!({"red": 0.917_647_06, "green": 0.262_745_1, "blue": 0.207_843_14})),
            colour("ACCENT3", json!({"red": 0.984_313_7, "green": 0.737_254_9, "blue": 0.015_686_275})),
            colour("ACCENT4", json!({"red": 0.203_921_57, "green": 0.658_823_55, "blue": 0.325_490_2})),
            colour("ACCENT5", json!({"red": 1, "green": 0.427_450_98, "blue": 0.003_921_569})),
            colour("ACCENT6", json!({"red": 0.274_509_82, "green": 0.741_176_5, "blue": 0.776_470_6})),
            colour("LINK", json!({"red": 0.066_666_67, "green": 0.333_333_34, "blue": 0.8}))
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_returned_in_both_of_its_forms() {
        let one =
            json!({"textFormat": {"foregroundColor": {"red": 1}}, "backgroundColorStyle": {"rgbColor": {"blue": 1}}});
        let both = add_both_colors(&one);
        assert_eq!(both["textFormat"]["foregroundColorStyle"], json!({"rgbColor": {"red": 1}}));
        assert_eq!(both["backgroundColor"], json!({"blue": 1}));
        let theme = json!({"backgroundColorStyle": {"themeColor": "ACCENT1"}});
        assert_eq!(add_both_colors(&theme), theme);
        let border = add_both_colors(&json!({"top": {"style": "SOLID", "color": {"blue": 1}}}));
        assert_eq!(border["top"]["colorStyle"], json!({"rgbColor": {"blue": 1}}));
    }

    #[test]
    fn a_filter_shows_both_forms_of_its_criteria() {
        let (hidden, other) = (json!({"hiddenValues": ["a"]}), json!({"condition": {"type": "BLANK"}}));
        let specs = json!([{"columnIndex": 0, "filterCriteria": hidden}, {"columnIndex": 2, "filterCriteria": other}]);
        let criteria = json!({"0": hidden, "2": other});
        let both = json!({"range": {}, "filterSpecs": specs, "criteria": criteria});
        assert_eq!(render_stored_object("filter", &json!({"range": {}, "filterSpecs": specs})), both);
        assert_eq!(render_stored_object("filter view", &json!({"range": {}, "criteria": criteria})), both);
        let older = json!({"filterSpecs": specs, "criteria": {"9": {}}});
        assert_eq!(render_stored_object("filter", &older)["criteria"], criteria);
        assert_eq!(render_stored_object("filter", &json!({"range": {}})), json!({"range": {}}));
    }

    /// Seen in recorded answers of `spreadsheets.get` with grid data.
    #[test]
    fn the_effective_font_is_the_themes() {
        let properties = SpreadsheetProperties::default();
        assert_eq!(build_default_effective_format(&properties)["textFormat"]["fontFamily"], "Arial");
        assert_eq!(build_default_format()["textFormat"]["fontFamily"], "arial,sans,sans-serif");
        let theme = Map::from_iter([("spreadsheetTheme".to_owned(), json!({"primaryFontFamily": "Roboto"}))]);
        let properties = SpreadsheetProperties { extra: theme, ..properties };
        assert_eq!(build_default_effective_format(&properties)["textFormat"]["fontFamily"], "Roboto");
    }

    #[test]
    fn the_first_sheet_is_not_named_in_ranges() {
        let rule = json!({"ranges": [{"sheetId": 0, "endRowIndex": 1}, {"sheetId": 7}], "properties": {"sheetId": 0, "title": "x"}});
        let shown = remove_first_sheet_id(&rule);
        assert_eq!(shown["ranges"], json!([{"endRowIndex": 1}, {"sheetId": 7}]));
        assert_eq!(shown["properties"], json!({"sheetId": 0, "title": "x"}));
    }
}
