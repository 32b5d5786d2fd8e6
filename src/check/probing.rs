//! One probe from its first question to its last name swept up.
//!
//! In scope: the order, an end that somebody asks for, sweeping whatever happens. Out of scope: the questions (`store::probe`).

use std::sync::Arc;

use crate::google::address::SpreadsheetId;
use crate::google::sheets::Sheets;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::port::store::StoreError;
use crate::runner::stop::{Stop, StopReason};
use crate::store::probe::asking::ask;
use crate::store::probe::desk::Desk;
use crate::store::probe::question::{Finding, Outcome, Question};
use crate::store::probe::sweep::{Swept, sweep};

/// What a probe came to.
#[derive(Debug)]
pub struct Probed {
    /// Every answer that was had, in the order of the questions.
    pub findings: Vec<Finding>,
    /// What was swept up.
    pub swept: Swept,
    /// Why no more was asked.
    pub ended: Option<Ended>,
}

/// Why a probe ended before its last question.
#[derive(Debug)]
pub enum Ended {
    /// Nothing more can be asked here.
    Error(StoreError),
    /// Somebody asked for it.
    Stopped(StopReason),
}

impl Probed {
    /// The assumption of the guard's own that does not hold, if there is one.
    pub fn unguarded(&self) -> Option<&Finding> {
        self.findings.iter().find(|found| found.question.is_the_guards() && found.outcome == Outcome::NotHeld)
    }

    /// Whether the guard's own assumptions were all answered.
    pub fn is_sure_of_the_guard(&self) -> bool {
        let known = |found: &&Finding| found.question.is_the_guards() && found.outcome != Outcome::Unknown;
        let guards = Question::all().filter(|question| question.is_the_guards()).count();
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
) -> Result<Probed, StoreError> {
    let desk = Desk::open(sheets, id, clock, chance).await?;
    let mut findings = Vec::new();
    let mut ended = None;
    for question in Question::all() {
        if let Some(reason) = stop.asked() {
            ended = Some(Ended::Stopped(reason));
            break;
        }
        let asked = tokio::select! {
            asked = ask(&desk, question) => asked,
            _ = stop.hurried() => continue,
        };
        match asked {
            Ok(finding) => findings.push(finding),
            Err(error) => {
                ended = Some(Ended::Error(error));
                break;
            }
        }
    }
    let swept = sweep(&desk).await;
    Ok(Probed { findings, swept, ended })
}
