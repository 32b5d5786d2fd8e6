//! Durations on the command line.
//!
//! In scope: parsing. Out of scope: durations in job files (`config::value_reader`), and printing
//! them (`cli::format`).

use std::time::Duration;

/// Parses `300ms`, `2s`, `1.5s`, `1m`, `1h`, `90d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let help = || format!("`{text}` is not a valid duration; write it as 300ms, 2s, 1m, 1h or 90d");
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(help)?;
    let (number, unit) = text.split_at(number_end);
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(help()),
    };
    let number: f64 = number.parse().map_err(|_| help())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| help())
}

/// Parses a deadline, which has to leave time to finish the items in progress.
pub fn deadline(text: &str) -> Result<Duration, String> {
    let least = Duration::from_secs(3);
    let deadline = duration(text)?;
    if deadline < least {
        Err("a run needs at least 3s to end well before its deadline".to_owned())
    } else {
        Ok(deadline)
    }
}
