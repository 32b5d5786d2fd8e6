//! What to write in a job file in place of what is missing or has the wrong type.
//!
//! In scope: the texts of the advice. Out of scope: finding the mistakes (`config::syntax::keys`).

use serde_json::Value;
use toml::de::DeValue;

/// Returns what to add for a required key that is missing, with an example.
pub(crate) fn find_example(path: &str, name: &str) -> Option<&'static str> {
    Some(match (path, name) {
        ("", "name") => "add a line above the first [table], such as: name = \"orders\"",
        ("", "source") => "add a line [source], and below it the file: csv = \"orders.csv\", or json, jsonl or xlsx",
        ("", "item") => "add a line [item], and below it the field that no two records share: key = \".id\"",
        ("", "sheet") => "add a line [sheet], and below it the tab for the rows: tab = \"Orders\"",
        ("item", "key") => "add the field that no two records share, such as: key = \".id\"",
        ("sheet", "tab") => "add the tab for the rows, such as: tab = \"Orders\"",
        ("schedule", "timezone") => "add the zone of its times, such as: timezone = \"Europe/Berlin\"",
        _ => return None,
    })
}

/// Keys whose value is the path of a file, or a pattern.
const SOURCE_KEYS: [&str; 4] = ["source.csv", "source.json", "source.jsonl", "source.xlsx"];
/// Keys whose value is a jq path of the record.
const JQ_KEYS: [&str; 2] = ["item.key", "item.version"];

/// Returns how to write a value whose type is wrong.
pub(crate) fn advise_on_type(path: &str, schema: &Value, found: &DeValue<'_>) -> Option<String> {
    let (_, key) = path.rsplit_once('.').unwrap_or(("", path));
    let text = if let DeValue::String(text) = found { text.trim() } else { "" };
    if let Some(words) = list_allowed_words(schema) {
        return Some(format!("write one of {words}"));
    }
    Some(match find_type(schema) {
        "string" if matches!(found, DeValue::Array(_)) && SOURCE_KEYS.contains(&path) => {
            "take the brackets away: one path, or a pattern such as \"exports/*.csv\"".to_owned()
        }
        "string" if matches!(found, DeValue::Array(_)) => "take the brackets away, and write one text".to_owned(),
        "string" if JQ_KEYS.contains(&path) => format!("write a jq path in quotes, such as {key} = \".{key}\""),
        "string" if matches!(found, DeValue::Integer(_) | DeValue::Float(_)) => {
            "put it in quotes; a length of time may have a unit, such as \"2s\"".to_owned()
        }
        "string" => "put it in quotes".to_owned(),
        "array" if find_items_type(schema) == Some("string") => "write it in brackets: [\"…\", \"…\"]".to_owned(),
        "array" => format!("write it as a table of its own: [[{path}]]"),
        "integer" if text.parse::<i64>().is_ok() => format!("write the number without quotes: {key} = {text}"),
        "boolean" if matches!(text, "true" | "false") => format!("write it without quotes: {key} = {text}"),
        "object" => match path {
            "schedule" => "write schedule = { cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }".to_owned(),
            "source" => "write a line [source], and below it the file, such as: csv = \"orders.csv\"".to_owned(),
            "item" => "write a line [item], and below it: key = \".id\"".to_owned(),
            "sheet" => "write a line [sheet], and below it: tab = \"Orders\"".to_owned(),
            _ => format!("write it as a table: a line [{path}], and its keys below"),
        },
        _ => return None,
    })
}

pub(crate) fn find_type(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or("object")
}

pub(crate) fn find_items_type(schema: &Value) -> Option<&str> {
    schema.get("items")?.get("type")?.as_str()
}

/// Returns the advice for one text in place of a list. A program's words become a list of their own;
/// what a shell would interpret goes to a shell.
pub(crate) fn as_list(path: &str, text: &str) -> String {
    let (_, key) = path.rsplit_once('.').unwrap_or(("", path));
    let is_command = key == "command";
    let words: Vec<&str> = match text {
        text if !is_command => vec![text],
        text if text.contains(['\'', '"', '|', '>', '<', '&', ';', '$', '`', '*']) => vec!["sh", "-c", text],
        text => text.split_whitespace().collect(),
    };
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let what =
        if is_command { "write the program and each of its arguments as a text" } else { "write it in brackets" };
    format!("{what}: {key} = [{}]", words.join(", "))
}

pub(crate) fn choose_article(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list of tables",
        _ => "a table",
    }
}

/// Returns the words that the schema allows, in quotes.
fn list_allowed_words(schema: &Value) -> Option<String> {
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
}

pub(crate) fn name_toml_kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
