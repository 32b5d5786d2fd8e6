//! Checks of named ranges: their ids and names, and whether a missing one refuses a batch.
//!
//! In scope: these checks, with the guard's own requests.
//! Out of scope: retries (`store::probe::run`).

use crate::sheets_client::types::requests::{Batch, Request};
use crate::store::guard::head_guard::BatchStep;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, SentBatch};
use crate::store::probe::tabs::{check_refused, check_whole_batch_refused};

/// A named range that was created: the requested id, the assigned id, the name.
struct CreatedName {
    wanted: String,
    id: String,
    name: String,
}

/// Creates a named range for a cell of the shared tab.
async fn create(client: &ProbeClient) -> Result<CreatedName, ProbeFailure> {
    let (wanted, name) = (client.scratch.next_id(), client.scratch.next_name());
    let response = client.prepare(add(client, &wanted, &name)?).await?;
    let id = response.added_name(0).map(str::to_owned);
    let id =
        id.ok_or_else(|| ProbeFailure::Inconclusive("the response does not contain the id of a new name".to_owned()))?;
    Ok(CreatedName { wanted, id, name })
}

fn add(client: &ProbeClient, id: &str, name: &str) -> Result<Vec<Request>, ProbeFailure> {
    let op = BatchStep::AddRange { id: id.to_owned(), name: name.to_owned(), tab: client.open_shared_tab()?.id };
    Ok(op.make_request().into_iter().collect())
}

/// Deletes a named range that never existed, before a write.
pub async fn delete_missing_name(client: &ProbeClient) -> CheckResult {
    let never = BatchStep::DeleteRange { id: client.scratch.next_id() };
    check_whole_batch_refused(client, never.make_request(), false).await
}

/// Creates a named range with an id of our choice.
pub async fn check_caller_id(client: &ProbeClient) -> CheckResult {
    let created = create(client).await?;
    let kept = created.id == created.wanted;
    Ok((AssumptionOutcome::from_held(kept), if kept { "it was kept" } else { "another id was given" }.to_owned()))
}

/// Creates another named range with an id that is taken.
pub async fn check_taken_id(client: &ProbeClient) -> CheckResult {
    let created = create(client).await?;
    let other = client.scratch.next_name();
    check_refused(client, add(client, &created.id, &other)?, 0).await
}

/// Creates a named range with a name that is taken.
pub async fn check_taken_name(client: &ProbeClient) -> CheckResult {
    let created = create(client).await?;
    let other = client.scratch.next_id();
    check_refused(client, add(client, &other, &created.name)?, 0).await
}

/// Deletes a named range and adds its name again in one batch.
pub async fn check_readded_name(client: &ProbeClient) -> CheckResult {
    let created = create(client).await?;
    let new = client.scratch.next_id();
    let drop = BatchStep::DeleteRange { id: created.id }.make_request();
    let requests = drop.into_iter().chain(add(client, &new, &created.name)?).collect();
    match client.send(Batch::new(requests)).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::Held, "it was free again within the batch".to_owned())),
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::NotHeld, refusal.message)),
    }
}
