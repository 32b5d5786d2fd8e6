//! Holds changes of existing rows back until a person approves them.
//!
//! In scope: the plan that the state keeps, which items of this run belong to it, what is left of
//! it after a commit. Out of scope: finding the changes (`runner::records::change_forecast`), the
//! verdict (`ledger::runs::held_changes`).
//!
//! An item that is held back is neither done nor failed. Its steps do not run, no mark shows it as
//! begun, and the low watermark stays before it. The next run reads it again.

use std::collections::HashMap;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::runs::end_state::HeldRows;
use crate::ledger::runs::foreseen_items::ForeseenItems;
use crate::ledger::runs::held_changes::{
    Approval, ChangeHash, ChangeSet, HeldPlan, HeldReport, HoldInput, HoldSettings, HoldVerdict, decide_hold,
};
use crate::ledger::state::snapshot::LoadReport;
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::run_config::RunConfig;

/// The changes that a run holds back, or that a person has approved.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the run")]
pub struct ChangeHold {
    settings: HoldSettings,
    /// True if the job may hold changes back.
    can_hold: bool,
    needs_forecast: bool,
    /// What people ask in `approve`; empty for nothing.
    request: String,
    /// The plan in the state, as last applied.
    plan: Option<HeldPlan>,
    /// True if the state had a plan when the run began.
    had_plan: bool,
    /// True if the changes of this run needed an approval, and had it.
    is_approved: bool,
    /// Why changes are held back; `None` if they are not.
    reasons: Option<Vec<String>>,
    /// The changes of the approved plan that are not applied yet and have been admitted.
    admitted: HashMap<SequenceNumber, ChangeHash>,
    held_items: u64,
    /// The items that the forecast saw; `None` without a forecast.
    foreseen: Option<ForeseenItems>,
    is_source_changed: bool,
}

impl ChangeHold {
    /// Creates the hold of a run from its load.
    pub fn new(config: &RunConfig, loaded: &LoadReport, keys: u64) -> Self {
        let settings = config.hold;
        let may_hold = settings.limit.is_some() || !config.expectations.is_empty();
        let can_hold = may_hold && config.mode == WriteMode::Upsert;
        let needs_forecast = can_hold && keys > 0 && config.scope.reads_source();
        let stored = loaded.snapshot.as_ref().and_then(|snapshot| snapshot.state.held.clone());
        let had_plan = stored.is_some();
        // A run over the source that needs no verdict makes all of its changes.
        let plan = stored.filter(|_| needs_forecast || !config.scope.reads_source());
        let request = loaded.requests.approve.clone().unwrap_or_default();
        Self {
            settings,
            can_hold,
            needs_forecast,
            request,
            plan,
            had_plan,
            is_approved: false,
            reasons: None,
            admitted: HashMap::new(),
            held_items: 0,
            foreseen: None,
            is_source_changed: false,
        }
    }

    /// True if the changes of the run have to be known before it makes the first one.
    pub fn needs_forecast(&self) -> bool {
        self.needs_forecast
    }

    /// Decides whether the run makes these changes.
    pub fn decide_on_changes(&mut self, changes: ChangeSet, keys: u64, violations: &[String], run: &str) {
        let verdict = decide_hold(&HoldInput {
            changes,
            keys,
            violations,
            limit: self.settings.limit,
            earlier: self.plan.as_ref(),
            request: &self.request,
            approval: self.settings.approval,
            run,
        });
        self.is_approved = matches!(verdict, HoldVerdict::Approved(_));
        (self.plan, self.reasons) = match verdict {
            HoldVerdict::NotHeld => (None, None),
            HoldVerdict::Approved(plan) => (Some(plan), None),
            HoldVerdict::Held(plan, reasons) => (Some(plan), Some(reasons)),
        };
    }

    /// Returns why the approval of the command line had no effect. A held run names its reasons
    /// itself, and `--approve` without a code may find nothing to approve.
    pub fn explain_unused_approval(&self) -> Option<String> {
        match self.settings.approval {
            Approval::None => None,
            _ if !self.can_hold => Some(
                "--approve had no effect: the job never holds changes back; set [sheet] max_changed to hold them"
                    .to_owned(),
            ),
            Approval::OfPlan(code) if self.reasons.is_none() && !self.is_approved => {
                Some(format!("--approve={code} had no effect: this run had no changes to hold back"))
            }
            Approval::OfPlan(_) | Approval::OfAll => None,
        }
    }

    /// True if another commit than this run's makes the verdict void.
    pub fn depends_on_load(&self) -> bool {
        self.plan.is_some() && self.needs_forecast
    }

    /// True if changes of existing rows are held back in this run.
    pub fn is_holding(&self) -> bool {
        self.reasons.is_some() && !self.settings.is_dry_run
    }

    /// Takes the items that the forecast saw: the verdict is about these alone.
    pub fn set_foreseen_items(&mut self, items: ForeseenItems) {
        self.foreseen = Some(items);
    }

    /// Returns whether the forecast saw this change. If not, the source has changed since.
    pub fn is_foreseen(&mut self, change: ChangeHash) -> bool {
        let is_seen = self.foreseen.as_ref().is_none_or(|items| items.contains(change));
        self.is_source_changed |= !is_seen;
        is_seen
    }

    /// True if a change came that the forecast did not see.
    pub fn is_source_changed(&self) -> bool {
        self.is_source_changed
    }

    /// Counts an item that is held back.
    pub fn count_held(&mut self) {
        self.held_items += 1;
    }

    /// Returns the number of items that were held back.
    pub fn held_items(&self) -> u64 {
        self.held_items
    }

    /// Notes an admitted change, so that the approved plan knows when it is applied.
    pub fn record_admitted(&mut self, sequence: SequenceNumber, change: Option<ChangeHash>) {
        if let (Some(change), true) = (change, self.plan.as_ref().is_some_and(|plan| plan.is_approved)) {
            self.admitted.insert(sequence, change);
        }
    }

    /// Returns the plan that the state keeps after a commit of these items.
    pub fn plan_after(&self, items: &[PendingItem]) -> Option<HeldPlan> {
        let mut plan = self.plan.clone()?;
        for waiting in items.iter().filter(|waiting| is_settled(&waiting.settled)) {
            if let Some(change) = self.admitted.get(&waiting.sequence) {
                plan.left.remove(*change);
            }
        }
        (plan.left.changes > 0).then_some(plan)
    }

    /// Takes the items of an applied commit.
    pub fn on_applied(&mut self, items: &[PendingItem]) {
        self.plan = self.plan_after(items);
        for waiting in items {
            self.admitted.remove(&waiting.sequence);
        }
    }

    /// Returns what the row of the run says about held changes, if the state keeps this plan.
    pub fn make_held_rows(&self, plan: Option<&HeldPlan>) -> HeldRows {
        match plan.filter(|plan| !plan.is_approved) {
            Some(plan) => HeldRows::Rows { changes: plan.left.changes, keys: plan.keys, code: plan.code() },
            None if self.can_hold || self.had_plan => HeldRows::None,
            None => HeldRows::Unknown,
        }
    }

    /// Returns the report on what is held back, or would be.
    pub fn report(&self) -> Option<HeldReport> {
        let (plan, reasons) = (self.plan.as_ref()?, self.reasons.as_ref()?);
        Some(HeldReport {
            changes: plan.left.changes,
            keys: plan.keys,
            code: plan.code(),
            reasons: reasons.clone(),
            has_jobs_tab: self.settings.has_jobs_tab,
        })
    }
}

/// True if the result settles the change: it is done, or no run tries it again by itself.
fn is_settled(settled: &ItemResult) -> bool {
    match settled {
        ItemResult::Done { .. } => true,
        ItemResult::Failed(failure) => failure.state.is_not_retried(),
        ItemResult::Revoked { .. } | ItemResult::Removed(_) => false,
    }
}
