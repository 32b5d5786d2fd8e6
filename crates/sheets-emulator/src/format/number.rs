//! Formats a number by one section of a pattern: `#,##0.00`, `0%`, `0.0,`, `##0.0E+0`, `# ?/?`,
//! `(000) 000-0000`.
//!
//! In scope: digits, grouping, scaling, percent, exponents, fractions, literal characters.
//! Out of scope: which section applies (`number_format`), dates (`date`).
//!
//! Source: "Number format tokens" of the Sheets API guide.

use crate::format::literals::split_letters;

/// The most decimals. A double has no more digits.
const DECIMALS: usize = 30;

/// A token of a section.
#[derive(Debug, Clone, PartialEq)]
enum NumberToken {
    /// `0`, `#` or `?`: a digit position.
    Digit(char),
    /// The first `.`.
    Point,
    /// `,` between or after digits.
    Comma,
    /// `E+` or `e-`: the letter, and whether a plus is shown.
    Exponent(char, bool),
    /// `/` between digits.
    FractionBar,
    /// `@`, or the word General: the number without a format.
    General,
    /// Any other character, and `%`.
    Literal(char),
}

/// Formats the number by the section. Returns `None` for a number without digits.
pub(crate) fn format_number(value: f64, section: &str) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let tokens = split_into_tokens(section);
    let percents = tokens.iter().filter(|token| **token == NumberToken::Literal('%')).count();
    let scaled = value.abs() * 100_f64.powi(i32::try_from(percents).unwrap_or(0)) / find_divisor(&tokens);
    if !scaled.is_finite() {
        return None;
    }
    let text = if let Some(at) = tokens.iter().position(|token| *token == NumberToken::FractionBar) {
        format_fraction(scaled, &tokens[..at], &tokens[at + 1..])
    } else if let Some(at) = tokens.iter().position(|token| matches!(token, NumberToken::Exponent(..))) {
        format_powers(scaled, &tokens[..at], &tokens[at..])
    } else {
        fill_digits(&round_to_text(scaled, count_decimals(&tokens)), &tokens, value.abs())
    };
    Some(if value < 0.0 { format!("-{text}") } else { text })
}

fn split_into_tokens(section: &str) -> Vec<NumberToken> {
    let letters = split_letters(section);
    let plain = |at: usize| letters.get(at).filter(|(_, literal)| !literal).map(|(letter, _)| *letter);
    let is_digit = |at: usize| plain(at).is_some_and(|letter| "0#?".contains(letter));
    let mut found = Vec::new();
    let (mut pointed, mut powered, mut at) = (false, false, 0);
    while let Some((letter, literal)) = letters.get(at).copied() {
        let after_digit = at > 0 && is_digit(at - 1);
        let general =
            || "general".chars().enumerate().all(|(n, c)| plain(at + n).is_some_and(|p| p.eq_ignore_ascii_case(&c)));
        let (token, length) = match letter {
            _ if literal => (NumberToken::Literal(letter), 1),
            '0' | '#' | '?' => (NumberToken::Digit(letter), 1),
            '.' if !pointed => (NumberToken::Point, 1),
            ',' if found.iter().any(|token| matches!(token, NumberToken::Digit(_))) => (NumberToken::Comma, 1),
            'E' | 'e' if !powered && matches!(plain(at + 1), Some('+' | '-')) && is_digit(at + 2) => {
                (NumberToken::Exponent(letter, plain(at + 1) == Some('+')), 2)
            }
            '/' if after_digit && (is_digit(at + 1) || plain(at + 1).is_some_and(|c| c.is_ascii_digit())) => {
                (NumberToken::FractionBar, 1)
            }
            '@' => (NumberToken::General, 1),
            'G' | 'g' if general() => (NumberToken::General, "general".len()),
            _ => (NumberToken::Literal(letter), 1),
        };
        pointed |= token == NumberToken::Point;
        powered |= matches!(token, NumberToken::Exponent(..));
        found.push(token);
        at += length;
    }
    found
}

/// Returns the divisor of the commas after the last digit: a thousand each.
fn find_divisor(tokens: &[NumberToken]) -> f64 {
    let end = tokens.iter().position(|token| matches!(token, NumberToken::Exponent(..))).unwrap_or(tokens.len());
    let behind = |part: &[NumberToken]| {
        let last = part.iter().rposition(|token| matches!(token, NumberToken::Digit(_))).unwrap_or(part.len());
        part[last..].iter().filter(|token| **token == NumberToken::Comma).count()
    };
    let commas: usize = tokens[..end].split(|token| *token == NumberToken::Point).map(behind).sum();
    1000_f64.powi(i32::try_from(commas).unwrap_or(0))
}

/// Returns the number of decimals in the tokens.
fn count_decimals(tokens: &[NumberToken]) -> usize {
    let point = tokens.iter().position(|token| *token == NumberToken::Point).unwrap_or(tokens.len());
    tokens[point..].iter().filter(|token| matches!(token, NumberToken::Digit(_))).count().min(DECIMALS)
}

/// Rounds half away from zero (2.5 to 3), even if the binary number lies slightly below the half.
fn round_to_text(value: f64, decimals: usize) -> String {
    let shortest = value.to_string();
    let exact_half = shortest.split_once('.').is_some_and(|(_, f)| f.len() == decimals + 1 && f.ends_with('5'));
    let value = if exact_half { value * (1.0 + f64::EPSILON) } else { value };
    format!("{value:.decimals$}")
}

/// Puts the digits of a decimal text into the positions of the tokens; `itself` replaces `@`.
fn fill_digits(text: &str, tokens: &[NumberToken], itself: f64) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let point = tokens.iter().position(|token| *token == NumberToken::Point).unwrap_or(tokens.len());
    let places = tokens[..point].iter().filter(|token| matches!(token, NumberToken::Digit(_))).count();
    let last_place = tokens[..point].iter().rposition(|token| matches!(token, NumberToken::Digit(_))).unwrap_or(0);
    let grouped = tokens[..last_place].contains(&NumberToken::Comma);
    let significant = decimals.trim_end_matches('0').len();
    let mut shown = String::new();
    let (mut left, mut decimal) = (places, decimals.chars());
    let mut seen = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            NumberToken::Digit(kind) if at < point => {
                left -= 1;
                let first = left + 1 == places;
                let from = if first { 0 } else { whole.len().saturating_sub(left + 1) };
                let own = &whole[from..whole.len().saturating_sub(left)];
                let own = if own.is_empty() { pad_blank_position(*kind) } else { own };
                append_digits(&mut shown, own, left, grouped);
            }
            NumberToken::Digit(kind) => {
                seen += 1;
                let digit = decimal.next().unwrap_or('0');
                if seen <= significant { shown.push(digit) } else { shown.push_str(pad_blank_position(*kind)) }
            }
            NumberToken::Point => {
                if places == 0 {
                    shown.push_str(whole);
                }
                shown.push('.');
            }
            NumberToken::Literal(letter) => shown.push(*letter),
            NumberToken::General => shown.push_str(&format_automatically(itself)),
            NumberToken::Comma | NumberToken::Exponent(..) | NumberToken::FractionBar => {}
        }
    }
    shown
}

/// Returns the text of a position without a significant digit.
fn pad_blank_position(kind: char) -> &'static str {
    match kind {
        '0' => "0",
        '?' => " ",
        _ => "",
    }
}

/// Appends the digits of one position, which `right` more positions follow, with group separators.
fn append_digits(shown: &mut String, digits: &str, right: usize, is_grouped: bool) {
    for (at, digit) in digits.chars().enumerate() {
        let follow = right + digits.len() - at - 1;
        shown.push(digit);
        if is_grouped && follow > 0 && follow.is_multiple_of(3) && digit.is_ascii_digit() {
            shown.push(',');
        }
    }
}

/// Formats `12.3E+03`. The mantissa has as many digits before the point as it has positions. With
/// several positions, the exponent is a multiple of their number.
fn format_powers(value: f64, mantissa: &[NumberToken], rest: &[NumberToken]) -> String {
    let places = mantissa
        .iter()
        .take_while(|token| **token != NumberToken::Point)
        .filter(|token| matches!(token, NumberToken::Digit(_)))
        .count();
    let step = i32::try_from(places.max(1)).unwrap_or(1);
    let room = count_decimals(mantissa);
    let exact = format!("{value:e}").split_once('e').and_then(|(_, power)| power.parse::<i32>().ok()).unwrap_or(0);
    let mut power = if value == 0.0 { 0 } else { exact.div_euclid(step) * step };
    let scaled = |power: i32| format!("{value:e}").parse::<f64>().unwrap_or(value) / 10_f64.powi(power);
    let mut text = round_to_text(scaled(power), room);
    // Rounding may add a digit: 9.99 with one decimal is 1.0E+01.
    if text.split('.').next().is_some_and(|whole| whole.len() > places.max(1)) {
        power += step;
        text = round_to_text(scaled(power), room);
    }
    let mut shown = fill_digits(&text, mantissa, value);
    if let Some(NumberToken::Exponent(letter, plus)) = rest.first() {
        shown.push(*letter);
        if power < 0 {
            shown.push('-');
        } else if *plus {
            shown.push('+');
        }
    }
    shown + &fill_digits(&power.unsigned_abs().to_string(), &rest[1..], 0.0)
}

/// Formats `5 1/8`: the nearest fraction that fits the denominator's positions, or has the given
/// denominator.
fn format_fraction(value: f64, before: &[NumberToken], after: &[NumberToken]) -> String {
    let run = before.iter().rposition(|token| !matches!(token, NumberToken::Digit(_))).map_or(0, |at| at + 1);
    let (whole, numerator) = before.split_at(run);
    let has_whole = whole.iter().any(|token| matches!(token, NumberToken::Digit(_)));
    let is_part = |token: &&NumberToken| matches!(token, NumberToken::Digit(_) | NumberToken::Literal('0'..='9'));
    let (denominator, tail) = after.split_at(after.iter().take_while(is_part).count());
    let (units, part) = if has_whole { (value.trunc(), value.fract()) } else { (0.0, value) };
    let (mut top, bottom) = find_nearest_fraction(part, denominator);
    let mut units = units;
    if has_whole && top == bottom {
        (units, top) = (units + 1.0, 0);
    }
    let mut shown = fill_digits(&format!("{units:.0}"), whole, units);
    if has_whole && top == 0 {
        shown.push_str(&" ".repeat(numerator.len() + 1 + denominator.len()));
    } else {
        shown.push_str(&fill_digits(&top.to_string(), numerator, 0.0));
        shown.push('/');
        let bottom = bottom.to_string();
        shown.push_str(&bottom);
        shown.push_str(&" ".repeat(denominator.len().saturating_sub(bottom.len())));
    }
    shown + &fill_digits("0", tail, 0.0)
}

/// Returns the fraction nearest to a number, as numerator and denominator.
fn find_nearest_fraction(part: f64, denominator: &[NumberToken]) -> (u64, u64) {
    let written: String =
        denominator.iter().map(|token| if let NumberToken::Literal(digit) = token { *digit } else { 'x' }).collect();
    let digits = u32::try_from(denominator.len()).unwrap_or(4).clamp(1, 4);
    let given = written.parse::<u64>().ok().filter(|bottom| (1..=1_000_000).contains(bottom));
    let candidates = given.map_or(1..=10_u64.pow(digits) - 1, |bottom| bottom..=bottom);
    let mut best = (0, 1, f64::INFINITY);
    for bottom in candidates {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let (top, off) = {
            let top = (part * bottom as f64).round().min(1e15) as u64;
            (top, (part - top as f64 / bottom as f64).abs())
        };
        if off + 1e-12 < best.2 {
            best = (top, bottom, off);
        }
    }
    (best.0, best.1)
}

/// Formats a number without a format: ten significant digits, integers below 1E+15 in full.
pub(crate) fn format_automatically(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-10..1e15).contains(&size) {
        return format_short_power(value);
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let rounded = format!("{value:.9e}").parse::<f64>().unwrap_or(value);
    rounded.to_string()
}

/// Formats `1.23457E+19`: up to five decimals, and at least two digits of the exponent.
fn format_short_power(value: f64) -> String {
    let text = format!("{value:.5e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power = power.parse::<i32>().unwrap_or(0);
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}E{}{:02}", if power < 0 { '-' } else { '+' }, power.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_format_look_as_sheets_shows_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (42.0, "42"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.3333333333"),
            (1.0 / 60.0, "0.01666666667"),
            (1.0 / 1024.0, "0.0009765625"),
            (std::f64::consts::PI, "3.141592654"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1E+15"),
            (12_345_678_901_234_567_890.0, "1.23457E+19"),
            (-1.5, "-1.5"),
            (1e-12, "1E-12"),
        ] {
            assert_eq!(format_automatically(value), text);
        }
    }

    #[test]
    fn patterns_show_numbers() {
        for (value, pattern, text) in [
            (2_000_000.01, "#,##0.00", "2,000,000.01"),
            (1234.0, "#,##0", "1,234"),
            (12.0, "#,##0", "12"),
            (12_345.125, "####.#", "12345.1"),
            (12_345.125, "000000.0000", "012345.1250"),
            (12_345.125, "#,##0.00", "12,345.13"),
            (0.1, "0%", "10%"),
            (0.256, "0.0%", "25.6%"),
            (5.0, "\"$\"#,##0", "$5"),
            (-5.5, "\"$\"#,##0.00", "-$5.50"),
            (7.0, "000", "007"),
            (2.5, "0", "3"),
            (1.005, "0.00", "1.01"),
            (0.5, "#.##", ".5"),
            (3.0, "#.##", "3."),
            (3.0, "0.??", "3.  "),
            (12_345.0, "0.0,", "12.3"),
            (12_345_678.0, "0.0,,\"M\"", "12.3M"),
            (5_551_234_567.0, "(000) 000-0000", "(555) 123-4567"),
            (1234.0, "0000\" m\"", "1234 m"),
            (5.0, "\"n\"", "n"),
            (5.25, "General \"kg\"", "5.25 kg"),
            (0.0, "#", ""),
        ] {
            assert_eq!(format_number(value, pattern).as_deref(), Some(text), "{pattern}");
        }
    }

    #[test]
    fn patterns_show_powers_and_fractions() {
        for (value, pattern, text) in [
            (100_000.0, "0.00E+00", "1.00E+05"),
            (12_345.0, "##0.0E+0", "12.3E+3"),
            (0.000_12, "0.0e-0", "1.2e-4"),
            (99_999.0, "0.0E+0", "1.0E+5"),
            (0.0, "0.00E+00", "0.00E+00"),
            (5.125, "# ?/?", "5 1/8"),
            (5.125, "# ???/???", "5   1/8  "),
            (0.5, "?/?", "1/2"),
            (2.3, "# ?/4", "2 1/4"),
            (-1.75, "# ?/?", "-1 3/4"),
            (3.0, "# ?/?", "3    "),
        ] {
            assert_eq!(format_number(value, pattern).as_deref(), Some(text), "{pattern}");
        }
    }
}
