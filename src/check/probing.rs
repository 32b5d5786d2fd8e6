//! One probe from its first question to its last name swept up.
//!
//! In scope: the order, an end that somebody asks for, sweeping whatever happens. Out of scope: the questions (`store::probe`).

use std::sync::Arc;

use crate::google::address::SpreadsheetId;
use crate::google::sheets::Sheets;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::port::store::StoreError;
use crate::runner::shutdown::{Stop, StopReason};
use crate::store::probe::assumption::{Assumption, AssumptionOutcome, AssumptionResult};
use crate::store::probe::cleanup::{CleanupReport, clean_up};
use crate::store::probe::client::ProbeClient;
use crate::store::probe::run::check;

/// What a probe came to.
#[derive(Debug)]
pub struct ProbeReport {
    /// Every answer that was had, in the order of the questions.
    pub findings: Vec<AssumptionResult>,
    /// What was swept up.
    pub swept: CleanupReport,
    /// Why no more was asked.
    pub ended: Option<ProbeEnd>,
}

/// Why a probe ended before its last question.
#[derive(Debug)]
pub enum ProbeEnd {
    /// Nothing more can be asked here.
    Error(StoreError),
    /// Somebody asked for it.
    Stopped(StopReason),
}

impl ProbeReport {
    /// The assumption of the guard's own that does not hold, if there is one.
    pub fn unguarded(&self) -> Option<&AssumptionResult> {
        self.findings
            .iter()
            .find(|found| found.assumption.is_required_by_guard() && found.outcome == AssumptionOutcome::NotHeld)
    }

    /// Whether the guard's own assumptions were all answered.
    pub fn has_proven_guard(&self) -> bool {
        let known = |found: &&AssumptionResult| {
            found.assumption.is_required_by_guard() && found.outcome != AssumptionOutcome::Unknown
        };
        let guards = Assumption::all().filter(|question| question.is_required_by_guard()).count();
        self.findings.iter().filter(known).count() == guards
    }
}

/// Asks every question and sweeps up. A first request to stop ends it after the question in hand; one in a hurry drops that too.
pub async fn probe(
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    stop: &Stop,
) -> Result<ProbeReport, StoreError> {
    let desk = ProbeClient::open(sheets, id, clock, chance).await?;
    let mut findings = Vec::new();
    let mut ended = None;
    for question in Assumption::all() {
        if let Some(reason) = stop.asked() {
            ended = Some(ProbeEnd::Stopped(reason));
            break;
        }
        let asked = tokio::select! {
            asked = check(&desk, question) => asked,
            _ = stop.forced() => continue,
        };
        match asked {
            Ok(finding) => findings.push(finding),
            Err(error) => {
                ended = Some(ProbeEnd::Error(error));
                break;
            }
        }
    }
    let swept = clean_up(&desk).await;
    Ok(ProbeReport { findings, swept, ended })
}
