//! Cleans up after probes: deletes what this probe created and what earlier ones left.
//!
//! In scope: finding names of probes and deleting them until none is found.
//! Out of scope: creating them.

use std::time::Duration;

use crate::google::sheets::BatchReply;
use crate::google::types::requests::{Batch, Request};
use crate::google::types::response_types::SpreadsheetInfo;
use crate::port::store::StoreError;
use crate::store::guard::head_guard::GuardRequest;
use crate::store::probe::client::ProbeClient;
use crate::store::probe::scratch_names::{ScratchOrigin, of_name, of_title};
use crate::store::tabs::error::unreadable;

/// Minimum age, in seconds, at which another probe's leftovers are deleted. A younger probe may
/// still run.
const LEFTOVER_S: i64 = 3_600;
/// Rounds of reading and deleting.
const ROUNDS: u32 = 8;
/// Pause between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Pause before a last read, for a batch whose response was lost and that may arrive late.
const LATE: Duration = Duration::from_secs(10);

/// The result of a cleanup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CleanupReport {
    /// The number of deleted tabs and names of earlier probes.
    pub leftovers: usize,
    /// Titles and names that could not be deleted.
    pub left: Vec<String>,
    /// The last error, if any.
    pub why: Option<StoreError>,
}

struct Found {
    title: String,
    delete: Request,
    mine: bool,
}

/// Deletes everything of this probe, and leftovers of earlier ones.
pub async fn sweep(desk: &ProbeClient) -> CleanupReport {
    let mut swept = CleanupReport::default();
    let mut late = desk.lost_any();
    for round in 0..ROUNDS {
        if round > 0 {
            desk.clock.sleep(ROUND).await;
        }
        let found = match desk.sheets.metadata(&desk.id).await {
            Ok(metadata) => found(&metadata, desk.scratch.origin()),
            Err(error) => {
                swept.why = Some(unreadable(&error));
                continue;
            }
        };
        (swept.left, swept.why) = (found.iter().map(|one| one.title.clone()).collect(), None);
        if found.is_empty() {
            if !std::mem::take(&mut late) {
                return swept;
            }
            desk.clock.sleep(LATE).await;
            continue;
        }
        let leftovers = found.iter().filter(|one| !one.mine).count();
        // First all in one call. If that is refused, as after a stale read, one call for each.
        let parts: Vec<Vec<Request>> = if round < 2 {
            vec![found.into_iter().map(|one| one.delete).collect()]
        } else {
            found.into_iter().map(|one| vec![one.delete]).collect()
        };
        for part in parts {
            match desk.sheets.batch_update(&desk.id, &Batch::new(part)).await {
                BatchReply::Applied(_) => swept.leftovers += leftovers,
                BatchReply::Refused(refusal) => {
                    swept.why = Some(StoreError::Denied { why: format!("delete what the probe made: {refusal}") });
                }
                BatchReply::NotExecuted(error) | BatchReply::TooLarge(error) => swept.why = Some(unreadable(&error)),
                BatchReply::Lost(cause) => {
                    late = true;
                    tracing::debug!(%cause, "the response to the cleanup was lost; checking again");
                }
            }
        }
    }
    swept
}

/// Names first: deleting a tab may delete its names.
fn found(metadata: &SpreadsheetInfo, own: ScratchOrigin) -> Vec<Found> {
    let ours = |origin: ScratchOrigin| (origin == own, origin.seconds + LEFTOVER_S <= own.seconds);
    let names = metadata.names().filter_map(|(name, id)| {
        let (mine, old) = ours(of_name(name)?);
        let delete = GuardRequest::DropName { id: id.to_owned() }.request()?;
        (mine || old).then(|| Found { title: name.to_owned(), delete, mine })
    });
    let tabs = metadata.tabs.iter().filter_map(|tab| {
        let (mine, old) = ours(of_title(&tab.title)?);
        let delete = GuardRequest::DropPlace { tab: tab.sheet_id }.request()?;
        (mine || old).then(|| Found { title: tab.title.clone(), delete, mine })
    });
    names.chain(tabs).collect()
}
