//! Pasted texts, shuffled rows, and limits on rows and metadata.

use serde_json::{Value, json};

use crate::batch::tests::calls::{refusal, send, store, texts};

/// Pastes data at the first cell.
fn paste(data: &str) -> Value {
    json!({"pasteData": {"coordinate": {"sheetId": 0}, "data": data, "delimiter": "\t", "type": "PASTE_NORMAL"}})
}

fn column(rows: u32) -> Value {
    json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": rows, "startColumnIndex": 0, "endColumnIndex": 1})
}

#[test]
fn pasted_data_is_cut_at_its_delimiter_and_read_as_if_typed() {
    let store = store();
    assert_eq!(send(&store, json!([paste("A\tB\n1\t=1+1\n\"x\ty\"")])).unwrap(), json!([{}]));
    assert_eq!(texts(&store, 0), [vec!["A", "B"], vec!["1", "=1+1"], vec!["x\ty"]]);
    let html = json!([{"pasteData": {"coordinate": {}, "data": "<b>x</b>", "html": true}}]);
    assert_eq!(send(&store, html).unwrap_err().code, 422);
}

#[test]
fn texts_are_split_at_the_named_given_or_found_delimiter() {
    for (kind, delimiter, text, parts) in [
        ("COMMA", "", "a, b,c", vec!["a", "b", "c"]),
        ("CUSTOM", "::", "a::b", vec!["a", "b"]),
        ("AUTODETECT", "", "a;b", vec!["a", "b"]),
        ("AUTODETECT", "", "ab", vec!["ab"]),
    ] {
        let store = store();
        let split = json!({"source": column(5), "delimiterType": kind, "delimiter": delimiter});
        send(&store, json!([paste(text), { "textToColumns": split }])).unwrap();
        assert_eq!(texts(&store, 0), [parts], "{kind}");
    }
    let wide = json!([{"textToColumns": {"source": {"sheetId": 0}, "delimiterType": "COMMA"}}]);
    let got = "Invalid requests[0].textToColumns: The source must be a single column.";
    assert_eq!(refusal(&store(), wide), got);
}

#[test]
fn rows_in_random_order_are_the_same_rows() {
    let store = store();
    let data: Vec<String> = (0..20).map(|n| format!("row {n:02}")).collect();
    send(&store, json!([paste(&data.join("\n")), {"randomizeRange": {"range": column(30)}}])).unwrap();
    let mixed: Vec<String> = texts(&store, 0).concat();
    assert_ne!(mixed, data);
    let mut sorted = mixed;
    sorted.sort();
    assert_eq!(sorted, data);
}

#[test]
fn blank_rows_are_no_duplicates() {
    let store = store();
    let note = json!({"repeatCell": {"range": column(9), "cell": {"note": "n"}, "fields": "note"}});
    let replies = send(&store, json!([paste("a\n\nA\nb"), note, {"deleteDuplicates": {"range": column(9)}}])).unwrap();
    assert_eq!(replies[2], json!({"deleteDuplicates": {"duplicatesRemovedCount": 1}}));
    assert_eq!(texts(&store, 0).concat(), ["a", "", "b", "", "", "", "", ""]);
    let again = send(&store, json!([{"deleteDuplicates": {"range": column(9)}}])).unwrap();
    assert_eq!(again[0], json!({"deleteDuplicates": {}}));
}

#[test]
fn metadata_is_bounded_per_spreadsheet_and_per_sheet() {
    let store = store();
    let mark = |id: u32, location: Value, size: usize| {
        json!([{"createDeveloperMetadata": {"developerMetadata": {"metadataId": id, "metadataKey": "k", "metadataValue": "x".repeat(size - 1),
            "visibility": "DOCUMENT", "location": location}}}])
    };
    let row = json!({"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}});
    send(&store, mark(1, json!({"spreadsheet": true}), 30_000)).unwrap();
    send(&store, mark(2, json!({"sheetId": 0}), 20_000)).unwrap();
    send(&store, mark(3, row.clone(), 10_000)).unwrap();
    let got = "Invalid requests[0].createDeveloperMetadata: \
                Adding the requested developer metadata would exceed the allowed storage limit";
    assert_eq!(refusal(&store, mark(4, row, 1)), got);
}
