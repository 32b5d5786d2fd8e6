//! Steps that are counted, and effects outside that are not done.
//!
//! In scope: how often a step ran for each item, its kills, and the stand-in of a program. Out of
//! scope: the steps themselves (`crate::step`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::app::drill::drill_clock::DrillClock;
use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::app::drill::outcome::StepRuns;
use crate::port::step::{Step, StepContext, StepError};

/// How often one step ran.
#[derive(Debug, Clone, Default)]
struct StepCount {
    is_outside: bool,
    runs: u64,
    /// Calls for each change of an item, by its idempotency key, with the item's key.
    by_change: BTreeMap<String, (String, u64)>,
}

/// How often the steps of a drill ran, over all its runs.
#[derive(Debug, Clone, Default)]
pub struct StepCounts {
    steps: Arc<Mutex<Vec<(String, StepCount)>>>,
    /// Values that the last step returned for each key.
    rows_of_key: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl StepCounts {
    fn count(&self, step: &dyn Step, context: &StepContext) {
        let change = (context.idempotency_key.as_str(), context.key.as_str());
        self.count_call(step.name(), step.has_outside_effects(), change);
    }

    /// Counts a call for a change of an item: the name of the change, and the item's key.
    pub fn count_call(&self, step: &str, is_outside: bool, (change, key): (&str, &str)) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let at = steps.iter().position(|(name, _)| name == step).unwrap_or_else(|| {
            steps.push((step.to_owned(), StepCount { is_outside, ..StepCount::default() }));
            steps.len() - 1
        });
        if let Some((_, count)) = steps.get_mut(at) {
            count.runs += 1;
            count.by_change.entry(change.to_owned()).or_insert((key.to_owned(), 0)).1 += 1;
        }
    }

    /// Returns the number of rows that the last step made of an item; 1 for a job without steps.
    pub fn count_rows(&self, key: &str) -> u64 {
        self.rows_of_key.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(1)
    }

    /// Compares with an undisturbed run.
    pub fn compare(&self, undisturbed: &Self) -> Vec<StepRuns> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = undisturbed.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let usual_count = |name: &str, change: &str| {
            let step = usual.iter().find(|(known, _)| known == name);
            step.and_then(|(_, count)| count.by_change.get(change)).map_or(1, |(_, calls)| *calls)
        };
        let compared = steps.iter().map(|(name, count)| {
            let mut runs = StepRuns {
                step: name.clone(),
                is_outside: count.is_outside,
                runs: count.runs,
                items: count.by_change.len() as u64,
                ..StepRuns::default()
            };
            for (change, (key, calls)) in &count.by_change {
                let repeats = calls.saturating_sub(usual_count(name, change));
                runs.repeated_items += u64::from(repeats > 0);
                if repeats > runs.most_repeats {
                    (runs.most_repeats, runs.example) = (repeats, Some(key.clone()));
                }
            }
            runs
        });
        compared.collect()
    }
}

/// A step of one run of a drill.
pub struct CountedStep {
    inner: Arc<dyn Step>,
    is_last: bool,
    counts: StepCounts,
    mishaps: Arc<RunMishaps>,
    clock: DrillClock,
}

impl CountedStep {
    /// Wraps the steps of one run.
    pub fn wrap_steps(
        steps: Vec<Arc<dyn Step>>,
        counts: &StepCounts,
        mishaps: &Arc<RunMishaps>,
        clock: &DrillClock,
    ) -> Vec<Arc<dyn Step>> {
        let last = steps.len();
        let wrapped = (1..).zip(steps).map(|(nth, inner)| -> Arc<dyn Step> {
            let (counts, mishaps, clock) = (counts.clone(), Arc::clone(mishaps), clock.clone());
            Arc::new(Self { inner, is_last: nth == last, counts, mishaps, clock })
        });
        wrapped.collect()
    }

    async fn kill_if(&self, when: &str, is_due: impl Fn(&PlannedMishap) -> bool) {
        if !self.mishaps.queue.take(is_due).is_empty() {
            self.mishaps.kill_run(when).await;
        }
    }
}

impl Step for CountedStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        Box::pin(async move {
            let name = self.inner.name();
            let effect = self.inner.has_outside_effects().then(|| self.mishaps.queue.count_effect());
            if let Some(effect) = effect {
                let before = format!("before step {name} of {}", context.key.as_str());
                self.kill_if(&before, |mishap| matches!(mishap, PlannedMishap::KillBeforeEffect(at) if *at == effect))
                    .await;
            }
            self.counts.count(self.inner.as_ref(), context);
            let values = {
                let _busy = self.clock.mark_busy();
                self.inner.run(input, context).await
            };
            if let Some(effect) = effect {
                let after = format!("after step {name} of {}", context.key.as_str());
                self.kill_if(&after, |mishap| matches!(mishap, PlannedMishap::KillAfterEffect(at) if *at == effect))
                    .await;
            }
            if let (Ok(values), true) = (&values, self.is_last) {
                let mut rows = self.counts.rows_of_key.lock().unwrap_or_else(PoisonError::into_inner);
                *rows.entry(context.key.as_str().to_owned()).or_default() += values.len() as u64;
            }
            values
        })
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn has_outside_effects(&self) -> bool {
        self.inner.has_outside_effects()
    }
}

/// A program that is not run. Its item is passed on, as after a program that writes nothing.
pub struct UndoneEffect {
    name: String,
}

impl UndoneEffect {
    /// Creates the stand-in of a step of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

impl Step for UndoneEffect {
    fn run<'a>(&'a self, input: Value, _: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        Box::pin(std::future::ready(Ok(vec![input])))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_outside_effects(&self) -> bool {
        true
    }
}
