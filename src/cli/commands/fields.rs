//! Help for records that lack a field which the job file names.
//!
//! In scope: the names and the delimiter that were probably meant. Out of scope: detecting the
//! missing field (`runner::queue::first_records`).

use crate::config::syntax::closest_word::find_closest_word;
use crate::ledger::values::json_path::MemberPath;
use crate::port::source::HeaderRow;
use crate::runner::queue::first_records::CommonCause;

/// Names that are suggested at most.
const MAX_NAMES: usize = 3;

/// Returns help for a key or version that names a field which the header row lacks.
pub fn explain_missing_field(what: &str, path: &str, header_row: &HeaderRow) -> String {
    if what.starts_with("[sheet]") {
        let suggestion = find_closest_word(path.trim_matches('"'), header_row.fields.iter().map(String::as_str));
        let suggestion = suggestion.map(|name| format!("did you mean {name:?}? ")).unwrap_or_default();
        return format!("{suggestion}a job without steps has a column for each field; see {what}; nothing was written");
    }
    if let (Some(delimiter), [line]) = (header_row.delimiter, header_row.fields.as_slice()) {
        let parts: Vec<String> = line.split(delimiter).map(|part| part.trim().trim_matches('"').to_owned()).collect();
        let delimiter = delimiter.to_string();
        let found = match find_similar_fields(path, &parts).as_slice() {
            [exact, ..] if *exact == path => format!("the header row then has {exact}"),
            names => suggest_fields(what, names),
        };
        return format!(
            "the header row is one field with {delimiter:?} in it: write delimiter = {delimiter:?} below [source]; {found}"
        );
    }
    if let Some(delimiter) = other_delimiter(path, &header_row.fields) {
        return format!(
            "the fields seem to be separated by {delimiter:?}: write delimiter = {delimiter:?} below [source]; nothing was written"
        );
    }
    let similar = find_similar_fields(path, &header_row.fields);
    match header_row.fields.iter().find(|field| is_value(field)).filter(|_| similar.is_empty()) {
        Some(value) => format!(
            "the first row seems to be data, as {value:?} is a value: add a row above it with the names of the fields; nothing was written"
        ),
        None if similar.is_empty() && header_row.fields.len() == 1 => {
            "is there a title above the header row? take it out of the file; then the first row names the fields"
                .to_owned()
        }
        None if similar.is_empty() && what == "version" => {
            "name one of the fields as `version` in [item], or take that line out; nothing was written".to_owned()
        }
        None => suggest_fields(what, &similar),
    }
}

/// Returns the delimiter at which a part of some field is the field that the path names.
fn other_delimiter(path: &str, fields: &[String]) -> Option<String> {
    let delimiters = [";", "\t", "|", ","].into_iter();
    let names = |delimiter: &&str| {
        let parts = fields.iter().filter(|field| field.contains(*delimiter)).flat_map(|field| field.split(*delimiter));
        parts.map(|part| part.trim().trim_matches('"')).any(|part| as_jq(part) == path)
    };
    delimiters.filter(|delimiter| fields.len() > 1 && names(delimiter)).map(str::to_owned).next()
}

/// Returns whether the name of a field looks like a value: a number, a date or a mail address.
fn is_value(field: &str) -> bool {
    let field = field.trim();
    let starts_with_digit = field.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
    let is_numeric = starts_with_digit && field.chars().all(|c| c.is_ascii_digit() || "+-.,:/ T'".contains(c));
    let is_address = field.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.contains('@') && !field.contains(char::is_whitespace)
    });
    is_numeric || is_address
}

fn suggest_fields(what: &str, names: &[String]) -> String {
    match names {
        [] => format!("name one of the fields as `{what}` in [item]; nothing was written"),
        [name] => format!("did you mean {name}? see `{what}` in [item]; nothing was written"),
        names => format!("did you mean one of {}? see `{what}` in [item]; nothing was written", names.join(", ")),
    }
}

/// Returns help for a run that stopped because its first records all failed for one cause.
pub fn explain_common_cause(cause: &CommonCause, key: &str) -> String {
    let next = match cause.step.as_str() {
        "item" => {
            let members = cause.members();
            let shown: Vec<String> = members.iter().take(10).map(|name| format!("{name:?}")).collect();
            let has =
                if shown.is_empty() { String::new() } else { format!("; the first record has {}", shown.join(", ")) };
            let near = find_similar_fields(key, &members);
            let is_found = near.first().is_some_and(|name| name == key);
            let suggestion = near.first().filter(|_| !is_found).map(|name| format!("; did you mean key = {name:?}?"));
            format!("see [item] in the job file{has}{}", suggestion.unwrap_or_default())
        }
        "source" => "check that this is the right source, and that it is complete".to_owned(),
        "output" => "see [sheet] columns in the job file, and what the records hold there".to_owned(),
        step if cause.is_program => {
            format!("see what step {step} needs; these failures are in Failures, and the next run tries them again")
        }
        step => format!("see step {step} in the job file, and what the records hold"),
    };
    let stop = if next.ends_with('?') { "" } else { "." };
    let written = if cause.is_program { "" } else { " None of them was written to Failures." };
    format!(
        "{next}{stop}{written} If the source is meant to begin like that, [failures] stop_after = 0 continues anyway"
    )
}

/// Returns the fields, as jq, that `path` may mean: those that differ in case, blanks and hyphens
/// only. If there are none, it returns similar names and names that contain it.
fn find_similar_fields(path: &str, fields: &[String]) -> Vec<String> {
    let Some(wanted) = MemberPath::parse(path) else { return Vec::new() };
    let wanted = wanted.members().join(".");
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '_', '-'], "");
    let is = |name: &&String| plain(name) == plain(&wanted);
    let holds = |name: &&String| {
        let (name, wanted) = (name.trim().to_lowercase(), wanted.to_lowercase());
        name.split(|c: char| !c.is_alphanumeric()).any(|part| part == wanted)
    };
    let mut names: Vec<String> = fields.iter().filter(is).cloned().collect();
    if !names.is_empty() {
        return names.iter().take(MAX_NAMES).map(|name| as_jq(name)).collect();
    }
    let closest = find_closest_word(&wanted, fields.iter().map(String::as_str)).map(str::to_owned);
    for name in closest.into_iter().chain(fields.iter().filter(holds).cloned()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().take(MAX_NAMES).map(|name| as_jq(name)).collect()
}

/// Returns a field's name as jq.
fn as_jq(name: &str) -> String {
    let plain = format!(".{name}");
    if MemberPath::parse(&plain).is_some_and(|path| path.members() == [name]) { plain } else { format!(".{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(path: &str, fields: &[&str], delimiter: Option<char>) -> String {
        let fields = fields.iter().map(ToString::to_string).collect();
        explain_missing_field("key", path, &HeaderRow { fields, delimiter, ..HeaderRow::default() })
    }

    #[test]
    fn the_nearest_names_are_shown_as_jq() {
        for (path, fields, suggestion) in [
            (".id", &["ID", "name"][..], "did you mean .ID?"),
            (".id", &[" id", "name"], "did you mean .\" id\"?"),
            (".ID", &["order-id", "Id", "Order ID"], "did you mean .Id?"),
            (".order_id", &["name", "Order ID"], "did you mean .\"Order ID\"?"),
            (".id", &["order_id", "customer id"], "did you mean one of .order_id, .\"customer id\"?"),
            (".emial", &["email", "name"], "did you mean .email?"),
            (".a.b", &["a.b", "c"], "did you mean .\"a.b\"?"),
            (".id", &["name", "mail"], "name one of the fields as `key`"),
        ] {
            let advice = help(path, fields, None);
            assert!(advice.starts_with(suggestion), "{advice}");
        }
    }

    #[test]
    fn fields_that_another_delimiter_separates_suggest_it() {
        let advice = help(".id", &["id;a", "b"], Some(','));
        assert!(advice.contains("write delimiter = \";\" below [source]"), "{advice}");
        assert!(help(".id", &["id;a", "ID"], None).contains("\";\""));
        assert!(!help(".nr", &["id;a", "b"], None).contains("delimiter"));
    }

    #[test]
    fn a_title_above_the_header_row_is_suspected() {
        let shown = help(".id", &["Export of 29 November"], None);
        assert!(shown.starts_with("is there a title above the header row?"), "{shown}");
    }

    #[test]
    fn a_first_row_of_values_is_not_a_header_row() {
        for value in ["p1@x.org", "17", "-3,50", "2026-11-29", "29.11.2026", "2026-11-29T09:00:00"] {
            let shown = help(".email", &["Name 1", value], None);
            assert!(shown.starts_with("the first row seems to be data") && shown.contains(value), "{shown}");
        }
        for names in [["name", "2nd line"], ["name", "@handle"], ["emial", "17"]] {
            let shown = help(".email", &names, None);
            assert!(!shown.contains("seems to be data"), "{shown}");
        }
    }

    #[test]
    fn one_field_with_many_delimiters_suggests_the_delimiter() {
        let advice = help(".id", &["\"id\";\"name\""], Some(';'));
        assert!(advice.contains("write delimiter = \";\" below [source]; the header row then has .id"), "{advice}");
        let advice = help(".id", &["ID\tname"], Some('\t'));
        assert!(advice.contains("write delimiter = \"\\t\" below [source]; did you mean .ID?"), "{advice}");
    }
}
