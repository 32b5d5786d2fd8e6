//! One probe, from its first question to its cleanup.
//!
//! In scope: the order, stopping on request, cleaning up in every case. Out of scope: the questions
//! (`store::probe`).

use std::sync::Arc;

use crate::clock::Clock;
use crate::port::store::StoreError;
use crate::rng::Rng;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::store::probe::assumption::{Assumption, AssumptionOutcome, AssumptionResult};
use crate::store::probe::cleanup::{CleanupReport, clean_up};
use crate::store::probe::client::ProbeClient;
use crate::store::probe::run::check;

/// The result of a probe.
#[derive(Debug)]
pub struct ProbeReport {
    /// The answers, in the order of the questions.
    pub findings: Vec<AssumptionResult>,
    /// The result of the cleanup.
    pub cleanup: CleanupReport,
    /// Why the probe ended early; `None` if it asked every question.
    pub ended: Option<ProbeEnd>,
}

/// Why a probe ended before its last question.
#[derive(Debug)]
pub enum ProbeEnd {
    /// No further question can be asked here.
    Error(StoreError),
    /// A stop was requested.
    Stopped(StopReason),
}

impl ProbeReport {
    /// Returns the assumption of the guard that does not hold, if any.
    pub fn find_broken_guard_assumption(&self) -> Option<&AssumptionResult> {
        self.findings
            .iter()
            .find(|found| found.assumption.is_required_by_guard() && found.outcome == AssumptionOutcome::NotHeld)
    }

    /// Returns whether all assumptions of the guard were answered.
    pub fn has_proven_guard(&self) -> bool {
        let known = |found: &&AssumptionResult| {
            found.assumption.is_required_by_guard() && found.outcome != AssumptionOutcome::Unknown
        };
        let guards = Assumption::all().filter(|question| question.is_required_by_guard()).count();
        self.findings.iter().filter(known).count() == guards
    }
}

/// Asks every question and cleans up. A first stop request ends the probe after the current
/// question; a forced stop aborts that question.
pub async fn probe_service(
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    stop: &StopHandle,
) -> Result<ProbeReport, StoreError> {
    let client = ProbeClient::open(sheets, id, clock, rng).await?;
    let mut findings = Vec::new();
    let mut ended = None;
    for question in Assumption::all() {
        if let Some(reason) = stop.requested_reason() {
            ended = Some(ProbeEnd::Stopped(reason));
            break;
        }
        let questions = tokio::select! {
            questions = check(&client, question) => questions,
            _ = stop.wait_for_force() => continue,
        };
        match questions {
            Ok(finding) => findings.push(finding),
            Err(error) => {
                ended = Some(ProbeEnd::Error(error));
                break;
            }
        }
    }
    let cleanup = clean_up(&client).await;
    Ok(ProbeReport { findings, cleanup, ended })
}
