//! Lengths of time on the command line.
//!
//! In scope: what is said about a wrong one, and least values. Out of scope: how they are written
//! (`config::syntax::duration`), and printing them (`cli::format`).

use std::time::Duration;

use crate::config::syntax::duration::{FORMS, parse_duration};

/// The shortest deadline of a run.
const MIN_DEADLINE: Duration = Duration::from_secs(3);

/// Parses a length of time, as in a job file.
pub fn parse_duration_arg(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("`{text}` is not a length of time; write it as {FORMS}"))
}

/// Parses the age from which something is deleted. A number alone would be seconds, and days are
/// meant more often.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let is_bare = text.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_bare && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        return Err(format!("`{text}` has no unit; write it as {}d for days, or with h, m or s", text.trim()));
    }
    parse_duration(text).ok_or_else(|| format!("`{text}` is not an age; write it as 90d for days, or with h, m or s"))
}

/// Parses a deadline, which has to leave time to finish the items in progress.
pub fn parse_deadline(text: &str) -> Result<Duration, String> {
    let deadline = parse_duration_arg(text)?;
    if deadline.is_zero() {
        Err("0 leaves no time to run; write a time such as 50m".to_owned())
    } else if deadline < MIN_DEADLINE {
        Err("a run needs at least 3s to end well before its deadline".to_owned())
    } else {
        Ok(deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_takes_the_lengths_of_time_of_a_job_file() {
        for (text, seconds) in [
            ("50", 50.0),
            ("50min", 3_000.0),
            ("1h 30m", 5_400.0),
            ("1h30m", 5_400.0),
            ("90d", 7_776_000.0),
            ("1.5s", 1.5),
            (".5s", 0.5),
            (".5", 0.5),
            ("1.5d", 129_600.0),
            ("0.5 w", 302_400.0),
            ("1.5h", 5_400.0),
        ] {
            assert_eq!(parse_duration_arg(text).map(|length| length.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in ["", "soon", "-5m", "5m ago", "1mo", ".", ".s", "1..5d", "1.5mo", "1.5d 2h"] {
            assert!(parse_duration_arg(text).is_err_and(|why| why.contains("1h 30m or 7d")), "{text}");
        }
    }

    #[test]
    fn a_deadline_of_nothing_has_a_reason_of_its_own() {
        assert!(parse_deadline("0").is_err_and(|why| why.starts_with("0 leaves no time")));
        assert!(parse_deadline("2s").is_err_and(|why| why.contains("at least 3s")));
        assert_eq!(parse_deadline("3"), Ok(MIN_DEADLINE));
    }

    #[test]
    fn an_age_for_deletions_needs_a_unit() {
        assert!(parse_age("90").is_err_and(|why| why.contains("write it as 90d")));
        assert!(parse_age("90.5").is_err_and(|why| why.contains("has no unit")));
        assert_eq!((parse_age("90d"), parse_age("0")), (parse_duration_arg("90d"), Ok(Duration::ZERO)));
    }
}
