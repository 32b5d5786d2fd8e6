//! Recorded exchanges. Each file of `fixtures/wire/` is one. Calls of the same API prepare the
//! spreadsheet. The status and the body must then be Google's, except for ids that the service draws.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sheets_emulator::EmulatorOptions;

use crate::client::{Client, ID, start};

/// Prepares the spreadsheet for a sample.
async fn set_the_scene(client: &Client, sample: &str) {
    let cactus = "🌵 test_values_batch_get 1";
    let add_cactus = json!([{"addSheet": {"properties": {"title": cactus,
        "gridProperties": {"rowCount": 10, "columnCount": 10}}}}]);
    let ten = |name: &str, first: u32| -> Value { (first..first + 10).map(|n| format!("{name} {n}")).collect() };
    match sample {
        "values-get" => client.rows("A1", json!([ten("test_append_row", 1)])).await,
        "values-append" => client.rows("A1", json!([ten("test_delete_row", 1)])).await,
        "values-update" => client.batch(add_cactus).await,
        "values-batch-get" => {
            client.batch(add_cactus).await;
            client.rows(&format!("'{cactus}'!A1"), json!([["🍇", "🍉", "🍋"], ["🍐", "🍎", "🍓"]])).await;
        }
        "spreadsheets-get" => {
            let title = json!({"properties": {"title": "Test WorksheetTest test_append_row"}, "fields": "title"});
            client.batch(json!([{"updateSpreadsheetProperties": title}])).await;
        }
        "spreadsheets-get-fields" => {
            let note = |row: u32, column: u32, note: &str| {
                json!({"updateCells": {"start": {"rowIndex": row, "columnIndex": column}, "fields": "note",
                       "rows": [{"values": [{ "note": note }]}]}})
            };
            let notes =
                [note(0, 0, "read my note"), note(1, 1, "Or don't"), note(2, 0, "another note"), note(2, 2, "test")];
            client.batch(json!(notes)).await;
        }
        "error-403" => {
            let body = json!([{"status": 403}]);
            assert_eq!(client.call("POST", "/_emulator/faults", Some(&body)).await.0, 200);
        }
        "error-429" => {
            for _ in 0..60 {
                assert_eq!(client.call("GET", &format!("/v4/spreadsheets/{ID}"), None).await.0, 200);
            }
        }
        _ => {}
    }
}

/// Removes ids that the service draws from the comparison.
fn without_drawn_ids(sample: &str, mut body: Value) -> Value {
    let next_input = match sample {
        "batch-update-add-sheet" => "/replies/0/addSheet/properties/sheetId",
        "drive-files-create" => "/id",
        _ => return body,
    };
    *body.pointer_mut(next_input).expect("there is an id") = Value::Null;
    body
}

/// A call that the emulator lacks has an error of its own, and no client tries it again.
#[tokio::test]
async fn what_is_not_implemented_is_answered_422() {
    let client = start(EmulatorOptions::default()).await;
    let table = json!({"requests": [{"addTable": {}}]});
    for (method, path, body) in [
        ("POST", format!("/v4/spreadsheets/{ID}:batchUpdate"), Some(&table)),
        ("GET", "/drive/v3/drives".to_owned(), None),
        ("GET", "/drive/v2/files".to_owned(), None),
        ("POST", "/batch/drive/v3".to_owned(), None),
    ] {
        let (status, refused) = client.call(method, &path, body).await;
        assert_eq!((status, &refused["error"]["status"]), (422, &json!("UNIMPLEMENTED")), "{path}");
        assert!(refused["error"]["message"].as_str().expect("a message").contains("in this emulator"), "{refused}");
    }
    assert_eq!(client.call("GET", "/v9/anything", None).await.0, 404);
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_google_answered_it() {
    let mut replayed = 0;
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/wire")).expect("the samples");
    for entry in folder {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let sample = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let recorded: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("a sample is JSON");
        let quota = (sample == "error-429").then(|| "google".parse().expect("a quota"));
        let client = start(EmulatorOptions { quota, ..EmulatorOptions::default() }).await;
        set_the_scene(&client, &sample).await;
        let request = &recorded["request"];
        let path = request["path"].as_str().expect("a path");
        let path: Vec<String> =
            path.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()).collect();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for pair in request["query"].as_array().expect("a query") {
            query.append_pair(pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
        }
        let target = format!("{}?{}", path.join("/"), query.finish());
        let method = request["method"].as_str().expect("a method");
        let (status, body) = client.call(method, &target, request.get("body")).await;
        let expected = &recorded["response"];
        assert_eq!(json!(status), expected["status"], "{sample}: {body}");
        let expected = without_drawn_ids(&sample, expected["body"].clone());
        assert_eq!(without_drawn_ids(&sample, body), expected, "{sample}");
        replayed += 1;
    }
    assert_eq!(replayed, 19);
}
