//! Functions of dates.
//!
//! In scope: calendar dates.
//! Out of scope: reading arguments (`args`), typed dates (`input`), number formats (`format`).

use jiff::civil::{Date, date};

use crate::formula::args::Args;
use crate::grid::value::{EvalResult, Scalar};

/// The day with serial number 0.
const DAY_ZERO: Date = date(1899, 12, 30);

/// Calls a function of dates.
pub(crate) fn call_date_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "DATE" => day(args.number(0)?, args.number(1)?, args.number(2)?),
        "YEAR" => Ok(Scalar::Number(f64::from(date_of(args.number(0)?)?.year()))),
        "MONTH" => Ok(Scalar::Number(f64::from(date_of(args.number(0)?)?.month()))),
        _ => Ok(Scalar::Number(f64::from(date_of(args.number(0)?)?.day()))),
    }
}

/// Returns the serial number of a date. Months and days may be out of range.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn day(year: f64, month: f64, day: f64) -> EvalResult<Scalar> {
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
fn date_of(serial: f64) -> EvalResult<Date> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return Err("#NUM!");
    }
    DAY_ZERO.checked_add(jiff::Span::new().days(serial.floor() as i64)).map_err(|_| "#NUM!")
}
