//! Embedded objects, filters and sorting.

use serde_json::{Value, json};

use crate::batch::tests::calls::{refusal, send, store, texts};
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

fn sheet(store: &SpreadsheetStore) -> Value {
    get(store, "s", Vec::new(), true, &ResponseMask::All).unwrap()["sheets"][0].clone()
}

/// A header and three rows of a text and a number.
fn make_filled_store() -> SpreadsheetStore {
    let store = store();
    let row = |text: &str, number: f64| json!({"values": [{"userEnteredValue": {"stringValue": text}}, {"userEnteredValue": {"numberValue": number}}]});
    let head = json!({"values": [{"userEnteredValue": {"stringValue": "word"}}, {"userEnteredValue": {"stringValue": "count"}}]});
    let rows = json!([head, row("pear", 3.0), row("fig", 1.0), row("plum", 2.0)]);
    send(&store, json!([{"updateCells": {"start": {}, "fields": "*", "rows": rows}}])).unwrap();
    store
}

fn hidden(store: &SpreadsheetStore) -> Vec<usize> {
    let sheet = sheet(store);
    let rows = sheet["data"][0]["rowMetadata"].as_array().cloned().unwrap_or_default();
    (0..rows.len()).filter(|row| rows[*row]["hiddenByFilter"] == true).collect()
}

#[test]
fn a_chart_is_kept_moved_respecified_and_deleted() {
    let store = store();
    let anchor = |row: u32| json!({"overlayPosition": {"anchorCell": {"rowIndex": row}}});
    let chart = json!({"chartId": 7, "spec": {"title": "before"}, "position": anchor(2)});
    let reply = send(&store, json!([{"addChart": {"chart": chart}}])).unwrap();
    assert_eq!(reply[0]["addChart"]["chart"]["chartId"], 7);
    assert_eq!(
        refusal(&store, json!([{"addChart": {"chart": chart}}])),
        "Invalid requests[0].addChart: A chart with id 7 already exists."
    );
    let changes = json!([
        {"updateChartSpec": {"chartId": 7, "spec": {"title": "after"}}},
        {"updateEmbeddedObjectPosition": {"objectId": 7, "newPosition": anchor(5), "fields": "*"}}
    ]);
    send(&store, changes).unwrap();
    let shown = sheet(&store)["charts"][0].clone();
    assert_eq!(shown["spec"]["title"], "after");
    assert_eq!(shown["position"]["overlayPosition"]["anchorCell"]["rowIndex"], 5);
    send(&store, json!([{"deleteEmbeddedObject": {"objectId": 7}}])).unwrap();
    assert_eq!(sheet(&store).get("charts"), None);
    assert_eq!(
        refusal(&store, json!([{"deleteEmbeddedObject": {"objectId": 7}}])),
        "Invalid requests[0].deleteEmbeddedObject: No embedded object with id: 7"
    );
}

#[test]
fn banding_and_filter_views_change_by_mask_and_have_own_ids() {
    let store = make_filled_store();
    let range = json!({"startRowIndex": 0, "endRowIndex": 4, "startColumnIndex": 0, "endColumnIndex": 2});
    let reply = send(
        &store,
        json!([
            {"addBanding": {"bandedRange": {"range": range, "rowProperties": {"firstBandColor": {"red": 1}}}}},
            {"addFilterView": {"filter": {"title": "mine", "range": range}}}
        ]),
    )
    .unwrap();
    let banding = reply[0]["addBanding"]["bandedRange"]["bandedRangeId"].as_i64().unwrap();
    let view = reply[1]["addFilterView"]["filter"]["filterViewId"].as_i64().unwrap();
    let narrow = json!({"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 0, "endColumnIndex": 1});
    let reply = send(
        &store,
        json!([
            {"updateBanding": {"bandedRange": {"bandedRangeId": banding, "range": narrow}, "fields": "range"}},
            {"updateFilterView": {"filter": {"filterViewId": view, "title": "ours"}, "fields": "title"}},
            {"duplicateFilterView": {"filterId": view}}
        ]),
    )
    .unwrap();
    let sheet = sheet(&store);
    assert_eq!(sheet["bandedRanges"][0]["range"]["endRowIndex"], 3);
    assert_eq!(sheet["bandedRanges"][0]["rowProperties"]["firstBandColor"]["red"], 1.0);
    assert_eq!(reply[2]["duplicateFilterView"]["filter"]["title"], "Copy of ours");
    assert_ne!(reply[2]["duplicateFilterView"]["filter"]["filterViewId"], view);
    assert_eq!(sheet["filterViews"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_basic_filter_sorts_below_the_header_and_hides_rows() {
    let store = make_filled_store();
    let filter = json!({
        "range": {"startRowIndex": 0, "endRowIndex": 4, "startColumnIndex": 0, "endColumnIndex": 2},
        "sortSpecs": [{"dimensionIndex": 1, "sortOrder": "DESCENDING"}],
        "filterSpecs": [
            {"columnIndex": 0, "filterCriteria": {"hiddenValues": ["fig"]}},
            {"columnIndex": 1, "filterCriteria": {"condition": {"type": "NUMBER_LESS", "values": [{"userEnteredValue": "3"}]}}}
        ]
    });
    send(&store, json!([{"setBasicFilter": {"filter": filter}}])).unwrap();
    let words: Vec<_> = texts(&store, 0).iter().map(|row| row[0].clone()).collect();
    assert_eq!(words, ["word", "pear", "plum", "fig"]);
    assert_eq!(hidden(&store), [1, 3]);
    send(&store, json!([{"clearBasicFilter": {}}])).unwrap();
    assert_eq!(hidden(&store), [0_usize; 0]);
}

#[test]
fn a_banding_has_colours_and_lies_on_no_other() {
    let store = store();
    let colours = json!({"firstBandColor": {"red": 1}});
    let band = |id: u32, start: u32, end: u32| json!({"bandedRangeId": id, "range": {"startRowIndex": start, "endRowIndex": end}, "columnProperties": colours});
    let add = |banding: Value| json!([{"addBanding": {"bandedRange": banding}}]);
    send(&store, add(band(1, 0, 4))).unwrap();
    send(&store, add(band(2, 4, 8))).unwrap();
    let over = "You cannot add alternating background colors to a range that already has alternating background \
                colors.";
    assert_eq!(refusal(&store, add(band(3, 3, 9))), format!("Invalid requests[0].addBanding: {over}"));
    let update = |banding: Value, fields: &str| json!([{"updateBanding": {"bandedRange": banding, "fields": fields}}]);
    assert_eq!(refusal(&store, update(band(2, 3, 8), "range")), format!("Invalid requests[0].updateBanding: {over}"));
    send(&store, update(band(2, 5, 9), "range")).unwrap();
    let bare = json!({"bandedRangeId": 2, "range": {"startRowIndex": 20, "endRowIndex": 22}});
    assert!(refusal(&store, add(bare.clone())).ends_with("already exists."));
    assert!(
        refusal(&store, update(bare, "columnProperties")).ends_with("must have rowProperties or columnProperties.")
    );
    let bare = json!({"range": {"startRowIndex": 20, "endRowIndex": 22}});
    assert!(refusal(&store, add(bare)).ends_with("must have rowProperties or columnProperties."));
}

#[test]
fn a_range_with_a_vertical_merge_is_not_sorted() {
    let merge = |start: u32, end: u32| {
        let range = json!({"startRowIndex": start, "endRowIndex": end, "startColumnIndex": 0, "endColumnIndex": 2});
        json!([{"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}}])
    };
    let sort = json!([{"sortRange": {"range": {"startRowIndex": 1}, "sortSpecs": [{"dimensionIndex": 0}]}}]);
    let filter = json!({"range": {"startRowIndex": 0}, "sortSpecs": [{"dimensionIndex": 0}]});
    let filter = json!([{"setBasicFilter": { "filter": filter }}]);
    let store = make_filled_store();
    send(&store, merge(1, 2)).unwrap();
    send(&store, sort.clone()).unwrap();
    send(&store, merge(2, 4)).unwrap();
    let words = "You can't sort a range containing vertical merges.";
    assert_eq!(refusal(&store, sort), format!("Invalid requests[0].sortRange: {words}"));
    assert_eq!(refusal(&store, filter), format!("Invalid requests[0].setBasicFilter: {words}"));
}

#[test]
fn an_unknown_word_of_a_chart_or_a_pivot_is_refused() {
    let store = store();
    let chart = json!({"spec": {"pieChart": {"legendPosition": "NOWHERE"}}});
    assert_eq!(
        refusal(&store, json!([{"addChart": { "chart": chart }}])),
        "Invalid value at 'requests[0].add_chart.chart.spec.pie_chart.legend_position' \
         (type.googleapis.com/google.apps.sheets.v4.PieChartLegendPosition), \"NOWHERE\""
    );
    let pivot = json!({"pivotTable": {"values": [{"summarizeFunction": "SUMS"}]}});
    let write = json!([{"updateCells": {"start": {}, "fields": "pivotTable", "rows": [{"values": [pivot]}]}}]);
    let got = refusal(&store, write);
    assert!(got.contains("PivotStandardValueFunction), \"SUMS\""), "{got}");
}
