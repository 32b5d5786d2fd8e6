//! A job's rollover to a new spreadsheet, when its present one fills up.
//!
//! In scope: the fields of both states. Out of scope: reading keys of predecessors
//! (`store::load::predecessors`), the sequence of operations (`maintain::rollover`).
//!
//! ```text
//!  earlier spreadsheet                    new spreadsheet
//!  state: next ─────────────────────────▶ state: previous
//!  Processed: its keys count              Processed: keys from now on
//! ```
//!
//! The new state names its predecessors before the old state names its successor. A run on the new
//! spreadsheet is allowed only after the old one names it, and a run on the old one only until
//! then. So the job is always active in exactly one place.

use crate::runs::schedule_history::ScheduleHistory;
use crate::state::snapshot::State;

/// Maximum number of predecessor spreadsheets.
pub const MAX_PREDECESSORS: usize = 20;

/// What a run records about a rollover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollover {
    /// It starts the job in a new spreadsheet.
    FirstRun(Predecessors),
    /// It is the last run in this spreadsheet; the job continues in that one.
    LastRun(String),
}

/// What the job takes along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Predecessors {
    /// The ids of the predecessor spreadsheets, the latest first.
    pub previous: Vec<String>,
    /// The time zone of data timestamps.
    pub timezone: Option<String>,
    /// The low watermark in the source.
    pub low_watermark: Option<String>,
    /// The state of alerts.
    pub alerts: Option<String>,
    /// What the job remembers of its occurrences.
    pub schedule: Option<ScheduleHistory>,
}

impl Predecessors {
    /// Collects what a job takes along from the spreadsheet with this id.
    pub fn from_state(state: &State, spreadsheet: &str) -> Self {
        let previous = std::iter::once(spreadsheet.to_owned()).chain(state.predecessors.iter().cloned());
        Self {
            previous: previous.collect(),
            timezone: state.timezone.clone(),
            low_watermark: state.low_watermark.clone(),
            alerts: state.alerts.clone(),
            schedule: state.schedule.clone(),
        }
    }
}

impl Rollover {
    /// Changes the state that this run's commits write.
    pub fn apply(&self, state: &mut State) {
        match self {
            Self::FirstRun(predecessors) if state.predecessors != predecessors.previous => {
                state.predecessors.clone_from(&predecessors.previous);
                state.timezone.clone_from(&predecessors.timezone);
                state.low_watermark.clone_from(&predecessors.low_watermark);
                state.alerts.clone_from(&predecessors.alerts);
                state.schedule.clone_from(&predecessors.schedule);
            }
            Self::FirstRun(_) => {}
            Self::LastRun(next) => state.successor = Some(next.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_state_and_the_old_one_name_each_other() {
        let old =
            State { predecessors: vec!["first".into()], timezone: Some("Europe/Berlin".into()), ..State::default() };
        let mut new = State::default();
        Rollover::FirstRun(Predecessors::from_state(&old, "second")).apply(&mut new);
        assert_eq!(
            (new.predecessors.as_slice(), new.successor.as_deref()),
            (&["second".to_owned(), "first".to_owned()][..], None)
        );
        assert_eq!(new.timezone, old.timezone);
        let mut sealed = old.clone();
        Rollover::LastRun("third".into()).apply(&mut sealed);
        assert_eq!((sealed.successor.as_deref(), sealed.predecessors), (Some("third"), old.predecessors));
    }

    #[test]
    fn what_the_new_place_has_come_to_since_is_not_written_over() {
        let rollover = Rollover::FirstRun(Predecessors { previous: vec!["a".into()], ..Predecessors::default() });
        let mut state = State::default();
        rollover.apply(&mut state);
        state.low_watermark = Some("page 3".into());
        rollover.apply(&mut state);
        assert_eq!(state.low_watermark.as_deref(), Some("page 3"));
    }
}
