//! Checks of developer metadata on columns.
//!
//! In scope: ids, keys, the size limit, whether metadata follows its column.
//! Out of scope: retries (`store::probe::run`).

use std::time::Duration;

use crate::sheets_client::types::request_objects::{DeveloperMetadata, Dimension, DimensionRange, MetadataLocation};
use crate::sheets_client::types::requests::{Batch, Request};
use crate::sheets_client::types::response_types::ColumnMark;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, ProbeTab, SentBatch};
use crate::store::probe::tabs::check_refused;
use crate::store::tabs::error::convert_call_error;

/// Maximum number of reads, because the first may be older than the write before it.
pub(super) const MAX_READS: u32 = 4;
pub(super) const READ_PAUSE: Duration = Duration::from_secs(1);
/// Characters of metadata that a tab must accept; slightly less than the documented 30,000.
const BUDGET: usize = 29_900;

fn make_column_range(tab: &ProbeTab, at: u32) -> DimensionRange {
    DimensionRange { sheet_id: tab.id, dimension: Dimension::Columns, start_index: at, end_index: at + 1 }
}

fn make_metadata_request(tab: &ProbeTab, at: u32, id: i32, key: &str, value: &str) -> Request {
    Request::CreateDeveloperMetadata {
        developer_metadata: DeveloperMetadata {
            metadata_id: id,
            metadata_key: key.to_owned(),
            metadata_value: value.to_owned(),
            location: MetadataLocation { dimension_range: make_column_range(tab, at) },
            visibility: "DOCUMENT",
        },
    }
}

/// Creates a tab with metadata on its third column. Returns the tab, the key, the requested id and
/// the assigned id.
async fn create_marked_tab(client: &ProbeClient) -> Result<(ProbeTab, String, i32, Option<i64>), ProbeFailure> {
    let (tab, key, id) = (client.new_tab(), client.scratch.next_name(), client.scratch.next_number());
    let response = client.prepare(vec![tab.add(), make_metadata_request(&tab, 2, id, &key, "it")]).await?;
    Ok((tab, key, id, response.added_metadata(1)))
}

/// Reads the metadata with this key until it is as `expected`, or until a read can't be older than
/// the write.
async fn read_marks(
    client: &ProbeClient,
    key: &str,
    expected: impl Fn(&[ColumnMark]) -> bool + Send,
) -> Result<Vec<ColumnMark>, ProbeFailure> {
    let mut found = Vec::new();
    for nth in 0..MAX_READS {
        if nth > 0 {
            client.clock.sleep(READ_PAUSE).await;
        }
        found = client
            .sheets
            .search_column_marks(&client.id, key)
            .await
            .map_err(|error| ProbeFailure::Impossible(convert_call_error(&error)))?;
        if expected(&found) {
            break;
        }
    }
    Ok(found)
}

/// Creates metadata with an id of our choice.
pub async fn check_caller_id(client: &ProbeClient) -> CheckResult {
    let (_, _, wanted, id) = create_marked_tab(client).await?;
    let Some(id) = id else {
        return Err(ProbeFailure::Inconclusive("the response does not contain the mark's id".to_owned()));
    };
    let kept = id == i64::from(wanted);
    Ok((AssumptionOutcome::from_held(kept), if kept { "it was kept" } else { "another id was given" }.to_owned()))
}

/// Creates metadata for another column with an id that is taken.
pub async fn check_taken_id(client: &ProbeClient) -> CheckResult {
    let (tab, _, wanted, id) = create_marked_tab(client).await?;
    let id = id.and_then(|id| i32::try_from(id).ok()).unwrap_or(wanted);
    check_refused(client, vec![make_metadata_request(&tab, 3, id, &client.scratch.next_name(), "another")], 0).await
}

/// Creates metadata with the same key on two columns.
pub async fn check_same_key(client: &ProbeClient) -> CheckResult {
    let (tab, key) = (client.new_tab(), client.scratch.next_name());
    let marks = [(1, "one"), (2, "two")]
        .map(|(at, value)| make_metadata_request(&tab, at, client.scratch.next_number(), &key, value));
    let requests = std::iter::once(tab.add()).chain(marks).collect();
    if let SentBatch::Refused(refusal) = client.send(Batch::new(requests)).await? {
        return Ok((AssumptionOutcome::NotHeld, refusal.message));
    }
    let found = read_marks(client, &key, |found| found.len() == 2).await?;
    Ok((AssumptionOutcome::from_held(found.len() == 2), format!("{} of 2 were found", found.len())))
}

/// Fills a tab's metadata almost to the documented limit.
pub async fn check_budget(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let marks = [1, 2].map(|at| {
        let key = client.scratch.next_name();
        make_metadata_request(&tab, at, client.scratch.next_number(), &key, &"x".repeat(BUDGET / 2 - key.len()))
    });
    let requests = std::iter::once(tab.add()).chain(marks).collect();
    match client.send(Batch::new(requests)).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::Held, format!("{BUDGET} characters were taken"))),
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::NotHeld, refusal.message)),
    }
}

/// Inserts a column before one with metadata.
pub async fn check_moves(client: &ProbeClient) -> CheckResult {
    let (tab, key, ..) = create_marked_tab(client).await?;
    client
        .prepare(vec![Request::InsertDimension { range: make_column_range(&tab, 0), inherit_from_before: false }])
        .await?;
    let found = read_marks(client, &key, |found| matches!(found, [mark] if mark.column == 3)).await?;
    match found.as_slice() {
        [mark] => Ok((
            AssumptionOutcome::from_held(mark.column == 3),
            format!("it went from column 3 to column {}", mark.column + 1),
        )),
        other => Ok((AssumptionOutcome::NotHeld, format!("{} marks were found", other.len()))),
    }
}

/// Deletes a column with metadata.
pub async fn delete_marked_column(client: &ProbeClient) -> CheckResult {
    let (tab, key, ..) = create_marked_tab(client).await?;
    let there = read_marks(client, &key, |found| !found.is_empty()).await?;
    if there.is_empty() {
        return Err(ProbeFailure::Inconclusive("the mark was not found before its column was deleted".to_owned()));
    }
    client.prepare(vec![Request::DeleteDimension { range: make_column_range(&tab, 2) }]).await?;
    let left = read_marks(client, &key, <[ColumnMark]>::is_empty).await?;
    let message = if left.is_empty() { "it was gone with its column" } else { "it outlived its column" };
    Ok((AssumptionOutcome::from_held(left.is_empty()), message.to_owned()))
}
