//! Other dialects of cron: which one a text belongs to, and its form in five fields.
//!
//! In scope: Quartz, AWS, Azure and Spring, Kubernetes, systemd, App Engine, cronie. Out of scope:
//! accepting them. A job file holds one dialect, so that the same text means the same everywhere.

use std::fmt;

/// Whether a text is a valid expression of five fields.
type ExpressionCheck = fn(&str) -> bool;

/// Why an expression or a time zone was refused, and what to write in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write in its place.
    pub help: Option<String>,
}

impl ExpressionError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.help {
            Some(help) => write!(f, "{}; {help}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ExpressionError {}

/// Refuses what is not an expression of five fields. The error names the likely dialect, and the
/// same schedule in five fields where `is_valid` accepts that form. `parts` are the fields in
/// capitals.
pub(crate) fn refuse_other_dialects(
    text: &str,
    parts: &[&str],
    is_valid: ExpressionCheck,
) -> Result<(), ExpressionError> {
    let joined = parts.join(" ");
    if let Some(error) = explain_other_syntax(text, &joined, is_valid) {
        return Err(error);
    }
    match parts.len() {
        5 => check_other_dialects(text, parts, is_valid),
        6 if is_aws(parts) => {
            Err(refuse(text, "six fields with a year are AWS's form", &rewrite_fields(&parts[..5]), is_valid))
        }
        6 if parts.iter().any(|part| part.contains('?')) => Err(refuse(
            text,
            "six fields with seconds and `?` are Quartz's form",
            &rewrite_fields(&parts[1..]),
            is_valid,
        )),
        6 => {
            Err(refuse(text, "six fields with seconds are Azure's and Spring's form", &parts[1..].join(" "), is_valid))
        }
        7 => Err(refuse(text, "seven fields are Quartz's form", &rewrite_fields(&parts[1..6]), is_valid)),
        n => Err(ExpressionError::new(format!("{text:?} has {n} {}, and five are needed", choose_plural(n)))
            .with_help(DIALECT_ADVICE)),
    }
}

/// The error for a word that starts with `@` and is none of ours.
pub(crate) fn refuse_word(text: &str) -> ExpressionError {
    if let Some(interval) = text.strip_prefix("@every ") {
        return ExpressionError::new(format!("{text:?} is the form of Kubernetes and Go"))
            .with_help(format!("write {:?}", format!("every {}", rewrite_interval(interval))));
    }
    if text.eq_ignore_ascii_case("@reboot") {
        return ExpressionError::new("\"@reboot\" names no time").with_help("let systemd start the job at boot");
    }
    ExpressionError::new(format!("{text:?} is not a valid word for a schedule"))
        .with_help("the words are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually")
}

const DIALECT_ADVICE: &str =
    "minute hour day month weekday, such as \"0 9 * * 1-5\" for 9:00 from Monday to Friday, or \"every 15m\"";

fn choose_plural(n: usize) -> &'static str {
    if n == 1 { "field" } else { "fields" }
}

/// Forms that are not a list of fields, or that have a wrapper around it.
fn explain_other_syntax(text: &str, joined: &str, is_valid: ExpressionCheck) -> Option<ExpressionError> {
    if let Some(inner) = find_between(joined, "CRON(", ")") {
        let parts: Vec<&str> = inner.split_whitespace().collect();
        let rewrite = if parts.len() == 6 { rewrite_fields(&parts[..5]) } else { inner.to_owned() };
        return Some(refuse(text, "`cron(…)` is AWS's form", &rewrite, is_valid));
    }
    if let Some(inner) = find_between(joined, "RATE(", ")") {
        let rewrite = format!("every {}", rewrite_interval(&inner.to_ascii_lowercase()));
        return Some(ExpressionError::new(format!("{text:?} is AWS's form")).with_help(format!("write {rewrite:?}")));
    }
    if joined.starts_with("TZ=") || joined.starts_with("CRON_TZ=") {
        let rest: Vec<&str> = joined.split(' ').skip(1).collect();
        let help = format!("set `timezone` to the zone, and `cron` to {:?}", rest.join(" "));
        return Some(ExpressionError::new(format!("{text:?} names a zone in the expression")).with_help(help));
    }
    if joined.contains("..") || joined.contains("*-*") {
        let help = format!("systemd's calendar form has no place here: {DIALECT_ADVICE}");
        return Some(ExpressionError::new(format!("{text:?} is systemd's form")).with_help(help));
    }
    if joined.contains('~') {
        let help = "set `jitter` to spread jobs; it is stable for each job";
        return Some(ExpressionError::new("`~`, a random value, is cronie's form").with_help(help));
    }
    None
}

/// Five fields with characters that other dialects give a meaning to.
fn check_other_dialects(text: &str, parts: &[&str], is_valid: ExpressionCheck) -> Result<(), ExpressionError> {
    let (day, weekday) = (parts[2], parts[4]);
    if parts.iter().any(|part| part.contains('?')) {
        return Err(refuse(text, "`?` is Quartz's and AWS's sign for no value", &rewrite_fields(parts), is_valid));
    }
    if weekday.contains('#') {
        return Err(refuse_form(text, "`#`, the nth weekday of a month, is Quartz's and AWS's form"));
    }
    let is_last = |field: &str| field.split(['-', ',']).any(|part| part == "L" || part == "LW");
    let has_last_digit = weekday.len() > 1 && weekday.ends_with('L') && !weekday.contains("JUL");
    if is_last(day) || is_last(weekday) || has_last_digit || is_nearest_weekday(day) {
        return Err(refuse_form(text, "`L` and `W` (last, nearest weekday) are Quartz's and AWS's form"));
    }
    Ok(())
}

fn is_nearest_weekday(day: &str) -> bool {
    day.strip_suffix('W').is_some_and(|day| !day.is_empty() && day.bytes().all(|b| b.is_ascii_digit()))
}

fn refuse_form(text: &str, what: &str) -> ExpressionError {
    ExpressionError::new(format!("{text:?}: {what}")).with_help(
        "five fields cannot express it; run daily (\"0 9 * * *\") and let the job's steps pick the date; \
         or name a day that every month has (\"0 9 28 * *\")",
    )
}

/// The error with the rewrite, if that is a valid expression.
fn refuse(text: &str, what: &str, rewrite: &str, is_valid: ExpressionCheck) -> ExpressionError {
    let error = ExpressionError::new(format!("{text:?}: {what}"));
    if is_valid(rewrite) {
        error.with_help(format!("write {rewrite:?}"))
    } else {
        error.with_help(format!("five fields are needed: {DIALECT_ADVICE}"))
    }
}

/// Returns whether six fields end with a year, as AWS writes them.
fn is_aws(parts: &[&str]) -> bool {
    let has_year = parts[5] == "*" || parts[5].starts_with("20");
    has_year && (parts[2].contains('?') || parts[4].contains('?'))
}

/// Five fields of Quartz or AWS in ours: `?` is `*`, and Sunday is 0, not 1.
fn rewrite_fields(parts: &[&str]) -> String {
    let mut fields: Vec<String> = parts.iter().map(|part| part.replace('?', "*")).collect();
    if let Some(weekday) = fields.get_mut(4) {
        let days = weekday.split_once('/').map_or(weekday.as_str(), |(days, _)| days);
        let shifted: String = days.chars().map(|c| if ('1'..='7').contains(&c) { lower_digit(c) } else { c }).collect();
        *weekday = shifted + &weekday[days.len()..];
    }
    fields.join(" ")
}

fn lower_digit(c: char) -> char {
    char::from_digit(c.to_digit(10).unwrap_or(1).saturating_sub(1), 10).unwrap_or(c)
}

fn find_between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

/// Rewrites `1h30m`, `5 minutes` or `2 hours` as minutes, hours or days: `90m`, `5m`, `2h`.
fn rewrite_interval(text: &str) -> String {
    let mut minutes = 0_u64;
    let mut digits = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let count: u64 = digits.parse().unwrap_or(0);
        digits.clear();
        minutes += match c {
            'm' => count,
            'h' => count.saturating_mul(60),
            'd' => count.saturating_mul(1440),
            _ => 0,
        };
    }
    match minutes {
        0 => "15m".to_owned(),
        n if n % 60 == 0 => format!("{}h", n / 60),
        n => format!("{n}m"),
    }
}
