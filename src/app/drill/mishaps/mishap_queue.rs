//! Which mishap is due at which moment of a drill.
//!
//! In scope: the mishaps that are left, what happened so far. Out of scope: making them happen.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::outcome::DrillOutcome;
use crate::ledger::items::failure::IN_DOUBT;
use crate::ledger::runs::event::Event;

/// The mishaps that are left, shared by all runs of a drill.
pub struct MishapQueue {
    state: Mutex<MishapQueueState>,
    second_runner: UnboundedSender<bool>,
}

struct MishapQueueState {
    left: Vec<PlannedMishap>,
    commits: u64,
    effects: u64,
    outcome: DrillOutcome,
    in_doubt: BTreeSet<String>,
}

impl MishapQueue {
    /// Creates the queue. `second_runner` gets whether the run to be started takes over.
    pub fn new(mishaps: Vec<PlannedMishap>, second_runner: UnboundedSender<bool>) -> Self {
        let (outcome, in_doubt) = Default::default();
        let state = MishapQueueState { left: mishaps, commits: 0, effects: 0, outcome, in_doubt };
        Self { state: Mutex::new(state), second_runner }
    }

    fn lock_state(&self) -> MutexGuard<'_, MishapQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a commit that is sent. Returns its number.
    pub fn count_commit(&self) -> u64 {
        let mut state = self.lock_state();
        state.commits += 1;
        state.commits
    }

    /// Counts a call of a step with an outside effect. Returns its number.
    pub fn count_effect(&self) -> u64 {
        let mut state = self.lock_state();
        state.effects += 1;
        state.effects
    }

    /// Takes the mishaps for which `is_due` is true.
    pub fn take(&self, is_due: impl Fn(&PlannedMishap) -> bool) -> Vec<PlannedMishap> {
        let mut state = self.lock_state();
        let (due, left) = std::mem::take(&mut state.left).into_iter().partition(is_due);
        state.left = left;
        due
    }

    /// Drops all mishaps that have not happened.
    pub fn drop_pending(&self) {
        self.lock_state().left.clear();
    }

    /// Counts and records what happened.
    pub fn record(&self, moment: String, count: impl FnOnce(&mut DrillOutcome)) {
        let mut state = self.lock_state();
        count(&mut state.outcome);
        state.outcome.moments.push(moment);
    }

    /// Starts a run on the second machine.
    pub fn start_second_runner(&self, takes_over: bool) {
        // Without a receiver the drill is over.
        let _ = self.second_runner.send(takes_over);
    }

    /// Counts the events that a drill is interested in.
    pub fn on(&self, event: &Event) {
        if let Event::ItemFailed { key, step, .. } = event
            && step == IN_DOUBT
        {
            self.lock_state().in_doubt.insert(key.as_str().to_owned());
        }
    }

    /// Returns the keys of items in doubt.
    pub fn keys_in_doubt(&self) -> BTreeSet<String> {
        self.lock_state().in_doubt.clone()
    }

    /// Returns the counts so far, and the number of commits and of effects.
    pub fn outcome(&self) -> (DrillOutcome, u64, u64) {
        let state = self.lock_state();
        (state.outcome.clone(), state.commits, state.effects)
    }
}
