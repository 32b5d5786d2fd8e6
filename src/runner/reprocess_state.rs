//! The state's note of a forced run: which runs forgot keys for it, until a run has read the source to its end.
//!
//! In scope: what the note becomes with each commit. Out of scope: which keys are forgotten (`maintain::reprocess`).
//!
//! A forced run is two runs: one forgets, the next one does again what is forgotten. Should either vanish, the note tells whoever is asked
//! to force once more which keys were forgotten already, so that none is done a third time.

use crate::ledger::run::run::RunStatus;
use crate::ledger::state::snapshot::State;
use crate::runner::input_queue::RetryScope;

/// Runs that are noted; a forced run that was begun more often goes on from the last ones.
const MAX_NOTED: usize = 20;

/// What a run makes of the note.
#[derive(Debug, Clone)]
pub struct ReprocessState {
    noted: Vec<String>,
    /// This run, if it forgets keys for a forced run.
    mine: Option<String>,
    /// Whether the source is read, so that at its end the forced run is over.
    ends: bool,
}

impl ReprocessState {
    /// The note as this run found it.
    pub fn of(retrying: &RetryScope, run: &str, state: &State) -> Self {
        let mine = (*retrying == RetryScope::Reprocess).then(|| run.to_owned());
        Self { noted: state.forced.clone(), mine, ends: retrying.reads_source() }
    }

    /// A load in the middle shows the note as it is now.
    pub fn stands(&mut self, state: &State) {
        self.noted.clone_from(&state.forced);
    }

    /// The note as a commit writes it; `last` where it is the run's last one, which ends so.
    pub fn after(&self, last: bool, status: RunStatus) -> Vec<String> {
        if self.ends && last && matches!(status, RunStatus::Succeeded | RunStatus::Partial) {
            return Vec::new();
        }
        let mut noted = self.noted.clone();
        noted.extend(self.mine.clone().filter(|mine| !noted.contains(mine)));
        noted.split_off(noted.len().saturating_sub(MAX_NOTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(retrying: &RetryScope, noted: &[&str]) -> ReprocessState {
        let state = State { forced: noted.iter().map(|run| (*run).to_owned()).collect(), ..State::default() };
        ReprocessState::of(retrying, "me", &state)
    }

    #[test]
    fn a_forced_run_is_noted_until_the_source_was_read_to_its_end() {
        let forcing = note(&RetryScope::Reprocess, &["a"]);
        assert_eq!(forcing.after(true, RunStatus::Succeeded), ["a", "me"]);
        let doing = note(&RetryScope::Default, &["a"]);
        assert_eq!(doing.after(false, RunStatus::Running), ["a"]);
        assert_eq!(doing.after(true, RunStatus::Interrupted), ["a"]);
        assert!(doing.after(true, RunStatus::Partial).is_empty());
        assert_eq!(note(&RetryScope::FailuresOnly, &["a"]).after(true, RunStatus::Succeeded), ["a"]);
    }
}
