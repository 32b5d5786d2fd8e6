//! How often a command is tried, and with which delays. Pure.

use std::time::Duration;

use sheetkeep_base::retry::Jitter;

use crate::retryable_codes::RetryableCodes;

/// The bounds of the attempts at one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// Upper bound of the first delay; it doubles with each attempt. More than zero.
    pub base_delay: Duration,
    /// Upper bound of every delay.
    pub max_delay: Duration,
    /// How a delay is drawn.
    pub jitter: Jitter,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How long all attempts and delays may take together.
    pub deadline: Option<Duration>,
    /// Which ends are tried again.
    pub codes: RetryableCodes,
}

/// Reads a number of attempts. The error is a clause in lower case.
pub fn parse_attempts(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(number) if number < 1 => Err("max-retries must be at least 1: it counts the first attempt, too".to_owned()),
        Ok(number) => u32::try_from(number).map_err(|_| "max-retries must be at most 4294967295".to_owned()),
        Err(_) => Err("max-retries must be a whole number, at least 1".to_owned()),
    }
}

/// Reads a time that has to be more than zero: `0.1` and `30` are seconds, and `300ms`, `2s`, `1m`,
/// `1h` name their unit. `name` is the flag's, for the error.
pub fn parse_positive_time(name: &str, text: &str) -> Result<Duration, String> {
    let help = || format!("{name} must be a time, such as 0.1 (seconds), 300ms, 2s or 1m");
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(help()),
    };
    let seconds = number.parse::<f64>().map_err(|_| help())? * scale;
    let time = if seconds > 0.0 { Duration::try_from_secs_f64(seconds).ok() } else { None };
    // A microsecond is the unit of the delays.
    time.filter(|time| *time >= Duration::from_micros(1)).ok_or_else(|| {
        if seconds.is_finite() && seconds > 1.0 { help() } else { format!("{name} must be more than 0") }
    })
}

impl CommandPolicy {
    /// Returns the policy of a command that is run once, for as long as it takes.
    pub fn once() -> Self {
        Self {
            max_attempts: 1,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(1),
            jitter: Jitter::None,
            timeout: None,
            deadline: None,
            codes: RetryableCodes::any(),
        }
    }

    /// Checks what depends on two settings. The error is a clause in lower case.
    pub fn check(&self) -> Result<(), String> {
        if self.max_delay < self.base_delay {
            return Err("max-delay must not be less than base-delay".to_owned());
        }
        Ok(())
    }

    /// Returns the delay after the `failed`-th failed attempt (1-based). `previous` is the delay
    /// before this one; `draw` is uniform in [0, 1).
    pub fn delay(&self, failed: u32, previous: Duration, draw: f64) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (base, cap) = (micros(self.base_delay), micros(self.max_delay));
        Duration::from_micros(self.jitter.delay(base, cap, failed, micros(previous), draw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_attempt_is_asked_for() {
        assert_eq!((parse_attempts("1"), parse_attempts("5")), (Ok(1), Ok(5)));
        for (text, why) in [("0", "at least 1"), ("-3", "at least 1"), ("1.5", "whole"), ("99999999999", "at most")] {
            assert!(parse_attempts(text).expect_err(text).contains(why), "{text}");
        }
    }

    #[test]
    fn a_time_is_in_seconds_unless_it_names_its_unit() {
        let millis = |text| parse_positive_time("base-delay", text).map(|time| time.as_millis());
        assert_eq!(
            ["0.1", "30", "300ms", "1.5s", "2m", "1h"].map(millis).map(Result::unwrap),
            [100, 30_000, 300, 1_500, 120_000, 3_600_000]
        );
        for text in ["0", "-1", "-0.5s", "0.0000001"] {
            assert_eq!(millis(text), Err("base-delay must be more than 0".to_owned()), "{text}");
        }
        for text in ["", "x", "1d", "1e99", "s", "NaN"] {
            assert!(millis(text).expect_err(text).contains("must be a time"), "{text}");
        }
    }

    #[test]
    fn delays_double_up_to_the_maximum() {
        let policy = CommandPolicy {
            max_attempts: 9,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(1),
            jitter: Jitter::None,
            timeout: None,
            deadline: None,
            codes: RetryableCodes::any(),
        };
        let delays = [1, 2, 3, 4, 5, 6].map(|failed| policy.delay(failed, Duration::ZERO, 0.5).as_millis());
        assert_eq!(delays, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(policy.check(), Ok(()));
        let short = CommandPolicy { max_delay: Duration::from_millis(99), ..policy };
        assert!(short.check().is_err());
    }
}
