//! Rows whose key a person changes, and columns that she renames, while repairs of them are on
//! their way.

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{RepairFixture, make_misplaced_write};

#[tokio::test(start_paused = true)]
async fn a_row_whose_key_was_changed_gets_no_version_any_more() {
    let mut fixture = make_misplaced_write().await;
    // The rows are k3, k1, k2. That of k1 moves to the end, so that its version hits k2.
    let moved = fixture.make_move_request("ROWS", 2, 4).await;
    let (first_editor, second_editor) = (fixture.proxy.clone(), fixture.proxy.clone());
    fixture.proxy.edit_at_write(1, true, async move { first_editor.edit_sheet(moved).await }.boxed());
    fixture.proxy.edit_at_write(1, false, async move { second_editor.type_text("Data", 3, 0, "odd").await }.boxed());
    fixture.run().await.expect("the next run");
    fixture.expect_row("odd", "k1 a1", "k1 b1", "my k1").await;
    fixture.expect_row("k2", "k2 a1", "k2 b1", "my k2").await;
    fixture.expect_row("k3", "k3 a1", "k3 b1", "my k3").await;
    assert!(fixture.has_event("1 rows that were to be repaired were not found again"), "{:?}", fixture.event_texts);
    assert_eq!(fixture.find_rows("k1").await.len(), 0, "the repair had seen its row");
    fixture.versions.insert("k1".into(), 3);
    fixture.run().await.expect("a newer version");
    fixture.expect_row("k1", "k1 a3", "k1 b3", "").await;
    fixture.expect_row("odd", "k1 a1", "k1 b1", "my k1").await;
}

/// A person gives columns these headers.
fn make_header_requests(id: &Value, headers: &[(u64, &str)]) -> Vec<Value> {
    let typed = |(column, text): &(u64, &str)| {
        let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": column});
        let cell = json!({"values": [{"userEnteredValue": {"stringValue": text}}]});
        json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}})
    };
    headers.iter().map(typed).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_row_under_columns_renamed_twice_loses_no_cell() {
    let mut fixture = RepairFixture::with_keys(2).await;
    let id = fixture.data_tab_id().await;
    fixture.versions.insert("k3".into(), 1);
    // Of id, a, b, remark the second moves to the end. Both of the job's get other headers.
    let mut edits = fixture.make_move_request("COLUMNS", 1, 4).await.as_array().cloned().unwrap_or_default();
    edits.extend(make_header_requests(&id, &[(1, "b, once"), (3, "a, once")]));
    fixture.run_and_die_after_write(json!(edits)).await;
    // Now b moves to the front, and both are renamed again.
    let mut edits = fixture.make_move_request("COLUMNS", 1, 0).await.as_array().cloned().unwrap_or_default();
    edits.extend(make_header_requests(&id, &[(0, "b, twice"), (3, "a, twice")]));
    fixture.proxy.edit_sheet(json!(edits)).await;
    fixture.run().await.expect("the next run");
    for key in ["k1", "k2", "k3"] {
        let row = fixture.find_row(key).await;
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        let remark = if key == "k3" { String::new() } else { format!("my {key}") };
        let shown = [cell("a, twice"), cell("b, twice"), cell("remark")];
        assert_eq!(
            shown,
            [format!("{key} a1"), format!("{key} b1"), remark],
            "{:?}",
            fixture.proxy.tab_rows("Data").await
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_changed_right_before_a_write_comes_in_a_new_row() {
    let mut fixture = RepairFixture::with_keys(2).await;
    fixture.versions.insert("k1".into(), 2);
    let second_editor = fixture.proxy.clone();
    fixture.proxy.edit_at_write(1, true, async move { second_editor.type_text("Data", 1, 0, "odd").await }.boxed());
    fixture.run().await.expect("a run");
    fixture.expect_row("odd", "k1 a1", "k1 b1", "my k1").await;
    fixture.expect_row("k1", "k1 a2", "k1 b2", "").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_changed_before_a_write_comes_though_its_row_goes() {
    let mut fixture = RepairFixture::with_keys(2).await;
    fixture.versions.insert("k1".into(), 2);
    let (second_editor, id) = (fixture.proxy.clone(), fixture.data_tab_id().await);
    fixture.proxy.edit_at_write(1, true, async move { second_editor.type_text("Data", 1, 0, "odd").await }.boxed());
    let proxy = fixture.proxy.clone();
    fixture.proxy.edit_at_write(
        1,
        false,
        async move { proxy.edit_sheet(json!([delete_row_by_key(&id, 1)])).await }.boxed(),
    );
    fixture.run().await.expect("a run");
    assert_eq!(fixture.find_rows("odd").await.len(), 0);
    fixture.expect_row("k1", "k1 a2", "k1 b2", "").await;
    fixture.expect_row("k2", "k2 a1", "k2 b1", "my k2").await;
}

#[tokio::test(start_paused = true)]
async fn a_repaired_row_stays_right_though_its_key_was_changed() {
    for typed in [false, true] {
        let mut fixture = make_misplaced_write().await;
        // The repair restores the row of k3, whose key a person has changed by then.
        let second_editor = fixture.proxy.clone();
        fixture.proxy.edit_at_write(1, true, async move { second_editor.type_text("Data", 1, 0, "odd").await }.boxed());
        if typed {
            let second_editor = fixture.proxy.clone();
            fixture.proxy.edit_at_write(
                1,
                false,
                async move { second_editor.type_text("Data", 1, 3, "hers").await }.boxed(),
            );
        }
        fixture.run().await.expect("the next run");
        fixture.expect_row("odd", "k3 a1", "k3 b1", if typed { "hers" } else { "my k3" }).await;
        fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
        assert_eq!(fixture.find_rows("k3").await.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_done_again_right_after_its_repair_has_one_row() {
    let mut fixture = make_misplaced_write().await;
    // No write has seen the row of k1, which is gone now: the repair creates it. Its key comes again.
    let rows = fixture.proxy.tab_rows("Data").await;
    let at = rows.iter().position(|row| row[0] == "k1").expect("the row of k1");
    fixture.proxy.edit_sheet(json!([delete_row_by_key(&fixture.data_tab_id().await, at)])).await;
    let processed = fixture.proxy.tab_id("Processed j").await;
    let rows = fixture.proxy.tab_rows("Processed j").await;
    let key = rows[0].iter().position(|header| header == "key").expect("a column of keys");
    let own = rows.iter().enumerate().rev().filter(|(_, row)| row.get(key).is_some_and(|text| text == "k1"));
    let edits: Vec<_> = own.map(|(row, _)| delete_row_by_key(&processed, row)).collect();
    fixture.proxy.edit_sheet(json!(edits)).await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k1", "k1 a2", "k1 b2", "").await;
}

/// A person deletes a row, counted from 0.
fn delete_row_by_key(id: &Value, row: usize) -> Value {
    let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
    json!({"deleteDimension": {"range": range}})
}
