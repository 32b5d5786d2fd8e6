//! Checks of developer metadata on columns.
//!
//! In scope: ids, keys, the size limit, whether metadata follows its column.
//! Out of scope: retries (`store::probe::run`).

use std::time::Duration;

use crate::google::types::requests::{Batch, DeveloperMetadata, Dimension, DimensionRange, MarkedPlace, Request};
use crate::google::types::response_types::ColumnMark;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{ProbeClient, ProbeTab, SentBatch, Unanswered};
use crate::store::probe::tabs::refused;
use crate::store::tabs::error::unreadable;

type ProbeAnswer = Result<(AssumptionOutcome, String), Unanswered>;

/// Maximum number of reads, because the first may be older than the write before it.
const LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Characters of metadata that a tab must accept; slightly less than the documented 30,000.
const BUDGET: usize = 29_900;

fn column(tab: &ProbeTab, at: u32) -> DimensionRange {
    DimensionRange { sheet_id: tab.id, dimension: Dimension::Columns, start_index: at, end_index: at + 1 }
}

fn mark(tab: &ProbeTab, at: u32, id: i32, key: &str, value: &str) -> Request {
    Request::CreateDeveloperMetadata {
        developer_metadata: DeveloperMetadata {
            metadata_id: id,
            metadata_key: key.to_owned(),
            metadata_value: value.to_owned(),
            location: MarkedPlace { dimension_range: column(tab, at) },
            visibility: "DOCUMENT",
        },
    }
}

/// Creates a tab with metadata on its third column. Returns the tab, the key, the requested id and
/// the assigned id.
async fn marked(desk: &ProbeClient) -> Result<(ProbeTab, String, i32, Option<i64>), Unanswered> {
    let (tab, key, id) = (desk.new_tab(), desk.scratch.name(), desk.scratch.number());
    let answer = desk.prepare(vec![tab.add(), mark(&tab, 2, id, &key, "it")]).await?;
    Ok((tab, key, id, answer.added_metadata(1)))
}

/// Reads the metadata with this key until it is as `expected`, or until a read can't be older than
/// the write.
async fn look(
    desk: &ProbeClient,
    key: &str,
    expected: impl Fn(&[ColumnMark]) -> bool + Send,
) -> Result<Vec<ColumnMark>, Unanswered> {
    let mut found = Vec::new();
    for nth in 0..LOOKS {
        if nth > 0 {
            desk.clock.sleep(LOOK_AGAIN).await;
        }
        found = desk.sheets.column_marks(&desk.id, key).await.map_err(|error| Unanswered::Stop(unreadable(&error)))?;
        if expected(&found) {
            break;
        }
    }
    Ok(found)
}

/// Creates metadata with an id of our choice.
pub async fn caller_id(desk: &ProbeClient) -> ProbeAnswer {
    let (_, _, wanted, id) = marked(desk).await?;
    let Some(id) = id else {
        return Err(Unanswered::Unclear("the response does not contain the mark's id".to_owned()));
    };
    let kept = id == i64::from(wanted);
    Ok((AssumptionOutcome::of(kept), if kept { "it was kept" } else { "another id was given" }.to_owned()))
}

/// Creates metadata for another column with an id that is taken.
pub async fn taken_id(desk: &ProbeClient) -> ProbeAnswer {
    let (tab, _, wanted, id) = marked(desk).await?;
    let id = id.and_then(|id| i32::try_from(id).ok()).unwrap_or(wanted);
    refused(desk, vec![mark(&tab, 3, id, &desk.scratch.name(), "another")], 0).await
}

/// Creates metadata with the same key on two columns.
pub async fn same_key(desk: &ProbeClient) -> ProbeAnswer {
    let (tab, key) = (desk.new_tab(), desk.scratch.name());
    let marks = [(1, "one"), (2, "two")].map(|(at, value)| mark(&tab, at, desk.scratch.number(), &key, value));
    let requests = std::iter::once(tab.add()).chain(marks).collect();
    if let SentBatch::Refused(refusal) = desk.send(Batch::new(requests)).await? {
        return Ok((AssumptionOutcome::NotHeld, refusal.message));
    }
    let found = look(desk, &key, |found| found.len() == 2).await?;
    Ok((AssumptionOutcome::of(found.len() == 2), format!("{} of 2 were found", found.len())))
}

/// Fills a tab's metadata almost to the documented limit.
pub async fn budget(desk: &ProbeClient) -> ProbeAnswer {
    let tab = desk.new_tab();
    let marks = [1, 2].map(|at| {
        let key = desk.scratch.name();
        mark(&tab, at, desk.scratch.number(), &key, &"x".repeat(BUDGET / 2 - key.len()))
    });
    let requests = std::iter::once(tab.add()).chain(marks).collect();
    match desk.send(Batch::new(requests)).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::Held, format!("{BUDGET} characters were taken"))),
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::NotHeld, refusal.message)),
    }
}

/// Inserts a column before one with metadata.
pub async fn moves(desk: &ProbeClient) -> ProbeAnswer {
    let (tab, key, ..) = marked(desk).await?;
    desk.prepare(vec![Request::InsertDimension { range: column(&tab, 0), inherit_from_before: false }]).await?;
    let found = look(desk, &key, |found| matches!(found, [mark] if mark.column == 3)).await?;
    match found.as_slice() {
        [mark] => Ok((
            AssumptionOutcome::of(mark.column == 3),
            format!("it went from column 3 to column {}", mark.column + 1),
        )),
        other => Ok((AssumptionOutcome::NotHeld, format!("{} marks were found", other.len()))),
    }
}

/// Deletes a column with metadata.
pub async fn goes(desk: &ProbeClient) -> ProbeAnswer {
    let (tab, key, ..) = marked(desk).await?;
    let there = look(desk, &key, |found| !found.is_empty()).await?;
    if there.is_empty() {
        return Err(Unanswered::Unclear("the mark was not found before its column was deleted".to_owned()));
    }
    desk.prepare(vec![Request::DeleteDimension { range: column(&tab, 2) }]).await?;
    let left = look(desk, &key, <[ColumnMark]>::is_empty).await?;
    let said = if left.is_empty() { "it was gone with its column" } else { "it outlived its column" };
    Ok((AssumptionOutcome::of(left.is_empty()), said.to_owned()))
}
