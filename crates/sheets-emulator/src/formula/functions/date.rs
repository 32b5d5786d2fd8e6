//! Functions of dates and times.
//!
//! In scope: calendar dates, times of day, weekdays, weeks, months after a date.
//! Out of scope: reading other arguments (`args`), which texts are dates (`format::typed_date`),
//! number formats (`format`), the present time (`evaluate`).

use jiff::civil::{Date, date};

use crate::format::typed_date::{DateSpelling, parse_moment};
use crate::formula::args::Args;
use crate::grid::value::{EvalResult, Scalar, check_finite, to_number};

/// The day with serial number 0.
const DAY_ZERO: Date = date(1899, 12, 30);

/// The day after 9999-12-31.
const LAST_SERIAL: f64 = 2_958_466.0;

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// Calls a function of dates or times.
pub(crate) fn call_date_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    let on = |at: usize| compute_date(read_serial(args, at)?);
    let of = |part: i64| i32::try_from(part).map(|part| Scalar::Number(f64::from(part))).map_err(|_| "#NUM!");
    match name {
        "DATE" => compute_day_serial(args.number(0)?, args.number(1)?, args.number(2)?),
        "TIME" => compute_time_serial(args.number(0)?, args.number(1)?, args.number(2)?),
        "DATEVALUE" => check_finite(read_typed_serial(args)?.floor()),
        "TIMEVALUE" => check_finite(read_typed_serial(args)?.rem_euclid(1.0)),
        "YEAR" => of(on(0)?.year().into()),
        "MONTH" => of(on(0)?.month().into()),
        "DAY" => of(on(0)?.day().into()),
        "HOUR" => of(compute_second_of_day(read_serial(args, 0)?)? / 3_600),
        "MINUTE" => of(compute_second_of_day(read_serial(args, 0)?)? / 60 % 60),
        "SECOND" => of(compute_second_of_day(read_serial(args, 0)?)? % 60),
        "WEEKDAY" => of(number_weekday(on(0)?, args.number_or(1, 1.0)?)?),
        "ISOWEEKNUM" => of(on(0)?.iso_week_date().week().into()),
        "WEEKNUM" => of(number_week(on(0)?, args.number_or(1, 1.0)?)?),
        "DAYS" => of(i64::from((on(0)? - on(1)?).get_days())),
        _ => {
            let end = if name == "EOMONTH" { Some(31) } else { None };
            add_months(on(0)?, args.number(1)?, end)
        }
    }
}

/// Returns an argument as a serial number. A text may be a date or a time as typed.
pub(crate) fn read_serial(args: &Args<'_>, at: usize) -> EvalResult<f64> {
    match args.raw(at)? {
        Scalar::Text(text) => match to_number(&Scalar::Text(text.clone())) {
            Ok(value) => Ok(value),
            Err(error) => parse_moment(text.trim(), DateSpelling::default()).map(|(serial, _)| serial).ok_or(error),
        },
        other => to_number(other),
    }
}

/// Returns the serial number of a typed date or time; `#VALUE!` for a text that is neither.
fn read_typed_serial(args: &Args<'_>) -> EvalResult<f64> {
    match args.raw(0)? {
        Scalar::Number(serial) => Ok(*serial),
        Scalar::Text(text) => {
            parse_moment(text.trim(), DateSpelling::default()).map(|(serial, _)| serial).ok_or("#VALUE!")
        }
        Scalar::Error(error) => Err(error),
        _ => Err("#VALUE!"),
    }
}

/// Returns the whole seconds since midnight. A fraction is taken to the millisecond, so that nine
/// o'clock is not 8:59:59.
#[expect(clippy::cast_possible_truncation, reason = "less than the milliseconds of a day")]
fn compute_second_of_day(serial: f64) -> EvalResult<i64> {
    if !(0.0..LAST_SERIAL).contains(&serial) {
        return Err("#NUM!");
    }
    let ms = (serial.fract() * DAY_MS).round() as i64;
    Ok(ms / 1_000 % 86_400)
}

/// Returns the fraction of a day. Parts may be out of range; whole days are left out.
fn compute_time_serial(hours: f64, minutes: f64, seconds: f64) -> EvalResult<Scalar> {
    let seconds = hours.trunc() * 3_600.0 + minutes.trunc() * 60.0 + seconds.trunc();
    if (0.0..=1e12).contains(&seconds) { check_finite(seconds % 86_400.0 / 86_400.0) } else { Err("#NUM!") }
}

/// Numbers a day of the week: from Sunday as 1, from Monday as 1, or from Monday as 0.
fn number_weekday(date: Date, kind: f64) -> EvalResult<i64> {
    let weekday = date.weekday();
    Ok(i64::from(match kind.trunc() {
        1.0 => weekday.to_sunday_one_offset(),
        2.0 => weekday.to_monday_one_offset(),
        3.0 => weekday.to_monday_zero_offset(),
        _ => return Err("#NUM!"),
    }))
}

/// Numbers the week of the year. Weeks begin on Sunday (1, 17), on Monday (2, 11) to Saturday (16),
/// or are those of ISO 8601 (21).
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn number_week(date: Date, kind: f64) -> EvalResult<i64> {
    let first_day = match kind.trunc() {
        1.0 => 7,
        2.0 => 1,
        kind @ 11.0..=17.0 => kind as i64 - 10,
        21.0 => return Ok(date.iso_week_date().week().into()),
        _ => return Err("#NUM!"),
    };
    // The days of the year's first week before January 1.
    let before = (i64::from(date.first_of_year().weekday().to_monday_one_offset()) - first_day).rem_euclid(7);
    Ok((i64::from(date.day_of_year()) - 1 + before) / 7 + 1)
}

/// Returns the date some months later: on the same day, or on this day, or on the last before it.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn add_months(date: Date, months: f64, day: Option<i8>) -> EvalResult<Scalar> {
    if months.abs() > 120_000.0 {
        return Err("#NUM!");
    }
    let first = date.first_of_month().checked_add(jiff::Span::new().months(months as i64)).map_err(|_| "#NUM!")?;
    let day = day.unwrap_or(date.day()).min(first.days_in_month());
    let days = (first - DAY_ZERO).get_days() + i32::from(day) - 1;
    if days < 0 { Err("#NUM!") } else { Ok(Scalar::Number(f64::from(days))) }
}

/// Returns the serial number of the day some months before another.
pub(crate) fn subtract_months(serial: f64, months: u16) -> Option<f64> {
    match add_months(compute_date(serial).ok()?, -f64::from(months), None) {
        Ok(Scalar::Number(serial)) => Some(serial),
        _ => None,
    }
}

/// Returns the serial number of a date. Months and days may be out of range.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn compute_day_serial(year: f64, month: f64, day: f64) -> EvalResult<Scalar> {
    if [year, month, day].iter().any(|part| part.abs() > 100_000.0) || year < 0.0 {
        return Err("#NUM!");
    }
    let (year, month, day) = (year as i32, month as i32 - 1, day as i64);
    let year = (if year < 1900 { year + 1900 } else { year }) + month.div_euclid(12);
    let month = i8::try_from(month.rem_euclid(12) + 1).map_err(|_| "#NUM!")?;
    let first = Date::new(i16::try_from(year).map_err(|_| "#NUM!")?, month, 1).map_err(|_| "#NUM!")?;
    let days = i64::from((first - DAY_ZERO).get_days()) + day - 1;
    i32::try_from(days).map(|days| Scalar::Number(f64::from(days))).map_err(|_| "#NUM!")
}

#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn compute_date(serial: f64) -> EvalResult<Date> {
    if !(0.0..LAST_SERIAL).contains(&serial) {
        return Err("#NUM!");
    }
    DAY_ZERO.checked_add(jiff::Span::new().days(serial.floor() as i64)).map_err(|_| "#NUM!")
}
