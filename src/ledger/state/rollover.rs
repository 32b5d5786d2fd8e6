//! A job's move to a new spreadsheet, when the one that it is in fills up.
//!
//! In scope: what the two states say of it. Out of scope: reading keys of earlier spreadsheets (`store::load::predecessors`), the order of things
//! (`maintain::rollover`).
//!
//! ```text
//!  earlier spreadsheet                    new spreadsheet
//!  state: next ─────────────────────────▶ state: previous
//!  Processed: its keys count              Processed: keys from now on
//! ```
//!
//! The new state names the earlier spreadsheets before the old one names the new. A run on the new one works only once the old one names
//! it, and one on the old one only as long as it names none: so at every moment there is one place where the job runs.

use crate::ledger::state::snapshot::State;

/// Spreadsheets that a job may have left behind.
pub const MAX_EARLIER: usize = 20;

/// What a run writes down of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollover {
    /// It makes the job's beginning in a new spreadsheet.
    Into(Predecessors),
    /// It is the last one in this spreadsheet; the job goes on in that one.
    OutTo(String),
}

/// What the job takes along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Predecessors {
    /// The spreadsheets that it leaves behind, the last one first.
    pub previous: Vec<String>,
    /// The time zone of data moments.
    pub timezone: Option<String>,
    /// Where the source was.
    pub cursor: Option<String>,
    /// What alerts remember.
    pub alerts: Option<String>,
}

impl Predecessors {
    /// What a job takes along from the spreadsheet of this id.
    pub fn of(state: &State, spreadsheet: &str) -> Self {
        let previous = std::iter::once(spreadsheet.to_owned()).chain(state.previous.iter().cloned());
        Self {
            previous: previous.collect(),
            timezone: state.timezone.clone(),
            cursor: state.cursor.clone(),
            alerts: state.alerts.clone(),
        }
    }
}

impl Rollover {
    /// The state as this run's commits write it.
    pub fn mark(&self, state: &mut State) {
        match self {
            Self::Into(heritage) if state.previous != heritage.previous => {
                state.previous.clone_from(&heritage.previous);
                state.timezone.clone_from(&heritage.timezone);
                state.cursor.clone_from(&heritage.cursor);
                state.alerts.clone_from(&heritage.alerts);
            }
            Self::Into(_) => {}
            Self::OutTo(next) => state.next = Some(next.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_state_names_all_earlier_spreadsheets_and_the_old_one_names_the_new() {
        let old = State { previous: vec!["first".into()], timezone: Some("Europe/Berlin".into()), ..State::default() };
        let mut new = State::default();
        Rollover::Into(Predecessors::of(&old, "second")).mark(&mut new);
        assert_eq!(
            (new.previous.as_slice(), new.next.as_deref()),
            (&["second".to_owned(), "first".to_owned()][..], None)
        );
        assert_eq!(new.timezone, old.timezone);
        let mut sealed = old.clone();
        Rollover::OutTo("third".into()).mark(&mut sealed);
        assert_eq!((sealed.next.as_deref(), sealed.previous), (Some("third"), old.previous));
    }

    #[test]
    fn what_the_new_place_has_come_to_since_is_not_written_over() {
        let rollover = Rollover::Into(Predecessors { previous: vec!["a".into()], ..Predecessors::default() });
        let mut state = State::default();
        rollover.mark(&mut state);
        state.cursor = Some("page 3".into());
        rollover.mark(&mut state);
        assert_eq!(state.cursor.as_deref(), Some("page 3"));
    }
}
