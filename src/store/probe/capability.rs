//! The proof of the guard, once on every spreadsheet: two batches that the service must refuse.
//!
//! In scope: sending them. Out of scope: what they are and what follows (`store::guard::head_guard`).

use crate::fault::Fault;
use crate::google::address::SpreadsheetId;
use crate::google::body::Batch;
use crate::google::error::ErrorCause;
use crate::google::sheets::{BatchReply as Answer, Sheets};
use crate::ledger::commit::changes::{CommitPart, CommitReply};
use crate::store::guard::head_guard::{self, GuardProof, GuardRequest, GuardSupport, StateLocation};

/// Times that one probe is sent when its answer is lost; it writes nothing but a scratch cell.
const PROBE_SENDS: u32 = 3;

/// Proves the guard at this place; the reply is what a commit answers when it could not be proved.
pub async fn prove(
    sheets: &Sheets,
    id: &SpreadsheetId,
    place: &StateLocation,
    salt: u64,
) -> Result<GuardSupport, CommitReply> {
    let [names, tabs] = head_guard::probes(place, salt);
    let by_name = refused(sheets, id, &names).await?;
    if by_name == Some(ProbeRefusal::At(1)) {
        // The probe's own tab is gone: another commit moved the state, and nothing was proved.
        return Err(CommitReply::Refused { part: CommitPart::Guard, why: "another writer committed".to_owned() });
    }
    let by_tab = refused(sheets, id, &tabs).await?;
    match head_guard::conclude(place, by_name == Some(ProbeRefusal::At(0)), by_tab.is_some()) {
        GuardProof::Guard(proof) => {
            tracing::debug!(guard = proof.word(), "the guard is proved on this spreadsheet");
            Ok(proof)
        }
        GuardProof::Nothing => Err(CommitReply::Unsafe {
            why: "write to this spreadsheet: a batch that had to be refused was applied, so nothing here keeps two runs apart; \
                  no row was written"
                .to_owned(),
        }),
    }
}

/// Which request of a probe was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbeRefusal {
    At(usize),
    Somewhere,
}

/// Where the service refuses a batch that it must refuse; `None` if it does not.
async fn refused(
    sheets: &Sheets,
    id: &SpreadsheetId,
    ops: &[GuardRequest],
) -> Result<Option<ProbeRefusal>, CommitReply> {
    let batch = Batch::new(ops.iter().filter_map(GuardRequest::request).collect());
    let (mut why, mut fault) = (String::new(), Fault::Transient);
    for _ in 0..PROBE_SENDS {
        match sheets.batch_update(id, &batch).await {
            Answer::Applied(_) => return Ok(None),
            Answer::Refused(refusal) if refusal.code == 400 => {
                return Ok(Some(refusal.request.map_or(ProbeRefusal::Somewhere, ProbeRefusal::At)));
            }
            Answer::Refused(refusal) => {
                return Err(CommitReply::NotExecuted { fault: refusal.fault(), why: refusal.message });
            }
            Answer::NotExecuted(error) | Answer::TooLarge(error) => {
                return Err(CommitReply::NotExecuted { fault: error.final_fault(), why: error.to_string() });
            }
            Answer::Lost(cause) => {
                why = cause.to_string();
                fault = ErrorCause::Lost(cause).final_fault();
            }
        }
    }
    Err(CommitReply::NotExecuted { fault, why })
}
