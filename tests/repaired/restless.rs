//! A repair whose reads a person edits between: nothing is planned from two moments.

use sheetkeep::fault::Fault;

use super::hit;

#[tokio::test(start_paused = true)]
async fn no_repair_is_planned_while_its_reads_differ() {
    let mut desk = hit().await;
    let (proxy, before) = (desk.proxy.clone(), desk.row_of("k3").await);
    let deeds = async {
        for nth in 0_u64.. {
            proxy.after_calls(1).await;
            proxy.type_in("Data", 3, 3, &format!("hers {nth}")).await;
        }
    };
    let ended = tokio::select! {
        ended = desk.run() => ended,
        () = deeds => Ok(()),
    };
    let error = ended.expect_err("it never stands still");
    assert_eq!(error.fault(), Fault::Corrupt, "{error}");
    assert!(error.to_string().contains("1 are misplaced, and the next run repairs them"), "{error}");
    assert_eq!(desk.row_of("k3").await, before, "nothing was guessed");
    desk.run().await.expect("once it stands still");
    desk.shows("k3", "k3 a1", "k3 b1", "my k3").await;
    desk.shows("k1", "k1 a2", "k1 b2", "my k1").await;
}
