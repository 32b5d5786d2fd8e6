//! Conditional formats as `effectiveFormat` shows them.

use serde_json::{Value, json};

use crate::batch::tests::calls::{refusal, send, store};
use crate::methods::values_write::update;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

#[expect(clippy::needless_pass_by_value, reason = "a test hands over what `json!` made")]
fn put(store: &SpreadsheetStore, range: &str, values: Value) {
    let words = json!({"valueInputOption": "USER_ENTERED"});
    let body = json!({ "values": values });
    update(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
}

/// A range of rows and columns of the first sheet.
fn range(rows: (u32, u32), columns: (u32, u32)) -> Value {
    json!({"sheetId": 0, "startRowIndex": rows.0, "endRowIndex": rows.1,
        "startColumnIndex": columns.0, "endColumnIndex": columns.1})
}

#[expect(clippy::needless_pass_by_value, reason = "a test hands over what `json!` made")]
fn rule(ranges: Value, condition: &str, values: &[&str], format: Value) -> Value {
    let values: Vec<Value> = values.iter().map(|value| json!({ "userEnteredValue": value })).collect();
    json!({"ranges": [ranges], "booleanRule": {"condition": {"type": condition, "values": values}, "format": format}})
}

fn add(store: &SpreadsheetStore, rule: &Value, index: u32) {
    send(store, json!([{"addConditionalFormatRule": {"rule": rule, "index": index}}])).unwrap();
}

fn make_red_format() -> Value {
    json!({"backgroundColor": {"red": 1}})
}

/// Returns the cells of a range with a red background, row by row.
fn red_cells(store: &SpreadsheetStore, range: &str) -> Vec<String> {
    let mask = ResponseMask::parse("sheets.data.rowData.values.effectiveFormat", "Spreadsheet").unwrap();
    let answer = get(store, "s", vec![range.to_owned()], false, &mask).unwrap();
    let rows = answer["sheets"][0]["data"][0]["rowData"].as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (row, cells) in (1..).zip(rows) {
        for (column, cell) in ('A'..).zip(cells["values"].as_array().into_iter().flatten()) {
            if cell["effectiveFormat"]["backgroundColor"] == json!({"red": 1}) {
                assert_eq!(cell["effectiveFormat"]["backgroundColorStyle"], json!({"rgbColor": {"red": 1}}));
                found.push(format!("{column}{row}"));
            }
        }
    }
    found
}

/// Returns the red cells of column A under one rule, for these values.
fn red_under(values: &Value, condition: &str, wanted: &[&str]) -> Vec<String> {
    let store = store();
    put(&store, "A1", values.clone());
    put(&store, "D1", json!([["=DATE(2026;11;29)"], [2]]));
    add(&store, &rule(range((0, 8), (0, 1)), condition, wanted, make_red_format()), 0);
    red_cells(&store, "A1:D8")
}

#[test]
fn conditions_on_numbers_colour_numbers_only() {
    let values = json!([[1], [2.5], ["'3"], ["x"], [], [-4], [true], ["=1+1"]]);
    for (condition, wanted, red) in [
        ("NUMBER_GREATER", &["1"][..], &["A2", "A8"][..]),
        ("NUMBER_GREATER_THAN_EQ", &["2.5"], &["A2"]),
        ("NUMBER_LESS", &["100%"], &["A6"]),
        ("NUMBER_LESS_THAN_EQ", &["1"], &["A1", "A6"]),
        ("NUMBER_EQ", &["=$D$2"], &["A8"]),
        ("NUMBER_NOT_EQ", &["2"], &["A1", "A2", "A6"]),
        ("NUMBER_BETWEEN", &["1", "2"], &["A1", "A8"]),
        ("NUMBER_NOT_BETWEEN", &["1", "2"], &["A2", "A6"]),
        ("NUMBER_EQ", &["x"], &[]),
    ] {
        assert_eq!(red_under(&values, condition, wanted), red, "{condition}");
    }
}

#[test]
fn conditions_on_texts_read_what_the_cell_shows() {
    let values = json!([["Failed"], ["not failed"], [12], [], ["=\"\""], ["10%"]]);
    for (condition, wanted, red) in [
        ("TEXT_CONTAINS", &["FAIL"][..], &["A1", "A2"][..]),
        ("TEXT_NOT_CONTAINS", &["a"], &["A3", "A4", "A5", "A6", "A7", "A8"]),
        ("TEXT_STARTS_WITH", &["fail"], &["A1"]),
        ("TEXT_ENDS_WITH", &["%"], &["A6"]),
        ("TEXT_EQ", &["failed"], &["A1"]),
        ("TEXT_STARTS_WITH", &["1"], &["A3", "A6"]),
        ("BLANK", &[], &["A4", "A5", "A7", "A8"]),
        ("NOT_BLANK", &[], &["A1", "A2", "A3", "A6"]),
        ("ONE_OF_LIST", &["Failed"], &[]),
    ] {
        assert_eq!(red_under(&values, condition, wanted), red, "{condition}");
    }
}

#[test]
fn conditions_on_dates_compare_days() {
    let values = json!([["2026-11-28"], ["2026-11-29 18:00"], ["2026-11-30"], ["soon"], []]);
    for (condition, wanted, red) in [
        ("DATE_EQ", &["11/29/2026"][..], &["A2"][..]),
        ("DATE_BEFORE", &["=D1"], &["A1"]),
        ("DATE_AFTER", &["2026-11-29"], &["A3"]),
        ("DATE_ON_OR_BEFORE", &["2026-11-29"], &["A1", "A2"]),
        ("DATE_ON_OR_AFTER", &["2026-11-29"], &["A2", "A3"]),
        ("DATE_BETWEEN", &["2026-11-29", "2026-11-30"], &["A2", "A3"]),
        ("DATE_NOT_BETWEEN", &["2026-11-29", "2026-11-30"], &["A1"]),
        ("DATE_IS_VALID", &[], &["A1", "A2", "A3"]),
    ] {
        // A relative reference shifts; only the first cell compares with D1.
        assert_eq!(red_under(&values, condition, wanted), red, "{condition}");
    }
}

#[test]
fn a_relative_date_counts_from_the_recalculation() {
    // Without a clock the day of the recalculation is 1970-01-01.
    let store = store();
    put(&store, "A1", json!([["1969-12-31"], ["1970-01-01"], ["1969-12-20"]]));
    let mut before = rule(range((0, 3), (0, 1)), "DATE_BEFORE", &[], make_red_format());
    before["booleanRule"]["condition"]["values"] = json!([{"relativeDate": "PAST_WEEK"}]);
    add(&store, &before, 0);
    assert_eq!(red_cells(&store, "A1:A3"), ["A3"]);
    before["booleanRule"]["condition"]["values"] = json!([{"relativeDate": "TODAY"}]);
    send(&store, json!([{"updateConditionalFormatRule": {"index": 0, "rule": before}}])).unwrap();
    assert_eq!(red_cells(&store, "A1:A3"), ["A1", "A3"]);
}

#[test]
fn a_formula_is_relative_to_the_first_cell_of_its_rule() {
    let store = store();
    put(&store, "A1", json!([["job", "state"], ["a", "OVERDUE"], ["b", "ok"], ["c", "=\"over\"&\"due\""]]));
    add(&store, &rule(range((1, 4), (0, 2)), "CUSTOM_FORMULA", &["=$B2=\"OVERDUE\""], make_red_format()), 0);
    assert_eq!(red_cells(&store, "A1:C5"), ["A2", "B2", "A4", "B4"]);
    let insert = json!({"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    send(&store, json!([{"insertDimension": {"range": insert}}])).unwrap();
    assert_eq!(red_cells(&store, "A1:C6"), ["A3", "B3", "A5", "B5"], "the formula follows inserted rows");
    let delete = json!({"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 3});
    send(&store, json!([{"deleteDimension": {"range": delete}}])).unwrap();
    assert_eq!(red_cells(&store, "A1:C4"), ["A3", "B3"], "and keeps its distance when its first row is deleted");
    let columns = json!({"sheetId": 0, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
    send(&store, json!([{"insertDimension": {"range": columns}}])).unwrap();
    assert_eq!(red_cells(&store, "A1:C4"), ["B3", "C3"]);
}

#[test]
fn the_first_rule_that_holds_decides_a_property() {
    let store = store();
    put(&store, "A1", json!([[5]]));
    let bold = json!({"textFormat": {"bold": true, "foregroundColor": {"blue": 1}}, "backgroundColor": {"green": 1}});
    add(&store, &rule(range((0, 1), (0, 1)), "NUMBER_GREATER", &["1"], make_red_format()), 0);
    add(&store, &rule(range((0, 1), (0, 1)), "NUMBER_GREATER", &["9"], json!({"backgroundColor": {"blue": 1}})), 0);
    add(&store, &rule(range((0, 1), (0, 1)), "NOT_BLANK", &[], bold), 2);
    let answer = get(&store, "s", vec!["A1".to_owned()], true, &ResponseMask::All).unwrap();
    let cell = &answer["sheets"][0]["data"][0]["rowData"][0]["values"][0];
    let format = &cell["effectiveFormat"];
    assert_eq!(format["backgroundColor"], json!({"red": 1}));
    assert_eq!(format["textFormat"]["bold"], json!(true));
    assert_eq!(format["textFormat"]["foregroundColorStyle"], json!({"rgbColor": {"blue": 1}}));
    assert_eq!(format["textFormat"]["fontSize"], json!(10), "the rest stays");
    assert_eq!(cell.get("userEnteredFormat"), None);
}

#[test]
fn a_gradient_is_kept_and_colours_nothing() {
    let store = store();
    put(&store, "A1", json!([[5]]));
    let points =
        json!({"minpoint": {"color": {"red": 1}, "type": "MIN"}, "maxpoint": {"color": {"green": 1}, "type": "MAX"}});
    let gradient = json!({"ranges": [range((0, 1), (0, 1))], "gradientRule": points});
    add(&store, &gradient, 0);
    let sheet = get(&store, "s", Vec::new(), true, &ResponseMask::All).unwrap()["sheets"][0].clone();
    let kept = &sheet["conditionalFormats"][0]["gradientRule"];
    assert_eq!(kept["minpoint"]["type"], json!("MIN"));
    assert_eq!(kept["maxpoint"]["color"], json!({"green": 1}));
    assert_eq!(red_cells(&store, "A1"), Vec::<String>::new());
}

#[test]
fn a_rule_that_reads_another_sheet_is_refused() {
    let store = store();
    send(&store, json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Other one"}}}])).unwrap();
    let other = rule(range((0, 1), (0, 1)), "CUSTOM_FORMULA", &["='Other one'!A1>1"], make_red_format());
    assert_eq!(
        refusal(&store, json!([{"addConditionalFormatRule": {"rule": other, "index": 0}}])),
        "Invalid requests[0].addConditionalFormatRule: Conditional format rule cannot reference a different sheet."
    );
    add(&store, &rule(range((0, 1), (0, 1)), "CUSTOM_FORMULA", &["=sheet1!A1=\"\""], make_red_format()), 0);
    assert_eq!(red_cells(&store, "A1:B2"), ["A1"]);
}
