//! A repair whose reads a person edits between: nothing is planned from two moments.

use sheetkeep::fault::Fault;

use super::hit;

#[tokio::test(start_paused = true)]
async fn no_repair_is_planned_while_its_reads_differ() {
    let mut shared_sheet = hit().await;
    let (proxy, before) = (shared_sheet.proxy.clone(), shared_sheet.row_of("k3").await);
    let edits = async {
        for nth in 0_u64.. {
            proxy.after_calls(1).await;
            proxy.type_in("Data", 3, 3, &format!("hers {nth}")).await;
        }
    };
    let ended = tokio::select! {
        ended = shared_sheet.run() => ended,
        () = edits => Ok(()),
    };
    let error = ended.expect_err("it never comes to rest");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    assert!(error.to_string().contains("1 are misplaced, and the next run repairs them"), "{error}");
    assert_eq!(shared_sheet.row_of("k3").await, before, "nothing was guessed");
    shared_sheet.run().await.expect("once it is at rest");
    shared_sheet.shows("k3", "k3 a1", "k3 b1", "my k3").await;
    shared_sheet.shows("k1", "k1 a2", "k1 b2", "my k1").await;
}
