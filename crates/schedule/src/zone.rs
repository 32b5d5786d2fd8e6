//! Time zones by their IANA name. Abbreviations and offsets are refused with a suggestion.
//!
//! The zones are those of jiff's bundled database, not the machine's: two machines with the same
//! version of sheetkeep agree on every instant.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::dialect::ExpressionError;

/// Abbreviations that look like a zone, each with the zone that is likely meant.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("CET", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("MET", "Europe/Berlin"),
    ("MEZ", "Europe/Berlin"),
    ("MESZ", "Europe/Berlin"),
    ("EET", "Europe/Athens"),
    ("EEST", "Europe/Athens"),
    ("WET", "Europe/Lisbon"),
    ("BST", "Europe/London"),
    ("GB", "Europe/London"),
    ("GMT", "UTC or Europe/London"),
    ("Z", "UTC"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("EST5EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CST6CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("MST7MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PST8PDT", "America/Los_Angeles"),
    ("HST", "Pacific/Honolulu"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("PRC", "Asia/Shanghai"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
];

/// Returns the time zone of an IANA name, such as `Europe/Berlin` or `UTC`.
pub fn parse_zone(name: &str) -> Result<TimeZone, ExpressionError> {
    let refuse = |why: &str| ExpressionError::new(format!("{name:?} {why}"));
    if let Some((_, zone)) = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)) {
        return Err(refuse("is an abbreviation, not a time zone").with_help(format!("write {zone}")));
    }
    let bare = name.trim_start_matches("UTC").trim_start_matches("GMT").trim_start_matches("Etc/GMT");
    if bare.starts_with(['+', '-']) || (name.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(refuse("is an offset, which does not follow summer time")
            .with_help("write the IANA name of a place, such as Europe/Berlin, or UTC"));
    }
    if ["", "local", "localtime", "system"].iter().any(|word| word.eq_ignore_ascii_case(name)) {
        return Err(
            refuse("depends on the machine").with_help("write the IANA name of a place, such as Europe/Berlin, or UTC")
        );
    }
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let help = match find_nearest(name, &database) {
            Some(zone) => format!("did you mean {zone}?"),
            None => "zones have IANA names, such as Europe/Berlin or UTC".to_owned(),
        };
        refuse("is not in the IANA database").with_help(help)
    })
}

/// Returns the name of the zone; every zone of `parse_zone` has one.
pub fn find_zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Returns the known name with the fewest differing letters, at most two, or one whose last part
/// is the text (`Berlin`).
fn find_nearest(name: &str, database: &TimeZoneDatabase) -> Option<String> {
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    let city =
        names.iter().find(|known| known.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&wanted)));
    if let Some(city) = city {
        return Some(city.clone());
    }
    let distances = names.iter().map(|known| (count_edits(&wanted, &known.to_ascii_lowercase()), known));
    distances.min().filter(|(distance, _)| *distance <= 2).map(|(_, known)| known.clone())
}

/// The number of letters to insert, delete or replace (Levenshtein).
fn count_edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
