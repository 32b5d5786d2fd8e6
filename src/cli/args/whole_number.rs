//! Whole numbers on the command line.
//!
//! In scope: what is said about a text that is not one, or outside its bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Parses a whole number from 0.
pub fn parse_whole_number<N: FromStr>(text: &str) -> Result<N, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_number => Ok(number),
        _ if is_number => Err("that number is too large".to_owned()),
        _ => Err(format!("`{text}` is not a whole number, such as 20")),
    }
}

/// Parses a whole number within bounds.
pub fn whole_number_within<N: FromStr + PartialOrd + Display>(
    text: &str,
    bounds: &RangeInclusive<N>,
) -> Result<N, String> {
    let number = parse_whole_number(text)?;
    if bounds.contains(&number) {
        return Ok(number);
    }
    Err(format!("{number} is not between {} and {}", bounds.start(), bounds.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_outside_its_bounds_is_refused() {
        assert_eq!(whole_number_within::<u64>("20", &(1..=20)), Ok(20));
        assert_eq!(whole_number_within::<u64>("0", &(1..=20)), Err("0 is not between 1 and 20".to_owned()));
        assert!(whole_number_within::<u64>("-1", &(1..=20)).is_err());
    }

    #[test]
    fn what_is_not_a_whole_number_is_named_in_plain_words() {
        assert_eq!(parse_whole_number::<u64>("20"), Ok(20));
        assert_eq!(parse_whole_number::<u64>("many"), Err("`many` is not a whole number, such as 20".to_owned()));
        assert_eq!(parse_whole_number::<u16>("99999"), Err("that number is too large".to_owned()));
        assert!(parse_whole_number::<u64>("-1").is_err() && parse_whole_number::<u64>("").is_err());
    }
}
