//! Writes recorded calls as text: each request in order, with its ranges or its batch.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::emulator_proxy::proxy::RecordedCall;

/// Columns of a line; what fits is written on one line.
const WIDTH: usize = 110;

/// Returns the requests in order, with the numbers of processes replaced.
pub fn write_transcript(calls: &[RecordedCall]) -> String {
    let mut text = String::new();
    for call in calls {
        let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let _ = writeln!(text, "{} {} -> {status}", call.method, decode_query(&call.path));
        for parameter in list_parameters(&call.query) {
            let _ = writeln!(text, "    {}", decode_query(&parameter.replace('+', " ")));
        }
        if !call.body.is_empty() {
            let body: Value = serde_json::from_slice(&call.body).expect("requests are JSON");
            let _ = writeln!(text, "  body of {} bytes:", call.body.len());
            let _ = writeln!(text, "  {}", pretty_print(&body, 2));
        }
    }
    number_processes(&text)
}

/// Returns the parameters of a query, sorted by name: the client's own order is random.
/// Parameters of one name, such as ranges, keep their order.
fn list_parameters(query: &str) -> Vec<&str> {
    let mut all: Vec<&str> = query.split('&').filter(|parameter| !parameter.is_empty()).collect();
    all.sort_by_key(|parameter| parameter.split('=').next());
    all
}

/// Returns every header that any of the requests has, but for its length.
pub fn list_headers(calls: &[RecordedCall]) -> String {
    let all = calls.iter().flat_map(|call| {
        let sent = call.headers.iter().filter(|(name, _)| name != "content-length");
        sent.map(|(name, value)| format!("{} {name}: {value}", call.method))
    });
    all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n")
}

fn decode_query(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned()
}

/// Writes JSON in the order of its keys, on one line where it fits.
pub fn pretty_print(value: &Value, indent: usize) -> String {
    let flat = value.to_string();
    let fits = indent + flat.len() <= WIDTH;
    let (open, close, parts) = match value {
        Value::Object(map) if !fits && !map.is_empty() => {
            let part = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::String(name.clone()), pretty_print(value, indent + 2))
            };
            ('{', '}', map.iter().map(part).collect::<Vec<_>>())
        }
        Value::Array(list) if !fits && !list.is_empty() => {
            ('[', ']', list.iter().map(|value| pretty_print(value, indent + 2)).collect())
        }
        _ => return flat,
    };
    let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
    format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
}

/// Replaces the number of each process, which depends on the runs of other tests.
pub fn number_processes(text: &str) -> String {
    let pattern = regex::Regex::new(r"\b1000\d{3}\b").expect("a pattern");
    let mut seen = Vec::new();
    let number = |found: &regex::Captures<'_>| {
        let place = seen.iter().position(|one: &String| *one == found[0]).unwrap_or_else(|| {
            seen.push(found[0].to_owned());
            seen.len() - 1
        });
        format!("[process {}]", place + 1)
    };
    pattern.replace_all(text, number).into_owned()
}
