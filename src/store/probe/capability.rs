//! The capability probe of the guard, once per spreadsheet: two batches that the service must
//! refuse.
//!
//! In scope: sending them.
//! Out of scope: their requests and the conclusion (`store::guard::guard_probe`).

use crate::fault::Fault;
use crate::ledger::commit::changes::{CommitPart, CommitResult};
use crate::sheets_client::errors::call_error::ErrorCause;
use crate::sheets_client::sheets::{BatchResult, Sheets};
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::requests::Batch;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::guard_probe::{self, GuardProof};
use crate::store::guard::head_guard::{BatchStep, StateLocation};
use crate::store::tabs::error::convert_unexecuted_call;

/// How often a probe is sent if its response is lost. It writes only a spare cell.
const PROBE_SENDS: u32 = 3;

/// Probes the guard at this location. The error is the response for the commit if the probe got no
/// result.
pub async fn probe_guard(
    sheets: &Sheets,
    id: &SpreadsheetId,
    location: &StateLocation,
    salt: u64,
) -> Result<GuardSupport, CommitResult> {
    let [names, tabs] = guard_probe::make_probe_batches(location, salt);
    let by_name = send_refused_batch(sheets, id, &names).await?;
    if by_name == Some(ProbeRefusal::AtRequest(1)) {
        // The probe's own tab is gone: another commit moved the state, and the probe has no result.
        return Err(CommitResult::Refused { part: CommitPart::Guard, why: "another writer committed".to_owned() });
    }
    let by_tab = send_refused_batch(sheets, id, &tabs).await?;
    match guard_probe::evaluate_probe(location, by_name == Some(ProbeRefusal::AtRequest(0)), by_tab.is_some()) {
        GuardProof::Guard(support) => {
            tracing::debug!(event = "guard.proved", guard = support.as_str(), "the guard is proved on this spreadsheet");
            Ok(support)
        }
        GuardProof::NoGuard => Err(CommitResult::NoWorkingGuard {
            why: "write to this spreadsheet: the service applied a batch that it must refuse, so no guard keeps two runs apart; \
                  no row was written"
                .to_owned(),
        }),
    }
}

/// The request of a probe that the service refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbeRefusal {
    AtRequest(usize),
    AtUnknownRequest,
}

/// Sends a batch that the service must refuse. Returns the refused request; `None` if the batch was
/// applied.
async fn send_refused_batch(
    sheets: &Sheets,
    id: &SpreadsheetId,
    batch_steps: &[BatchStep],
) -> Result<Option<ProbeRefusal>, CommitResult> {
    let batch = Batch::new(batch_steps.iter().filter_map(BatchStep::make_request).collect());
    let (mut why, mut fault) = (String::new(), Fault::Transient);
    for _ in 0..PROBE_SENDS {
        match sheets.batch_update(id, &batch).await {
            BatchResult::Applied(_) => return Ok(None),
            BatchResult::Refused(refusal) if refusal.code == 400 => {
                return Ok(Some(refusal.request.map_or(ProbeRefusal::AtUnknownRequest, ProbeRefusal::AtRequest)));
            }
            BatchResult::Refused(refusal) => {
                return Err(CommitResult::NotExecuted {
                    fault: refusal.fault(),
                    is_proxy_error: false,
                    why: refusal.message,
                });
            }
            BatchResult::NotExecuted(error) | BatchResult::TooLarge(error) => {
                return Err(convert_unexecuted_call(&error));
            }
            BatchResult::Lost(cause) => {
                why = cause.to_string();
                fault = ErrorCause::Lost(cause).final_fault();
            }
        }
    }
    Err(CommitResult::NotExecuted { fault, is_proxy_error: false, why })
}
