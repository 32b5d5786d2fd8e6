//! Formulas of people in rows and headers that a write hit: they come back with the right
//! references.

use serde_json::json;

use super::RepairFixture;

#[tokio::test(start_paused = true)]
async fn a_column_with_a_formula_for_a_header_is_followed() {
    let mut fixture = RepairFixture::with_keys(3).await;
    let id = fixture.data_tab_id().await;
    let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": 4});
    let header = "={\"arr\";ARRAYFORMULA(\"x-\"&A2:A4)}";
    let cell = json!({"values": [{"userEnteredValue": {"formulaValue": header}}]});
    fixture
        .proxy
        .edit_sheet(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}]))
        .await;
    fixture.versions.insert("k2".into(), 2);
    // The user's column moves to where b was.
    let moved = fixture.make_move_request("COLUMNS", 4, 2).await;
    fixture.run_and_die_after_write(moved).await;
    assert!(
        fixture.proxy.tab_rows("Data").await[0].iter().any(|header| header.starts_with("#REF!")),
        "its array is in the way"
    );
    fixture.run().await.expect("the next run");
    fixture.expect_row("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(fixture.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
}

#[tokio::test(start_paused = true)]
async fn an_array_is_free_again_once_the_job_s_value_is_gone() {
    let mut fixture = RepairFixture::with_keys(3).await;
    fixture.proxy.type_text("Data", 0, 4, "arr").await;
    let start = json!({"sheetId": fixture.data_tab_id().await, "rowIndex": 1, "columnIndex": 4});
    let cell = json!({"values": [{"userEnteredValue": {"formulaValue": "=ARRAYFORMULA(\"x-\"&A2:A4)"}}]});
    let filled = json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}]);
    fixture.proxy.edit_sheet(filled).await;
    assert_eq!(fixture.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
    // The user's column moves to where b was; then the value is in the way of the array.
    fixture.versions.insert("k2".into(), 2);
    let moved = fixture.make_move_request("COLUMNS", 4, 2).await;
    fixture.run_and_die_after_write(moved).await;
    let arr = fixture.proxy.column("Data", "arr").await;
    assert!(arr[0].starts_with("#REF!") && arr[1] == "k2 b2", "{arr:?}");
    fixture.run().await.expect("the next run");
    fixture.expect_row("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(fixture.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
    // An array that reaches into a column of the job's is in the way of nothing: the value stays.
    fixture.proxy.type_text("Data", 1, 3, "").await;
    let b = json!({"sheetId": fixture.data_tab_id().await, "rowIndex": 1, "columnIndex": 3});
    let over = json!({"values": [{"userEnteredValue": {"formulaValue": "=ARRAYFORMULA(\"y-\"&A2:A4)"}}]});
    fixture
        .proxy
        .edit_sheet(json!([{"updateCells": {"start": b, "fields": "userEnteredValue", "rows": [over]}}]))
        .await;
    fixture.versions.insert("k3".into(), 2);
    fixture.run().await.expect("another version");
    let b = fixture.proxy.column("Data", "b").await;
    assert!(b[0].starts_with("#REF!") && b[1..] == ["k2 b2", "k3 b2"], "{b:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_s_formula_comes_back_with_the_right_references() {
    let mut fixture = RepairFixture::with_keys(3).await;
    let id = fixture.data_tab_id().await;
    let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": 4});
    let formula = |row: u32| json!({"values": [{"userEnteredValue": {"formulaValue": format!("=\"f-\"&D{row}")}}]});
    let header = json!({"values": [{"userEnteredValue": {"stringValue": "f"}}]});
    let rows = json!([header, formula(2), formula(3), formula(4)]);
    fixture
        .proxy
        .edit_sheet(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": rows}}]))
        .await;
    fixture.versions.insert("k2".into(), 2);
    let moved = fixture.make_move_request("COLUMNS", 4, 2).await;
    fixture.run_and_die_after_write(moved).await;
    // The column that the formula refers to moves away before the repair.
    let remark = fixture.proxy.tab_rows("Data").await[0].iter().position(|text| text == "remark").expect("it is there");
    let moved = fixture.make_move_request("COLUMNS", u64::try_from(remark).expect("few"), 0).await;
    fixture.proxy.edit_sheet(moved).await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(fixture.proxy.column("Data", "f").await, ["f-my k1", "f-my k2", "f-my k3"]);
}
