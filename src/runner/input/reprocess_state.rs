//! The state's marker of a running reprocess: the runs that revoked keys for it, until a run has
//! read the source to its end.
//!
//! In scope: the marker after each commit. Out of scope: which keys are revoked
//! (`maintain::reprocess`).
//!
//! A forced reprocess takes two runs: one revokes keys, the next one processes them again. If
//! either run dies, this marker shows the next forced run which keys are already revoked, so that
//! none is processed a third time.

use crate::ledger::runs::run::RunStatus;
use crate::ledger::state::snapshot::State;
use crate::runner::run_scope::RunScope;

/// Number of runs that the marker holds. A reprocess that was started more often continues from the
/// last ones.
const MAX_MARKED_RUNS: usize = 20;

/// The marker, as one run maintains it.
#[derive(Debug, Clone)]
pub struct ReprocessState {
    marked_runs: Vec<String>,
    /// The id of this run, if it revokes keys for a reprocess.
    own_run: Option<String>,
    /// True if this run reads the source, whose end completes the reprocess.
    completes: bool,
}

impl ReprocessState {
    /// Creates it from the marker that this run loaded.
    pub fn new(scope: &RunScope, run: &str, state: &State) -> Self {
        let mine = (*scope == RunScope::Reprocess).then(|| run.to_owned());
        Self { marked_runs: state.reprocess_runs.clone(), own_run: mine, completes: scope.reads_source() }
    }

    /// Takes the marker that a reload found.
    pub fn reload(&mut self, state: &State) {
        self.marked_runs.clone_from(&state.reprocess_runs);
    }

    /// Returns the marker for a commit; `last` and `status` describe the run's last one.
    pub fn next_marker(&self, is_last: bool, status: RunStatus) -> Vec<String> {
        if self.completes
            && is_last
            && matches!(status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded)
        {
            return Vec::new();
        }
        let mut noted = self.marked_runs.clone();
        noted.extend(self.own_run.clone().filter(|mine| !noted.contains(mine)));
        noted.split_off(noted.len().saturating_sub(MAX_MARKED_RUNS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(scope: &RunScope, noted: &[&str]) -> ReprocessState {
        let state = State { reprocess_runs: noted.iter().map(|run| (*run).to_owned()).collect(), ..State::default() };
        ReprocessState::new(scope, "me", &state)
    }

    #[test]
    fn a_forced_run_is_noted_until_the_source_was_read_to_its_end() {
        let forcing = note(&RunScope::Reprocess, &["a"]);
        assert_eq!(forcing.next_marker(true, RunStatus::Succeeded), ["a", "me"]);
        let doing = note(&RunScope::Default, &["a"]);
        assert_eq!(doing.next_marker(false, RunStatus::Running), ["a"]);
        assert_eq!(doing.next_marker(true, RunStatus::Interrupted), ["a"]);
        assert!(doing.next_marker(true, RunStatus::Partial).is_empty());
        assert_eq!(note(&RunScope::FailuresOnly, &["a"]).next_marker(true, RunStatus::Succeeded), ["a"]);
    }
}
