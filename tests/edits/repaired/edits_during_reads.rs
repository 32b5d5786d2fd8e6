//! A repair whose reads a person edits between: nothing is planned from two moments.

use sheetkeep::fault::Fault;

use super::make_misplaced_write;

#[tokio::test(start_paused = true)]
async fn no_repair_is_planned_while_its_reads_differ() {
    let mut fixture = make_misplaced_write().await;
    let (proxy, before) = (fixture.proxy.clone(), fixture.find_row("k3").await);
    let edits = async {
        for nth in 0_u64.. {
            proxy.wait_for_calls(1).await;
            proxy.type_text("Data", 3, 3, &format!("hers {nth}")).await;
        }
    };
    let ended = tokio::select! {
        ended = fixture.run() => ended,
        () = edits => Ok(()),
    };
    let error = ended.expect_err("it never comes to rest");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    assert!(error.to_string().contains("1 are misplaced, and the next run repairs them"), "{error}");
    assert_eq!(fixture.find_row("k3").await, before, "nothing was guessed");
    fixture.run().await.expect("once it is at rest");
    fixture.expect_row("k3", "k3 a1", "k3 b1", "my k3").await;
    fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
}
