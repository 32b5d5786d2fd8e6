//! A recurrence: a cron expression in a time zone, or an interval of absolute time.
//!
//! In scope: the next and previous occurrence, and the occurrences of a window. Out of scope: what
//! is done about them (`decision`).

use jiff::Timestamp as Moment;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cron::CronExpression;
use crate::dialect::ExpressionError;
use crate::instants::{find_instants, has_clock_change};

/// How many dates a search looks at: 41 years, more than the longest wait for a 29 February that
/// is a given weekday.
const MAX_DATES: u32 = 41 * 366;

/// The longest interval: 28 days.
const MAX_MINUTES: i64 = 28 * 24 * 60;

/// When a job comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrence {
    /// At the times of an expression, in the zone's local time.
    Cron(CronExpression),
    /// Every so many minutes of absolute time, counted from 1970-01-01T00:00:00Z.
    Every {
        /// The interval in whole minutes, from 1 to 28 days.
        minutes: i64,
    },
}

/// An instant of a recurrence, in milliseconds since 1970, and the local date that it belongs to.
pub type DatedInstant = (i64, Date);

impl Recurrence {
    /// Parses `0 9 * * 1-5`, `@daily` or `every 15m` (units m, h, d).
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let trimmed = text.trim();
        match trimmed.get(..6) {
            Some(word) if word.eq_ignore_ascii_case("every ") => parse_interval(trimmed),
            _ => CronExpression::parse(trimmed).map(Self::Cron),
        }
    }

    /// Returns the text of the recurrence.
    pub fn to_text(&self) -> String {
        match self {
            Self::Cron(expression) => expression.as_str().to_owned(),
            Self::Every { minutes } if minutes % 1440 == 0 => format!("every {}d", minutes / 1440),
            Self::Every { minutes } if minutes % 60 == 0 => format!("every {}h", minutes / 60),
            Self::Every { minutes } => format!("every {minutes}m"),
        }
    }

    /// Returns the first instant after `after` (milliseconds); none within 41 years.
    pub fn next_after(&self, after: i64, zone: &TimeZone) -> Option<DatedInstant> {
        match self {
            Self::Every { minutes } => add_date(find_next_multiple(after, *minutes)?, zone),
            Self::Cron(expression) => {
                let mut date = find_local_date(after, zone)?.yesterday().ok()?;
                for _ in 0..MAX_DATES {
                    let on_date = find_first_on(expression, date, after, zone);
                    if on_date.is_some() {
                        // The next date may begin before this one's repeated hour ends.
                        let next = find_first_on(expression, date.tomorrow().ok()?, after, zone);
                        return on_date.into_iter().chain(next).min();
                    }
                    date = date.tomorrow().ok()?;
                }
                None
            }
        }
    }

    /// Returns the last instant at or before `at` (milliseconds); none within 41 years.
    pub fn last_until(&self, at: i64, zone: &TimeZone) -> Option<DatedInstant> {
        match self {
            Self::Every { minutes } => {
                let period = minutes * 60_000;
                add_date(at.div_euclid(period) * period, zone)
            }
            Self::Cron(expression) => {
                let mut date = find_local_date(at, zone)?.tomorrow().ok()?;
                for _ in 0..MAX_DATES {
                    let on_date = find_last_on(expression, date, at, zone);
                    if on_date.is_some() {
                        let before = find_last_on(expression, date.yesterday().ok()?, at, zone);
                        return on_date.into_iter().chain(before).max();
                    }
                    date = date.yesterday().ok()?;
                }
                None
            }
        }
    }

    /// Calls `visit` for each instant in (`after`, `until`], in order.
    pub fn visit_between(&self, after: i64, until: i64, zone: &TimeZone, mut visit: impl FnMut(DatedInstant)) {
        match self {
            Self::Every { minutes } => {
                let mut next = find_next_multiple(after, *minutes);
                while let Some(at) = next.filter(|at| *at <= until) {
                    if let Some(found) = add_date(at, zone) {
                        visit(found);
                    }
                    next = at.checked_add(minutes * 60_000);
                }
            }
            Self::Cron(expression) => visit_dates(expression, after, until, zone, &mut visit),
        }
    }
}

fn find_first_on(expression: &CronExpression, date: Date, after: i64, zone: &TimeZone) -> Option<DatedInstant> {
    let found = find_instants(expression, date, zone);
    found.into_iter().find(|at| *at > after).map(|at| (at, date))
}

fn find_last_on(expression: &CronExpression, date: Date, at: i64, zone: &TimeZone) -> Option<DatedInstant> {
    let found = find_instants(expression, date, zone);
    found.into_iter().rev().find(|instant| *instant <= at).map(|instant| (instant, date))
}

fn visit_dates(
    expression: &CronExpression,
    after: i64,
    until: i64,
    zone: &TimeZone,
    visit: &mut impl FnMut(DatedInstant),
) {
    let first = find_local_date(after, zone).and_then(|date| date.yesterday().ok());
    let last = find_local_date(until, zone).and_then(|date| date.tomorrow().ok());
    let (Some(mut date), Some(last)) = (first, last) else { return };
    while date <= last {
        let dated_on = |date: Date| find_instants(expression, date, zone).into_iter().map(move |at| (at, date));
        let mut found: Vec<DatedInstant> = dated_on(date).collect();
        if has_clock_change(date, zone) {
            // A repeated hour around midnight mixes the instants of two dates.
            let Ok(next) = date.tomorrow() else { return };
            found.extend(dated_on(next));
            found.sort_unstable();
            date = next;
        }
        found.into_iter().filter(|(at, _)| *at > after && *at <= until).for_each(&mut *visit);
        let Ok(next) = date.tomorrow() else { return };
        date = next;
    }
}

fn find_next_multiple(after: i64, minutes: i64) -> Option<i64> {
    let period = minutes * 60_000;
    after.div_euclid(period).checked_add(1)?.checked_mul(period)
}

fn add_date(at: i64, zone: &TimeZone) -> Option<DatedInstant> {
    find_local_date(at, zone).map(|date| (at, date))
}

/// Returns the local date of an instant (milliseconds); none beyond the calendar.
pub fn find_local_date(at: i64, zone: &TimeZone) -> Option<Date> {
    let instant = Moment::from_millisecond(at).ok()?;
    // Two days from the ends of the calendar, so that no step leaves it.
    let date = instant.to_zoned(zone.clone()).date();
    (date.checked_add(2.days()).is_ok() && date.checked_sub(2.days()).is_ok()).then_some(date)
}

fn parse_interval(text: &str) -> Result<Recurrence, ExpressionError> {
    let refuse = |why: &str| {
        ExpressionError::new(format!("{text:?} is not a valid interval: {why}"))
            .with_help("write \"every 15m\", \"every 2h\" or \"every 1d\", from 1m to 28d")
    };
    let rest = text[6..].trim();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = rest.split_at(digits);
    let minutes_per_unit = match unit.trim().to_ascii_lowercase().as_str() {
        "m" => 1,
        "h" => 60,
        "d" => 1440,
        "minutes" | "minute" | "mins" | "min" | "hours" | "hour" | "day" | "days" => {
            let short = unit.trim().chars().next().unwrap_or('m').to_ascii_lowercase();
            let number = if number.is_empty() { "1" } else { number };
            return Err(ExpressionError::new(format!("{text:?} is App Engine's form"))
                .with_help(format!("write {:?}", format!("every {number}{short}"))));
        }
        "s" => return Err(refuse("seconds are too short")),
        _ => return Err(refuse("the unit is m, h or d")),
    };
    let number: i64 = number.parse().map_err(|_| refuse("a whole number comes first"))?;
    match number.checked_mul(minutes_per_unit) {
        Some(minutes @ 1..=MAX_MINUTES) => Ok(Recurrence::Every { minutes }),
        _ => Err(refuse("it is out of range")),
    }
}
