//! Blackout dates: local dates on which a job does not run.

use std::fmt;

use jiff::civil::Date;

use crate::dialect::ExpressionError;

/// Local dates on which a job does not run, as ranges with both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlackoutDates(Vec<(Date, Date)>);

impl BlackoutDates {
    /// Adds `2026-12-24`, or `2026-12-24..2027-01-02` with both ends included.
    pub fn add(&mut self, text: &str) -> Result<(), ExpressionError> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let read = |part: &str| part.trim().parse::<Date>().ok().filter(|_| part.trim().len() == 10);
        let help = "write a date as 2026-12-24, or a range as 2026-12-24..2027-01-02";
        let (Some(from), Some(to)) = (read(from), read(to)) else {
            return Err(ExpressionError::new(format!("{text:?} is not a valid date or range of dates")).with_help(help));
        };
        if from > to {
            return Err(ExpressionError::new(format!("{text:?} ends before it begins")).with_help(help));
        }
        self.0.push((from, to));
        Ok(())
    }

    /// Returns whether the job does not run on the date.
    pub fn has_date(&self, date: Date) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&date))
    }

    /// Returns whether no date is excluded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for BlackoutDates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges =
            self.0.iter().map(|(from, to)| if from == to { from.to_string() } else { format!("{from}..{to}") });
        f.write_str(&ranges.collect::<Vec<_>>().join(", "))
    }
}
