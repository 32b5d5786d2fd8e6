//! Finds the changes that a run would make, and how it would fall short of what is expected, before
//! it makes any.
//!
//! In scope: one record of the pass for it, the rows that the steps would make, the counts. Out of
//! scope: the pass (`runner::input::source_passes`), the verdict (`ledger::runs::held_changes`).
//!
//! Steps run in this pass only if an expectation depends on their results, and only if none of them
//! has outside effects. Otherwise the expectations that depend on them are judged at the end of the
//! run.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;

use crate::ledger::items::failure::record_hash;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::items::source_survey::{RecordSelector, RecordUse};
use crate::ledger::runs::expectation::Expectations;
use crate::ledger::runs::foreseen_items::{ForeseenItems, ForeseenItemsBuilder};
use crate::ledger::runs::held_changes::ChangeSet;
use crate::ledger::runs::run::Counts;
use crate::ledger::values::exact_number;
use crate::port::source::Record;
use crate::port::step::Identity;
use crate::runner::records::intake::Intake;
use crate::runner::records::output_builder::OutputBuilder;

/// What is known so far of a run's changes.
pub struct ChangeForecast {
    selector: RecordSelector,
    /// Builds rows as the run will, and notes which columns are filled.
    output: OutputBuilder,
    expectations: Arc<Expectations>,
    runs_steps: bool,
    counts: Counts,
    changes: ChangeSet,
    /// Every item that the run will process.
    items: ForeseenItemsBuilder,
}

/// What a forecast found.
pub struct ForecastResult {
    /// The changes of existing rows.
    pub changes: ChangeSet,
    /// How the run would fall short of what is expected, a phrase each.
    pub violations: Vec<String>,
    /// The items that the run will process.
    pub items: ForeseenItems,
}

/// An item whose steps the forecast needs.
pub struct ForecastItem {
    /// The key of the item.
    pub key: Key,
    /// The version of the item, as the source yields it.
    pub version: Version,
    /// The record, which the steps take.
    pub body: Value,
}

/// The values that the steps of an item make; `None` if one of them failed.
pub type ForecastRows = (Key, Option<Vec<Value>>);

/// The pass that makes the forecast, while it is under way.
#[derive(Default)]
pub struct ForecastPass {
    /// The forecast so far; `None` before the pass and after it.
    pub forecast: Option<ChangeForecast>,
    /// The steps under way, in the order of the records.
    pub steps: FuturesOrdered<BoxFuture<'static, ForecastRows>>,
    /// True if all records are read, and steps are left.
    pub is_read: bool,
}

impl ChangeForecast {
    /// Creates a forecast. `is_pure`: no step has outside effects.
    pub fn new(intake: &Intake, expectations: &Arc<Expectations>, is_pure: bool) -> Option<Self> {
        Some(Self {
            selector: intake.selection.selector.clone()?,
            output: intake.output.clone(),
            runs_steps: is_pure && expectations.depends_on_steps(),
            expectations: Arc::clone(expectations),
            counts: Counts::default(),
            changes: ChangeSet::default(),
            items: ForeseenItemsBuilder::default(),
        })
    }

    /// Takes a record. Returns it if its steps have to run.
    pub fn take(&mut self, intake: &Intake, record: Record, identity: Option<Identity>) -> Option<ForecastItem> {
        self.counts.read += 1;
        let (Ok(body), Some(Ok((key, version)))) = (record.body, identity) else {
            self.selector.add_nameless();
            self.counts.failed += 1;
            return None;
        };
        let used = if intake.index.policy().accepts(&version) {
            self.selector.decide(&key, &version, &record.position, || 0)
        } else {
            self.selector.add_unordered(&key);
            RecordUse::Counts
        };
        let fails = intake.explain_missing_order(&key, &version).is_some() || matches!(used, RecordUse::Unordered(_));
        if fails || intake.is_in_doubt(&key, &version) {
            self.counts.failed += 1;
            return None;
        }
        let record = || record_hash(exact_number::render(&body).as_bytes());
        if used == RecordUse::Superseded || !intake.index.would_admit_record(&key, &version, record) {
            return None;
        }
        let change = intake.index.hash_change(&key, &version);
        self.items.add(change);
        if intake.index.rewrites_row(&key) {
            self.changes.add(change);
        }
        if !self.runs_steps {
            self.counts.new += 1;
            return None;
        }
        Some(ForecastItem { key, version, body })
    }

    /// Takes the values that the steps of an item make; `None` if one of them failed.
    pub fn on_steps_done(&mut self, key: &Key, values: Option<Vec<Value>>) {
        match values.map(|values| self.output.build(values, key)) {
            Some(Ok(_)) => self.counts.new += 1,
            Some(Err(_)) | None => self.counts.failed += 1,
        }
    }

    /// True if the pass saw the records that the survey did.
    pub fn matches_survey(&self) -> bool {
        self.selector.matches_survey()
    }

    /// Returns the changes, how the run would fall short, and the items.
    pub fn end(self) -> ForecastResult {
        let known =
            if self.runs_steps { &*self.expectations } else { &self.expectations.limit_to_known_without_steps() };
        let violations = known.find_violations(&self.counts, &self.output.expected_fill);
        ForecastResult { changes: self.changes, violations, items: self.items.into_set() }
    }
}
