//! Cleans up after probes: deletes what this probe created and what earlier ones left.
//!
//! In scope: finding names of probes and deleting them until none is found.
//! Out of scope: creating them.

use std::time::Duration;

use crate::port::store::StoreError;
use crate::sheets_client::sheets::BatchResult;
use crate::sheets_client::types::requests::{Batch, Request};
use crate::sheets_client::types::response_types::SpreadsheetInfo;
use crate::store::guard::head_guard::BatchStep;
use crate::store::probe::client::ProbeClient;
use crate::store::probe::overdue::make_recalculation_request;
use crate::store::probe::scratch_names::{ScratchOrigin, parse_name, parse_title};
use crate::store::tabs::error::convert_call_error;

/// Minimum age, in seconds, at which another probe's leftovers are deleted. A younger probe may
/// still run.
const LEFTOVER_S: i64 = 3_600;
/// Rounds of reading and deleting.
const MAX_ROUNDS: u32 = 8;
/// Pause between two rounds.
const ROUND_PAUSE: Duration = Duration::from_secs(2);
/// Pause before a last read, for a batch whose response was lost and that may arrive late.
const LATE_PAUSE: Duration = Duration::from_secs(10);

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

struct ProbeItem {
    title: String,
    delete: Request,
    is_own: bool,
}

/// Deletes everything of this probe, and leftovers of earlier ones.
pub async fn clean_up(client: &ProbeClient) -> CleanupReport {
    let mut report = CleanupReport::default();
    let mut late = client.has_lost_batch();
    for round in 0..MAX_ROUNDS {
        if round > 0 {
            client.clock.sleep(ROUND_PAUSE).await;
        }
        let found = match client.sheets.read_metadata(&client.id).await {
            Ok(metadata) => {
                let mut found = list_items(&metadata, client.scratch.origin());
                found.extend(find_changed_recalculation(client, &metadata));
                found
            }
            Err(error) => {
                report.why = Some(convert_call_error(&error));
                continue;
            }
        };
        (report.left, report.why) = (found.iter().map(|one| one.title.clone()).collect(), None);
        if found.is_empty() {
            if !std::mem::take(&mut late) {
                return report;
            }
            client.clock.sleep(LATE_PAUSE).await;
            continue;
        }
        let leftovers = found.iter().filter(|one| !one.is_own).count();
        // First all in one call. If that is refused, as after a stale read, one call for each.
        let parts: Vec<Vec<Request>> = if round < 2 {
            vec![found.into_iter().map(|one| one.delete).collect()]
        } else {
            found.into_iter().map(|one| vec![one.delete]).collect()
        };
        for part in parts {
            match client.sheets.batch_update(&client.id, &Batch::new(part)).await {
                BatchResult::Applied(_) => report.leftovers += leftovers,
                BatchResult::Refused(refusal) => {
                    report.why = Some(StoreError::Denied { why: format!("delete what the probe made: {refusal}") });
                }
                BatchResult::NotExecuted(error) | BatchResult::TooLarge(error) => {
                    report.why = Some(convert_call_error(&error));
                }
                BatchResult::OutcomeUnknown(cause) => {
                    late = true;
                    tracing::debug!(event = "probe.cleanup_retrying", %cause, "the response to the cleanup was lost; checking again");
                }
            }
        }
    }
    report
}

/// Returns the interval of recalculation, if this probe has not set it back.
fn find_changed_recalculation(client: &ProbeClient, metadata: &SpreadsheetInfo) -> Option<ProbeItem> {
    let before = client.recalculation();
    let is_changed = client.has_changed_recalculation() && metadata.auto_recalc != before;
    let delete = make_recalculation_request(before).filter(|_| is_changed)?;
    Some(ProbeItem { title: format!("the recalculation, which was {before}"), delete, is_own: true })
}

/// Names first: deleting a tab may delete its names.
fn list_items(metadata: &SpreadsheetInfo, own: ScratchOrigin) -> Vec<ProbeItem> {
    let ours = |origin: ScratchOrigin| (origin == own, origin.seconds + LEFTOVER_S <= own.seconds);
    let names = metadata.names().filter_map(|(name, id)| {
        let (mine, old) = ours(parse_name(name)?);
        let delete = BatchStep::DeleteRange { id: id.to_owned() }.make_request()?;
        (mine || old).then(|| ProbeItem { title: name.to_owned(), delete, is_own: mine })
    });
    let tabs = metadata.tabs.iter().filter_map(|tab| {
        let (mine, old) = ours(parse_title(&tab.title)?);
        let delete = BatchStep::DeleteStateTab { tab: tab.sheet_id }.make_request()?;
        (mine || old).then(|| ProbeItem { title: tab.title.clone(), delete, is_own: mine })
    });
    names.chain(tabs).collect()
}
