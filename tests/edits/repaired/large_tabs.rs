//! Data tabs so large that they are read in pages, with an edit between two of these reads.

use serde_json::{Value, json};

use crate::repaired::RepairFixture;

/// Acts after so many calls of a run, then runs twice more: the first may have ended early.
async fn run_with_edit_after(fixture: &mut RepairFixture, calls: u64, edit: Value) {
    let proxy = fixture.proxy.clone();
    let editing = async {
        proxy.wait_for_calls(calls).await;
        proxy.edit_sheet(edit).await;
    };
    let first = {
        let run = fixture.run();
        tokio::pin!(run);
        tokio::select! {
            ended = &mut run => ended,
            () = editing => run.await,
        }
    };
    assert!(first.is_ok() || first.as_ref().is_err_and(|error| error.fault().passes()), "{calls}: {first:?}");
    fixture.run().await.expect("the next run");
}

/// The data tab has so many rows that it is read in pages: keys, and all cells.
async fn make_large_sheet() -> RepairFixture {
    let fixture = RepairFixture::with_keys(3).await;
    let longer = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "length": 60_000});
    fixture.proxy.edit_sheet(json!([{"appendDimension": longer}])).await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_a_repair_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut fixture = make_large_sheet().await;
            fixture.versions.insert("k1".into(), 2);
            // The row of k1 moves to the last page, and its write hits the row of k2.
            let moved = fixture.make_move_request("ROWS", 1, 59_001).await;
            fixture.run_and_die_after_write(moved).await;
            let edit = fixture.make_move_request("ROWS", from, to).await;
            run_with_edit_after(&mut fixture, calls, edit).await;
            for (key, version) in [("k1", 2), ("k2", 1), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                fixture.expect_row(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_keys_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut fixture = make_large_sheet().await;
            let moved = fixture.make_move_request("ROWS", 1, 59_001).await;
            fixture.proxy.edit_sheet(moved).await;
            fixture.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
            let edit = fixture.make_move_request("ROWS", from, to).await;
            run_with_edit_after(&mut fixture, calls, edit).await;
            for (key, version) in [("k1", 2), ("k2", 2), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                fixture.expect_row(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}
