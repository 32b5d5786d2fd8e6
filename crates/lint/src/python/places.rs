//! Paths, encodings and zones in Python.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::{has_below, read_literal};
use crate::python::walk::SPREADSHEET_ID_LEN;
use crate::results::collector::Findings;
use crate::syntax::tree::SyntaxNode;

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for string in &facts.strings {
        if let Some(value) = read_literal(*string, facts.text) {
            check_home_path(*string, value, findings);
            let is_id = value.len() == SPREADSHEET_ID_LEN
                && value.starts_with('1')
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && value.bytes().any(|byte| byte.is_ascii_uppercase())
                && value.bytes().any(|byte| byte.is_ascii_lowercase());
            let is_address = value.contains("docs.google.com/spreadsheets/d/1");
            if (is_id || is_address) && (facts.uses_sheets() || facts.has_word("spreadsheet")) {
                findings.add("SK203", High, string.start_byte(), "the spreadsheet's id is in the text");
            }
        }
    }
    for call in &facts.calls {
        check_folders(call, findings);
        check_path_texts(call, findings);
        check_open_calls(facts, call, findings);
        check_now(facts, call, findings);
        check_late_setting(call, findings);
        let address = call.positional.first().filter(|_| call.method == "open_by_url");
        if let Some(address) = address.filter(|address| read_literal(**address, facts.text).is_some()) {
            findings.add("SK203", High, address.start_byte(), "the spreadsheet's address is in the text");
        }
    }
    for node in &facts.late_settings {
        findings.add("SK108", Low, node.start_byte(), "a setting is read in the middle of the work");
    }
}

fn check_home_path(string: SyntaxNode<'_>, value: &str, findings: &mut Findings<'_>) {
    let is_home = ["/home/", "/Users/"].iter().any(|start| {
        let name = value.strip_prefix(start).and_then(|rest| rest.split('/').next());
        name.is_some_and(|name| !name.is_empty() && !name.starts_with(['{', '<', '$', '%']))
    });
    let is_drive = value.len() > 4
        && value.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && value.get(1..).is_some_and(|rest| {
            rest.starts_with(":\\Users\\") || rest.starts_with(":\\\\Users\\\\") || rest.starts_with(":/Users/")
        });
    if (is_home && value.matches('/').count() > 2 && !value.contains(char::is_whitespace)) || is_drive {
        findings.add("SK201", High, string.start_byte(), "this path exists on one machine only");
    }
}

fn check_folders(call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_path = call.name.starts_with("pathlib.") && call.method == "mkdir";
    let is_bare = call.method == "mkdir" && call.positional.is_empty() && !call.name.starts_with("os.");
    let is_os = matches!(call.name.as_str(), "os.mkdir" | "os.makedirs");
    if !(is_path || is_bare || is_os) || call.has_splat || call.keyword("exist_ok").is_some() {
        return;
    }
    // A condition or a handler around it is the question whether it is there.
    let is_asked = call.context.is_in_try || call.is_conditional;
    if is_asked || call.positional.len() > 2 {
        return;
    }
    // `os.mkdir` has no such argument, and what else has a `mkdir` may have none either.
    let can_be_fixed = is_path || call.name == "os.makedirs";
    let fix = can_be_fixed.then(|| call.with_argument("exist_ok=True")).flatten();
    let confidence = if is_bare && !is_path { Medium } else { High };
    let message = format!("{} fails if the folder is there already", call.method);
    findings.add_fixable("SK204", confidence, call.byte(), message, fix);
}

fn check_open_calls(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_open = matches!(call.name.as_str(), "open" | "io.open");
    let Some(path) = call.positional.first().filter(|_| is_open) else { return };
    let mode_node = call.positional.get(1).copied().or_else(|| call.keyword("mode"));
    let mode = mode_node.map_or(Some("r"), |mode| read_literal(mode, facts.text));
    let is_text = mode.is_some_and(|mode| !mode.contains('b'));
    if is_text && !call.has_splat && call.keyword("encoding").is_none() && call.positional.len() < 4 {
        let fix = call.with_argument("encoding=\"utf-8\"");
        findings.add_fixable("SK206", High, call.byte(), "the machine's locale decides the encoding", fix);
    }
    let Some(path) = read_literal(*path, facts.text) else { return };
    let writes = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x']));
    if writes && (path.starts_with("/tmp/") || path.starts_with("/var/tmp/")) {
        findings.add("SK205", High, call.byte(), format!("{path} is one name for all runs and users"));
    } else if !path.starts_with(['/', '~']) && !path.contains(':') && facts.is_script() && !facts.has_word("chdir") {
        findings.add("SK202", Low, call.byte(), format!("{path} depends on the current folder"));
    }
}

/// `read_text` and `write_text` of a path, without an encoding.
fn check_path_texts(call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let takes = match call.name.as_str() {
        "pathlib.Path.read_text" => 0,
        "pathlib.Path.write_text" => 1,
        _ => return,
    };
    if call.positional.len() <= takes && !call.has_splat && call.keyword("encoding").is_none() {
        let fix = call.with_argument("encoding=\"utf-8\"");
        findings.add_fixable("SK206", High, call.byte(), "the machine's locale decides the encoding", fix);
    }
}

fn check_now(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let name = call.name.as_str();
    let is_naive_now = matches!(name, "datetime.datetime.now" | "datetime.datetime.fromtimestamp");
    let takes = usize::from(!name.ends_with("now"));
    let has_zone = call.positional.len() > takes || call.keyword("tz").is_some() || call.has_splat;
    let message = if is_naive_now && !has_zone {
        "without a zone this is the machine's local time"
    } else if matches!(name, "datetime.datetime.utcnow" | "datetime.datetime.utcfromtimestamp") {
        "this time has no zone, and is taken for local time; use datetime.now(timezone.utc)"
    } else if matches!(name, "datetime.datetime.today" | "datetime.date.today") {
        "which day it is depends on the machine's zone"
    } else {
        return;
    };
    // A time that is subtracted from another, or that only measures, needs no zone.
    let is_measured = call.variable.is_some_and(|name| {
        let name = name.to_lowercase();
        ["start", "begin", "t0", "tic", "end"].iter().any(|word| name.contains(word))
    });
    let is_difference = call
        .operation
        .as_deref()
        .is_some_and(|operation| has_below(*operation, |node| facts.text(node).to_lowercase().contains("start")));
    let confidence = if is_measured || is_difference { Low } else { High };
    findings.add("SK206", confidence, call.byte(), message);
}

fn check_late_setting(call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.name == "os.getenv"
        && call.context.function.is_some()
        && call.positional.len() == 1
        && call.keywords.is_empty()
    {
        findings.add("SK108", Low, call.byte(), "a setting is read in the middle of the work");
    }
}
