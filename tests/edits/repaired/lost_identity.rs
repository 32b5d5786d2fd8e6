//! Rows whose key a person changes, and columns that she renames, while repairs of them are on
//! their way.

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{SharedSheet, hit};

#[tokio::test(start_paused = true)]
async fn a_row_whose_key_was_changed_gets_no_version_any_more() {
    let mut shared_sheet = hit().await;
    // The rows are k3, k1, k2. That of k1 moves to the end, so that its version hits k2.
    let moved = shared_sheet.moved("ROWS", 2, 4).await;
    let (hands, typist) = (shared_sheet.proxy.clone(), shared_sheet.proxy.clone());
    shared_sheet.proxy.at_write(1, true, async move { hands.hands(moved).await }.boxed());
    shared_sheet.proxy.at_write(1, false, async move { typist.type_in("Data", 3, 0, "odd").await }.boxed());
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("odd", "k1 a1", "k1 b1", "my k1").await;
    shared_sheet.shows("k2", "k2 a1", "k2 b1", "my k2").await;
    shared_sheet.shows("k3", "k3 a1", "k3 b1", "my k3").await;
    assert!(shared_sheet.says("1 rows that were to be repaired were not found again"), "{:?}", shared_sheet.said);
    assert_eq!(shared_sheet.rows_of("k1").await.len(), 0, "the repair had seen its row");
    shared_sheet.versions.insert("k1".into(), 3);
    shared_sheet.run().await.expect("a newer version");
    shared_sheet.shows("k1", "k1 a3", "k1 b3", "").await;
    shared_sheet.shows("odd", "k1 a1", "k1 b1", "my k1").await;
}

/// A person gives columns these headers.
fn renamed(id: &Value, headers: &[(u64, &str)]) -> Vec<Value> {
    let typed = |(column, text): &(u64, &str)| {
        let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": column});
        let cell = json!({"values": [{"userEnteredValue": {"stringValue": text}}]});
        json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}})
    };
    headers.iter().map(typed).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_row_under_columns_renamed_twice_loses_no_cell() {
    let mut shared_sheet = SharedSheet::of(2).await;
    let id = shared_sheet.id().await;
    shared_sheet.versions.insert("k3".into(), 1);
    // Of id, a, b, remark the second moves to the end. Both of the job's get other headers.
    let mut edits = shared_sheet.moved("COLUMNS", 1, 4).await.as_array().cloned().unwrap_or_default();
    edits.extend(renamed(&id, &[(1, "b, once"), (3, "a, once")]));
    shared_sheet.run_and_vanish(json!(edits)).await;
    // Now b moves to the front, and both are renamed again.
    let mut edits = shared_sheet.moved("COLUMNS", 1, 0).await.as_array().cloned().unwrap_or_default();
    edits.extend(renamed(&id, &[(0, "b, twice"), (3, "a, twice")]));
    shared_sheet.proxy.hands(json!(edits)).await;
    shared_sheet.run().await.expect("the next run");
    for key in ["k1", "k2", "k3"] {
        let row = shared_sheet.row_of(key).await;
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        let remark = if key == "k3" { String::new() } else { format!("my {key}") };
        let shown = [cell("a, twice"), cell("b, twice"), cell("remark")];
        assert_eq!(
            shown,
            [format!("{key} a1"), format!("{key} b1"), remark],
            "{:?}",
            shared_sheet.proxy.tab("Data").await
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_changed_right_before_a_write_comes_in_a_new_row() {
    let mut shared_sheet = SharedSheet::of(2).await;
    shared_sheet.versions.insert("k1".into(), 2);
    let typist = shared_sheet.proxy.clone();
    shared_sheet.proxy.at_write(1, true, async move { typist.type_in("Data", 1, 0, "odd").await }.boxed());
    shared_sheet.run().await.expect("a run");
    shared_sheet.shows("odd", "k1 a1", "k1 b1", "my k1").await;
    shared_sheet.shows("k1", "k1 a2", "k1 b2", "").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_done_again_right_after_its_repair_has_one_row() {
    let mut shared_sheet = hit().await;
    // No write has seen the row of k1, which is gone now: the repair creates it. Its key comes again.
    let rows = shared_sheet.proxy.tab("Data").await;
    let at = rows.iter().position(|row| row[0] == "k1").expect("the row of k1");
    shared_sheet.proxy.hands(json!([deleted(&shared_sheet.id().await, at)])).await;
    let processed = shared_sheet.proxy.id_of("Processed j").await;
    let rows = shared_sheet.proxy.tab("Processed j").await;
    let key = rows[0].iter().position(|header| header == "key").expect("a column of keys");
    let own = rows.iter().enumerate().rev().filter(|(_, row)| row.get(key).is_some_and(|text| text == "k1"));
    let edits: Vec<_> = own.map(|(row, _)| deleted(&processed, row)).collect();
    shared_sheet.proxy.hands(json!(edits)).await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k1", "k1 a2", "k1 b2", "").await;
}

/// A person deletes a row, counted from 0.
fn deleted(id: &Value, row: usize) -> Value {
    let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
    json!({"deleteDimension": {"range": range}})
}
