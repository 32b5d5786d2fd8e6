//! Data tabs so large that they are read in pages, with an edit between two of these reads.

use serde_json::{Value, json};

use crate::repaired::SharedSheet;

/// Acts after so many calls of a run, then runs twice more: the first may have ended early.
async fn act_after(shared_sheet: &mut SharedSheet, calls: u64, edit: Value) {
    let proxy = shared_sheet.proxy.clone();
    let acting = async {
        proxy.after_calls(calls).await;
        proxy.hands(edit).await;
    };
    let first = {
        let run = shared_sheet.run();
        tokio::pin!(run);
        tokio::select! {
            ended = &mut run => ended,
            () = acting => run.await,
        }
    };
    assert!(first.is_ok() || first.as_ref().is_err_and(|error| error.fault().passes()), "{calls}: {first:?}");
    shared_sheet.run().await.expect("the next run");
}

/// The data tab has so many rows that it is read in pages: keys, and all cells.
async fn large_sheet() -> SharedSheet {
    let shared_sheet = SharedSheet::of(3).await;
    let longer = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "length": 60_000});
    shared_sheet.proxy.hands(json!([{"appendDimension": longer}])).await;
    shared_sheet
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_a_repair_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut shared_sheet = large_sheet().await;
            shared_sheet.versions.insert("k1".into(), 2);
            // The row of k1 moves to the last page, and its write hits the row of k2.
            let moved = shared_sheet.moved("ROWS", 1, 59_001).await;
            shared_sheet.run_and_vanish(moved).await;
            let edit = shared_sheet.moved("ROWS", from, to).await;
            act_after(&mut shared_sheet, calls, edit).await;
            for (key, version) in [("k1", 2), ("k2", 1), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                shared_sheet.shows(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_keys_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut shared_sheet = large_sheet().await;
            let moved = shared_sheet.moved("ROWS", 1, 59_001).await;
            shared_sheet.proxy.hands(moved).await;
            shared_sheet.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
            let edit = shared_sheet.moved("ROWS", from, to).await;
            act_after(&mut shared_sheet, calls, edit).await;
            for (key, version) in [("k1", 2), ("k2", 2), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                shared_sheet.shows(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}
