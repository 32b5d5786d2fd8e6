//! What to do where records do not have the field that a job names.
//!
//! In scope: the names that were probably meant, the delimiter that was. Out of scope: seeing that a field is missing (`runner`).

use crate::config::keys::closest;
use crate::ledger::columns::json_path::MemberPath;
use crate::port::source::HeaderRow;
use crate::runner::first_records::Cause;

/// Names that are shown as near.
const MOST_NAMES: usize = 3;

/// Help for a job whose key or version names a field that the header row does not have.
pub fn no_field(what: &str, path: &str, header_row: &HeaderRow) -> String {
    if let (Some(delimiter), [line]) = (header_row.delimiter, header_row.fields.as_slice()) {
        let parts: Vec<String> = line.split(delimiter).map(|part| part.trim().trim_matches('"').to_owned()).collect();
        let delimiter = delimiter.to_string();
        let found = match near(path, &parts).as_slice() {
            [exact, ..] if *exact == path => format!("the header row then has {exact}"),
            names => meant(what, names),
        };
        return format!(
            "the header row is one field with {delimiter:?} in it: write delimiter = {delimiter:?} below [source]; {found}"
        );
    }
    meant(what, &near(path, &header_row.fields))
}

fn meant(what: &str, names: &[String]) -> String {
    match names {
        [] => format!("name one of the fields as `{what}` in [item]; nothing was written"),
        [name] => format!("did you mean {name}? see `{what}` in [item]; nothing was written"),
        names => format!("did you mean one of {}? see `{what}` in [item]; nothing was written", names.join(", ")),
    }
}

/// Help for a run that stopped because all of its first records failed for one cause.
pub fn all_alike(cause: &Cause, key: &str) -> String {
    let next = match cause.step.as_str() {
        "item" => {
            let members = cause.members();
            let shown: Vec<String> = members.iter().take(10).map(|name| format!("{name:?}")).collect();
            let has =
                if shown.is_empty() { String::new() } else { format!("; the first record has {}", shown.join(", ")) };
            let near = near(key, &members);
            let is_found = near.first().is_some_and(|name| name == key);
            let meant = near.first().filter(|_| !is_found).map(|name| format!("; did you mean key = {name:?}?"));
            format!("see [item] in the job file{has}{}", meant.unwrap_or_default())
        }
        "source" => "see whether the source is what the job file says, and whole".to_owned(),
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

/// The fields, as jq, that `path` may have meant: those that differ little, then those that hold its name.
fn near(path: &str, fields: &[String]) -> Vec<String> {
    let Some(wanted) = MemberPath::parse(path) else { return Vec::new() };
    let wanted = wanted.members().join(".");
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '_', '-'], "");
    let is = |name: &&String| plain(name) == plain(&wanted);
    let holds = |name: &&String| {
        let (name, wanted) = (name.trim().to_lowercase(), wanted.to_lowercase());
        name.split(|c: char| !c.is_alphanumeric()).any(|part| part == wanted)
    };
    let closest = closest(&wanted, fields.iter().map(String::as_str)).map(str::to_owned);
    let mut names: Vec<String> = fields.iter().filter(is).cloned().collect();
    for name in closest.into_iter().chain(fields.iter().filter(holds).cloned()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().take(MOST_NAMES).map(|name| written(name)).collect()
}

/// A field's name as jq.
fn written(name: &str) -> String {
    let plain = format!(".{name}");
    if MemberPath::parse(&plain).is_some_and(|path| path.members() == [name]) { plain } else { format!(".{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(path: &str, fields: &[&str], delimiter: Option<char>) -> String {
        let fields = fields.iter().map(ToString::to_string).collect();
        no_field("key", path, &HeaderRow { fields, delimiter, ..HeaderRow::default() })
    }

    #[test]
    fn the_nearest_names_are_shown_as_jq() {
        for (path, fields, meant) in [
            (".id", &["ID", "name"][..], "did you mean .ID?"),
            (".id", &[" id", "name"], "did you mean .\" id\"?"),
            (".order_id", &["name", "Order ID"], "did you mean .\"Order ID\"?"),
            (".id", &["order_id", "customer id"], "did you mean one of .order_id, .\"customer id\"?"),
            (".emial", &["email", "name"], "did you mean .email?"),
            (".a.b", &["a.b", "c"], "did you mean .\"a.b\"?"),
            (".id", &["name", "mail"], "name one of the fields as `key`"),
        ] {
            let told = help(path, fields, None);
            assert!(told.starts_with(meant), "{told}");
        }
    }

    #[test]
    fn one_field_with_many_delimiters_suggests_the_delimiter() {
        let told = help(".id", &["\"id\";\"name\""], Some(';'));
        assert!(told.contains("write delimiter = \";\" below [source]; the header row then has .id"), "{told}");
        let told = help(".id", &["ID\tname"], Some('\t'));
        assert!(told.contains("write delimiter = \"\\t\" below [source]; did you mean .ID?"), "{told}");
    }
}
