//! Numbers and durations, formatted for people.
//!
//! In scope: thousands separators, durations, counted words. Out of scope: colours, and output for
//! machines.

/// Formats `1707` as `1,707`.
pub fn format_number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats milliseconds as `42 ms`, `0.4 s`, `1.2 s`, `48 s`, `2 min 05 s`, `3 h 07 min`.
pub fn format_duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 if ms < 100 => format!("{ms} ms"),
        0..10 => format!("{seconds}.{} s", ms % 1_000 / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// Formats `1 row`, `2 rows`, `1,707 rows`.
pub fn format_count(number: u64, word: &str) -> String {
    format!("{} {word}{}", format_number(number), if number == 1 { "" } else { "s" })
}

/// Formats `part` of `whole` as `0.3 %`, rounded down.
pub fn format_share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Returns `part` of `whole` in percent, rounded down; 100 only when complete.
pub fn round_down_percent(part: u64, whole: u64) -> u64 {
    let exact = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(exact).unwrap_or(100).min(100)
}

/// Returns the key of a record without a key as a shell takes it: `#` would begin a comment there.
pub fn make_shell_safe(key: &str) -> &str {
    if is_digest(key.strip_prefix('#').unwrap_or_default()) { key.strip_prefix('#').unwrap_or(key) } else { key }
}

/// Returns whether a text is the digest by which a record without a key is known.
pub fn is_digest(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let all: Vec<String> = [0, 7, 999, 1_000, 1_707, 10_000_000, u64::MAX].map(format_number).into();
        assert_eq!(all, ["0", "7", "999", "1,000", "1,707", "10,000,000", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn lengths_of_time_keep_two_units_at_most() {
        let all: Vec<String> =
            [0, 99, 100, 1_234, 9_999, 10_000, 59_999, 125_000, 3_600_000, 90_061_000].map(format_duration).into();
        assert_eq!(
            all,
            ["0 ms", "99 ms", "0.1 s", "1.2 s", "9.9 s", "10 s", "59 s", "2 min 05 s", "1 h 00 min", "25 h 01 min"]
        );
    }

    #[test]
    fn a_hundred_percent_means_all_of_it() {
        let shares = [(0, 10), (35_292, 10_000_000), (9_999_999, 10_000_000), (11, 10), (1, 0)];
        assert_eq!(
            shares.map(|(part, whole)| format_share(part, whole)),
            ["0.0 %", "0.3 %", "99.9 %", "110.0 %", "100.0 %"]
        );
        assert_eq!(
            (round_down_percent(1_706, 1_707), round_down_percent(1_707, 1_707), round_down_percent(0, 0)),
            (99, 100, 0)
        );
    }
}
