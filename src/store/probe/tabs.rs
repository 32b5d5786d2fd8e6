//! Checks of tabs: their ids and titles, and whether a missing one refuses a batch.
//!
//! In scope: these checks.
//! Out of scope: retries (`store::probe::run`).

use crate::sheets_client::types::cell::CellData;
use crate::sheets_client::types::requests::{Batch, Request};
use crate::store::guard::head_guard::BatchStep;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, ProbeTab, SentBatch};

/// Adds the shared scratch tab, with an id of our choice.
pub async fn check_caller_id(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let SentBatch::Applied(response) = client.send(Batch::new(vec![tab.add()])).await.map(refusal_is_unclear)?? else {
        return Err(ProbeFailure::Inconclusive("it was refused".to_owned()));
    };
    let Some(id) = response.added_tab(0) else {
        return Err(ProbeFailure::Inconclusive("the response does not contain the new tab's id".to_owned()));
    };
    let kept = id == tab.id;
    client.set_home(ProbeTab { id, ..tab });
    Ok((AssumptionOutcome::from_held(kept), if kept { "it was kept" } else { "another id was given" }.to_owned()))
}

fn refusal_is_unclear(sent: SentBatch) -> Result<SentBatch, ProbeFailure> {
    match sent {
        SentBatch::Refused(refusal) => {
            Err(ProbeFailure::Inconclusive(format!("a new tab was refused: {}", refusal.message)))
        }
        applied @ SentBatch::Applied(_) => Ok(applied),
    }
}

/// Writes to a tab that never existed, after a cell of one that exists.
pub async fn check_missing_tab(client: &ProbeClient) -> CheckResult {
    let never = BatchStep::AssertTab { tab: client.scratch.next_number() };
    check_whole_batch_refused(client, never.make_request(), true).await
}

/// Sends a batch with one harmless write and one request that must be refused. Checks that the
/// write was not applied.
pub async fn check_whole_batch_refused(
    client: &ProbeClient,
    refused: Option<Request>,
    writes_first: bool,
) -> CheckResult {
    let (home, row) = (client.open_shared_tab()?, client.next_row());
    let mut requests: Vec<Request> =
        refused.into_iter().chain([home.write(row, 0, CellData::text("not to be seen"))]).collect();
    if writes_first {
        requests.reverse();
    }
    let refusal = match client.send(Batch::new(requests)).await? {
        SentBatch::Applied(_) => return Ok((AssumptionOutcome::NotHeld, "the batch was applied".to_owned())),
        SentBatch::Refused(refusal) => refusal,
    };
    // Read within a write: such a read can't be stale.
    let area = format!("{}!A{}", crate::grid::quote_title(&home.title), row + 1);
    let after = Batch::new(vec![home.write(row, 1, CellData::text("after"))]).with_response_ranges(vec![area]);
    let SentBatch::Applied(response) = client.send(after).await? else {
        return Err(ProbeFailure::Inconclusive(format!(
            "refused ({}), and the cell could not be looked at",
            refusal.message
        )));
    };
    match response.entered_text(0, 0) {
        Some("") => Ok((AssumptionOutcome::Held, refusal.message)),
        Some(_) => {
            Ok((AssumptionOutcome::NotHeld, format!("{}; and yet the rest of the batch was written", refusal.message)))
        }
        None => {
            Err(ProbeFailure::Inconclusive(format!("refused ({}), and the response shows no cell", refusal.message)))
        }
    }
}

/// Adds a tab with an id that is taken.
pub async fn check_taken_id(client: &ProbeClient) -> CheckResult {
    let tab = ProbeTab { id: client.open_shared_tab()?.id, title: client.scratch.next_title() };
    check_refused(client, vec![tab.add()], 0).await
}

/// Adds a tab with a title that is taken.
pub async fn check_taken_title(client: &ProbeClient) -> CheckResult {
    let tab = ProbeTab { id: client.scratch.next_number(), title: client.open_shared_tab()?.title.clone() };
    check_refused(client, vec![tab.add()], 0).await
}

/// Adds a tab with the same title in capitals, which no job's tab has.
pub async fn check_title_case(client: &ProbeClient) -> CheckResult {
    // The same batch deletes the second tab, since a cleanup would not recognise its title.
    let tab = ProbeTab { id: client.scratch.next_number(), title: client.open_shared_tab()?.title.to_uppercase() };
    check_refused(client, vec![tab.add(), Request::DeleteSheet { sheet_id: tab.id }], 0).await
}

/// Deletes a tab and adds another one with its title in one batch.
pub async fn check_request_order(client: &ProbeClient) -> CheckResult {
    let old = client.new_tab();
    client.prepare(vec![old.add()]).await?;
    let new = ProbeTab { id: client.scratch.next_number(), title: old.title };
    match client.send(Batch::new(vec![Request::DeleteSheet { sheet_id: old.id }, new.add()])).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::Held, "a title was free again within the batch".to_owned())),
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::NotHeld, refusal.message)),
    }
}

/// Sends a batch and checks that its request `at` is refused, as it must be.
pub async fn check_refused(client: &ProbeClient, requests: Vec<Request>, at: usize) -> CheckResult {
    match client.send(Batch::new(requests)).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::NotHeld, "it was taken".to_owned())),
        SentBatch::Refused(refusal) if refusal.request.is_none_or(|request| request == at) => {
            Ok((AssumptionOutcome::Held, refusal.message))
        }
        SentBatch::Refused(refusal) => Err(ProbeFailure::Inconclusive(refusal.message)),
    }
}
