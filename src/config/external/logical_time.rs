//! The logical time of a run, as variables that job files and programs may use.
//!
//! In scope: their names and values. Out of scope: which occurrence is due (`app::schedule::due`).

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::external::environment::Environment;
use crate::schedule::recurrence::find_local_date;
use crate::time::Timestamp;

/// The date for which a run is made, `2026-11-29`: that of its occurrence, else today's in the
/// schedule's zone (UTC without a schedule).
pub const LOGICAL_DATE: &str = "SHEETKEEP_LOGICAL_DATE";
/// The time for which a run was scheduled, in UTC, `2026-11-29T08:00:00Z`. Not set for a run that a
/// person starts.
pub const SCHEDULED_FOR: &str = "SHEETKEEP_SCHEDULED_FOR";

/// The name of the logical run, which distinguishes several runs of a day. It is its date; for a
/// schedule with several times a day also its local time, `2026-11-29T09:00+01:00`. Only jobs of
/// stages have it.
pub const LOGICAL_RUN: &str = "SHEETKEEP_LOGICAL_RUN";

/// Parses a logical date, which has the form `2026-11-29` and no other.
pub fn parse_logical_date(text: &str) -> Result<Date, String> {
    let date = Date::strptime("%Y-%m-%d", text).ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| format!("`{text}` is not a valid date; write it as 2026-11-29"))
}

/// For which time a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalTime {
    /// For now, since no occurrence of the schedule started it.
    Now(Timestamp),
    /// For a date that a flag names.
    Named {
        /// The time of now.
        now: Timestamp,
        /// Its logical date.
        date: Date,
    },
    /// For an occurrence of the schedule.
    Occurrence {
        /// Its logical time.
        scheduled_for: Timestamp,
        /// Its logical date.
        date: Date,
    },
}

impl LogicalTime {
    /// Returns the instant of it.
    pub(crate) fn instant(self) -> Timestamp {
        match self {
            Self::Now(at) | Self::Named { now: at, .. } | Self::Occurrence { scheduled_for: at, .. } => at,
        }
    }

    /// Returns the names and values of the variables. `zone` is the schedule's.
    fn make_variables(self, zone: &TimeZone) -> Vec<(&'static str, String)> {
        match self {
            Self::Now(now) => {
                find_local_date(now.0, zone).map(|date| (LOGICAL_DATE, date.to_string())).into_iter().collect()
            }
            Self::Named { date, .. } => vec![(LOGICAL_DATE, date.to_string())],
            Self::Occurrence { scheduled_for, date } => {
                vec![(LOGICAL_DATE, date.to_string()), (SCHEDULED_FOR, scheduled_for.to_string().replace(".000Z", "Z"))]
            }
        }
    }

    /// Returns the environment with the variables in it. Where a person has set the date for a run
    /// of their own, that one counts, unless a flag names another.
    pub(crate) fn add_to(self, environment: &Environment, zone: &TimeZone) -> Environment {
        let mut environment = environment.clone();
        for (name, value) in self.make_variables(zone) {
            if !matches!(self, Self::Now(_)) || environment.get(name).is_none() {
                environment.set(name, value);
            }
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(time: LogicalTime, environment: &Environment) -> (Option<String>, Option<String>) {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let environment = time.add_to(environment, &zone);
        (environment.get(LOGICAL_DATE).map(str::to_owned), environment.get(SCHEDULED_FOR).map(str::to_owned))
    }

    #[test]
    fn a_logical_date_has_one_form() {
        assert_eq!(parse_logical_date("2026-11-29"), Ok(jiff::civil::date(2026, 11, 29)));
        for bad in ["2026-11-31", "26-11-29", "today", "2026-11-29T09:00", "2026-1-9", " 2026-11-29", "20261129"] {
            assert!(parse_logical_date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_occurrence_has_its_own_date_and_a_run_by_hand_today() {
        let at = |text| Timestamp::parse(text).expect("a time");
        let none = Environment::default();
        let now = LogicalTime::Now(at("2026-11-28T23:30:00Z"));
        assert_eq!(values(now, &none), (Some("2026-11-29".into()), None));
        let date = jiff::civil::date(2026, 11, 27);
        let occurrence = LogicalTime::Occurrence { scheduled_for: at("2026-11-27T08:00:00Z"), date };
        assert_eq!(values(occurrence, &none), (Some("2026-11-27".into()), Some("2026-11-27T08:00:00Z".into())));
        let named = LogicalTime::Named { now: at("2026-11-28T23:30:00Z"), date };
        assert_eq!(values(named, &none), (Some("2026-11-27".into()), None));
        let set = Environment::from_pairs(&[(LOGICAL_DATE, "2020-01-01")], &[]);
        assert_eq!(values(now, &set).0.as_deref(), Some("2020-01-01"));
        assert_eq!(values(occurrence, &set).0.as_deref(), Some("2026-11-27"));
        assert_eq!(values(named, &set).0.as_deref(), Some("2026-11-27"));
    }
}
