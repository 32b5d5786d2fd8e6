//! Data tabs so large that they are read in pages, with an edit between two of these reads.

use serde_json::{Value, json};

use crate::Desk;

/// Acts after so many calls of a run, then runs twice more: the first may have ended early.
async fn act_after(desk: &mut Desk, calls: u64, deed: Value) {
    let proxy = desk.proxy.clone();
    let acting = async {
        proxy.after_calls(calls).await;
        proxy.hands(deed).await;
    };
    let first = {
        let run = desk.run();
        tokio::pin!(run);
        tokio::select! {
            ended = &mut run => ended,
            () = acting => run.await,
        }
    };
    assert!(first.is_ok() || first.as_ref().is_err_and(|error| error.fault().passes()), "{calls}: {first:?}");
    desk.run().await.expect("the next run");
}

/// The data tab has so many rows that it is read in pages: keys, and all cells.
async fn large_desk() -> Desk {
    let desk = Desk::of(3).await;
    let longer = json!({"sheetId": desk.id().await, "dimension": "ROWS", "length": 60_000});
    desk.proxy.hands(json!([{"appendDimension": longer}])).await;
    desk
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_a_repair_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut desk = large_desk().await;
            desk.versions.insert("k1".into(), 2);
            // The row of k1 moves to the last page, and its write hits the row of k2.
            let moved = desk.moved("ROWS", 1, 59_001).await;
            desk.run_and_vanish(moved).await;
            let deed = desk.moved("ROWS", from, to).await;
            act_after(&mut desk, calls, deed).await;
            for (key, version) in [("k1", 2), ("k2", 1), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                desk.shows(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_pages_of_keys_is_kept() {
    for calls in 0..20 {
        for (from, to) in [(59_000, 1), (1, 59_500)] {
            let mut desk = large_desk().await;
            let moved = desk.moved("ROWS", 1, 59_001).await;
            desk.proxy.hands(moved).await;
            desk.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
            let deed = desk.moved("ROWS", from, to).await;
            act_after(&mut desk, calls, deed).await;
            for (key, version) in [("k1", 2), ("k2", 2), ("k3", 1)] {
                let cell = |column: &str| format!("{key} {column}{version}");
                desk.shows(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
            }
        }
    }
}
